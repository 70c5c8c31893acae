"""Leak: reading commits of the repository that lie in the future of the task, where its fix may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from trajectories.gates.actions import action_commands
from trajectories.gates.base import Always, GateSettings, excerpt
from trajectories.gates.shell import Command, word_set
from trajectories.gates.whole import Found
from trajectories.records import Episode

_READERS = word_set(
    "log show diff rev-list shortlog whatchanged grep blame annotate checkout switch restore cherry-pick cat-file "
    "format-patch reset rebase merge archive ls-tree worktree range-diff difftool revert read-tree "
    "rev-parse apply branch bisect"
)
"""Commands of git that can show or fetch the content of a commit they are given."""
_LISTERS = frozenset({"log", "rev-list", "shortlog", "whatchanged", "show", "show-branch", "grep"})
_ALL_REFS = re.compile(r"--(?:all|remotes|branches|tags|reflog|walk-reflogs|glob|alternate-refs)(?:=.*)?")
_GLOBAL_WITH_VALUE = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace"})
_TEMPORARY = re.compile(r"(?:/var)?/tmp(?:/|$)")
_WITH_VALUE = word_set("-n -S -G -L --grep --author --format -m -U --since --until --after --before --committer -O")
_GREP_WITH_VALUE = word_set("-e -f -A -B -C -m --max-depth --threads")

_FOREIGN_REF = re.compile(
    r"(?:^|[\s^.:])(?:(?:refs/)?remotes/|(?:origin|upstream)/[\w./-]+|FETCH_HEAD\b)|(?<!stash)@\{(?:u|upstream|push|\d+)\}"
)
_FUTURE_RANGE = re.compile(r"(?:HEAD|@)?\.\.\.?(?!HEAD|@|$|/)[\w][\w./-]*")
_HASH = re.compile(r"(?<![0-9a-zA-Z_/-])[0-9a-f]{7,40}(?![0-9a-zA-Z_-])")
_HASH_WORD = re.compile(r"\^?([0-9a-f]{7,40})(?:[\^~@][\w^~{}]*)?(?::.*|\.\..*)?", re.DOTALL)
_RANGE_END = re.compile(r"\.\.\.?([0-9a-f]{7,40})[\^~]*\d*")

_STORE = re.compile(
    r"(?:^|/)\.git/(?:objects(?:/|$)|packed-refs|logs(?:/|$)|FETCH_HEAD|ORIG_HEAD|refs/(?:remotes|original))"
)
_STORE_READERS = word_set(
    "cat zcat less more head tail strings xxd hexdump od zlib-flate pigz python python3 perl find ls grep rg "
    "egrep tree cp file awk sed openssl"
)
_NOT_READ = frozenset({"-path", "-not", "--exclude", "--exclude-dir", "--ignore", "-ipath", "-wholename", "-g", "-v"})


class GitHistory(Always):
    """Drops episodes that list all branches, read a commit no plain log showed, fetch, or browse `.git`."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._tasks = settings.tasks

    def look(self, episode: Episode) -> Found:
        """One finding a command."""
        facts = self._tasks.get(episode.instance_id)
        shown = set(_HASH.findall(episode.task)) | ({facts.base_commit} if facts and facts.base_commit else set())
        for step, turn in enumerate(episode.turns, start=1):
            reasons = [(reason, text) for reason, text in _leaks(turn.action.arguments, shown)]
            for command in action_commands(turn.action):
                if reason := _command_leak(command, shown):
                    reasons.append((reason, command.text))
            for reason, text in dict(reasons).items():
                yield step, reason, excerpt(text)
            if not reasons:
                shown.update(_HASH.findall(turn.observation))


def _leaks(arguments: tuple[tuple[str, str], ...], shown: set[str]) -> Iterator[tuple[str, str]]:
    """The editor's path, where it lies in the store of git."""
    del shown
    for key, value in arguments:
        if key in ("path", "file_path", "filename") and _STORE.search(value):
            yield "browses the store of git", value


def _command_leak(command: Command, shown: set[str]) -> str:
    """Why the command leaks, else empty."""
    if command.name in ("gitk", "tig") and "--all" in command.words:
        return "lists commits of all branches"
    if command.name == "git":
        return _git_leak(command, shown)
    if command.name in _STORE_READERS and any(_STORE.search(word) for word in _read_words(command)):
        return "browses the store of git"
    return ""


def _read_words(command: Command) -> Iterator[str]:
    """Words that may name what is read: not patterns that leave something out."""
    for before, word in zip(command.words, command.words[1:], strict=False):
        if before not in _NOT_READ and not word.startswith("--exclude") and "*/.git/" not in word:
            yield word


def _git_leak(command: Command, shown: set[str]) -> str:
    name, arguments, elsewhere = _subcommand(command)
    if elsewhere or not name:
        return ""
    if name == "reflog" and arguments[:1] not in (["expire"], ["delete"]):
        return "reads the reflog"
    if name in ("fetch", "pull") or (name == "remote" and arguments[:1] == ["update"]):
        return "fetches commits"
    if name in ("fsck", "verify-pack", "unpack-objects", "show-index") or "--batch-all-objects" in arguments:
        return "browses the store of git"
    if name in _LISTERS and any(_ALL_REFS.fullmatch(word) for word in arguments):
        return "lists commits of all branches"
    if name == "log" and "-g" in arguments:
        return "reads the reflog"
    return _revision_leak(name, arguments, shown) if name in _READERS else ""


def _revision_leak(name: str, arguments: list[str], shown: set[str]) -> str:
    revisions = list(_revisions(name, arguments))
    if name == "branch" and not any(_HASH_WORD.fullmatch(word) for word in revisions):
        return ""
    if name == "rev-parse":
        return ""
    for word in revisions:
        if _FOREIGN_REF.search(word):
            return f"reads {word.split(':')[0][:60]}, a branch of the remote or an entry of the reflog"
        if name in ("log", "rev-list", "diff", "shortlog") and _FUTURE_RANGE.fullmatch(word):
            return f"reads the commits of {word[:60]} that are ahead"
        if unseen := [found for found in _hashes(word) if not _was_shown(found, shown)]:
            return f"reads commit {unseen[0]}, which nothing had shown before"
    return ""


def _revisions(name: str, arguments: list[str]) -> Iterator[str]:
    """Words that may be revisions: no options with their values, nothing behind `--`."""
    takes_value = _GREP_WITH_VALUE if name == "grep" else _WITH_VALUE
    before = ""
    pattern_next = name == "grep" and not any(re.match(r"-[a-zA-Z]*[ef]$", word) for word in arguments)
    for word in arguments:
        if word == "--":
            return
        if not word.startswith("-") and before not in takes_value:
            if not pattern_next:
                yield word
            pattern_next = False
        before = word


def _hashes(word: str) -> list[str]:
    found = _HASH_WORD.fullmatch(word)
    ends = _RANGE_END.findall(word)
    named = ([found[1]] if found else []) + ends
    # A short one is likelier a word (`defaced`) or a number (`20230101`) than a hash of one kind of character only.
    return [name for name in named if len(name) == 40 or (re.search(r"\d", name) and re.search("[a-f]", name))]


def _was_shown(name: str, shown: set[str]) -> bool:
    return any(other.startswith(name) or name.startswith(other) for other in shown)


def _subcommand(command: Command) -> tuple[str, list[str], bool]:
    """The command of git, its arguments, and whether it is about another repository, in a temporary folder."""
    words = list(command.words[1:])
    elsewhere = command.elsewhere
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in _GLOBAL_WITH_VALUE and words:
            value = words.pop(0)
            elsewhere = elsewhere or (option == "-C" and bool(_TEMPORARY.match(value)))
    return (words[0], words[1:], elsewhere) if words else ("", [], elsewhere)
