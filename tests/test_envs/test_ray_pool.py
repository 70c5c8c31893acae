"""Jobs on a Ray cluster of two machines (two raylets of this one): where they run, what ends them, what they leave."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envs.base import Spec
from envs.errors import SandboxError

# Slow for what a cluster of two takes to start. Ray itself warns when it is imported and started.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
NODES = ("here", "there")


@pytest.fixture(scope="module")
def pool() -> Iterator[Callable[..., Any]]:
    """The class RayPool, with a cluster of two machines of two cores joined: each has the image of its name."""
    try:
        import ray
        from ray.cluster_utils import Cluster
    except ImportError as error:
        # Not in the extra `test`, so no fault under CI either.
        pytest.skip(f"{error}; pip install 'srl-agent[ray]'")
    from envs.ray_pool import RayPool, resources

    cluster = Cluster()
    for name in NODES:
        cluster.add_node(num_cpus=2, resources=resources([name, "both"]))
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    yield RayPool
    ray.shutdown()
    cluster.shutdown()


def machine(_: object) -> str:
    """Which machine a job runs on: the resource of its own image."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    said = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == here)
    return next(name for name in ("here", "there") if f"image:{name}" in said)


def leftovers(run_id: str) -> list[Any]:
    """What sandboxes of a run have on the engine, dead or alive."""
    from envs.hygiene import docker_leftovers

    return [left for left in docker_leftovers() if left.owner and left.owner.run_id == run_id]


def wait_for(true: Callable[[], bool]) -> None:
    """Return when that is true; fail when it is not within a minute."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_every_item_has_one_outcome(pool: Callable[..., Any]) -> None:
    outcomes = list(pool(4).map(lambda item: item * 2, range(50)))
    assert sorted((outcome.item, outcome.value) for outcome in outcomes) == [(n, 2 * n) for n in range(50)]


def test_a_job_runs_where_its_image_is(pool: Callable[..., Any]) -> None:
    outcomes = pool(4, image_of=lambda item: NODES[item % 2]).map(_by_value(machine), range(12))
    assert {(NODES[outcome.item % 2], outcome.value) for outcome in outcomes} == {(name, name) for name in NODES}


def test_jobs_are_spread_over_the_machines_that_have_the_image(pool: Callable[..., Any]) -> None:
    outcomes = list(pool(4, image_of=lambda _: "both").map(_by_value(machine), range(12)))
    assert {outcome.value for outcome in outcomes} == set(NODES)


def test_a_job_whose_image_no_machine_has_runs_anywhere(pool: Callable[..., Any]) -> None:
    outcomes = list(pool(2, image_of=lambda _: "nowhere").map(_by_value(machine), range(4)))
    assert {outcome.value for outcome in outcomes} <= set(NODES) and not any(outcome.error for outcome in outcomes)


def test_items_are_read_only_as_there_is_room(pool: Callable[..., Any]) -> None:
    read = Counter[str]()

    def items() -> Iterator[int]:
        for number in range(20):
            read["items"] += 1
            yield number

    outcomes = pool(2).map(lambda item: item, items())
    next(outcomes)
    assert read["items"] <= 2
    assert len(list(outcomes)) == 19


def test_a_sandbox_that_failed_is_tried_again_and_then_reported(pool: Callable[..., Any], tmp_path: Path) -> None:
    def work(item: int) -> int:
        tries = tmp_path / str(item)
        number = len(tries.read_text()) + 1 if tries.exists() else 1
        tries.write_text("." * number)
        if item == 0 or number == 1:
            raise SandboxError(f"try {number}")
        return item

    outcomes = {outcome.item: outcome for outcome in pool(2, retries=2).map(work, [0, 1])}
    assert (outcomes[0].value, outcomes[0].error, outcomes[0].attempts) == (None, "try 3", 3)
    assert (outcomes[1].value, outcomes[1].error, outcomes[1].attempts) == (1, "", 2)


def test_a_job_whose_worker_died_is_tried_again(pool: Callable[..., Any], tmp_path: Path) -> None:
    def work(item: int) -> int:
        if not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os._exit(1)
        return item

    (outcome,) = pool(1).map(work, [7])
    assert (outcome.value, outcome.attempts) == (7, 2)


def test_any_other_failure_ends_the_whole(pool: Callable[..., Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        list(pool(2).map(lambda item: 1 // item, [1, 0, 1]))


def test_what_runs_or_waits_is_interrupted_when_the_time_for_all_is_up(pool: Callable[..., Any]) -> None:
    outcomes = list(pool(6, timeout=3.0).map(lambda _: time.sleep(600), range(8)))  # four cores: two wait in Ray
    assert [(outcome.value, outcome.error) for outcome in outcomes] == [(None, "the time for all jobs was up")] * 8
    assert sorted(outcome.attempts for outcome in outcomes) == [0, 0, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("careful", [True, False], ids=["that close theirs", "that forget theirs"])
def test_a_closed_map_leaves_no_sandbox_of_jobs(pool: Callable[..., Any], docker_image: str, careful: bool) -> None:
    run_id = f"ray-pool-{os.getpid()}-{careful}"

    def work(item: int) -> str:
        from envs.base import find_backend

        if item == 0:
            wait_for_two()
            return "two sandboxes run"
        sandbox = find_backend("docker").start(Spec(docker_image, "/", run_id=run_id))
        if not careful:
            return sandbox.run("sleep 600", timeout=700).output
        with contextlib.closing(sandbox):
            return sandbox.run("sleep 600", timeout=700).output

    def wait_for_two() -> None:
        from envs.hygiene import docker_leftovers

        while sum(left.owner is not None and left.owner.run_id == run_id for left in docker_leftovers()) < 2:
            time.sleep(0.05)

    outcomes = pool(3).map(work, range(3))
    assert next(outcomes).value == "two sandboxes run"
    outcomes.close()
    if not careful:
        from envs.hygiene import reap

        # The next sandbox that starts on that machine does this; the workers' processes end with what they leave.
        wait_for(lambda: all(left.dead for left in leftovers(run_id)))
        reap(leftovers(run_id))
    wait_for(lambda: not leftovers(run_id))


def test_a_pool_without_workers_or_cluster_is_refused() -> None:
    pytest.importorskip("ray")
    import ray

    from envs.ray_pool import RayPool

    with pytest.raises(ValueError, match="at least one worker"):
        RayPool(0)
    if not ray.is_initialized():
        with pytest.raises(SandboxError, match="call ray"):
            RayPool(1)


def _by_value(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of this module, which the cluster's processes cannot import, as one that travels whole."""
    import ray.cloudpickle

    ray.cloudpickle.register_pickle_by_value(__import__(function.__module__, fromlist=["x"]))
    return function
