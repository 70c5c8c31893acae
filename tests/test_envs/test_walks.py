"""Forks of many episodes' states for many threads: each its own, none closed while it is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from envs.base import Backend, Sandbox, Spec
from envs.errors import SandboxError
from envs.places import Places
from envs.replay import mover
from envs.toolbox import UnknownTool
from envs.walks import Walks
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode, Turn

System = tuple[str, Backend, Spec]


class Counting:
    """A backend that counts its starts, the first of which may fail."""

    def __init__(self, backend: Backend, failures: int = 0) -> None:
        self.backend, self.starts, self.failures = backend, 0, failures

    def why_not(self) -> str:
        return self.backend.why_not()

    def isolation(self) -> str:
        return self.backend.isolation()

    def start(self, spec: Spec) -> Sandbox:
        self.starts += 1
        if self.starts <= self.failures:
            raise SandboxError("not yet")
        return self.backend.start(spec)


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return read_episodes(EPISODES)[0][:3]


@pytest.fixture
def counting(system: System) -> Counting:
    return Counting(system[1])


@pytest.fixture
def walks(system: System, counting: Counting) -> Iterator[Walks]:
    walks = Walks(Places(system[0], counting, bundled=True, image=system[2].image, timeout=20.0), keep=1)
    yield walks
    walks.close()


def test_threads_see_their_own_step_s_state_and_share_one_walk(
    walks: Walks, counting: Counting, episodes: list[Episode]
) -> None:
    turns = episodes[0].turns

    def observe(step: int) -> str:
        with walks.before(episodes[0], step) as (tools, move):
            seen = tools.do(move(turns[step - 1].action)).text
            tools.sandbox.run("rm -rf /testbed/*", cwd="/")
            return seen

    steps = [*range(1, len(turns) + 1), 1, 2]
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(observe, steps))
    assert seen == [turns[step - 1].observation for step in steps]
    assert counting.starts == 1


def test_the_walk_not_used_for_longest_is_closed_and_one_in_use_is_not(
    walks: Walks, counting: Counting, episodes: list[Episode]
) -> None:
    with walks.before(episodes[0], 1) as (tools, _):
        for other in episodes[1:]:
            with walks.before(other, 1):
                pass
        assert tools.sandbox.run("ls").exit_code == 0
    with walks.before(episodes[0], 2):
        assert counting.starts == 3
    with walks.before(episodes[1], 1):
        assert counting.starts == 4


def test_a_failed_start_is_made_again_by_who_comes_next(system: System, episodes: list[Episode]) -> None:
    counting = Counting(system[1], failures=1)
    walks = Walks(Places(system[0], counting, bundled=True, image=system[2].image))
    with pytest.raises(SandboxError, match="not yet"), walks.before(episodes[0], 1):
        pass
    with walks.before(episodes[0], 1) as (tools, _):
        assert tools.sandbox.run("ls rates.py").exit_code == 0
    walks.close()


def test_a_state_behind_an_action_without_tool_cannot_be_reached(
    walks: Walks, counting: Counting, episodes: list[Episode]
) -> None:
    turns = (Turn("", Action("browser"), ""), *episodes[0].turns)
    strange = replace(episodes[0], turns=turns)
    with pytest.raises(UnknownTool, match=r"no tool 'browser' here, which .* step 2"), walks.before(strange, 2):
        pass
    assert counting.starts == 0


@pytest.mark.parametrize("beyond", [-1, 0, 2])
def test_a_step_that_the_episode_does_not_have_is_refused(
    walks: Walks, counting: Counting, episodes: list[Episode], beyond: int
) -> None:
    step = beyond if beyond < 1 else len(episodes[0].turns) + beyond
    with pytest.raises(ValueError, match=rf"has the steps 1 to \d+, found {step}$"), walks.before(episodes[0], step):
        pass
    assert counting.starts == 0


def test_an_action_that_names_the_recorded_repository_is_moved_to_the_one_here() -> None:
    view = Action("bash", (("command", "cat /workspace/a__b__1.0/x.py"),))
    move = mover(Episode("a__b-1", "t", "task", (Turn("", view, ""),), None, "x"), "/testbed")
    asked = Action("bash", (("command", "ls /workspace/a__b__1.0 /workspace/a__b__1.0x"),))
    assert move(asked).arguments == (("command", "ls /testbed /workspace/a__b__1.0x"),)
