"""Put a demonstration task into a sandbox of any backend."""

from __future__ import annotations

from collections.abc import Callable

from envs.base import Limits, Sandbox, Spec
from envs.demo.task import DemoTask, broken_files, load_tasks
from envs.errors import SandboxError

IMAGES = {"docker": "srl-agent/base:bookworm", "bubblewrap": "", "local": ""}
"""What has bash, git and Python: docker/make-base-image makes it; bubblewrap borrows the host's system."""
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    # A .pyc written within the same second as an edit would show the code from before it.
    "PYTHONDONTWRITEBYTECODE": "1",
}
ROOT = "/testbed"


def demo_spec(backend: str, image: str = "") -> Spec:
    """The sandbox of a demonstration task; `image` in place of the backend's usual one."""
    limits = Limits(memory_mb=512, pids=128, disk_mb=256)
    return Spec(image or IMAGES.get(backend, ""), ROOT, ENVIRONMENT, limits, make_workdir=True)


def place(task: DemoTask, sandbox: Sandbox, root: str = ROOT) -> None:
    """Write the task's repository with its bug. SandboxError where there is no Python, or no room."""
    python = sandbox.run("command -v python3 && python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'", cwd="/")
    if python.exit_code:
        raise SandboxError(f"the demonstration needs Python 3.9 or newer in the sandbox: {python.output.strip()}")
    try:
        for path, text in broken_files(task).items():
            sandbox.write_file(f"{root}/{path}", text.encode())
    except OSError as error:
        raise SandboxError(f"{task.instance_id} cannot be written into the sandbox: {error}") from error
    link = "command -v python || ln -s $(command -v python3) /usr/local/bin/python"
    if sandbox.run(link, cwd=root).exit_code:
        raise SandboxError("there is no command `python` in the sandbox, and /usr/local/bin cannot be written")


def placer(instance_id: str, root: str = ROOT) -> Callable[[Sandbox], None]:
    """What puts the task of that id into a sandbox. SandboxError where the set has no such task."""
    task = next((task for task in load_tasks() if task.instance_id == instance_id), None)
    if task is None:
        raise SandboxError(f"{instance_id} is no task of the bundled set")
    return lambda sandbox: place(task, sandbox, root)
