"""Leak: reading commits of the repository that lie in the future of the task, where its fix may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from trajectories.gates.actions import turns_with_commands
from trajectories.gates.base import Always, GateSettings, excerpt
from trajectories.gates.git_state import ALREADY_ON, HASH, GitCall, GitState, Hashes, git_call
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
_WITH_VALUE = word_set("-n -S -G -L --grep --author --format -m -U --since --until --after --before --committer -O")
_GREP_WITH_VALUE = word_set("-e -f -A -B -C -m --max-depth --threads")

_FOREIGN_REF = re.compile(
    r"(?:^|[\s^.:])(?:(?:refs/)?remotes/|(?:origin|upstream)/[\w./-]+|FETCH_HEAD\b)|(?<!stash)@\{(?:u|upstream|push|\d+)\}"
)
_FUTURE_RANGE = re.compile(r"(?:HEAD|@)?\.\.\.?(?!HEAD|@|$|/)[\w][\w./-]*")
_HASH_WORD = re.compile(r"\^?([0-9a-f]{7,40})(?:[\^~@][\w^~{}]*)?(?::.*|\.\..*)?", re.DOTALL)
_RANGE_END = re.compile(r"\.\.\.?([0-9a-f]{7,40})[\^~]*\d*")

_DEFAULT_BRANCH = re.compile(r"main|master|trunk|develop|devel|origin|upstream|ORIG_HEAD|MERGE_HEAD")
_VERSION = re.compile(
    r"(?:refs/tags/|tags/)?(?:(?:v|release|rel|version|stable|maint)[-_/]?)?\d+[._]\d[\w.-]*", re.IGNORECASE
)
_NO_SUCH = re.compile(r"fatal: |did not match any|unknown revision|invalid reference")
_SEARCHED = word_set("show log cat-file cherry-pick rev-list")
_NEW_NAME = frozenset({"-b", "-B", "-c", "-C", "--orphan", "--create"})

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
        first = HASH.findall(episode.task) + ([facts.base_commit] if facts and facts.base_commit else [])
        state = GitState(Hashes(first))
        for step, (turn, commands) in enumerate(turns_with_commands(episode), start=1):
            reasons = [*_opened(turn.action.arguments), *_leaks(commands, turn.observation, state)]
            for reason, text in dict(reasons).items():
                yield step, reason, excerpt(text)
            if not reasons:
                state.see([git_call(command) for command in commands if command.name == "git"], turn.observation)


def _leaks(commands: list[Command], observation: str, state: GitState) -> Iterator[tuple[str, str]]:
    before = set(state.repositories)
    state.names.update(ALREADY_ON.findall(observation))
    for command in commands:
        if reason := _command_leak(command, observation, state):
            yield reason, command.text
        if command.name == "git":
            state.make(git_call(command))
    state.undo_init(observation, before)


def _opened(arguments: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """The editor's path, where it lies in the store of git."""
    for key, value in arguments:
        if key in ("path", "file_path", "filename") and _STORE.search(value):
            yield "browses the store of git", value


def _command_leak(command: Command, observation: str, state: GitState) -> str:
    """Why the command leaks, else empty."""
    if command.name in ("gitk", "tig") and "--all" in command.words:
        return "lists commits of all branches"
    if command.name == "git":
        return _git_leak(git_call(command), observation, state)
    if command.name in _STORE_READERS and any(_STORE.search(word) for word in _read_words(command)):
        return "browses the store of git"
    return ""


def _read_words(command: Command) -> Iterator[str]:
    """Words that may name what is read: not patterns that leave something out."""
    for before, word in zip(command.words, command.words[1:], strict=False):
        if before not in _NOT_READ and not word.startswith("--exclude") and "*/.git/" not in word:
            yield word


def _git_leak(call: GitCall, observation: str, state: GitState) -> str:
    name, arguments = call.name, call.arguments
    if not name or state.owns(call.folder):
        return ""
    if name == "reflog" and arguments[:1] not in (["expire"], ["delete"]):
        return "reads the reflog"
    if name in ("fetch", "pull") or (name == "remote" and arguments[:1] == ["update"]):
        return "fetches commits"
    if name in ("fsck", "verify-pack", "unpack-objects", "show-index") or "--batch-all-objects" in arguments:
        return "browses the store of git"
    if _lists_all(name, arguments):
        return "lists commits of all branches"
    if name == "log" and "-g" in arguments:
        return "reads the reflog"
    return _revision_leak(name, arguments, observation, state) if name in _READERS else ""


def _lists_all(name: str, arguments: list[str]) -> bool:
    if name in _LISTERS:
        return any(_ALL_REFS.fullmatch(word) for word in arguments)
    if name in ("for-each-ref", "show-ref", "ls-remote"):
        return not {"--verify", "--exists", "--get-url"} & set(arguments)
    if name == "tag":
        return any(word in ("--contains", "--no-merged") or re.fullmatch(r"-n\d*", word) for word in arguments)
    # The names of branches alone tell nothing, the commits that `-v` adds do.
    flags = "".join(word[1:] for word in arguments if re.fullmatch(r"-[a-z]+", word))
    every = bool(set("ar") & set(flags)) or bool({"--all", "--remotes"} & set(arguments))
    return name == "branch" and every and ("v" in flags or "--verbose" in arguments)


def _revision_leak(name: str, arguments: list[str], observation: str, state: GitState) -> str:
    revisions = list(_revisions(name, arguments))
    if name == "branch" and not any(_HASH_WORD.fullmatch(word) for word in revisions):
        return ""
    if name == "rev-parse":
        return ""
    for word in revisions:
        if _FOREIGN_REF.search(word):
            return f"reads {word.split(':')[0][:60]}, a branch of the remote or an entry of the reflog"
        if re.match(r":/\w", word) and name in _SEARCHED:
            return f"searches the commits of all branches for {word[2:62]}"
        ahead = name in ("log", "rev-list", "diff", "shortlog") and _FUTURE_RANGE.fullmatch(word)
        if ahead and re.split(r"\.\.\.?", word)[-1] not in state.names:
            return f"reads the commits of {word[:60]} that are ahead"
        if unseen := [found for found in _hashes(word) if found not in state.shown]:
            return f"reads commit {unseen[0]}, which nothing had shown before"
        if (named := _named(name, word, state)) and not _NO_SUCH.search(observation):
            return f"reads {named[:60]}, a branch or tag that may be ahead"
    return ""


def _named(name: str, word: str, state: GitState) -> str:
    """A default branch or a version's tag in a revision, unless the episode made it, is on it, or saw it behind it."""
    revision = word.partition(":")[0].lstrip("^")
    ends = re.split(r"\.\.\.?", revision)
    if len(ends) == 2 and ("..." in revision) == (name == "diff"):
        # `main..HEAD` of log and `main...HEAD` of diff show only what main has not.
        ends = ends[1:]
    for end in (re.sub(r"[\^~@].*", "", end) for end in ends):
        if end in state.names or (state.returns and _DEFAULT_BRANCH.fullmatch(end)):
            continue
        if _DEFAULT_BRANCH.fullmatch(end) or _VERSION.fullmatch(end):
            return end
    return ""


def _revisions(name: str, arguments: list[str]) -> Iterator[str]:
    """Words that may be revisions: no options with their values, nothing behind `--`."""
    takes_value = _GREP_WITH_VALUE if name == "grep" else _WITH_VALUE
    if name in ("checkout", "switch", "worktree"):
        takes_value = takes_value | _NEW_NAME
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
