"""What a sandbox can write of the kernel's settings: nothing that holds for the host."""

from __future__ import annotations

from envs.base import Sandbox

# Network settings belong to the sandbox's own network namespace.
WRITABLE = "find /proc/sys /proc/irq /proc/bus /proc/fs -type f -writable -not -path '/proc/sys/net/*' 2>/dev/null"
TRY = "for f in $({find}); do (: >> $f) 2> /dev/null && echo $f; done; true"


def test_no_setting_of_the_host_can_be_opened_for_writing(shared_sandbox: Sandbox) -> None:
    assert shared_sandbox.run(TRY.replace("{find}", WRITABLE), cwd="/").output == ""


def test_the_handler_of_core_dumps_cannot_be_set(shared_sandbox: Sandbox) -> None:
    result = shared_sandbox.run("echo core > /proc/sys/kernel/core_pattern", cwd="/")
    assert result.exit_code != 0
