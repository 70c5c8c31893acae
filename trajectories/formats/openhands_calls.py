"""One conversation out of a run's logged model calls, each of which repeats what was said before it.

Calls come in the order of their time. A call goes on from the story so far when it holds the story's last message;
what it has behind that message, and the model's answer, is new. Three things break the chain, and each is counted:
the history was condensed (messages before the last one that the story lacks are the summary), the run was taken up
again from an earlier point (the story behind it was abandoned), and calls of another conversation stand among them
(the one with the most messages is the run's).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trajectories.fields import Row, get_list, wrong
from trajectories.formats.chat import content_text
from trajectories.formats.event_log import CONDENSATION
from trajectories.formats.openhands_actions import response_message

REPEATED = "message repeated in a later call of the run"
ABANDONED = "message of an attempt that the run abandoned"
OTHER_CONVERSATION = "message of another conversation among the run's calls"

# Written into the newest message only and gone in the next call (openhands/agenthub/codeact_agent, until 0.17).
_REMINDER = "\n\nENVIRONMENT REMINDER: You have "


@dataclass(frozen=True, slots=True)
class Story:
    """The messages of the run, each once, and how many others there were, by the reason for leaving them out."""

    messages: list[Row]
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Call:
    messages: list[Row]
    keys: list[str]
    """For each message what it is recognised by in another call."""
    asked: int
    """How many of the messages were asked; the answer, if there is one, is behind them."""


def tell_story(calls: Sequence[Any]) -> Story:
    """Join the calls, which are in the order of their time; ParseError names the call whose messages are broken."""
    read = [_read_call(call, f"call {place}") for place, call in enumerate(calls, start=1)]
    heads: Counter[tuple[str, ...]] = Counter()
    for call in read:
        heads[_head(call)] += len(call.messages)
    main = max(heads, key=lambda head: heads[head], default=())
    story, keys = list[Row](), list[str]()
    dropped: Counter[str] = Counter()
    for call in read:
        if _head(call) != main:
            dropped[OTHER_CONVERSATION] += len(call.messages)
            continue
        keep, new, lost = _compare(keys, call)
        dropped.update(lost)
        story[keep:] = call.messages[new:]
        keys[keep:] = call.keys[new:]
    return Story(story, +dropped)


def _compare(story: list[str], call: _Call) -> tuple[int, int, dict[str, int]]:
    """How many messages of the story stay, the first new one of the call, and what is lost of both."""
    if not story:
        return 0, 0, {}
    last = _last_place(story[-1], call.keys[: call.asked])
    if last is not None:
        known = set(story)
        repeated = sum(key in known for key in call.keys[: last + 1])
        return len(story), last + 1, {REPEATED: repeated, CONDENSATION: last + 1 - repeated}
    common = _common_prefix(story, call.keys[: call.asked])
    return common, common, {REPEATED: common, ABANDONED: len(story) - common}


def _last_place(key: str, keys: list[str]) -> int | None:
    return next((place for place in range(len(keys) - 1, -1, -1) if keys[place] == key), None)


def _common_prefix(first: list[str], second: list[str]) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))


def _head(call: _Call) -> tuple[str, ...]:
    """What all calls of one conversation begin with: the system prompt and the task."""
    return tuple(call.keys[: min(2, call.asked)])


def _read_call(call: Any, path: str) -> _Call:
    """Prefer the messages with function calls where the model was asked in plain text and both are logged."""
    if not isinstance(call, dict):
        raise wrong(path, "an object", call)
    name = call.get("file")
    path = name if isinstance(name, str) else path
    prefix = "fncall_" if isinstance(call.get("fncall_messages"), list) else ""
    messages = get_list(call, f"{prefix}messages", f"{path}: ")
    keys = [_key(message, f"{path}: messages[{place}]") for place, message in enumerate(messages)]
    answer = call_answer(call)
    if answer is None:
        return _Call(messages, keys, len(messages))
    return _Call([*messages, answer], [*keys, _key(answer, f"{path}: response")], len(messages))


def call_answer(call: Row) -> Row | None:
    """The model's message, in the form of the messages if it is there, None where the call failed."""
    keys = ("fncall_response", "response") if isinstance(call.get("fncall_messages"), list) else ("response",)
    return next((message for key in keys if (message := response_message(call.get(key))) is not None), None)


def _key(message: Any, path: str) -> str:
    if not isinstance(message, dict):
        raise wrong(path, "an object", message)
    text = content_text(message.get("content"), f"{path}.content").partition(_REMINDER)[0].strip()
    calls = message.get("tool_calls")
    ids = [_call_key(call) for call in calls] if isinstance(calls, list) else []
    return json.dumps([message.get("role"), text, ids, message.get("tool_call_id")], sort_keys=True)


def _call_key(call: Any) -> Any:
    """The id of a call; without one the call itself."""
    return call.get("id") or call.get("function") if isinstance(call, dict) else call
