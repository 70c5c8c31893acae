"""One task's conversation with the model: what was asked and answered, and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from srl_agent.answers import Answer, Prompt
from srl_agent.patchers import Ask, Kit
from srl_agent.step_sets import prompt_size, without_surrogates


@dataclass
class Talk:
    """Asks, and keeps count."""

    ask: Ask
    kit: Kit
    outputs: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    """Of all prompts, counted as the budgets count them."""
    completion_tokens: int = 0
    cut: int = 0
    """Outputs that stopped at the limit on their length."""
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.kit.clock()

    def __call__(self, prompt: Prompt) -> str:
        """The model's output, free of lone surrogates, which a server's JSON can hold and no file or shell takes."""
        answer: Answer = self.ask(prompt)
        text = without_surrogates(answer.text)
        self.outputs.append(text)
        self.prompt_tokens += prompt_size(prompt, self.kit.count_tokens)
        self.completion_tokens += answer.tokens or self.kit.count_tokens(text)
        self.cut += answer.cut
        return text

    @property
    def tokens(self) -> int:
        """Of everything so far."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def seconds(self) -> float:
        """Since the work on the task began."""
        return self.kit.clock() - self.began

    def effort(self, ended: str, **more: Any) -> dict[str, Any]:
        """As a prediction has it."""
        return {
            "steps": len(self.outputs),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "seconds": round(self.seconds, 3),
            "ended": ended,
            "cut_outputs": self.cut,
            **more,
        }
