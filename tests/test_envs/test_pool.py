"""Jobs on threads: bounded, repeated only when a sandbox failed, ended in time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from envs.base import Spec
from envs.errors import SandboxError
from envs.local import LocalBackend
from envs.pool import ThreadPool


def test_every_item_has_one_outcome() -> None:
    outcomes = list(ThreadPool(4).map(lambda item: item * 2, range(50)))
    assert sorted((outcome.item, outcome.value) for outcome in outcomes) == [(n, 2 * n) for n in range(50)]


def test_no_more_jobs_run_at_once_than_there_are_workers() -> None:
    running, most, lock, meet = 0, 0, threading.Lock(), threading.Barrier(3)

    def work(item: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meet.wait(10)  # passes only when three run at once
        with lock:
            running -= 1

    list(ThreadPool(3).map(work, range(9)))
    assert most == 3


def test_items_are_read_only_as_there_is_room() -> None:
    read = Counter[str]()

    def items() -> Iterator[int]:
        for number in range(100):
            read["items"] += 1
            yield number

    outcomes = ThreadPool(2).map(lambda item: item, items())
    next(outcomes)
    assert read["items"] <= 2
    assert len(list(outcomes)) == 99


def test_a_sandbox_that_failed_is_tried_again_and_then_reported() -> None:
    tries: Counter[int] = Counter()

    def work(item: int) -> int:
        tries[item] += 1
        if item == 0 or tries[item] == 1:
            raise SandboxError(f"try {tries[item]}")
        return item

    outcomes = {outcome.item: outcome for outcome in ThreadPool(2, retries=2).map(work, [0, 1])}
    assert (outcomes[0].value, outcomes[0].error, outcomes[0].attempts) == (None, "try 3", 3)
    assert (outcomes[1].value, outcomes[1].error, outcomes[1].attempts) == (1, "", 2)


def test_any_other_failure_ends_the_whole() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ThreadPool(2).map(lambda item: 1 // item, [1, 0, 1]))


def test_no_job_begins_when_the_time_for_all_is_up() -> None:
    outcomes = list(ThreadPool(1, timeout=1e-9).map(lambda item: item, range(3)))
    assert [(outcome.value, outcome.error) for outcome in outcomes] == [
        (None, "its time was up, or that of all jobs")
    ] * 3


Host = tuple[LocalBackend, Spec]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("SRL_AGENT_STATE", str(tmp_path / "state"))
    return LocalBackend(), Spec("")


def sleep(host: Host, began: threading.Event, closed: list[str]) -> None:
    sandbox = host[0].start(host[1])
    try:
        began.set()
        sandbox.run("sleep 1000", 1000)
    finally:
        sandbox.close()
        closed.append("closed")


def test_a_job_whose_time_is_up_ends_in_its_command_and_closes_its_sandbox(host: Host) -> None:
    closed: list[str] = []
    pool = ThreadPool(1, job_timeout=1.0)
    outcomes = list(pool.map(lambda item: sleep(host, threading.Event(), closed), [0, 1]))
    assert [outcome.error for outcome in outcomes] == ["its time was up, or that of all jobs"] * 2
    assert closed == ["closed"] * 2


def test_the_time_of_all_jobs_ends_those_that_run(host: Host) -> None:
    closed: list[str] = []
    outcomes = list(ThreadPool(1, timeout=1.0).map(lambda item: sleep(host, threading.Event(), closed), [0, 1]))
    assert [outcome.attempts for outcome in outcomes] == [1, 0]
    assert closed == ["closed"]


def test_who_stops_reading_stops_the_jobs_and_their_sandboxes_close(host: Host) -> None:
    closed: list[str] = []
    began = threading.Event()

    def work(item: int) -> None:
        if item:
            sleep(host, began, closed)
        else:
            began.wait(30)

    outcomes = ThreadPool(2).map(work, [0, 1])
    assert next(outcomes).item == 0
    outcomes.close()  # type: ignore[attr-defined]
    assert closed == ["closed"]


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        ThreadPool(0)
