"""Rewards: bit-equal to difflib in every setting, and what the scorer makes of them."""

from __future__ import annotations

import difflib
import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srl_agent.config import RewardConfig
from srl_agent.errors import ConfigError, ScoreError
from srl_agent.output_format import read_all
from srl_agent.rewards import REWARDS, build_reward
from srl_agent.rewards.scoring import make_scorer
from srl_agent.rewards.similarity import AUTOJUNK_CHARS, ratios
from trajectories.errors import ParseError

Pair = tuple[str, str]
SETTINGS = [(autojunk, first) for autojunk in (False, True) for first in ("policy", "expert")]
COMMANDS = [
    "bash\ncd /testbed && grep -rn '{0}' --include=*.py {1} | head -20",
    "bash\nsed -n '{2},{3}p' {1}",
    "str_replace_editor\nview\n{1}\n[{2}, {3}]",
    "bash\ncat > /tmp/x.py <<'EOF'\nimport {0}\nprint({0}.__file__)\nEOF\npython /tmp/x.py",
]
WORDS = ["SequenceMatcher", "get_opcodes", "units", "serialize", "Table", "résumé"]
PATHS = ["astropy/io/ascii/qdp.py", "sympy/core/expr.py", "src/_pytest/python.py"]


def reference(pair: Pair, autojunk: bool, first: str) -> float:
    policy, expert = pair
    a, b = (policy, expert) if first == "policy" else (expert, policy)
    return difflib.SequenceMatcher(None, a, b, autojunk=autojunk).ratio()


def mutated(rng: random.Random, text: str, rate: float) -> str:
    out = []
    for character in text:
        roll = rng.random()
        if roll >= rate / 3:
            out.append(character if roll >= 2 * rate / 3 else rng.choice("abcxyz_ (1"))
        if roll > 1 - rate / 3:
            out.append(rng.choice("abcxyz_ (1"))
    return "".join(out)


def random_text(rng: random.Random, longest: int, alphabet: str) -> str:
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def shell(rng: random.Random) -> str:
    command = rng.choice(COMMANDS)
    return command.format(rng.choice(WORDS), rng.choice(PATHS), rng.randint(1, 300), rng.randint(301, 600))


def shell_pairs(rng: random.Random) -> Pair:
    return shell(rng), shell(rng)


def edit_pairs(rng: random.Random) -> Pair:
    source = Path(difflib.__file__).read_text(encoding="utf-8")
    start = rng.randrange(len(source) - 600)
    text = "str_replace_editor\nstr_replace\n" + source[start : start + rng.randint(100, 500)]
    return text, mutated(rng, text, rng.choice([0.0, 0.03, 0.3]))


def few_letters(rng: random.Random) -> Pair:
    alphabet = "abcde"[: rng.randint(1, 5)]
    return random_text(rng, 260, alphabet), random_text(rng, 260, alphabet)


def mixed_scripts(rng: random.Random) -> Pair:
    text = random_text(rng, 260, "aé中🙂\n\u0301\x00")
    return text, mutated(rng, text, 0.3)


def lone_surrogates(rng: random.Random) -> Pair:
    text = random_text(rng, 260, "ab\ud800\udc00\udfff🙂")
    return text, random_text(rng, 260, "ab\ud800\udc00\udfff🙂")


def around_the_cliff(rng: random.Random) -> Pair:
    text = random_text(rng, 30, "abcdefgh ") + "return self.value\n" * rng.randint(9, 13)
    return mutated(rng, text, 0.1), text[: rng.randint(195, 205)]


KINDS = [shell_pairs, edit_pairs, few_letters, mixed_scripts, lone_surrogates, around_the_cliff]


@pytest.mark.parametrize(("autojunk", "first"), SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_similarity_is_difflib_bit_for_bit(kind: Callable[[random.Random], Pair], autojunk: bool, first: str) -> None:
    rng = random.Random(f"{kind.__name__} {autojunk} {first}")
    pairs = [kind(rng) for _ in range(200)]
    config = RewardConfig.model_validate({"autojunk": autojunk, "first": first})
    assert build_reward(config)(pairs) == [reference(pair, autojunk, first) for pair in pairs]


@given(st.text(max_size=80), st.text(max_size=80), st.booleans())
def test_similarity_is_difflib_on_any_text(policy: str, expert: str, autojunk: bool) -> None:
    assert ratios([(policy, expert)], autojunk) == [reference((policy, expert), autojunk, "policy")]


@pytest.mark.parametrize("autojunk", [False, True])
def test_similarity_is_difflib_on_real_calls(shared_data: Path, autojunk: bool) -> None:
    calls = real_calls(shared_data / "trajectories" / "swegym-openhands.jsonl")
    pairs = [pair for pair in itertools.pairwise(calls) if len(pair[0]) + len(pair[1]) < 3000]
    assert len(pairs) > 200
    assert ratios(pairs, autojunk) == [reference(pair, autojunk, "policy") for pair in pairs]


def real_calls(path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    messages = [message for row in rows for message in row["messages"]]
    return [call["function"]["arguments"] for message in messages for call in message.get("tool_calls") or []]


def test_the_pairs_tell_the_autojunk_settings_apart() -> None:
    rng = random.Random(0)
    pairs = [edit_pairs(rng) for _ in range(50)]
    assert ratios(pairs, True) != ratios(pairs, False)


def test_the_order_of_the_arguments_changes_the_value() -> None:
    pair = ("tide", "diet")  # the example of difflib's documentation
    values = [build_reward(RewardConfig.model_validate({"first": first}))([pair]) for first in ("policy", "expert")]
    assert values == [[0.25], [0.5]]


@pytest.mark.parametrize("autojunk", [False, True])
@pytest.mark.parametrize(("policy", "expert", "value"), [("", "", 1.0), ("", "a", 0.0), ("abcd", "bcde", 0.75)])
def test_similarity_of_known_pairs(policy: str, expert: str, value: float, autojunk: bool) -> None:
    assert ratios([(policy, expert)], autojunk) == [value]


def test_a_pathological_pair_of_the_longest_length_ends() -> None:
    longest = RewardConfig().max_chars
    indents = (" " * 40 + "x\n") * (longest // 42), (" " * 36 + "yy\n") * (longest // 39)
    (value,) = ratios([indents], autojunk=False)
    assert 0.8 < value < 1.0


def test_an_empty_batch_has_no_rewards() -> None:
    assert [build_reward(RewardConfig(name=name))([]) for name in REWARDS] == [[]] * len(REWARDS)


def test_exact_is_equality_of_the_whole_text() -> None:
    long = "a" * 200
    reward = build_reward(RewardConfig(name="exact", max_chars=100))
    assert reward([("a", "a"), ("a", "a "), (long + "b", long + "c")]) == [1.0, 0.0, 0.0]


def test_an_unknown_reward_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'bleu'; known: similarity, exact"):
        build_reward(RewardConfig(name="bleu"))


def identity(text: str) -> str:
    return text


def test_a_broken_format_costs_one_and_says_why() -> None:
    scorer = make_scorer(RewardConfig(), read_all, identity)
    good, bad = scorer(["<think>a</think>abcd", "abcd"], ["bcde", "abcd"])
    assert (good.reward, good.violation, good.exact, good.action) == (0.75, None, False, "abcd")
    assert (bad.reward, bad.violation, bad.exact, bad.action) == (-1.0, "no think block", False, "")


def test_scores_keep_the_order_of_the_outputs() -> None:
    scorer = make_scorer(RewardConfig(name="exact"), read_all, identity)
    outputs = ["", "<think>a</think>x", "", "<think>a</think>y", "<think>a</think>z"]
    assert [score.reward for score in scorer(outputs, ["x", "x", "y", "x", "z"])] == [
        -1.0,
        1.0,
        -1.0,
        0.0,
        1.0,
    ]


def test_only_the_comparable_text_is_compared_but_exact_means_the_whole_action() -> None:
    scorer = make_scorer(RewardConfig(), read_all, lambda text: text.lower())
    (score,) = scorer(["<think>a</think>LS"], ["ls"])
    assert (score.reward, score.exact, score.action) == (1.0, False, "ls")


@pytest.mark.parametrize(("policy", "expert"), [("a" * 101, "b"), ("b", "a" * 101)])
def test_the_length_cap_is_reported_for_either_text(policy: str, expert: str) -> None:
    scorer = make_scorer(RewardConfig(max_chars=100), read_all, identity)
    (capped,) = scorer([f"<think>a</think>{policy}"], [expert])
    (whole,) = scorer([f"<think>a</think>{policy[:100]}"], [expert[:100]])
    assert (capped.capped, whole.capped) == (True, False)


def test_what_lies_behind_the_cap_is_not_compared() -> None:
    scorer = make_scorer(RewardConfig(max_chars=100), read_all, identity)
    (score,) = scorer(["<think>t</think>" + "a" * 150], ["a" * 100 + "b"])
    assert (score.reward, score.exact) == (1.0, False)


def test_an_unreadable_expert_is_an_error_and_no_score() -> None:
    def refuse(text: str) -> str:
        raise ParseError("line 1: expected <function=")

    with pytest.raises(ScoreError, match="expected <function="):
        make_scorer(RewardConfig(), read_all, refuse)([""], ["x"])


def test_outputs_without_an_expert_are_refused() -> None:
    with pytest.raises(ScoreError, match="2 outputs for 1"):
        make_scorer(RewardConfig(), read_all, identity)(["", ""], ["x"])


def test_with_autojunk_no_more_is_compared_than_can_be_in_bounded_time() -> None:
    long = "a" * (AUTOJUNK_CHARS + 1)
    assert len(build_reward(RewardConfig(autojunk=True)).cut(long)) == AUTOJUNK_CHARS
    assert build_reward(RewardConfig(autojunk=False)).cut(long) == long
    assert build_reward(RewardConfig(autojunk=True, max_chars=100)).cut(long) == "a" * 100


@given(st.lists(st.sampled_from(["ab", "ba", "abc", ""]), min_size=2, max_size=12))
def test_pairs_that_come_again_keep_their_places(texts: list[str]) -> None:
    pairs = list(itertools.pairwise(texts))
    assert build_reward(RewardConfig())(pairs) == [reference(pair, False, "policy") for pair in pairs]
