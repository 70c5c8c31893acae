"""TRL's conversational messages, one row an episode: supervised training on full traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from trajectories.context import Context
from trajectories.errors import ParseError
from trajectories.exports import ExportSettings
from trajectories.records import Episode, Message, StepExample
from trajectories.steps import make_steps


def rows(episodes: Iterable[Episode], settings: ExportSettings) -> Iterator[dict[str, Any]]:
    """One row an episode with the expert's thoughts and actions as the assistant's messages.

    The observations between them are the user's, so SFTTrainer needs `assistant_only_loss=True` and a chat template
    that marks what the assistant says. A trace has no token budget: `max_length` of the trainer cuts it.
    """
    for episode in episodes:
        yield {
            "messages": [{"role": message.role, "content": message.content} for message in _trace(episode, settings)],
            "instance_id": episode.instance_id,
            "traj_id": episode.traj_id,
            "n_steps": len(episode.turns),
            "source": episode.source,
            "resolved": episode.resolved,
        }


def _trace(episode: Episode, settings: ExportSettings) -> list[Message]:
    return trace(episode, settings.system_prompt, settings.max_observation_chars, settings.supervised_target)


def trace(
    episode: Episode, system_prompt: str, max_observation_chars: int, supervised_target: Callable[[StepExample], str]
) -> list[Message]:
    """The prompt of the last step under full context, each action as its target, and the last target.

    The k-th message of the assistant belongs to turn k. Raises ParseError for an episode without turns.
    """
    steps = make_steps(
        episode,
        context=Context(),
        system_prompt=system_prompt,
        max_observation_chars=max_observation_chars,
        keep_last_step=True,
    ).steps
    if not steps:
        raise ParseError(f"episode '{episode.traj_id}': no turns, so no trace; leave it out")
    targets = iter([Message("assistant", supervised_target(step)) for step in steps])
    messages = [next(targets) if message.role == "assistant" else message for message in steps[-1].prompt]
    return [*messages, *targets]
