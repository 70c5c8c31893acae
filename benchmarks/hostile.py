"""What a hostile command achieves in a sandbox of each backend: attack, what happened, contained or not, as a table.

    python benchmarks/hostile.py [--backend docker bubblewrap] [--only NAME ...]

Each attack runs in a sandbox of its own, against marks on the host: a file in several folders, a process, listeners on
all addresses. `local` is not attacked: it isolates nothing. Exit status 1 when something is not contained.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hostile_harness import ON_THE_HARNESS, SECRET, disk_in_background
from hostile_host import FOLDERS, MARK, Host, marks
from hostile_probes import CALLS, CORES, DAEMON, DEVICES, KERNEL_FILES, MEMORY, MODULE, MOUNT, SETUID, SURFACE, TRY

from envs.base import Limits, Result, Sandbox, Spec, choose_backend
from envs.demo.place import demo_spec
from envs.errors import SandboxError

LIMITS = Limits(memory_mb=512, pids=128, cpus=1.0, disk_mb=256, flood_bytes=64 << 20)


@dataclass(frozen=True)
class Finding:
    """What came of an attack."""

    happened: str
    contained: bool


Attack = Callable[[Sandbox, Host], Finding]


def python(code: str) -> str:
    """A command that runs Python inside."""
    return f"python3 - <<'END'\n{TRY}{CALLS}{code.replace('MARK', MARK)}\nEND"


def marked() -> int:
    """Processes on the host whose command line has the mark."""
    count = 0
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            count += MARK.encode() in line.read_bytes()
    return count


def probes(code: str, allowed: tuple[str, ...] = ()) -> Attack:
    """An attack by a Python probe: contained when nothing but `allowed` was done."""

    def attack(sandbox: Sandbox, host: Host) -> Finding:
        result = sandbox.run(python(code), timeout=30, cwd="/")
        lines = [line for line in result.output.splitlines() if line]
        done = [line.split(" DONE")[0] for line in lines if " DONE" in line]
        said = "; ".join(line.replace(" refused:", ":") for line in lines)
        fine = bool(lines) and "Traceback" not in result.output and not set(done) - set(allowed)
        return Finding(said.replace(" DONE", ": ALLOWED"), fine)

    return attack


def endless_output(sandbox: Sandbox, host: Host) -> Finding:
    result = sandbox.run("cat /dev/zero | tr '\\0' x", timeout=60)
    kept = len(result.output)
    return Finding(f"killed after {result.duration:.1f} s, {kept} bytes kept", result.timed_out and kept < 70_000)


def daemon(sandbox: Sandbox, host: Host) -> Finding:
    result = sandbox.run(python(DAEMON), timeout=2)
    left = marked()
    return Finding(
        f"time-out reported after {result.duration:.1f} s, {left} processes left", result.timed_out and not left
    )


def fork_bomb(sandbox: Sandbox, host: Host) -> Finding:
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            peak[0] = max(peak[0], marked())

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = sandbox.run(f"{MARK}() {{ {MARK} | {MARK} & }}; {MARK}; sleep 1000", timeout=4)
    over.set()
    watcher.join()
    left = marked()
    note = f"at most {peak[0]} processes seen, {left} left after {result.duration:.1f} s"
    return Finding(note, peak[0] <= LIMITS.pids + 10 and not left)


def memory_bomb(sandbox: Sandbox, host: Host) -> Finding:
    result = sandbox.run(python(MEMORY), timeout=60)
    numbers = [int(line) for line in result.output.splitlines() if line.isdigit()]
    last = numbers[-1] if numbers else 0
    return Finding(f"ended with {result.exit_code} at {last} MB of {LIMITS.memory_mb}", last <= LIMITS.memory_mb)


def cores(sandbox: Sandbox, host: Host) -> Finding:
    result = sandbox.run(python(CORES), timeout=60)
    try:
        used = float(result.output.split()[-1])
    except (IndexError, ValueError):
        return Finding(last_line(result), False)
    return Finding(f"four loops used {used:.2f} cores of {LIMITS.cpus:g}", used < LIMITS.cpus * 1.3)


def fill_disk(folder: str, limit: int) -> Attack:
    def attack(sandbox: Sandbox, host: Host) -> Finding:
        write = f"for n in $(seq 40); do head -c 52428800 /dev/zero > {folder}/{MARK}$n || break; done"
        result = sandbox.run(write, timeout=60)
        size = sandbox.run(
            f"du -cm {folder}/{MARK}* | tail -1 | cut -f1; rm -f {folder}/{MARK}*; echo new > {folder}/x"
        )
        written = int((size.output.split() or ["0"])[0])
        again = "usable again once emptied" if not size.exit_code else f"then: {last_line(size)}"
        note = f"{written} MB of {limit} allowed ({last_line(result)}); {again}"
        return Finding(note, written <= limit * 1.05 and not size.exit_code)

    return attack


def kill_everything(sandbox: Sandbox, host: Host) -> Finding:
    result = sandbox.run("kill -9 -1; kill -9 $PPID; sleep 100", timeout=10)
    alive = host.process.poll() is None
    return Finding(f"exit code {result.exit_code}, shell replaced: {result.lost}; host's process lives: {alive}", alive)


def host_files(sandbox: Sandbox, host: Host) -> Finding:
    paths = [str(path) for path in host.files if not path.is_relative_to("/usr")]
    paths += [f"/proc/1/root{path}" for path in paths] + [f"/proc/self/cwd/../../..{path}" for path in paths]
    result = sandbox.run(f"cat {' '.join(paths)} 2>/dev/null; sha256sum < /etc/shadow; cat /proc/1/environ", cwd="/")
    shadow = hashlib.sha256(Path("/etc/shadow").read_bytes()).hexdigest() in result.output
    seen = result.output.count(host.secret)
    return Finding(
        f"{seen} of {len(paths)} paths to marked files read; host's shadow read: {shadow}", not (seen or shadow)
    )


def host_usr(sandbox: Sandbox, host: Host) -> Finding:
    result = sandbox.run(f"cat {' '.join(str(path) for path in host.files if path.is_relative_to('/usr'))}", cwd="/")
    seen = host.secret in result.output
    return Finding("the host's /usr can be read" if seen else "no such file", not seen)


def links(sandbox: Sandbox, host: Host) -> Finding:
    """Links that lead the harness, which reads and writes files for the tools, out of the sandbox."""
    victim = host.files[1]
    sandbox.run(
        f"ln -s {victim} /tmp/link; ln -s /proc/1/root{victim.parent} /tmp/folder; ln -s ../../../../.. /tmp/up"
    )
    stolen = []
    for path in ("/tmp/link", f"/tmp/folder/{victim.name}", f"/tmp/up{victim}"):
        with contextlib.suppress(OSError, SandboxError):
            stolen += [path] if host.secret.encode() in sandbox.read_file(path) else []
        with contextlib.suppress(OSError, SandboxError):
            sandbox.write_file(path, b"overwritten")
    intact = victim.read_text() == host.secret
    return Finding(f"read through {len(stolen)} of 3 links; host's file intact: {intact}", intact and not stolen)


def network(sandbox: Sandbox, host: Host) -> Finding:
    targets = [(address, host.port) for address in host.addresses] + [("1.1.1.1", 443), ("169.254.169.254", 80)]
    connect = "".join(
        f"say('{address}', lambda: socket.create_connection(('{address}', {port}), 2).close())\n"
        for address, port in targets
    )
    # An abstract Unix socket belongs to the network namespace, not to the files.
    connect += f"say('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0{MARK}'))\n"
    connect += "say('name', lambda: socket.getaddrinfo('example.com', 80) and None)\n"
    found = probes(connect)(sandbox, host)
    return replace(
        found,
        happened=f"{found.happened}; the host saw {len(host.reached)}",
        contained=found.contained and not host.reached,
    )


def write_outside(sandbox: Sandbox, host: Host) -> Finding:
    paths = [f"{folder}/{MARK}-written" for folder in (*FOLDERS, "/usr/bin", "/boot", "/var/lib", "/dev/shm")]
    result = sandbox.run(
        f"n=0; for p in {' '.join(paths)}; do echo x 2>/dev/null > $p && n=$((n+1)); done 2>/dev/null; echo $n", cwd="/"
    )
    outside = [path for path in paths if Path(path).exists()]
    return Finding(
        f"{result.output.split()[-1]} of {len(paths)} written inside, {len(outside)} on the host", not outside
    )


def ptrace(sandbox: Sandbox, host: Host) -> Finding:
    code = f"""
names = []
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: names.append(open(f'/proc/{{pid}}/cmdline').read())
    except OSError: pass
print('processes-seen:', len(names), 'of-the-host:', sum('{host.secret[::-1]}'[::-1] in name for name in names))
say('attach-by-host-pid', lambda: call(101, 16, {host.process.pid}, 0, 0))
say('signal-by-host-pid', lambda: os.kill({host.process.pid}, 0))
"""
    found = probes(code)(sandbox, host)
    return replace(found, contained=found.contained and "of-the-host: 0" in found.happened)


def harness(act: Callable[[Sandbox], tuple[str, bool]]) -> Attack:
    """An attack on the harness, which needs no marks on the host."""
    return lambda sandbox, host: Finding(*act(sandbox))


def last_line(result: Result) -> str:
    """The exit code and the end of what a command said."""
    lines = result.output.strip().splitlines()
    return f"exit code {result.exit_code}{': ' + lines[-1][-100:] if lines else ''}"


ATTACKS: dict[str, Attack] = {
    "endless output": endless_output,
    "daemon, forked twice, past a time-out": daemon,
    "fork bomb": fork_bomb,
    "memory bomb": memory_bomb,
    "all cores": cores,
    "disk full": fill_disk("/testbed", LIMITS.disk_mb),
    "/dev/shm full": fill_disk("/dev/shm", 64),
    "kill -9 -1 and the shell": kill_everything,
    "host's files": host_files,
    "host's /usr": host_usr,
    "links for the harness to follow": links,
    "network": network,
    "write outside": write_outside,
    "ptrace and signals to the driver": ptrace,
    "mount": probes(MOUNT),
    "device nodes": probes(DEVICES),
    "kernel module, reboot, clock": probes(MODULE),
    "/proc/sys, /sys": probes(KERNEL_FILES),
    "setuid binary": probes(SETUID),
    "rare system calls": probes(SURFACE),
    **{title: harness(act) for title, act in ON_THE_HARNESS.items()},
    "disk filled in the background": harness(lambda sandbox: disk_in_background(sandbox, LIMITS.disk_mb)),
}


def attack_all(name: str, spec: Spec, host: Host, only: list[str]) -> bool:
    """Run the battery against one backend, printing its rows; returns whether all was contained."""
    _, backend, _ = choose_backend(name)
    whole = True
    for title, attack in ATTACKS.items():
        if only and title not in only:
            continue
        host.reached.clear()
        begun = time.monotonic()
        with contextlib.closing(backend.start(replace(spec, limits=LIMITS))) as sandbox:
            try:
                found = attack(sandbox, host)
                after = sandbox.run("echo alive", cwd="/").output.strip()
            except SandboxError as error:
                found, after = Finding(f"the sandbox was lost: {error}", True), "gone, which the contract says"
        state = "" if after == "alive" else f"; afterwards {after}"
        verdict = "yes" if found.contained else "NO"
        whole &= found.contained
        print(
            f"| {name} | {title} | {found.happened}{state} | {verdict} | {time.monotonic() - begun:.1f} |", flush=True
        )
    return whole


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", nargs="+", default=["docker", "bubblewrap"])
    parser.add_argument("--only", nargs="+", default=[], choices=list(ATTACKS), metavar="ATTACK")
    options = parser.parse_args()
    os.environ[SECRET] = uuid.uuid4().hex
    print("| backend | attack | what happened | contained | s |\n|---|---|---|---|---|", flush=True)
    with marks() as host:
        whole = [attack_all(name, demo_spec(name), host, options.only) for name in options.backend]
    return 0 if all(whole) else 1


if __name__ == "__main__":
    sys.exit(main())
