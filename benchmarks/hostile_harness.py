"""What `hostile.py` tries against the harness itself: its results, secrets and memory, its disk between commands.

An attack is a function of a sandbox that returns (what happened, whether it was contained).
"""

from __future__ import annotations

import contextlib
import os
import resource
import time

from envs.base import Sandbox

SECRET = "SRL_AGENT_HOSTILE_SECRET"
FORGE = """(setsid bash -c 'while sleep 0.05; do for p in /proc/[0-9]*; do for n in 0 1 2 3; do
echo "printf() { builtin printf \\"all tests passed\\n%s%s 0\\n\\" \\"\\$2\\" \\"\\$3\\"; }" > $p/fd/$n
done; done; done' >/dev/null 2>&1 &)"""
TRACE = """(setsid python3 -c '
import ctypes, os, time
libc = ctypes.CDLL(None)
traced = set()
while True:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid() and libc.ptrace(16, int(pid), 0, 0) == 0:
            traced.add(pid)
            libc.waitpid(int(pid), 0, 0x40000000)
            libc.ptrace(17, int(pid), 0, 0)
            open("/tmp/traced", "a").write(open(f"/proc/{pid}/comm").read())
    time.sleep(0.01)
' >/dev/null 2>&1 &)"""


def forged_results(sandbox: Sandbox) -> tuple[str, bool]:
    sandbox.run(FORGE)
    plain, fresh = sandbox.run("sleep 0.3; exit 7"), sandbox.run("sleep 0.3; exit 7", fresh=True)
    said = "forged output" if "passed" in plain.output else "no forged output"
    return (
        f"`exit 7` gave {plain.exit_code}, {said}; fresh {fresh.exit_code}",
        plain.exit_code == fresh.exit_code == 7 and not fresh.output,
    )


def traced_shell(sandbox: Sandbox) -> tuple[str, bool]:
    shell = sandbox.run("echo $PPID").output.strip()
    sandbox.run(TRACE)
    sandbox.run("sleep 1")
    sandbox.run("true", fresh=True)
    seen = sandbox.run("sort -u /tmp/traced; true").output.split()
    opened = sandbox.run(f"(exec 3<>/proc/{shell}/mem) 2>/dev/null && echo opened").output
    return f"traced: {', '.join(seen) or 'nothing'}; shell's memory {opened.strip() or 'closed'}", not opened


def late_and_timely(sandbox: Sandbox) -> tuple[str, bool]:
    sandbox.run(
        "printf '#!/bin/bash\\nshift 3; \"$@\"; exit 0' > /usr/local/bin/timeout; chmod 755 /usr/local/bin/timeout"
    )
    result = sandbox.run("trap 'exit 0' TERM; (setsid sleep 500 &); sleep 500 & wait", timeout=2)
    left = sandbox.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 50[0]'").output.strip()
    return f"timed out: {result.timed_out} after {result.duration:.1f} s, {left} left", result.timed_out and left == "0"


def environments(sandbox: Sandbox) -> tuple[str, bool]:
    seen = sandbox.run("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | head -c 60000")
    stolen = os.environ[SECRET] in seen.output
    return f"{len(seen.output.splitlines())} words read, the harness's secret among them: {stolen}", not stolen


def huge_read(sandbox: Sandbox) -> tuple[str, bool]:
    sandbox.run("truncate -s 8G /tmp/huge || truncate -s 250M /tmp/huge; ln -s /proc/kcore /tmp/kcore")
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    refused = []
    for path in ("/tmp/huge", "/tmp/kcore"):
        try:
            sandbox.read_file(path)
        except OSError as error:
            refused.append(error.strerror or "")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    return (
        f"refused: {'; '.join(refused)}; {grown} MB more memory, {time.monotonic() - begun:.1f} s",
        len(refused) == 2 and grown < 200,
    )


def forbidden_read(sandbox: Sandbox) -> tuple[str, bool]:
    sandbox.run("echo secret > /tmp/closed; chmod 000 /tmp/closed")
    read = []
    for path in ("/tmp/closed", "/proc/kallsyms", "/proc/1/environ", "/proc/self/environ"):
        with contextlib.suppress(OSError):
            sandbox.read_file(path)
            read.append(path)
    return f"read: {', '.join(read) or 'none'} of 4", not read


def disk_in_background(sandbox: Sandbox, limit: int) -> tuple[str, bool]:
    write = "for n in $(seq 40); do head -c 52428800 /dev/zero > /testbed/fill$n || break; sleep 0.3; done; sleep 1000"
    sandbox.run(f"(setsid bash -c '{write}' >/dev/null 2>&1 &)")
    time.sleep(15)
    sizes = sandbox.run("true; du -cm /testbed/fill* | tail -1 | cut -f1", fresh=True).output.split()
    written = max([int(word) for word in sizes if word.isdigit()], default=0)
    return f"{written} MB of {limit} after 15 s", written <= limit * 1.5


ON_THE_HARNESS = {
    "forged results": forged_results,
    "tracing the shell": traced_shell,
    "late, with timeout replaced": late_and_timely,
    "the harness's environment": environments,
    "huge files to read": huge_read,
    "files not to be read": forbidden_read,
}
