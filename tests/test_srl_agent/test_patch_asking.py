"""One model for the threads of many tasks: what is drawn together, with which seeds, and what ends the waiting."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from chat_endpoint import completion, endpoint

from envs.interrupt import Interrupted, job
from srl_agent.answers import Sampling, seed_of
from srl_agent.chat_server import ChatServer, Server
from srl_agent.errors import ModelError
from srl_agent.local_answers import LocalModel
from srl_agent.patchers.asking import Asking
from srl_agent.scripted import Scripted
from srl_agent.testing import byte_tokenizer, save_tiny
from trajectories.records import Message

NAMES = ["a", "b", "c"]


def prompt(name: str, turn: int) -> list[Message]:
    return [Message("user", f"task {name} turn {turn}")]


def played(asking: Asking, turns: dict[str, int]) -> dict[str, list[str]]:
    """The outputs of each task, which asks as often as `turns` says; all begin together."""
    together = threading.Barrier(len(turns))

    def play(name: str) -> list[str]:
        with asking.of(name) as ask:
            together.wait()
            return [ask(prompt(name, turn)).text for turn in range(turns[name])]

    with ThreadPoolExecutor(len(turns)) as pool:
        return dict(zip(turns, pool.map(play, turns), strict=True))


def scripts(turns: int = 3) -> dict[str, list[str]]:
    return {f"task {name} ": [f"{name}{turn}" for turn in range(turns)] for name in NAMES}


@pytest.mark.parametrize(("together", "threads"), [(0, True), (0, False), (2, False), (8, False)])
def test_each_task_gets_its_own_outputs_in_order(together: int, threads: bool) -> None:
    asking = Asking(Scripted(scripts(), together, threads=threads), 0, patience=60)
    turns = dict.fromkeys(NAMES, 3)
    assert played(asking, turns) == {name: [f"{name}{turn}" for turn in range(3)] for name in NAMES}


def test_a_local_model_draws_what_waits_together_in_the_order_of_the_names() -> None:
    model = Scripted(scripts(), 8, threads=False)
    played(Asking(model, 0, patience=60), {"c": 1, "a": 3, "b": 2})
    shown = [[message.content for (message,) in prompts] for prompts in model.asked]
    assert shown == [
        ["task a turn 0", "task b turn 0", "task c turn 0"],
        ["task a turn 1", "task b turn 1"],
        ["task a turn 2"],
    ]


def test_the_outputs_of_what_is_under_way_are_counted() -> None:
    asking = Asking(Scripted(scripts(), 0, threads=True), 0)
    with asking.of("a") as ask, asking.of("b"):
        ask(prompt("a", 0))
        ask(prompt("a", 1))
        assert asking.under_way() == {"a": 2, "b": 0}
    assert asking.under_way() == {}


def test_an_engine_without_a_bound_draws_all_that_waits() -> None:
    model = Scripted(scripts(), 0, threads=False)
    played(Asking(model, 0, patience=60), dict.fromkeys(NAMES, 2))
    assert [len(prompts) for prompts in model.asked] == [3, 3]


def test_no_more_are_drawn_together_than_the_model_takes() -> None:
    model = Scripted(scripts(), 2, threads=False)
    played(Asking(model, 0, patience=60), dict.fromkeys(NAMES, 2))
    assert max(map(len, model.asked)) == 2


def test_a_server_is_asked_one_prompt_a_request() -> None:
    model = Scripted(scripts(), 0)
    played(Asking(model, 0, patience=60), dict.fromkeys(NAMES, 2))
    assert [len(prompts) for prompts in model.asked] == [1] * 6


def test_a_server_is_asked_by_no_more_threads_than_it_takes() -> None:
    pairs, lock, inside, most = threading.Barrier(2), threading.Lock(), 0, 0

    class Counting(Scripted):
        def __call__(self, *arguments: Any) -> Any:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            pairs.wait(60)  # two are let in, and no third
            with lock:
                inside -= 1
            return super().__call__(*arguments)

    played(Asking(Counting(scripts(), threads=2), 0), {"a": 1, "b": 1, "c": 1, "d": 1})
    assert most == 2


def test_seeds_depend_on_the_task_and_the_turn_alone() -> None:
    model = Scripted(scripts(), 8, threads=False)
    played(Asking(model, 7, patience=60), dict.fromkeys(NAMES, 2))
    assert model.seeds == [[[seed_of(7, name, turn)] for name in NAMES] for turn in range(2)]
    seeds = {seed_of(run, name, turn) for run in range(3) for name in NAMES for turn in range(3)}
    assert len(seeds) == 27
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_task_that_keeps_the_others_waiting_is_not_waited_for_long() -> None:
    asking = Asking(Scripted(scripts(), 8, threads=False), 0, patience=0.05)
    with asking.of("a") as ask, asking.of("b"):
        assert ask(prompt("a", 0)).text == "a0"


def test_a_failing_model_raises_for_every_task_that_waited() -> None:
    class Failing(Scripted):
        def __call__(self, *arguments: Any) -> Any:
            raise ModelError("gone")

    asking = Asking(Failing({}, 8, threads=False), 0, patience=60)
    together = threading.Barrier(3)

    def play(name: str) -> str:
        with asking.of(name) as ask, pytest.raises(ModelError, match="gone"):
            together.wait()
            ask(prompt(name, 0))
        return name

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(play, NAMES)) == NAMES


def test_a_job_that_is_over_stops_waiting_and_its_prompt_is_not_drawn() -> None:
    model, stop = Scripted(scripts(), 8, threads=False), threading.Event()
    asking = Asking(model, 0, patience=60)
    stop.set()
    with asking.of("a") as ask, asking.of("b"), job(float("inf"), stop), pytest.raises(Interrupted):
        ask(prompt("a", 0))
    with asking.of("c") as ask:
        assert ask(prompt("c", 0)).text == "c0"
    assert [[message.content for (message,) in prompts] for prompts in model.asked] == [["task c turn 0"]]


def test_a_server_gets_the_seed_of_each_output() -> None:
    with endpoint(lambda body: completion(f"{body['messages'][-1]['content']} {body['seed']}")) as server:
        asking = Asking(ChatServer(Server(server.url, "m"), key=""), 3)
        found = played(asking, dict.fromkeys(NAMES, 2))
    assert found == {name: [f"task {name} turn {turn} {seed_of(3, name, turn)}" for turn in range(2)] for name in NAMES}


def test_a_greedy_model_on_this_machine_answers_threads_as_it_answers_a_list(tmp_path: Path) -> None:
    model = LocalModel(str(save_tiny(tmp_path)), "float32", byte_tokenizer(), "cpu", Sampling(0.0, 4))
    found = played(Asking(model, 0, patience=60), dict.fromkeys(NAMES, 2))
    for turn in range(2):
        listed = model([prompt(name, turn) for name in NAMES], 1, [[0]] * 3, lambda number, answers: None)
        assert [found[name][turn] for name in NAMES] == [answers[0].text for answers in listed]
