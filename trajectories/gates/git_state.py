"""What an episode has shown and made in its repositories: hashes, branches, tags, and repositories of its own."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from trajectories.gates.shell import Command, joined, word_set

HASH = re.compile(r"(?<![0-9a-zA-Z_/-])[0-9a-f]{7,40}(?![0-9a-zA-Z_-])")
_GLOBAL_WITH_VALUE = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace"})
_UNTRUSTED = word_set("branch tag remote for-each-ref show-ref ls-remote show-branch name-rev")
"""Commands of git whose output names commits that need not lie before HEAD."""
_CURRENT = re.compile(
    r"\bOn branch ([\w./-]+)|\bHEAD -> ([\w./-]+)|^\[([\w./-]+)(?: \(root-commit\))? [0-9a-f]{7,}\]", re.MULTILINE
)
ALREADY_ON = re.compile(r"Already on '([^']+)'")
"""What git says of the branch that a step was on before."""
_PAST_TAG = re.compile(r"\btag: ([^\s,)]+)")
_STARRED = re.compile(r"^\* ([\w./-]+)", re.MULTILINE)
_FIRST_LINE = re.compile(r"^(?:.*\n)?([\w./-]+)\s*$")
_MAKES = {
    "checkout": ("-b", "-B", "--orphan"),
    "switch": ("-c", "-C", "--create", "--orphan"),
    "worktree": ("-b", "-B"),
}
_MOVES_HEAD = frozenset({"reset", "merge", "rebase", "am"})


@dataclass(frozen=True, slots=True)
class GitCall:
    """A call of git."""

    name: str
    """The command of git, empty without one."""
    arguments: list[str]
    folder: str
    """Of its repository, as `Command.folder` has it."""


def git_call(command: Command) -> GitCall:
    """The command of git, its arguments, and where `-C` or `--git-dir` put it."""
    words, folder = list(command.words[1:]), command.folder
    while words and words[0].startswith("-"):
        option, _, value = words.pop(0).partition("=")
        if option in _GLOBAL_WITH_VALUE and not value and words:
            value = words.pop(0)
        if option in ("-C", "--git-dir"):
            folder = joined(folder, value.removesuffix("/.git") if option == "--git-dir" else value)
    return GitCall(words[0] if words else "", words[1:], folder)


class Hashes:
    """Hashes that stood in what the episode was shown."""

    def __init__(self, first: Iterable[str]) -> None:
        self._known = set(first)
        self._sorted: list[str] = []

    def add(self, more: Iterable[str]) -> None:
        """Remember them."""
        self._known.update(more)

    def __contains__(self, name: object) -> bool:
        """Whether a known hash begins with that name, or that name with a known hash."""
        if not isinstance(name, str):
            return False
        if any(name[:length] in self._known for length in range(7, len(name) + 1)):
            return True
        if len(self._sorted) != len(self._known):
            self._sorted = sorted(self._known)
        place = bisect_left(self._sorted, name)
        return place < len(self._sorted) and self._sorted[place].startswith(name)


@dataclass(slots=True)
class GitState:
    """What is known before a step."""

    shown: Hashes
    names: set[str] = field(default_factory=set)
    """Branches and tags that the episode made, is on, or saw behind it."""
    repositories: set[str] = field(default_factory=set)
    """Folders in which the episode made a repository of another history."""
    returns: bool = False
    """Whether it left its first branch for one of its own, to which it may go back."""

    def owns(self, folder: str) -> bool:
        """Whether a folder lies in a repository that the episode made."""
        return any(folder == own or folder.startswith(f"{own}/") for own in self.repositories)

    def make(self, call: GitCall) -> None:
        """Take in what a call makes: repositories, branches, tags."""
        plain = [word for word in call.arguments if not word.startswith("-")]
        if call.name == "init" or (call.name == "clone" and plain and self._is_other(plain[0])):
            named = plain[1:] if call.name == "clone" else plain[-1:]
            default = posixpath.basename(plain[0]).removesuffix(".git") if call.name == "clone" else "."
            folder = joined(call.folder, named[-1] if named else default)
            self.repositories |= {folder} - {""}
        for option in _MAKES.get(call.name, ()):
            if option in call.arguments[:-1]:
                self.names.add(call.arguments[call.arguments.index(option) + 1])
                self.returns = True
        if call.name in ("branch", "tag") and plain:
            self.names.add(plain[0])
        if call.name in _MOVES_HEAD:
            self.names.add("ORIG_HEAD")

    def _is_other(self, source: str) -> bool:
        return "://" in source or bool(re.match(r"[\w.-]+@[\w.-]+:", source)) or self.owns(source.rstrip("/"))

    def undo_init(self, observation: str, before: set[str]) -> None:
        """Forget repositories that were there before `git init`."""
        if "Reinitialized existing" in observation:
            self.repositories = before

    def see(self, calls: list[GitCall], observation: str) -> None:
        """Take in what a step that leaked nothing has shown."""
        if not any(call.name in _UNTRUSTED for call in calls):
            self.shown.add(HASH.findall(observation))
        self.names.update(name for found in _CURRENT.findall(observation) for name in found if name)
        self.names.update(_PAST_TAG.findall(observation))
        for call in calls:
            if call.name == "branch" and not {"-a", "--all", "-r"} & set(call.arguments):
                self.names.update(_STARRED.findall(observation))
            shows_one = call.name in ("describe", "symbolic-ref") or {"--abbrev-ref", "--show-current"} & set(
                call.arguments
            )
            if shows_one and (found := _FIRST_LINE.match(observation.strip())):
                self.names.add(re.sub(r"-\d+-g[0-9a-f]+$", "", found[1]))
            if call.name == "tag" and "--merged" in call.arguments:
                self.names.update(observation.split())
