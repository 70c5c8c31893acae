"""Figures of a data set: how many episodes and steps, which actions, how long the texts, how many solved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from trajectories.records import Action, Episode
from trajectories.render import body_text, render_action

CountTokens = Callable[[str], int]

SHELL_TOOLS = (
    *("bash", "bash_command", "shell", "exec_command", "local_shell_call", "local_shell", "exec", "container.exec"),
    *("run_command", "run_shell_command", "execute_command", "run_terminal_cmd", "run_in_terminal", "sh", "cmd"),
)
"""Tools whose argument is a line for a shell or the words of a command, whatever agent they come from."""

KINDS = {
    "bash": SHELL_TOOLS,
    "view": ("Read", "read", "read_file", "filemap", "summarize", "get_symbols"),
    "create": ("create", "Write", "write", "write_file"),
    "edit": ("edit", "insert", "Edit", "MultiEdit", "edit_file", "apply_patch"),
    "search": ("search_file", "search_dir", "find_file", "grep", "Grep", "glob", "Glob"),
    "navigate": ("open", "goto", "scroll_up", "scroll_down", "set_cursors"),
    "python": ("python",),
    "browser": ("browser", "browse", "fetch", "web_read"),
    "think": ("think",),
    "submit": ("submit", "exit_forfeit"),
    "other": (),
}
"""Kind of an action to the tools of that kind; the editor's commands are view, create and edit, the rest is other."""

_KIND_OF = {tool: kind for kind, tools in KINDS.items() for tool in tools}


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a list of whole numbers; all 0 where it is empty."""

    least: int = 0
    median: float = 0.0
    p95: int = 0
    """The smallest value that at least 95 % of the values do not exceed (nearest rank)."""
    most: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts are, in characters or in tokens."""

    task: Spread = Spread()
    """One an episode."""
    thought: Spread = Spread()
    """One a step, without the empty ones."""
    action: Spread = Spread()
    """The body text, tool name and argument values: what the `body` reward compares."""
    call: Spread = Spread()
    """The canonical text of the action: what the policy has to write behind its thought."""
    observation: Spread = Spread()
    episode: Spread = Spread()
    """The task with all calls and observations: the longest prompt under `full` and its target."""


@dataclass(frozen=True, slots=True)
class EpisodeStats:
    """Figures of some episodes."""

    episodes: int
    tasks: int
    """Distinct instance ids."""
    steps: int
    steps_per_episode: Spread
    tools: Mapping[str, int] = field(default_factory=dict)
    """Tool to number of actions, most frequent first."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Kind of action, see KINDS, to number of actions, most frequent first."""
    steps_without_thought: int = 0
    chars: Lengths = Lengths()
    tokens: Lengths | None = None
    """None where no tokenizer was given."""
    resolved: int = 0
    unresolved: int = 0
    unknown: int = 0
    """Episodes whose source does not say whether they solved the task."""

    @property
    def resolved_share(self) -> float | None:
        """Resolved among those that say; None where none says."""
        known = self.resolved + self.unresolved
        return self.resolved / known if known else None


def episode_stats(episodes: Sequence[Episode], count_tokens: CountTokens | None = None) -> EpisodeStats:
    """Figures of all the episodes together, lengths in tokens too where they can be counted."""
    turns = [turn for episode in episodes for turn in episode.turns]
    outcomes = Counter(episode.resolved for episode in episodes)
    return EpisodeStats(
        episodes=len(episodes),
        tasks=len({episode.instance_id for episode in episodes}),
        steps=len(turns),
        steps_per_episode=spread(len(episode.turns) for episode in episodes),
        tools=dict(Counter(turn.action.tool for turn in turns).most_common()),
        kinds=dict(Counter(action_kind(turn.action) for turn in turns).most_common()),
        steps_without_thought=sum(not turn.thought.strip() for turn in turns),
        chars=measure(episodes, len),
        tokens=measure(episodes, count_tokens) if count_tokens else None,
        resolved=outcomes[True],
        unresolved=outcomes[False],
        unknown=outcomes[None],
    )


def measure(episodes: Sequence[Episode], length: CountTokens) -> Lengths:
    """The lengths of all texts under `length`, which sees each text once."""
    turns = [turn for episode in episodes for turn in episode.turns]
    tasks = [length(episode.task) for episode in episodes]
    calls = [length(render_action(turn.action)) for turn in turns]
    observations = [length(turn.observation) for turn in turns]
    sizes = iter(zip(calls, observations, strict=True))
    wholes = [
        task + sum(sum(next(sizes)) for _ in episode.turns) for task, episode in zip(tasks, episodes, strict=True)
    ]
    return Lengths(
        task=spread(tasks),
        thought=spread(length(turn.thought) for turn in turns if turn.thought.strip()),
        action=spread(length(body_text(turn.action)) for turn in turns),
        call=spread(calls),
        observation=spread(observations),
        episode=spread(wholes),
    )


def stats_by_format(episodes: Iterable[Episode], count_tokens: CountTokens | None = None) -> dict[str, EpisodeStats]:
    """Figures for each source format, in the order they first appear."""
    groups: dict[str, list[Episode]] = {}
    for episode in episodes:
        groups.setdefault(episode.source, []).append(episode)
    return {source: episode_stats(group, count_tokens) for source, group in groups.items()}


def action_kind(action: Action) -> str:
    """What the action does, one of KINDS; an editor's command decides its. A shell command is bash whatever it runs."""
    if action.tool != "str_replace_editor":
        return _KIND_OF.get(action.tool, "other")
    command = next((value for name, value in action.arguments if name == "command"), "")
    return command if command in ("view", "create") else "edit"


def spread(values: Iterable[int]) -> Spread:
    """Least, median, 95th percentile, most and sum of the values."""
    ordered = sorted(values)
    if not ordered:
        return Spread()
    rank = math.ceil(0.95 * len(ordered))
    return Spread(ordered[0], float(median(ordered)), ordered[rank - 1], ordered[-1], sum(ordered))
