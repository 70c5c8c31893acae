"""The sampled outputs of a run, read back: where they are, of which episodes, and step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srl_agent.config_load import read_yaml
from srl_agent.errors import ConfigError
from trajectories.records import Episode


@dataclass(frozen=True)
class Job:
    """A step with the distinct outputs that were sampled there."""

    episode: Episode
    step: int
    """Counted from 1."""
    outputs: Sequence[str]

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.episode.traj_id} step {self.step}"


def sample_files(path: Path) -> list[Path]:
    """The files of samples in a run's directory, in its samples folder, or the one given. ConfigError for none."""
    if not path.exists():
        raise ConfigError(f"{path} does not exist; expected a run's directory, its samples folder, or one of its files")
    if path.is_file():
        return [path]
    folder = path / "samples" if (path / "samples").is_dir() else path
    files = sorted(folder.rglob("*.jsonl"))
    if not files:
        raise ConfigError(f"{path}: no samples (*.jsonl) in it; expected a run's directory or its samples folder")
    return files


def episodes_path(given: str | None, samples: Path) -> tuple[str, str]:
    """The data that the run of these samples was trained on (empty: the bundled set), and who says so."""
    if given:
        return given, "--episodes"
    for folder in samples.absolute().parents:
        if (folder / "config.yaml").is_file():
            data = read_yaml(folder / "config.yaml").get("data") or {}
            return str(data.get("path") or ""), f"data.path of {folder / 'config.yaml'}"
    return "", "no --episodes, and no config.yaml of a run above the samples"


def read_jobs(files: Sequence[Path], episodes: Mapping[str, Episode], limit: int = 0) -> Iterator[Job]:
    """The sampled steps of the first `limit` episodes (0: of all) that are known, an episode's steps in their order.

    ConfigError names the line that is no group of samples.
    """
    outputs: dict[str, dict[int, dict[str, None]]] = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
            if not line.strip():
                continue
            try:
                group = json.loads(line)
                texts = [str(output["text"]) for output in group["outputs"]]
                steps = outputs.setdefault(str(group["traj_id"]), {})
                steps.setdefault(int(group["step"]), {}).update(dict.fromkeys(texts))
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(f"{file}:{number}: expected a group of a run's samples folder: {error!r}") from error
    known = [traj_id for traj_id in outputs if traj_id in episodes]
    for traj_id in known[: limit or None]:
        for step, texts_of_step in sorted(outputs[traj_id].items()):
            if not 1 <= step <= len(episodes[traj_id].turns):
                raise ConfigError(f"{traj_id} has no step {step}: the samples are of other episodes (--episodes)")
            yield Job(episodes[traj_id], step, list(texts_of_step))
