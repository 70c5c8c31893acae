"""What files a sandbox holds below a directory, by way of a file of its own: observations are bounded, listings not."""

from __future__ import annotations

import shlex

from envs.base import Sandbox
from envs.errors import SandboxError


class Unreadable(SandboxError):
    """The sandbox lives, but its files cannot be listed: whoever worked in it broke its programs or its disk."""


def settle(sandbox: Sandbox) -> None:
    """End what earlier commands left running, before what they did is read: it could answer for the harness."""
    sandbox.run("true", cwd="/", fresh=True)


def listed(sandbox: Sandbox, root: str, command: str, scratch: str) -> list[str]:
    """The NUL-separated output of a command run in `root`, by way of the file `scratch`; Unreadable where it fails."""
    checked(sandbox, f"{{ {command}; }} > {scratch}", root)
    text = sandbox.read_file(scratch).decode(errors="surrogateescape")
    return [part for part in text.split("\0") if part]


def checked(sandbox: Sandbox, command: str, root: str) -> None:
    """Run a command that must succeed; Unreadable with the end of its output where it does not."""
    result = sandbox.run(command, cwd=root)
    if result.exit_code:
        raise Unreadable(f"the state of {shlex.quote(root)} cannot be read: {result.output.strip()[-300:]}")
