"""The bundled demonstration set, recorded by `python -m envs.record`: where its file is."""

from pathlib import Path

EPISODES = Path(__file__).parent / "episodes.jsonl"
