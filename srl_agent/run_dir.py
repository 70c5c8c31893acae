"""A run directory: resolved configuration, provenance, metrics, samples and checkpoints, none of them half-written."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from srl_agent.errors import ConfigError

MARKER = "complete.json"
"""Written into a checkpoint last of all; a folder without it is the remains of a killed run."""
PACKAGES = (
    "srl-agent",
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "datasets",
    "vllm",
    "difflib-fast",
    "cydifflib",
    "swebench",
)


def digest(value: Any) -> str:
    """SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary name first, then renamed."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """See `write_text`."""
    work = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            work.write_bytes(content)
            work.replace(path)
        finally:
            work.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """A full disk names no file at all, and a user knows no temporary name."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write one JSON record, whole or not at all."""
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def append_jsonl(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Add lines to a JSONL file in one write, so that a kill cuts at most the last line."""
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file; a last line that a kill has cut is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def forget_after(run: Path, stage: str, step: int) -> None:
    """Drop metrics and samples of the stage past `step`: a resumed run writes them again."""
    metrics = run / "metrics.jsonl"
    kept = [row for row in read_jsonl(metrics) if row["stage"] != stage or row["step"] <= step]
    if metrics.is_file():
        write_text(metrics, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))
    for path in (run / "samples").glob(f"{stage}-*.jsonl"):
        if int(path.stem.rpartition("-")[2]) > step:
            path.unlink()


def complete_checkpoints(stage_dir: Path) -> list[Path]:
    """Checkpoints of a stage that were written to the end and not begun to be deleted, oldest first."""
    found = [path.parent for path in stage_dir.glob(f"checkpoint-*/{MARKER}") if _whole(path.parent)]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def _whole(checkpoint: Path) -> bool:
    return all((checkpoint / name).exists() for name in marker(checkpoint).get("files", ()))


def best_checkpoint(stage_dir: Path) -> Path | None:
    """The checkpoint that did best on what is held out, the later of equals; the last one where none was evaluated."""
    found = complete_checkpoints(stage_dir)
    scores = {path: marker(path)["score"] for path in found if "score" in marker(path)}
    return max(reversed(scores), key=lambda path: scores[path]) if scores else found[-1] if found else None


def remove_remains(stage_dir: Path) -> list[str]:
    """Delete checkpoints that a kill left half written or half deleted, which would count among those to keep."""
    complete = complete_checkpoints(stage_dir)
    remains = [path for path in sorted(stage_dir.glob("checkpoint-*")) if path not in complete]
    for path in remains:
        shutil.rmtree(path)
    return [path.name for path in remains]


def beginning(stage_dir: Path, weights: str) -> str:
    """Where a stage begins, for its heading: behind its last checkpoint, or with the `weights` of a fresh start."""
    found = complete_checkpoints(stage_dir)
    return f"going on at {found[-1]} with step {marker(found[-1])['step'] + 1}" if found else f"from {weights}"


def marker(checkpoint: Path) -> dict[str, Any]:
    """What the marker of a complete checkpoint says: stage, step, max_steps and the stage's own state."""
    record: dict[str, Any] = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
    return record


def check_untaken(output: str) -> None:
    """ConfigError where a run stands there already; an empty name is free."""
    run = Path(output)
    if output and ((run / "config.yaml").exists() or (run.exists() and not run.is_dir())):
        raise ConfigError(
            f"output: {run} is already taken; go on with it through --resume {run}, or name another with --output"
        )


def new_run(output: str, default: Path) -> Path:
    """A fresh run directory. ConfigError where a run stands there already."""
    run = Path(output) if output else default
    check_untaken(str(run))
    run.mkdir(parents=True, exist_ok=True)
    return run


def checkpoint_bytes(parameters: int, sharding: str = "") -> int:
    """Of a checkpoint that trains so many parameters: float32 weights and two moments of Adam.

    Where the weights are sharded accelerate writes them once more, to go on from.
    """
    return (16 if sharding else 12) * parameters


def free_bytes(folder: Path) -> int:
    """Room on the disk where a folder stands, or is to stand."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def check_space(folder: Path, parameters: int, checkpoints: int, sharding: str = "") -> None:
    """Refuse to begin what the disk cannot hold."""
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = checkpoint_bytes(parameters, sharding) * checkpoints, free_bytes(folder)
    if free < needed:
        raise ConfigError(
            f"output: {folder} has {free / 1e9:.1f} GB free, and {checkpoints} checkpoints of {parameters / 1e6:.0f} M "
            f"parameters take {needed / 1e9:.1f} GB; make room, or name another disk with --output"
        )


def provenance(extra: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json records: versions, commit and hardware, with the caller's facts."""
    return {
        "schema": "srl-agent/run-1",
        "versions": _versions(),
        "commit": _commit(),
        "host": _host(),
        **extra,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """The commit of the source tree this runs from, marked `+dirty` where files differ; None outside a checkout."""
    folder = Path(__file__).resolve().parent
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return head + ("+dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _host() -> dict[str, Any]:
    return {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count()}
