"""Settings that do nothing beside others, or not what they seem to: said before a run, not refused."""

from __future__ import annotations

from srl_agent.config import Config, LoraConfig


def idle_settings(config: Config) -> list[str]:
    """One sentence for each."""
    lora, found = config.lora, []
    if not lora.rank and lora != LoraConfig():
        found.append("lora.alpha and lora.targets do nothing without lora.rank, and all weights are trained")
    if "sft" in config.stages[1:]:
        found.append(
            f"stages: sft behind {config.stages[config.stages.index('sft') - 1]} leads the weights back to the "
            "expert's texts; it usually comes first"
        )
    if "srl" in config.stages and config.srl.target == "episode" and config.srl.batching != "shuffle":
        found.append("srl.batching does nothing under srl.target: episode, where an episode is one prompt")
    if "srl" in config.stages and config.reward.name == "gated" and config.reward.text != "body":
        found.append("reward.text does nothing under reward.name: gated, which reads the whole call")
    return found
