"""What a replay said of the episodes decides which steps are targets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.replays import apply_replay
from srl_agent.step_sets import load_step_data
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes


def write(path: Path, *records: object) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def record(traj_id: str, *statuses: str) -> dict[str, object]:
    steps = [{"step": number, "status": status} for number, status in enumerate(statuses, start=1)]
    share = sum(status == "same" for status in statuses) / len(statuses)
    return {"schema": "srl-agent/replay-1", "traj_id": traj_id, "share": share, "steps": steps}


def test_steps_that_did_not_reproduce_are_no_targets_and_poor_episodes_go(tmp_path: Path) -> None:
    episodes = read_episodes(EPISODES)[0][:3]
    first, second = (episode.traj_id for episode in episodes[:2])
    file = write(
        tmp_path / "replay.jsonl",
        record(first, "same", "different", "skipped", "failed", "same"),
        record(second, "different", "different"),
    )
    data = DataConfig(replayed=file, replay_share=0.1)
    found = apply_replay(data, episodes, {first: frozenset({4, 5})})
    assert [episode.traj_id for episode in found.kept] == [first]
    assert found.dropped_steps == {first: frozenset({2, 3, 4, 5, 6, 7})}
    assert found.line == (
        "replay: left out 1 episode without a record, 1 of which less than 0.1 came again (data.replay_share), "
        "and 4 single steps that did not come again (2 without a record, 1 different, 1 skipped) (data.replayed)"
    )


def test_nothing_is_said_of_a_share_that_was_not_asked(tmp_path: Path) -> None:
    episode = read_episodes(EPISODES)[0][0]
    file = write(tmp_path / "replay.jsonl", record(episode.traj_id, *["same"] * len(episode.turns)))
    line = apply_replay(DataConfig(replayed=file), [episode], {}).line
    assert line == "replay: left out 0 episodes without a record, and 0 single steps (data.replayed)"


def test_training_steps_are_those_that_came_again(tmp_path: Path) -> None:
    episodes = read_episodes(EPISODES)[0]
    file = write(tmp_path / "r.jsonl", *[record(e.traj_id, *["different"] * 2, *["same"] * 9) for e in episodes])
    sets = load_step_data(DataConfig(replayed=file, held_out_episodes=0), "", len).sets
    assert min(step.step for step in sets.train) == 3
    assert any(line.startswith("replay: ") for line in sets.summary)


NO_STATUS = '{"schema": "srl-agent/replay-1", "traj_id": "a", "share": 1, "steps": [{"step": 1}]}'


@pytest.mark.parametrize("content", ["{", "[]", NO_STATUS, '{"schema": "other"}', '{"schema": "srl-agent/replay-1"}'])
def test_a_file_that_is_no_replay_is_refused_by_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(record("a", "same")) + "\n" + content + "\n")
    with pytest.raises(ConfigError, match=r"r\.jsonl:2: expected a record of `srl-agent replay --json`"):
        apply_replay(DataConfig(replayed=str(path)), [], {})
