"""The scripted expert: a flow is an order of steps, each of which reads what it needs from earlier observations."""

from __future__ import annotations

from collections.abc import Callable

from envs.demo.task import DemoTask
from envs.errors import SandboxError
from trajectories.records import Action, Turn

VIEWED_LINES = 3
"""Enough to see every planted bug; the line that `grep` reports is the first."""

Step = Callable[[DemoTask, list[Turn]], tuple[str, Action]]
"""(task, turns so far) -> (thought, next action)"""


def bash(command: str) -> Action:
    """An action of the tool `bash`."""
    return Action("bash", (("command", command),))


def editor(command: str, path: str, **arguments: str) -> Action:
    """An action of the tool `str_replace_editor`."""
    return Action("str_replace_editor", (("command", command), ("path", path), *arguments.items()))


def call(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """Make the call that the issue reports."""
    code = f"from {task.module} import {task.function}; print({task.call})"
    return f"Reproduce the result of `{task.call}` first.", bash(f'python -c "{code}"')


def cases(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """Read the checks of the function."""
    return f"See what is expected of `{task.function}`.", editor("view", f"checks/{task.function}.txt")


def check(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """Run the checks of the function, before the edit to see them fail, after it to see them pass."""
    edited = any(("command", "str_replace") in turn.action.arguments for turn in turns)
    thought = f"Check that `{task.function}` is right now." if edited else f"See how `{task.function}` fails."
    return thought, bash(f"python run_tests.py {task.function}")


def check_all(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """Run the checks of the whole repository."""
    return "Make sure that nothing else broke.", bash("python run_tests.py")


def locate(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """Find the function's file and line."""
    return f"Find where `{task.function}` is defined.", bash(f'grep -n "def {task.function}" *.py')


def read(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """View the function where `grep` found it."""
    found = next((turn.observation for turn in turns if f"def {task.function}(" in turn.observation), "")
    path, _, rest = found.partition(":")
    number = rest.partition(":")[0]
    if path != task.path or not number.isdigit():
        raise SandboxError(f"{task.instance_id}: grep should have found the function in {task.path}; got: {found}")
    view_range = f"[{number}, {int(number) + VIEWED_LINES - 1}]"
    return f"Read `{task.function}` from line {number} on.", editor("view", path, view_range=view_range)


def mend(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """Replace the broken line, which the expert must have seen."""
    if not any(task.broken in turn.observation for turn in turns):
        raise SandboxError(f"{task.instance_id}: the expert has not seen the line it is to edit: {task.broken}")
    return task.cause, editor("str_replace", task.path, old_str=task.broken, new_str=task.fixed)


def submit(task: DemoTask, turns: list[Turn]) -> tuple[str, Action]:
    """End the episode."""
    return "The checks pass; submit.", Action("submit")


FLOWS: dict[str, tuple[Step, ...]] = {
    # The issue gives a call with its result and the file.
    "call": (call, locate, read, mend, check, check_all, submit),
    # The issue says that checks fail.
    "check": (check, locate, read, mend, check, submit),
    # The issue asks for what the function should do.
    "locate": (locate, read, check, mend, check, check_all, submit),
    # The issue points to the file of the checks.
    "cases": (cases, locate, read, check, mend, check, check_all, submit),
}
