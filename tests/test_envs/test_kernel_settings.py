"""What a sandbox can open for writing in the kernel's own file systems: nothing that holds for the host."""

from __future__ import annotations

from envs.base import Sandbox

LOOK = r"""
import os, re, stat
# Of processes, which are the sandbox's own, and network settings, which belong to its own network namespace.
own = re.compile("/proc/([0-9]+|self|thread-self|sys/net)/|/proc/net/")
looked, opened = 0, []
for top in ("/proc", "/sys"):
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not own.match(f"{folder}/{name}/")]
        for path in (f"{folder}/{name}" for name in files):
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue  # A link is looked at where it leads; a device is what a masked file is.
            looked += 1
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                opened.append(path)
            except OSError:
                pass
print(looked > 100, opened)
"""


def test_no_setting_of_the_host_can_be_opened_for_writing(shared_sandbox: Sandbox) -> None:
    shared_sandbox.write_file("/testbed/look.py", LOOK.encode())
    result = shared_sandbox.run("python3 look.py", cwd="/testbed")
    assert (result.exit_code, result.output) == (0, "True []\n")


def test_the_handler_of_core_dumps_cannot_be_set(shared_sandbox: Sandbox) -> None:
    result = shared_sandbox.run("echo core > /proc/sys/kernel/core_pattern", cwd="/")
    assert result.exit_code != 0
