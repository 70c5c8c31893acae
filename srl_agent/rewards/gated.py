"""The `gated` reward: tool, then target, then likeness of the arguments; a gate that is not passed gives 0.

After the verifier of NVIDIA's PivotRL (arXiv 2603.21383; NVIDIA-NeMo/Gym, resources_servers/swe_pivot, its mode
`continuous`), whose numbers these are. Left out: its penalty for long edits, and its classes of equivalent tools, which
our canonical tool names make needless. Otherwise than there, a shell line's program is the first that does more than
prepare (`cd x && grep` is `grep`), and tools with no case of their own are compared by their values.

1. Tool: the names are equal.
2. Target. Editor: the same command, paths that end in the same two parts, and for `view` a range that covers at least
   0.8 of the expert's. bash: the same program, and one path in common (its last three parts) where both name some.
   What only one of the two gives is not held against it.
3. Likeness s of the arguments, 2M/T as in `similarity`. `view` and `undo_edit`: 1. An edit: of the text put in, and
   where both replace one the less of the old texts' and the new texts'. bash: of the command lines. Others: of all
   values.
   The reward is 1 for s >= 0.8, 0 for s < 0.4, and between them 0.5 + 0.5 (s - 0.4) / 0.4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from srl_agent.action_kinds import main_command
from srl_agent.config import RewardConfig
from srl_agent.errors import ScoreError
from srl_agent.rewards.similarity import Similarity
from trajectories.errors import ParseError
from trajectories.gates.shell import shell_commands
from trajectories.records import Action
from trajectories.render import parse_action

PARTIAL, FULL = 0.4, 0.8
"""Likeness from which a part of the reward is given, and from which all of it."""
COVERED = 0.8
"""Share of the expert's lines that a view must show."""
EDITOR_PARTS, SHELL_PARTS = 2, 3
"""Last parts of a path that are compared: repositories stand at different places."""
EDITS = {"create": ("file_text",), "str_replace": ("old_str", "new_str"), "insert": ("new_str",)}
"""Commands of the editor to the arguments whose likeness counts."""

TextPair = tuple[str, str]


class Gated:
    """See the module; texts are whole calls in canonical form, whatever `reward.text` says."""

    def __init__(self, config: RewardConfig) -> None:
        self._similarity = Similarity(config)

    def __call__(self, pairs: Sequence[TextPair]) -> list[float]:
        """See `Reward`. ScoreError where a text is no call: this reward is for domains whose actions are calls."""
        compared = [_compared(_action(policy), _action(expert)) for policy, expert in pairs]
        likeness = iter(self._similarity([pair for texts in compared for pair in texts or ()]))
        # No text to compare is full likeness; a closed gate (None) is 0 without one.
        return [
            0.0 if texts is None else graded(min((next(likeness) for _ in texts), default=1.0)) for texts in compared
        ]

    def cut(self, text: str) -> str:
        """See `Reward`."""
        return self._similarity.cut(text)


def graded(likeness: float) -> float:
    """The reward for arguments of that likeness, where tool and target are right."""
    if likeness < PARTIAL:
        return 0.0
    return min(1.0, 0.5 + 0.5 * (likeness - PARTIAL) / (FULL - PARTIAL))


@lru_cache(maxsize=1024)
def _action(text: str) -> Action:
    try:
        return parse_action(text)
    except ParseError as error:
        raise ScoreError(f"reward.name: gated compares calls, and this is none: {error}; take similarity") from error


def _compared(policy: Action, expert: Action) -> list[TextPair] | None:
    """The texts whose likeness decides, or None where tool or target differ."""
    if policy.tool != expert.tool:
        return None
    ours, theirs = dict(policy.arguments), dict(expert.arguments)
    if policy.tool == "bash":
        lines = ours.get("command", ""), theirs.get("command", "")
        return [lines] if _same_program(*lines) else None
    if policy.tool == "str_replace_editor":
        names = EDITS.get(theirs.get("command", ""), ())
        texts = [(ours.get(name, ""), theirs.get(name, "")) for name in names]
        return texts if _same_file(ours, theirs) else None
    return [("\n".join(ours.values()), "\n".join(theirs.values()))]


def _same_file(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    if ours.get("command") != theirs.get("command"):
        return False
    paths = [_ending(arguments.get("path", ""), EDITOR_PARTS) for arguments in (ours, theirs)]
    if all(paths) and paths[0] != paths[1]:
        return False
    return theirs.get("command") != "view" or _covers(ours.get("view_range"), theirs.get("view_range"))


def _covers(ours: str | None, theirs: str | None) -> bool:
    wanted, shown = _range(theirs), _range(ours)
    if wanted is None or shown is None:
        return True
    common = min(shown[1], wanted[1]) - max(shown[0], wanted[0]) + 1
    return common / (wanted[1] - wanted[0] + 1) >= COVERED


def _range(text: str | None) -> tuple[float, float] | None:
    """First and last line; None for the whole file, which is also how an unreadable range counts."""
    try:
        first, last = (int(number) for number in json.loads(text or ""))
    except (TypeError, ValueError, RecursionError):
        return None
    # To the end of the file, whose length nobody knows here, is only covered by a view to the end.
    end = 10**9 if last == -1 else last
    return (first, end) if end >= first else None


def _same_program(ours: str, theirs: str) -> bool:
    programs = [main_command(line) for line in (ours, theirs)]
    names = [program.name if program else "" for program in programs]
    if all(names) and names[0] != names[1]:
        return False
    paths = [_paths(line) for line in (ours, theirs)]
    return not all(paths) or bool(paths[0] & paths[1])


def _paths(line: str) -> frozenset[str]:
    """Endings of the words that name a file or folder: those with a slash in them."""
    words = [word for command in shell_commands(line) for word in (*command.words[1:], *command.writes)]
    named = (word for word in words if "/" in word.strip("/") or word.startswith("/"))
    return frozenset(_ending(word, SHELL_PARTS) for word in named if len(word) > 2) - {""}


def _ending(path: str, parts: int) -> str:
    return "/".join([part for part in path.strip().split("/") if part not in ("", ".")][-parts:])
