"""From a file of expert episodes to training and held-out steps, with an account of everything left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from operator import attrgetter
from pathlib import Path

from srl_agent.config import DataConfig
from srl_agent.data_gates import chosen_gates, gate_settings, gates_line
from srl_agent.domain import StepSets
from srl_agent.errors import ConfigError
from srl_agent.floors import evenly
from srl_agent.replays import apply_replay
from srl_agent.wording import plural
from trajectories.context import Context, parse_context
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.gates import GateReport, run_gates
from trajectories.records import Action, Episode, Message, StepExample, Turn
from trajectories.report import LossReport
from trajectories.repositories import repository_of
from trajectories.sources import find_sources, sources_digest
from trajectories.steps import Fits, StepsResult, make_steps, split_held_out

BUNDLED = ("trajectories.demo", "episodes.jsonl")
BUNDLED_NAME = "the bundled demonstration set"
SPLIT_SEED = 0
"""Held-out tasks do not depend on the run's seed: runs of several seeds are compared on the same steps."""
SPLITS: dict[str, Callable[[Episode], str]] = {
    "episode": attrgetter("instance_id"),
    "repository": repository_of,
}
"""What `data.split` holds out as a whole."""
TOKENS_A_MESSAGE = 8
"""Allowance for what a chat template puts around one message."""
UNREAD_SHOWN = 3
"""Rows that could not be read which a warning names."""


@dataclass(frozen=True)
class StepData:
    """Step sets, the episodes they were cut from, and the reports of what reading lost and what the gates found."""

    sets: StepSets
    report: LossReport
    gates: GateReport
    train: Sequence[Episode]
    held_out: Sequence[Episode]
    no_targets: Mapping[str, Collection[int]]
    """For each run, by its `traj_id`, the steps that are no targets."""


@dataclass(frozen=True)
class _Cut:
    """The steps of several episodes, with the counts that `StepsResult` has for one."""

    steps: list[StepExample]
    dropped: int
    shortened: int


def load_step_data(data: DataConfig, system_prompt: str, count_tokens: Callable[[str], int]) -> StepData:
    """Read the episodes that `data` names, leave out failed ones, ask the gates, hold out whole tasks, cut into steps.

    What a gate objects to at one step is no target there, but stays in the context of later steps.
    Raises ParseError where the file cannot be read or no training step is left, ConfigError for an impossible
    `data.context`. `StepSets.digest` is the SHA-256 of names and contents of the files read.
    """
    context_of(data)  # refused before a large file is read
    names, gate_facts = chosen_gates(data.gates), gate_settings(data)
    episodes, report, digest = read_data(data)
    solved = [encodable(episode) for episode in episodes if episode.resolved is not False]
    if not solved:
        raise ParseError(f"{_name(data)}: all {len(episodes)} episodes failed their task; expected some that did not")
    gated = run_gates(solved, names, gate_facts)
    if not gated.kept:
        raise ParseError(f"{_name(data)}: the gates left no episode: {gates_line(gated.report)}")
    replayed = apply_replay(data, gated.kept, gated.dropped_steps)
    if not replayed.kept:
        raise ParseError(f"{_name(data)}: {replayed.line}")
    train, held_out = split_held_out(replayed.kept, data.held_out_episodes, SPLIT_SEED, SPLITS[data.split])
    fits = token_budget(data.max_prompt_tokens, count_tokens)
    train_cut, held_out_cut = (
        _cut(some, data, system_prompt, fits, replayed.dropped_steps) for some in (train, held_out)
    )
    if not train_cut.steps:
        raise ParseError(_nothing_left(data, train, train_cut))
    summary = [
        f"data: {_name(data)}, {_formats(report)}: {plural(report.episodes_kept, 'episode')}",
        f"steps: {len(train_cut.steps)} of {plural(len(train), 'episode')} to train on, "
        f"{len(held_out_cut.steps)} of {plural(len(held_out), 'episode')} held out, context {data.context}",
        *_of_the_split(data, train, held_out),
        *_left_out(data, report, len(episodes) - len(solved), train_cut, held_out_cut),
        *filter(None, [gates_line(gated.report), replayed.line]),
    ]
    sets = thinned(StepSets(train_cut.steps, held_out_cut.steps, tuple(summary), digest), data.held_out_steps)
    return StepData(sets, report, gated.report, train, held_out, replayed.dropped_steps)


def thinned(sets: StepSets, most: int) -> StepSets:
    """With `most` held out at most (`data.held_out_steps`; 0 for all), evenly spread."""
    held_out = evenly(sets.held_out, most)
    if len(held_out) == len(sets.held_out):
        return sets
    line = f"evaluated: {len(held_out)} of {len(sets.held_out)} held out, evenly spread (data.held_out_steps)"
    return replace(sets, held_out=held_out, summary=(*sets.summary, line))


def token_budget(most: int, count_tokens: Callable[[str], int]) -> Fits:
    """Whether a prompt has at most `most` tokens, see `prompt_size`."""
    count = lru_cache(maxsize=100_000)(count_tokens)  # neighbouring steps share most of their messages

    def fits(prompt: Sequence[Message]) -> bool:
        return prompt_size(prompt, count) <= most

    return fits


def prompt_size(prompt: Sequence[Message], count_tokens: Callable[[str], int]) -> int:
    """Tokens of a prompt as budgets count them: its contents, and TOKENS_A_MESSAGE for each message."""
    return sum(count_tokens(message.content) + TOKENS_A_MESSAGE for message in prompt)


def _name(data: DataConfig) -> str:
    return data.path or BUNDLED_NAME


def context_of(data: DataConfig) -> Context:
    """The context that `data.context` names; ConfigError where it names none."""
    try:
        return parse_context(data.context)
    except ParseError as error:
        raise ConfigError(f"data.{error}") from error


def read_data(data: DataConfig) -> tuple[list[Episode], LossReport, str]:
    """The episodes that `data` names, the loss report, and the digest of the files."""
    with ExitStack() as stack:
        if data.path:
            path = Path(data.path)
        else:
            path = stack.enter_context(resources.as_file(resources.files(BUNDLED[0]) / BUNDLED[1]))
        sources = find_sources(path)
        episodes, report = read_episodes(sources, data.format)
        return episodes, report, sources_digest(sources)  # after reading: a pipe is hashed on the way


def _cut(
    episodes: Sequence[Episode],
    data: DataConfig,
    system_prompt: str,
    fits: Fits,
    no_targets: Mapping[str, Collection[int]],
) -> _Cut:
    results = [
        episode_steps(episode, data, system_prompt, fits, no_targets.get(episode.traj_id, ())) for episode in episodes
    ]
    steps = [step for result in results for step in result.steps]
    return _Cut(steps, sum(result.dropped for result in results), sum(result.shortened for result in results))


def episode_steps(
    episode: Episode, data: DataConfig, system_prompt: str, fits: Fits, no_targets: Collection[int] = ()
) -> StepsResult:
    """The steps of one episode as `data` sets them; ConfigError for an impossible `data.context`."""
    return make_steps(
        episode,
        context=context_of(data),
        system_prompt=system_prompt,
        max_observation_chars=data.max_observation_chars,
        keep_last_step=data.keep_last_step,
        fits=fits,
        no_targets=no_targets,
    )


def without_surrogates(text: str) -> str:
    """The text with lone surrogates as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def encodable(episode: Episode) -> Episode:
    """The episode with lone surrogates, which JSON can hold and no tokenizer or table takes, as U+FFFD."""
    clean = without_surrogates

    def clean_turn(turn: Turn) -> Turn:
        arguments = tuple((name, clean(value)) for name, value in turn.action.arguments)
        action = Action(turn.action.tool, arguments, turn.action.original)
        return Turn(clean(turn.thought), action, clean(turn.observation))

    return replace(
        episode,
        instance_id=clean(episode.instance_id),
        traj_id=clean(episode.traj_id),
        task=clean(episode.task),
        turns=tuple(clean_turn(turn) for turn in episode.turns),
        source=clean(episode.source),
    )


def _formats(report: LossReport) -> str:
    return " + ".join(f"format {name}" for name in report.formats)


def _of_the_split(data: DataConfig, train: Sequence[Episode], held_out: Sequence[Episode]) -> list[str]:
    """What a split by repository held out, and a warning where any split held out nothing that was asked for."""
    lines = []
    if data.split == "repository":
        sides = [{repository_of(episode) for episode in some} - {""} for some in (train, held_out)]
        lines.append(f"held out by repository: {len(sides[1])} of {len(sides[0]) + len(sides[1])} repositories")
        unknown = sum(not repository_of(episode) for episode in train)
        if unknown:
            lines.append(f"no repository is known of {plural(unknown, 'episode')}, which stay in training")
    if not held_out and data.held_out_episodes:
        room = min(data.held_out_episodes, len(train) // 3)
        whole, remedy = _WHOLES[data.split]
        lines.append(
            f"WARNING: nothing is held out: no {whole} has at most {plural(room, 'episode')} (the lower of "
            f"data.held_out_episodes and a third of all), and none is split; {remedy}"
        )
    return lines


_WHOLES = {
    "episode": ("task", "give episodes of more tasks"),
    "repository": ("known repository", "add data or take data.split=episode"),
}
"""What each `data.split` keeps together, and what to do where that is too large to be held out."""


def unread(data: DataConfig, report: LossReport) -> list[str]:
    """A warning that names the first rows that could not be read, with the reason; none where all could."""
    drops = [drop for drop in report.drops if drop.what == "episode"]
    if not drops:
        return []
    first = "; ".join(f"{drop.file}:{drop.index}: {drop.reason}" for drop in drops[:UNREAD_SHOWN])
    more = "; ..." if len(drops) > UNREAD_SHOWN else ""
    return [
        f"WARNING: {len(drops)} of {plural(report.episodes_read, 'row')} could not be read and are left out: "
        f"{first}{more} (all: srl-agent data stats {_name(data)})"
    ]


def _left_out(data: DataConfig, report: LossReport, failed: int, *cuts: _Cut) -> list[str]:
    """One line with everything that did not become a step, or none."""
    counts = [
        ("unreadable rows", report.episodes_dropped),
        ("episodes that failed their task", failed),
        (f"steps whose prompt exceeds {data.max_prompt_tokens} tokens", sum(cut.dropped for cut in cuts)),
        (f"steps whose oldest rounds went to keep {data.max_prompt_tokens} tokens", sum(cut.shortened for cut in cuts)),
    ]
    parts = [f"{what}: {count}" for what, count in counts if count]
    return [f"left out - {', '.join(parts)}"] if parts else []


def _nothing_left(data: DataConfig, train: Sequence[Episode], cut: _Cut) -> str:
    if cut.dropped:
        return (
            f"{_name(data)}: the prompts of all {cut.dropped} training steps exceed data.max_prompt_tokens "
            f"({data.max_prompt_tokens}); raise it, or lower data.max_observation_chars"
        )
    return (
        f"{_name(data)}: no training step in {len(train)} episodes; an episode needs two steps "
        "(or set data.keep_last_step to true)"
    )
