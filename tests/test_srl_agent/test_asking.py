"""Asking many prompts: what a stopped process has is kept, and the rest is drawn as if it had never been stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from srl_agent.answers import Answer, Done, Prompt
from srl_agent.asking import ANSWERS, Question, ask_all, default_folder, settle
from srl_agent.errors import ConfigError
from srl_agent.scripted import Scripted
from trajectories.records import Message

QUESTIONS = [Question(f"q{number}", [Message("user", f"prompt {number}")]) for number in range(7)]


class Stopped(Exception):
    """What ends the process in the middle."""


class Dice:
    """Draws numbers: with one seed a block, or one a prompt; stops before the prompt of number `stop`."""

    def __init__(self, together: int, stop: int = -1) -> None:
        self.together, self.stop, self.asked = together, stop, 0

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        found = []
        luck = Random(seeds[0][0])
        for place, prompt in enumerate(prompts):
            if self.asked == self.stop:
                raise Stopped
            luck = luck if self.together else Random(str(seeds[place]))
            found.append([Answer(f"{prompt[0].content}: {luck.random()}", 1, False) for _ in range(rollouts)])
            done(place, found[-1])
            self.asked += 1
        return found


@pytest.mark.parametrize("together", [0, 1, 4, 64])
@pytest.mark.parametrize("stop", [0, 1, 3, 6])
def test_a_stopped_evaluation_goes_on_to_the_same_answers(tmp_path: Path, together: int, stop: int) -> None:
    whole = ask_all(lambda: Dice(together), QUESTIONS, 2, 5, tmp_path / "whole", lambda count: None)
    with pytest.raises(Stopped):
        ask_all(lambda: Dice(together, stop), QUESTIONS, 2, 5, tmp_path / "cut", lambda count: None)
    told: list[int] = []
    assert ask_all(lambda: Dice(together), QUESTIONS, 2, 5, tmp_path / "cut", told.append) == whole
    assert (told[0], told[-1]) == (stop, 7)
    assert len((tmp_path / "cut" / ANSWERS).read_text().splitlines()) == 7


def test_runs_with_neighbouring_seeds_share_no_draws(tmp_path: Path) -> None:
    drawn = set()
    for seed in range(3):
        model = Scripted({}, 0)
        ask_all(lambda model=model: model, QUESTIONS, 32, seed, tmp_path / str(seed), lambda count: None)  # type: ignore[misc]
        drawn |= {one for seeds in model.seeds[0] for one in seeds}
    assert len(drawn) == 3 * 32 * len(QUESTIONS)


def test_a_seed_is_that_of_the_question_s_name_wherever_it_stands(tmp_path: Path) -> None:
    models = Scripted({}, 0), Scripted({}, 0)
    for model, questions in zip(models, (QUESTIONS, QUESTIONS[::-1]), strict=True):
        ask_all(lambda model=model: model, questions, 2, 5, tmp_path / str(id(model)), lambda count: None)  # type: ignore[misc]
    assert models[0].seeds[0] == models[1].seeds[0][::-1]


def test_a_line_that_a_kill_has_cut_is_asked_again(tmp_path: Path) -> None:
    whole = ask_all(lambda: Dice(0), QUESTIONS, 2, 5, tmp_path, lambda count: None)
    path = tmp_path / ANSWERS
    path.write_text(path.read_text()[:-20])
    model = Dice(0)
    assert ask_all(lambda: model, QUESTIONS, 2, 5, tmp_path, lambda count: None) == whole
    assert model.asked == 1


@pytest.mark.parametrize(("together", "asked"), [(0, 5), (6, 7)])
def test_more_questions_build_on_the_answers_of_fewer(tmp_path: Path, together: int, asked: int) -> None:
    fewer = ask_all(lambda: Dice(together), QUESTIONS[2:4], 2, 5, tmp_path, lambda count: None)
    model, told = Dice(together), list[int]()
    assert ask_all(lambda: model, QUESTIONS, 2, 5, tmp_path, told.append)[2:4] == fewer
    assert (model.asked, told[0], told[-1]) == (asked, 2, 7)
    ask_all(lambda: model, QUESTIONS[:1], 2, 5, tmp_path, told.append)
    assert (model.asked, told[-1]) == (asked, 1)


def test_a_question_of_the_same_name_in_other_words_is_asked(tmp_path: Path) -> None:
    ask_all(lambda: Dice(0), QUESTIONS, 2, 5, tmp_path, lambda count: None)
    changed, model = Question("q3", [Message("user", "another")]), Dice(0)
    ((answer, _),) = ask_all(lambda: model, [changed], 2, 5, tmp_path, lambda count: None)
    assert answer.text.startswith("another:")


def test_the_default_folder_is_one_for_the_same_facts() -> None:
    first, again = (default_folder("x", {"model": "a", "seed": 1}) for _ in range(2))
    assert first == again != default_folder("x", {"model": "b", "seed": 1})


def test_nothing_is_asked_and_no_model_made_where_all_is_there(tmp_path: Path) -> None:
    whole = ask_all(lambda: Dice(4), QUESTIONS, 2, 5, tmp_path, lambda count: None)

    def refuse() -> Dice:
        raise AssertionError("made")

    assert ask_all(refuse, QUESTIONS, 2, 5, tmp_path, lambda count: None) == whole


def test_answers_made_with_other_libraries_are_gone_on_with_and_said(tmp_path: Path) -> None:
    facts = {"model": "a"}
    assert settle(tmp_path, facts, made_with={"torch": "2.9", "threads": "2"}) == []
    assert settle(tmp_path, facts, made_with={"torch": "2.10", "threads": "2"}) == ["torch 2.9 before, 2.10 now"]
    assert settle(tmp_path, facts) == []


def test_a_folder_with_the_answers_of_something_else_is_refused(tmp_path: Path) -> None:
    settle(tmp_path, {"model": "a", "seed": 1})
    settle(tmp_path, {"model": "a", "seed": 1})
    with pytest.raises(ConfigError, match=r"model 'a', and this is 'b'"):
        settle(tmp_path, {"model": "b", "seed": 1})
