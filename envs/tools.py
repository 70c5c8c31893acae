"""The expert's tools over a host directory: `bash` and `str_replace_editor`, without any isolation.

For code that the project itself ships; the sandboxes will offer the same tools where foreign code may run.
Each call of `bash` is a fresh shell in the directory: no working directory or variable is carried over.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from envs.editor import edit
from envs.errors import SandboxError
from envs.output import BoundedOutput
from trajectories.records import Action

MAX_OUTPUT_BYTES = 4000


@dataclass(frozen=True)
class CommandResult:
    """What a command left: merged output, exit status (negative: the signal that killed it), and its time-out."""

    output: str
    exit_code: int
    timed_out: bool = False


def shell_environment() -> dict[str, str]:
    """The few variables a command sees, none of the caller's: same output everywhere, and no secrets.

    Raises SandboxError when no `python` would be found.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    if shutil.which("python", path=path) is None:
        raise SandboxError(f"no command `python` in {path}: run from a virtual environment, which has one")
    return {
        "PATH": path,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        # A .pyc written within the same second as an edit would show the code from before it.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run_bash(command: str, root: Path, timeout: float = 30.0, max_bytes: int = MAX_OUTPUT_BYTES) -> CommandResult:
    """Run a command with bash in `root` for at most `timeout` seconds, then kill what is left of its group.

    SandboxError when bash itself cannot be started. A process that leaves the group (setsid) survives.
    """
    try:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=root,
            env=shell_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise SandboxError(f"bash cannot be started in {root}: {error}") from error
    assert process.stdout is not None
    output = BoundedOutput(max_bytes)
    reader = threading.Thread(target=_drain, args=(process.stdout, output), daemon=True)
    reader.start()
    timed_out = _wait(process, timeout)
    # An escaped child may hold the pipe open for ever; what it prints from here on is not the command's.
    reader.join(1.0)
    return CommandResult(output.text(), process.returncode, timed_out)


def _drain(pipe: IO[bytes], output: BoundedOutput) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            output.add(chunk)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait for the command, then kill its group in any case; True when time ran out."""
    try:
        process.wait(timeout)
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def observe(action: Action, root: Path, timeout: float = 30.0) -> str:
    """Carry out an action in `root` and return its observation.

    Raises SandboxError for a tool or an argument that does not exist.
    """
    arguments = dict(action.arguments)
    if action.tool == "bash" and set(arguments) == {"command"}:
        return _shown(run_bash(arguments["command"], root, timeout), timeout)
    if action.tool == "str_replace_editor":
        return edit(arguments, root)
    if action.tool == "submit" and not arguments:
        return ""
    raise SandboxError(
        f"no tool '{action.tool}' with arguments {sorted(arguments)}; "
        "there are bash (command), str_replace_editor and submit (none)"
    )


def _shown(result: CommandResult, timeout: float) -> str:
    """The output as the expert sees it: an exit status other than 0 has a line of its own at the end."""
    lines = [result.output.rstrip("\n")] if result.output.strip() else []
    if result.timed_out:
        lines.append(f"[timed out after {timeout:g} s]")
    elif result.exit_code:
        lines.append(f"[exit status {result.exit_code}]")
    return "\n".join(lines)
