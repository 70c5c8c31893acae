"""The `state` reward in training: what is carried out, how often, and what becomes of a sandbox's faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from envs.base import Spec, choose_backend
from envs.errors import SandboxError
from envs.places import Places
from envs.pool import Item, Outcome, ThreadPool, Value
from envs.walks import Walks
from srl_agent.config import Config, RewardConfig
from srl_agent.domain import Scorer, StepKey
from srl_agent.effects import Deed, Effects
from srl_agent.errors import ConfigError, ScoreError
from srl_agent.rewards.scoring import make_scorer
from srl_agent.rewards.state import StateScorer
from srl_agent.sandboxes import sandbox_line
from srl_agent.step_reward import Place, StepReward, score_metrics
from srl_agent.swe import SweDomain, comparable, read_call
from srl_agent.testing import byte_tokenizer
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action
from trajectories.render import render_action

EPISODE = next(e for e in read_episodes(EPISODES)[0] if e.instance_id == "wallet__parse_rate")
STATE = RewardConfig(name="state")


class Broken:
    """A backend that works until it is used."""

    starts = 0

    def why_not(self) -> str:
        return ""

    def isolation(self) -> str:
        return "isolates nothing"

    def start(self, spec: Spec) -> NoReturn:
        Broken.starts += 1
        raise SandboxError("out of order")


class Absent(Broken):
    """A backend that is not there."""

    def why_not(self) -> str:
        return "no engine answers"


class Recorder:
    """A pool that notes what it was given."""

    def __init__(self) -> None:
        self.given: list[object] = []

    def map(self, work: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Outcome[Item, Value]]:
        items = list(items)
        self.given += items
        return ThreadPool(3).map(work, items)


def bash(command: str) -> str:
    return render_action(Action("bash", (("command", command),)))


def think(call: str) -> str:
    return f"<think>t</think>{call}"


def keys(step: int, count: int) -> list[StepKey]:
    return [StepKey(EPISODE.instance_id, EPISODE.traj_id, step)] * count


def expert(step: int) -> str:
    return render_action(EPISODE.turns[step - 1].action)


@pytest.fixture(scope="module")
def works() -> None:
    try:
        choose_backend("bubblewrap")
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def scorer(works: None) -> Scorer:
    sandbox = {"backend": "bubblewrap", "timeout": 2.0}
    return SweDomain().scorer(Config.model_validate({"reward": {"name": "state"}, "sandbox": sandbox}))


def text_reward(call: str, wanted: str) -> float:
    similar = make_scorer(RewardConfig(), read_call, comparable(RewardConfig()))
    return 0.9 * similar([think(call)], [wanted])[0].reward


def test_doing_the_same_in_other_words_earns_one_and_other_deeds_what_their_text_does(scorer: Scorer) -> None:
    locate = next(k for k, turn in enumerate(EPISODE.turns, 1) if "grep" in expert(k))
    same = expert(locate).replace("grep -n", "grep  --line-number")
    other = bash("ls")
    outputs = [think(same), think(other), think(expert(locate)), "no think block"]
    scores = scorer(outputs, [expert(locate)] * 4, keys(locate, 4))
    assert [score.reward for score in scores] == [1.0, pytest.approx(text_reward(other, expert(locate))), 1.0, -1.0]
    assert [score.exact for score in scores] == [False, False, True, False]
    assert not any(score.fault for score in scores)


def test_a_state_holds_what_the_expert_did_before(scorer: Scorer) -> None:
    last = len(EPISODE.turns) - 1  # the checks, which pass now that the bug is mended
    call = expert(last).replace("python run_tests.py", "python ./run_tests.py")
    shown = bash("echo 'all: 16 of 16 passed'")
    scores = scorer([think(call), think(shown), think(bash("false"))], [expert(last)] * 3, keys(last, 3))
    assert [score.reward for score in scores[:2]] == [1.0, 1.0]
    assert scores[2].reward < 0.9


def test_an_action_that_hangs_is_cut_off_and_no_fault(scorer: Scorer) -> None:
    call = bash("sleep 100")
    (score,) = scorer([think(call)], [expert(1)], keys(1, 1))
    assert score.reward == pytest.approx(text_reward(call, expert(1)))
    assert not score.fault


@pytest.fixture
def recorder(works: None) -> Iterator[tuple[Recorder, Effects]]:
    pool = Recorder()
    walks = Walks(Places("bubblewrap", choose_backend("bubblewrap")[1], bundled=True, timeout=20.0), keep=1)
    yield pool, Effects(walks, {EPISODE.traj_id: EPISODE}, pool)
    walks.close()


def test_equal_actions_and_the_expert_s_are_carried_out_once(recorder: tuple[Recorder, Effects]) -> None:
    pool, effects = recorder
    texts = make_scorer(STATE, read_call, comparable(STATE))
    scorer = StateScorer(texts, read_call, effects)
    for _ in range(2):
        outputs = [think(bash("ls")), think(bash("pwd")), think(bash("ls")), "broken", think(expert(1))]
        scorer(outputs, [expert(1)] * 5, keys(1, 5))
    place = (EPISODE.traj_id, 1)
    assert pool.given == sorted([Deed(*place, bash("ls")), Deed(*place, bash("pwd")), Deed(*place, expert(1))])


def test_a_group_of_the_expert_s_own_actions_needs_no_sandbox(recorder: tuple[Recorder, Effects]) -> None:
    pool, effects = recorder
    StateScorer(make_scorer(STATE, read_call, comparable(STATE)), read_call, effects)(
        [think(expert(1)), "broken"], [expert(1)] * 2, keys(1, 2)
    )
    assert pool.given == []


def faulty() -> Config:
    return Config.model_validate({"reward": {"name": "state"}, "sandbox": {"backend": f"{__name__}:Broken"}})


def test_a_fault_is_retried_scored_by_the_texts_and_counted() -> None:
    Broken.starts = 0
    call = bash("ls")
    scores = SweDomain().scorer(faulty())([think(call), think(expert(1))], [expert(1)] * 2, keys(1, 2))
    assert [score.fault for score in scores] == [True, False]
    assert scores[0].reward == pytest.approx(text_reward(call, expert(1)))
    assert Broken.starts == 4  # the policy's and the expert's action, each tried twice
    assert score_metrics(scores, [Place(1)] * 2)["scoring_faults"] == 0.5


def test_an_equal_text_that_was_not_carried_out_keeps_its_one() -> None:
    assert text_reward(expert(1), expert(1)) == 0.9
    (score,) = SweDomain().scorer(faulty())([think(expert(1))], [expert(1)], keys(1, 1))
    assert score.reward == 1.0


def test_without_a_working_backend_nothing_begins() -> None:
    config = Config.model_validate({"reward": {"name": "state"}, "sandbox": {"backend": f"{__name__}:Absent"}})
    for begin in (sandbox_line, SweDomain().scorer):
        with pytest.raises(ConfigError, match=r"no engine answers; or take a reward that runs nothing"):
            begin(config)


def test_the_terminal_says_which_backend_and_why() -> None:
    assert sandbox_line(faulty()).endswith(":Broken (as configured), 4 actions at once; isolates nothing")
    assert sandbox_line(Config()).startswith("none: ")


def test_an_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"sandbox.backend: unknown name 'chroot'; known: auto, docker"):
        sandbox_line(Config.model_validate({"reward": {"name": "state"}, "sandbox": {"backend": "chroot"}}))


def test_episodes_that_cannot_be_read_again_are_refused() -> None:
    with pytest.raises(ConfigError, match="use a file"):
        SweDomain().scorer(faulty().model_copy(update={"data": Config().data.model_copy(update={"path": "-"})}))


def test_task_images_need_docker_or_a_name(tmp_path: Path) -> None:
    copy = tmp_path / "episodes.jsonl"
    copy.write_bytes(EPISODES.read_bytes())
    config = faulty().model_copy(update={"data": Config().data.model_copy(update={"path": str(copy)})})
    with pytest.raises(ConfigError, match=r"sandbox.image: .*:Broken has no images by name"):
        SweDomain().scorer(config)


def test_texts_without_their_steps_are_refused() -> None:
    with pytest.raises(ScoreError, match="0 for 1 given"):
        SweDomain().scorer(faulty())([think(bash("ls"))], [expert(1)])


def test_an_episode_of_another_data_set_is_named() -> None:
    with pytest.raises(ScoreError, match="needs the episode 'elsewhere'"):
        SweDomain().scorer(faulty())([think(bash("ls"))], [expert(1)], [StepKey("i", "elsewhere", 1)])


def test_the_trainer_s_columns_reach_the_state(scorer: Scorer) -> None:
    tokenizer = byte_tokenizer()
    reward = StepReward(scorer, tokenizer)
    ids = tokenizer(think(bash("exit 3")))["input_ids"] + [tokenizer.eos_token_id]
    found = reward(
        completion_ids=[ids],
        expert_action=[bash("(exit 3)")],
        instance_id=[EPISODE.instance_id],
        traj_id=[EPISODE.traj_id],
        step=[1],
        n_steps=[7],
    )
    assert found == [1.0]
