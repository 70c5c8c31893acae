"""NVIDIA's pivot rows, one a step: a request in OpenAI's Responses form and the call that is expected next.

Fields after NeMo Gym's `swe_pivot` example rows (NVIDIA-NeMo/Gym, PivotRL, arXiv 2603.21383). Left out: choosing the
pivots, the steps worth training on; `pivot_tags` is empty and every step is a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from trajectories.exports import ExportSettings
from trajectories.exports.calls import json_arguments
from trajectories.records import Episode, StepExample

AGENT = {"type": "responses_api_agents", "name": "swe_pivot_tool_simulation_agent"}
CATEGORIES = dict.fromkeys(("str_replace_editor", "Edit", "edit", "Write", "write"), "edit")
"""Tool to `metadata.category`; the others are `bash`, as in the examples, which know no third."""


def rows(episodes: Iterable[Episode], settings: ExportSettings) -> Iterator[dict[str, Any]]:
    """One row a step; the rounds that its prompt shows are function calls with their outputs."""
    for episode in episodes:
        for step in settings.steps_of(episode):
            yield _row(episode, step)


def _row(episode: Episode, step: StepExample) -> dict[str, Any]:
    return {
        "uuid": f"{step.traj_id}:{step.step}",
        "agent_ref": AGENT,
        "responses_create_params": {"input": _input(episode, step)},
        "expected_action": _call(episode, step.step),
        "pivot_tags": [],
        "metadata": {
            "category": CATEGORIES.get(episode.turns[step.step - 1].action.tool, "bash"),
            "instance_id": step.instance_id,
            "traj_id": step.traj_id,
            "step": step.step,
            "n_steps": step.n_steps,
        },
    }


def _input(episode: Episode, step: StepExample) -> list[dict[str, Any]]:
    """Opening messages as they are; the rounds shown are the last ones before the step, so they count back from it."""
    shown = sum(message.role == "assistant" for message in step.prompt)
    opening = step.prompt[: len(step.prompt) - 2 * shown]
    items: list[dict[str, Any]] = [{"role": message.role, "content": message.content} for message in opening]
    outputs = [message.content for message in step.prompt[len(opening) + 1 :: 2]]
    for k, output in zip(range(step.step - shown, step.step), outputs, strict=True):
        items.append({**_call(episode, k), "call_id": f"call_{k}"})
        items.append({"type": "function_call_output", "call_id": f"call_{k}", "output": output})
    return items


def _call(episode: Episode, k: int) -> dict[str, Any]:
    arguments = json.dumps(json_arguments(episode, k), ensure_ascii=False)
    return {"type": "function_call", "name": episode.turns[k - 1].action.tool, "arguments": arguments}
