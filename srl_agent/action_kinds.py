"""What kind of call an action is, so that metrics can tell reading from editing: the tool, and what a shell runs.

Two models with the same mean reward may differ in where it comes from: `ls` is easily guessed, an edit is not.
"""

from __future__ import annotations

import re

from trajectories.errors import ParseError
from trajectories.gates.shell import Command, shell_commands, word_set
from trajectories.records import Action
from trajectories.render import parse_action
from trajectories.stats import action_kind

SHELL_CLASSES = {
    "read": word_set("cat head tail less more ls nl wc file stat tree pwd du diff cut awk sort uniq xxd hexdump jq"),
    "search": word_set("grep egrep fgrep zgrep rg ag ack find fd locate which whereis"),
    "edit": word_set("tee patch cp mv rm mkdir rmdir touch ln chmod chown truncate install dd unzip tar ed"),
    "git": word_set("git hg svn"),
    "run": word_set(
        "python python2 python3 pypy ipython pytest py.test tox nox nosetests nose2 unittest coverage make cmake ninja "
        "node npm npx yarn pnpm go cargo mvn gradle java javac ruby php gcc g++ bash sh pip pip3 uv poetry conda "
        "apt apt-get django-admin sphinx-build mypy pyright ruff flake8 pylint black isort"
    ),
}
"""Class of a shell line to the programs whose first use gives it; `sed` is decided by its options."""
IN_PLACE = {"sed": "read", "perl": "run"}
"""Programs that edit with the option -i (perl: -pi too), to their class without it."""
MOVES = word_set("cd pushd popd export source . set unset alias echo printf true : sleep activate")
"""Commands that only prepare what follows, and are looked past where something follows."""


def call_kind(text: str) -> str:
    """Kind of a call in canonical text: `view`, `edit`, `submit`, ..., and `bash-CLASS`; empty where it is no call.

    The names are those of `trajectories.stats.KINDS`, a shell line's with a class of SHELL_CLASSES or `other` behind.
    """
    try:
        action = parse_action(text)
    except ParseError:
        return ""
    kind = action_kind(action)
    return f"bash-{shell_class(_line(action))}" if kind == "bash" else kind


def shell_class(line: str) -> str:
    """The class of the first command that does more than prepare; reading or printing into a file is `edit`."""
    commands = shell_commands(line)
    first = main_command(line)
    if first is None:
        return "other"
    found = _program_class(first)
    written = found not in ("run", "git") and any(_written(command) for command in commands)
    return "edit" if written else found


def main_command(line: str) -> Command | None:
    """The first command that does more than prepare, else the first; None where there is none."""
    commands = [command for command in shell_commands(line) if command.words]
    return next((command for command in commands if command.name not in MOVES), commands[0] if commands else None)


def _program_class(command: Command) -> str:
    name = command.name.partition(".")[0] if command.name.startswith("python") else command.name  # python3.11
    if name in IN_PLACE:
        changes = any(re.match(r"-(p?i|-in-place)", word) for word in command.words[1:])
        return "edit" if changes else IN_PLACE[name]
    return next((kind for kind, programs in SHELL_CLASSES.items() if name in programs), "other")


def _line(action: Action) -> str:
    return next((value for name, value in action.arguments if name in ("command", "cmd")), "")


def _written(command: Command) -> bool:
    return any(not path.startswith("/dev/") for path in command.writes)
