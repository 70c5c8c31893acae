"""Speed and memory of reading expert episodes: bytes alone, the standard library's JSON, and our readers.

Writes a JSONL of made-up rows in the shape of SWE-Gym's OpenHands samples (some 60 messages and 170 kB a row, Python
source as observations) and reads it in one process a measurement, on one core each.
"""

from __future__ import annotations

import argparse
import inspect
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MEGABYTE = 1e6
ROUNDS = 29
"""Calls in a row; with the observations below a row has about 170 kB."""
OBSERVATION = 5000
"""Mean characters of an observation; the lengths are exponential, as most are short and some are files."""
THOUGHT = 300
COMMAND = 80


def main() -> None:
    """Print one row for each way of reading."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--gigabytes", type=float, default=0.2, help="size of the file (10^9 bytes)")
    parser.add_argument("--folder", type=Path, help="where the file is written, and deleted (default: temporary)")
    parser.add_argument("--read", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        print(json.dumps(measure(READERS[args.read], args.file)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        file = Path(folder) / "rows.jsonl"
        rows = write_rows(file, int(args.gigabytes * 1e9))
        size = file.stat().st_size
        print(f"{size / 1e9:.2f} GB, {rows} rows of {size / rows / 1e3:.0f} kB on average")
        print("reading       items   MB/s (wall)  MB/s (CPU)  peak MB  of json")
        baseline = 0.0
        for name in READERS:
            command = [sys.executable, __file__, "--read", name, "--file", str(file)]
            result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            speed, cpu = (size / MEGABYTE / result[key] for key in ("wall", "cpu"))
            baseline = cpu if name == "json" else baseline
            ratio = f"{cpu / baseline:.2f}" if baseline else "-"
            print(f"{name:<13} {result['items']:<7} {speed:<12.0f} {cpu:<11.0f} {result['peak_mb']:<8.0f} {ratio}")


def write_rows(file: Path, size: int) -> int:
    """Write rows until the file has `size` bytes; returns how many."""
    rng = random.Random(0)
    source = inspect.getsource(inspect) + inspect.getsource(argparse)
    count = 0
    with file.open("w", encoding="utf-8") as stream:
        while stream.tell() < size:
            stream.write(json.dumps(make_row(source, rng, count)) + "\n")
            count += 1
    return count


def make_row(source: str, rng: random.Random, number: int) -> dict[str, Any]:
    """One row: system prompt, task, and rounds of a thought (half of them empty), a call and an observation."""

    def text(mean: int) -> str:
        length = int(rng.expovariate(1 / mean)) + 1
        start = rng.randrange(len(source))
        return source[start : start + length]

    messages = [message("system", text(400)), message("user", text(5000))]
    for place in range(ROUNDS):
        call_id = f"call_{number}_{place}"
        call = {"name": "execute_bash", "arguments": json.dumps({"command": text(COMMAND)})}
        calls = [{"function": call, "id": call_id, "index": None, "type": "function"}]
        thought = text(THOUGHT) if rng.random() < 0.5 else ""
        messages.append(message("assistant", thought, tool_calls=calls))
        output = f"OBSERVATION:\n{text(OBSERVATION)}"
        messages.append(message("tool", output, tool_call_id=call_id, name="execute_bash"))
    return {"instance_id": f"owner__name-{number}", "run_id": "run_1", "resolved": True, "messages": messages}


def message(role: str, content: str, **more: Any) -> dict[str, Any]:
    """A message with all the keys that the source gives each."""
    empty = {"function_call": None, "name": None, "tool_call_id": None, "tool_calls": None}
    return {"content": content, "role": role, **empty, **more}


def lines_of(file: Path) -> Iterator[bytes]:
    """Bytes alone: what the disk and the line splitting allow."""
    with file.open("rb", buffering=1 << 20) as stream:
        yield from stream


def json_of(file: Path) -> Iterator[Any]:
    """The standard library's JSON, the baseline."""
    for line in lines_of(file):
        yield json.loads(line)


def rows_of(file: Path) -> Iterator[Any]:
    """Our rows, before any reader of a format."""
    from trajectories.sources import find_sources

    for source in find_sources(file):
        yield from source.rows()


def episodes_of(file: Path) -> Iterator[Any]:
    """Episodes, with detection and the loss report."""
    from trajectories.formats import iter_episodes

    yield from iter_episodes(file)


READERS: dict[str, Callable[[Path], Iterator[Any]]] = {
    "bytes": lines_of,
    "json": json_of,
    "rows": rows_of,
    "episodes": episodes_of,
}


def measure(read: Callable[[Path], Iterator[Any]], file: Path) -> dict[str, float]:
    """Items, seconds and the process's peak resident memory in MB (of Linux's /proc)."""
    wall, cpu = time.perf_counter(), time.process_time()
    items = sum(1 for _ in read(file))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return {"items": items, "wall": wall, "cpu": cpu, "peak_mb": peak_kib * 1024 / MEGABYTE}


if __name__ == "__main__":
    main()
