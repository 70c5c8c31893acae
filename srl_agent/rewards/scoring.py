"""From policy outputs to scores: parse the format, compare what is left, -1.0 for a broken format."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from srl_agent.config import RewardConfig
from srl_agent.domain import Score, Scorer, StepKey
from srl_agent.errors import ScoreError
from srl_agent.output_format import ReadAction, parse_output
from srl_agent.rewards import Reward, build_reward
from trajectories.errors import ParseError

VIOLATION_REWARD = -1.0


def make_scorer(config: RewardConfig, read_action: ReadAction, comparable_text: Callable[[str], str]) -> Scorer:
    """The scorer of a domain whose actions `read_action` reads out of an output.

    `comparable_text` turns an action's text into what the reward compares (see `reward.text`). The outputs
    come without end-of-sequence and padding tokens. The scorer raises ScoreError where the numbers of
    outputs and experts differ or an expert's action cannot be read.
    """
    reward = build_reward(config)

    def score(outputs: Sequence[str], experts: Sequence[str], steps: Sequence[StepKey] = ()) -> list[Score]:
        if len(outputs) != len(experts):
            raise ScoreError(f"{len(outputs)} outputs for {len(experts)} expert actions; expected one for each")
        expert_texts = {expert: _expert_text(expert, comparable_text) for expert in set(experts)}
        parsed = [parse_output(text, read_action) for text in outputs]
        whole = [(index, output.action_text) for index, output in enumerate(parsed) if output.action_text is not None]
        scores = [Score(VIOLATION_REWARD, output.violation, exact=False) for output in parsed]
        pairs = [(comparable_text(action), expert_texts[experts[index]]) for index, action in whole]
        for (index, action), pair, value in zip(whole, pairs, reward(pairs), strict=True):
            scores[index] = Score(
                value, None, exact=action == experts[index], action=pair[0], capped=_capped(reward, pair)
            )
        return scores

    return score


def _capped(reward: Reward, pair: tuple[str, str]) -> bool:
    return any(len(reward.cut(text)) < len(text) for text in pair)


def _expert_text(expert: str, comparable_text: Callable[[str], str]) -> str:
    try:
        return comparable_text(expert)
    except ParseError as error:
        raise ScoreError(f"an expert's action cannot be read: {error}; prepare the steps again") from error
