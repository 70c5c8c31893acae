"""The tasks of the demonstration: a repository with one line broken, and the issue that tells of it.

`<name>.txt` holds the files of a repository, each under its heading, and `<name>.toml` its tasks.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from envs.errors import SandboxError

REPOS = Path(__file__).parent
HEADING = "--- "
REPOSITORIES = ("wallet", "textkit", "gridmap", "tempo", "tally")


@dataclass(frozen=True)
class DemoTask:
    """A planted bug and how the expert goes about it."""

    repo: str
    """Name of the repository (`<repo>.txt`)."""
    module: str
    function: str
    flow: str
    """Order of the expert's steps, a key of `envs.demo.expert.FLOWS`; the issue's wording goes with it."""
    issue: str
    fixed: str
    """The right line, without its indentation; it occurs once in the module."""
    broken: str
    cause: str
    """What is wrong with the broken line, as the expert puts it."""
    call: str = ""
    """The call the issue reports, for the flows that begin with it."""

    @property
    def instance_id(self) -> str:
        """Unique within the set: a function has one bug."""
        return f"{self.repo}__{self.function}"

    @property
    def path(self) -> str:
        """The file to mend, relative to the repository."""
        return f"{self.module}.py"


def load_tasks() -> tuple[DemoTask, ...]:
    """All tasks, repository by repository; SandboxError names the file with a key that DemoTask has not."""
    tasks: list[DemoTask] = []
    for repo in REPOSITORIES:
        file = REPOS / f"{repo}.toml"
        try:
            tasks += [DemoTask(repo=repo, **keys) for keys in tomllib.loads(file.read_text(encoding="utf-8"))["task"]]
        except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
            raise SandboxError(f"{file}: expected [[task]] tables with the fields of DemoTask: {error}") from error
    return tuple(tasks)


def repository_files(repo: str) -> dict[str, str]:
    """The files of a repository in its right state, path to text, the files common to all among them."""
    files: dict[str, str] = {}
    for bundle in (REPOS / "common.txt", REPOS / f"{repo}.txt"):
        for section in ("\n" + bundle.read_text(encoding="utf-8")).split("\n" + HEADING)[1:]:
            path, _, text = section.partition("\n")
            files[path] = text.rstrip("\n") + "\n"
    return files


def broken_files(task: DemoTask) -> dict[str, str]:
    """The files of the task's repository with its bug planted, path to text.

    Raises SandboxError when the line to break does not occur exactly once.
    """
    files = repository_files(task.repo)
    if files[task.path].count(task.fixed) != 1:
        raise SandboxError(f"{task.instance_id}: {task.path} must hold this line once: {task.fixed}")
    files[task.path] = files[task.path].replace(task.fixed, task.broken)
    if files[task.path].count(task.broken) != 1:
        raise SandboxError(f"{task.instance_id}: the broken line must be unique in {task.path}: {task.broken}")
    return files
