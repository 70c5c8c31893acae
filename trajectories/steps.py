"""Episodes to training steps: the prompt of step k shows the task and earlier rounds, the target is action k.

After section 3 of the SRL paper (arXiv 2510.25992): an episode of N steps makes N-1 instances, and the expert's
thoughts are never part of a prompt.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter

from trajectories.context import Context
from trajectories.errors import ParseError
from trajectories.records import Episode, Message, StepExample, Turn
from trajectories.render import render_action

NO_OUTPUT = "(no output)"

Fits = Callable[[Sequence[Message]], bool]
"""Whether a prompt keeps the token budget. Taken to be monotone: leaving out rounds never makes a prompt too long."""


@dataclass(frozen=True, slots=True)
class StepsResult:
    """The steps of one episode."""

    steps: tuple[StepExample, ...]
    dropped: int = 0
    """Steps whose prompt does not fit even at its shortest."""
    shortened: int = 0
    """Steps under `full` whose oldest rounds were left out."""


def make_steps(
    episode: Episode,
    *,
    context: Context,
    system_prompt: str,
    max_observation_chars: int,
    keep_last_step: bool = False,
    fits: Fits | None = None,
    no_targets: Collection[int] = (),
) -> StepsResult:
    """Steps 1..N-1 of the episode, and N with `keep_last_step`.

    The prompt of step k is [system, user(task), then assistant(canonical action), user(observation) for each round
    shown]; without a system prompt the first is left out. Under `full` the oldest rounds go until `fits` holds, down
    to the last one; a step that still does not fit, or under a window does not fit, is dropped and counted. As long
    as nothing was left out, the full prompts of one episode are nested prefixes. Raises ParseError where an action's
    names cannot be rendered. Steps in `no_targets`, counted from 1, make no instance but stay in the context of later
    ones.
    """
    opening = _opening(system_prompt, episode.task)
    rounds = [_round(turn, max_observation_chars) for turn in episode.turns]
    steps: list[StepExample] = []
    dropped = shortened = first = 0
    for k in range(1, len(rounds) + (1 if keep_last_step else 0)):
        if k in no_targets:
            continue
        # What did not fit before step k does not fit before step k+1, so the search goes on from there.
        start = _start(opening, rounds[: k - 1], context, fits, first)
        if start is None:
            dropped += 1
            continue
        if context.rounds is None:
            first = start
            shortened += start > 0
        steps.append(_step(episode, k, _prompt(opening, rounds[start : k - 1]), rounds[k - 1][0].content))
    return StepsResult(tuple(steps), dropped, shortened)


def next_prompt(
    task: str,
    turns: Sequence[Turn],
    *,
    context: Context,
    system_prompt: str,
    max_observation_chars: int,
    fits: Fits | None = None,
) -> tuple[Message, ...] | None:
    """What a policy that has taken these turns is shown before its next step: the prompt that `make_steps` would make.

    None where it does not fit even at its shortest.
    """
    opening = _opening(system_prompt, task)
    rounds = [_round(turn, max_observation_chars) for turn in turns]
    start = _start(opening, rounds, context, fits)
    return None if start is None else _prompt(opening, rounds[start:])


def cut_middle(text: str, most: int) -> str:
    """At most `most` characters of the text, its head and tail, with a note of how many were cut between them."""
    if len(text) <= most:
        return text
    tail = most // 2
    head = most - tail
    return f"{text[:head]}\n[... {len(text) - most} characters cut ...]\n{text[len(text) - tail :]}"


def observation_text(observation: str, max_observation_chars: int) -> str:
    """What a prompt shows of an observation: its head and tail where it is long, a note where it is blank."""
    return cut_middle(observation, max_observation_chars) if observation.strip() else NO_OUTPUT


def split_held_out(
    episodes: Sequence[Episode],
    n: int,
    seed: int,
    group_of: Callable[[Episode], str] = attrgetter("instance_id"),
) -> tuple[list[Episode], list[Episode]]:
    """(train, held out): up to `n` episodes, never more than a third, are held out by whole group: by task, if unsaid.

    Which groups depends on the seed and their names alone, not on the order of the files; both lists keep the order
    given. Groups that hold the same task text, or whose names differ in spelling only, are one: files name one task
    in many ways. Groups with more episodes than there is room for, and episodes of the group '', stay in training, so
    fewer than `n` may be held out.
    """
    if n < 0:
        raise ParseError(f"held-out episodes: expected 0 or more, found {n}")
    groups = _joined_groups(episodes, group_of)
    sizes = Counter(groups)
    room = min(n, len(episodes) // 3)
    chosen: set[str] = set()
    for group in sorted(filter(None, sizes), key=lambda name: (_shuffle_key(name, seed), name)):
        if sizes[group] <= room:
            room -= sizes[group]
            chosen.add(group)
    pairs = list(zip(episodes, groups, strict=True))
    return [episode for episode, group in pairs if group not in chosen], [e for e, group in pairs if group in chosen]


def _joined_groups(episodes: Sequence[Episode], group_of: Callable[[Episode], str]) -> list[str]:
    """The name of each episode's group, the first in order of those that were joined."""
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parents.setdefault(node, node) != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    names: dict[tuple[str, str], str] = {}
    for episode in episodes:
        name = group_of(episode)
        # Image names write `__` as `_1776_`, and some tools write ids in lower case.
        for node in (("name", name.lower().replace("_1776_", "__")), ("task", " ".join(episode.task.split()))):
            if node[1]:
                parents[root(node)] = root(("run", episode.traj_id))
    for episode in episodes:
        place, name = root(("run", episode.traj_id)), group_of(episode)
        names[place] = min(filter(None, (names.get(place, ""), name)), default="")
    return [names[root(("run", episode.traj_id))] for episode in episodes]


def _shuffle_key(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).hexdigest()


def _opening(system_prompt: str, task: str) -> list[Message]:
    system = [Message("system", system_prompt)] if system_prompt else []
    return [*system, Message("user", task)]


def _round(turn: Turn, max_observation_chars: int) -> tuple[Message, Message]:
    observation = observation_text(turn.observation, max_observation_chars)
    return Message("assistant", render_action(turn.action)), Message("user", observation)


def _prompt(opening: list[Message], rounds: Sequence[tuple[Message, Message]]) -> tuple[Message, ...]:
    return (*opening, *(message for pair in rounds for message in pair))


def _start(
    opening: list[Message],
    rounds: Sequence[tuple[Message, Message]],
    context: Context,
    fits: Fits | None,
    first: int = 0,
) -> int | None:
    """The earliest round, from `first` on, that the prompt behind these rounds shows; None where none fits."""
    earliest = 0 if context.rounds is None else max(0, len(rounds) - context.rounds)
    latest = max(0, len(rounds) - 1) if context.rounds is None else earliest
    return _first_round(opening, rounds, max(earliest, first), latest, fits)


def _first_round(
    opening: list[Message],
    rounds: Sequence[tuple[Message, Message]],
    earliest: int,
    latest: int,
    fits: Fits | None,
) -> int | None:
    """The smallest start in earliest..latest whose prompt fits, None where none does; few calls of `fits`."""
    if fits is None or fits(_prompt(opening, rounds[earliest:])):
        return earliest
    if latest <= earliest or not fits(_prompt(opening, rounds[latest:])):
        return None
    too_early, good = earliest, latest
    while good - too_early > 1:
        middle = (too_early + good) // 2
        if fits(_prompt(opening, rounds[middle:])):
            good = middle
        else:
            too_early = middle
    return good


def _step(episode: Episode, k: int, prompt: tuple[Message, ...], expert_action: str) -> StepExample:
    return StepExample(
        prompt=prompt,
        expert_action=expert_action,
        expert_thought=episode.turns[k - 1].thought,
        instance_id=episode.instance_id,
        traj_id=episode.traj_id,
        step=k,
        n_steps=len(episode.turns),
        source=episode.source,
        resolved=episode.resolved,
    )
