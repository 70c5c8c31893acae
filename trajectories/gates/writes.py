"""Which actions may change something, so that what follows them is no repetition of what came before."""

from __future__ import annotations

import re

from trajectories.gates.actions import action_commands, is_python
from trajectories.gates.shell import Command, word_set
from trajectories.records import Action
from trajectories.stats import action_kind

_READ_ONLY = word_set(
    "cat zcat head tail less more bat nl wc ls tree find fd grep egrep fgrep zgrep rg ag ack sed awk gawk cut sort "
    "uniq tr column paste comm diff cmp file stat du df pwd cd pushd popd echo printf which whereis type hash printenv "
    "date whoami id uname hostname nproc ps sleep true false test [ exit set unset export source . alias shopt ulimit "
    "wait basename dirname realpath readlink jq xxd od hexdump strings md5sum sha1sum sha256sum locate man help "
    "history pytest py.test mypy pyright flake8 pylint pyflakes pycodestyle activate read let declare local return "
    "break continue"
)
_READING_COMMANDS = {
    "git": word_set(
        "log show diff status blame annotate grep rev-parse rev-list ls-files ls-tree cat-file describe "
        "shortlog whatchanged merge-base name-rev reflog remote version --version"
    ),
    "pip": word_set("list show freeze check --version"),
    "conda": word_set("activate list info env"),
    "python": word_set("--version -V"),
    "node": word_set("--version -v"),
}
"""Programs of several commands to those that change nothing."""
_TEST_MODULES = frozenset({"pytest", "unittest", "mypy", "flake8", "pylint", "pyflakes", "doctest", "this"})
_DELETES = re.compile(r"-delete|-exec(?:dir)?|-ok(?:dir)?|-fprint\w*|-fls|-[xX]|--exec(?:-batch)?")
_CHANGING_OPTIONS = {
    "sed": re.compile(r"-[a-zA-Z]*i\S{0,8}|--in-place\S*"),
    "gawk": re.compile(r"-i|--include\S*"),
    "awk": re.compile(r"-i|--include\S*"),
    "find": _DELETES,
    "fd": _DELETES,
    "sort": re.compile(r"-[a-zA-Z]*o\S*|--output\S*"),
}
"""Read-only programs to the options that make them write."""
_WRITING_NAME = re.compile(r"write|edit|create|patch|replace|insert|delete|remove|move|rename|undo|apply|save|update")
_READING_CELL = re.compile(
    r"\s*(?:open_file|goto_line|scroll_down|scroll_up|search_dir|search_file|find_file)\([^\n;]*\)\s*"
)


def may_write(action: Action) -> bool:
    """Whether the action may change files: wide, for a repetition let through costs less than a check that is lost."""
    if is_python(action):
        return not all(_READING_CELL.fullmatch(value) for key, value in action.arguments if key == "code")
    kind = action_kind(action)
    if kind == "bash":
        return any(_command_writes(command) for command in action_commands(action))
    return kind in ("edit", "create") or (kind == "other" and bool(_WRITING_NAME.search(action.tool.lower())))


def _command_writes(command: Command) -> bool:
    if any(not file.startswith("/dev/") for file in command.writes):
        return True
    name = re.sub(r"^(python|pip|node)[\d.]*$", r"\1", command.name)
    arguments = command.words[1:]
    if name == "python" and arguments[:1] == ("-m",):
        return not _TEST_MODULES & set(arguments[1:2])
    if name in _READING_COMMANDS:
        verb = next((word for word in _plain(arguments) if word), "")
        return verb not in _READING_COMMANDS[name] and not set(arguments[:1]) & _READING_COMMANDS[name]
    if name in _CHANGING_OPTIONS and any(_CHANGING_OPTIONS[name].fullmatch(word) for word in arguments):
        return True
    return name not in _READ_ONLY


def _plain(arguments: tuple[str, ...]) -> list[str]:
    """Words that are no options, nor the values of git's own (`-C folder`, `-c key=value`)."""
    values = {place + 1 for place, word in enumerate(arguments) if word in ("-C", "-c")}
    return [word for place, word in enumerate(arguments) if not word.startswith("-") and place not in values]
