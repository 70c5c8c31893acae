"""The bundled episodes replayed: what agrees, what is reported when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.base import Backend, Spec
from envs.demo.place import placer
from envs.replay import EpisodeReplay, moved, recorded_root, replay_episode
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode, Turn

System = tuple[str, Backend, Spec]


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return read_episodes(EPISODES)[0]


def replay(system: System, episode: Episode, timeout: float = 20.0) -> EpisodeReplay:
    name, backend, spec = system
    return replay_episode(episode, backend, name, spec, timeout, placer(episode.instance_id))


def test_bundled_episodes_replay_the_same_to_the_last_step(system: System, episodes: list[Episode]) -> None:
    for episode in episodes[::10]:
        done = replay(system, episode)
        assert done.counts == {"same": len(episode.turns)}
        assert done.share == 1.0


def changed(episode: Episode, place: int, **fields: object) -> Episode:
    turns = list(episode.turns)
    turns[place] = replace(turns[place], **fields)  # type: ignore[arg-type]
    return replace(episode, turns=tuple(turns))


def test_a_record_that_says_otherwise_is_different_with_the_lines(system: System, episodes: list[Episode]) -> None:
    done = replay(system, changed(episodes[0], 1, observation="rates.py:9:def parse_rate(text):"))
    assert [step.status for step in done.steps[:3]] == ["same", "different", "same"]
    assert "-rates.py:9:def parse_rate(text):\n+rates.py:4:def parse_rate(text):" in done.steps[1].detail
    assert done.share == pytest.approx(6 / 7)


def test_a_tool_that_is_not_there_is_skipped_and_a_hanging_command_failed(
    system: System, episodes: list[Episode]
) -> None:
    hanging = Action("bash", (("command", "sleep 100"),))
    episode = changed(changed(episodes[0], 0, action=hanging), 1, action=Action("browser"))
    done = replay(system, episode, timeout=1.0)
    assert [step.status for step in done.steps[:3]] == ["failed", "skipped", "same"]
    assert done.to_json()["counts"] == {"failed": 1, "skipped": 1, "same": 5}


def test_the_recorded_repository_moves_to_where_it_stands_here() -> None:
    view = Action("str_replace_editor", (("command", "view"), ("path", "/workspace/a__b__1.0/x.py")))
    cd = Action("bash", (("command", "cd /workspace/a__b__1.0 && ls /workspace/a__b__1.0x"),))
    turns = (Turn("", view, "/workspace/a__b__1.0/x.py"), Turn("", cd, ""))
    episode = Episode("a__b-1", "t", "in /workspace/a__b__1.0 there is", turns, None, "x")
    assert recorded_root(episode) == "/workspace/a__b__1.0"
    here = moved(episode, "/testbed")
    assert here.turns[0].action.arguments[1] == ("path", "/testbed/x.py")
    assert here.turns[0].observation == "/testbed/x.py"
    assert here.turns[1].action.arguments[0][1] == "cd /testbed && ls /workspace/a__b__1.0x"
