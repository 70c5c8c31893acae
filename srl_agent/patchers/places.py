"""Where the tasks of an evaluation are worked on: a sandbox of each task's image, or of the bundled demonstration."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from envs.base import Backend, Limits, Sandbox, Spec
from envs.demo.place import demo_spec, place
from envs.demo.task import DemoTask, broken_files, load_tasks, repository_files
from envs.errors import SandboxError
from envs.image_context import COMMIT
from envs.images import is_here, task_image
from envs.leaks import cut_history, leaks
from envs.places import REPRODUCIBLE
from srl_agent.patchers import Kit, Patched, Patcher
from srl_agent.patchers.asking import Asking
from srl_agent.swe_eval.records import Task

Open = Callable[[Task], Sandbox]
"""Starts the sandbox of a task, its repository at the state that the task begins from. SandboxError where it cannot."""


def work_on(task: Task, patcher: Patcher, start: Open, asking: Asking, kit: Kit) -> Patched:
    """Let a patcher work on a task in a sandbox of its own, which is closed at the end; for one of many threads.

    Nothing is shared with other tasks but the model: after a SandboxError it can be called again, and asks with the
    same seeds.
    """
    with asking.of(task.instance_id) as ask:  # before the sandbox: the others' prompts wait for this task's
        sandbox = start(task)
        try:
            return patcher(task, sandbox, ask, kit)
        finally:
            sandbox.close()


def absent_images(tasks: Iterable[Task]) -> list[str]:
    """Names of the tasks' images that the engine does not have. SandboxError where none answers."""
    return [name for name in sorted({_image(task) for task in tasks}) if not is_here(name)]


def _image(task: Task) -> str:
    return task_image({"image": task.image, "instance_id": task.instance_id})


def images(backend: Backend, limits: Limits, root: str = "/testbed") -> Open:
    """Sandboxes of the tasks' images, without what would tell the solution."""

    def start(task: Task) -> Sandbox:
        sandbox = backend.start(Spec(_image(task), root, dict(REPRODUCIBLE), limits))
        return _prepared(sandbox, lambda sandbox: hide_solution(task, sandbox, root))

    return start


def hide_solution(task: Task, sandbox: Sandbox, root: str = "/testbed") -> None:
    """Cut a history that goes on past the base commit. SandboxError where something else tells the solution."""

    def found() -> list[str]:
        return leaks(sandbox, base_commit=task.base_commit, test_patch=task.test_patch, root=root)

    if not found():
        return
    cut_history(sandbox, root)
    if left := found():
        raise SandboxError(f"{task.instance_id}: the sandbox tells the solution: {'; '.join(left)}")


def demo_tasks() -> tuple[Task, ...]:
    """The bundled tasks; `envs.task_tests.demo_tests` has what decides them."""
    return tuple(map(demo_task, load_tasks()))


def demo_task(task: DemoTask) -> Task:
    """A bundled task as one of a benchmark, the mended line being its gold patch."""
    before, after = (
        files[task.path].splitlines(keepends=True) for files in (broken_files(task), repository_files(task.repo))
    )
    lines = difflib.unified_diff(before, after, f"a/{task.path}", f"b/{task.path}")
    gold = f"diff --git a/{task.path} b/{task.path}\n" + "".join(lines)
    return Task(task.instance_id, f"demo/{task.repo}", "", task.issue, gold, "", (task.function, "all"), (), "", "", "")


def demo_sandboxes(name: str, backend: Backend, image: str = "") -> Open:
    """Sandboxes of the bundled tasks on the backend of that name, each with a history of one commit."""
    by_id = {task.instance_id: task for task in load_tasks()}

    def start(task: Task) -> Sandbox:
        if task.instance_id not in by_id:
            raise SandboxError(f"{task.instance_id} is no task of the bundled set")
        sandbox = backend.start(demo_spec(name, image))
        return _prepared(sandbox, lambda sandbox: _commit(by_id[task.instance_id], sandbox))

    return start


def _prepared(sandbox: Sandbox, prepare: Callable[[Sandbox], None]) -> Sandbox:
    try:
        prepare(sandbox)
    except BaseException:
        sandbox.close()
        raise
    return sandbox


def _commit(task: DemoTask, sandbox: Sandbox) -> None:
    place(task, sandbox)
    made = sandbox.run(COMMIT)
    if made.exit_code:
        raise SandboxError(f"{task.instance_id}: no commit could be made in the sandbox: {made.output.strip()[-300:]}")
