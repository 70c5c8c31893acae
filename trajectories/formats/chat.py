"""From a list of chat messages to a task and turns: the rules that all chat-shaped formats share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, get_list, wrong
from trajectories.formats.tools import json_call
from trajectories.records import Action, Turn
from trajectories.report import SourceTurns

SYSTEM_PROMPT = "system prompt (a policy gets its own)"
AUTOMATIC_REPLY = "automatic user reply to a turn without an action"
CLOSING_WORDS = "turn without an action and none after it"
EARLY_MESSAGE = "message between the task and the first action"
USER_REMARK = "user's message between calls, which answers none of them"
STRAY_OBSERVATION = "observation without an action"
EXIT_RECORD = "exit record"
UNREAD_CALL = "turn whose call could not be read"
UNREAD_REPLY = "observation of a call that could not be read"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message of the source in the shape that `assemble` reads."""

    role: str
    """`system`, `user`, `assistant`, `tool` or `exit`; any other is dropped and named."""
    text: str
    calls: tuple[tuple[str, Action], ...] = ()
    """(call id or empty, action) of an assistant message, in order."""
    answers: str = ""
    """Call id that a tool message answers, empty where the source has none."""
    reasoning: str = ""
    """The part of an assistant's text, at its beginning, that the model kept to itself."""
    unread: bool = False
    """Whether an assistant message holds the beginnings of a call and no call that could be read."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A task and its turns, with every message of the source accounted for."""

    task: str
    turns: tuple[Turn, ...]
    kept: int
    merged: int
    dropped: Mapping[str, int]
    source_turns: SourceTurns


@dataclass(slots=True)
class _Draft:
    """A turn whose observation may still come."""

    thought: str
    call_id: str
    action: Action
    observations: list[str] = field(default_factory=list)


class _Assembler:
    """Walks the messages once; the counts always sum to the messages seen."""

    def __init__(self, linked: bool) -> None:
        self.linked = linked
        """Whether answers name their calls, so that a user's message is not one."""
        self.task: str | None = None
        self.drafts: list[_Draft] = []
        self.round: list[_Draft] = []
        """Drafts of the last assistant message with calls."""
        self.latest: dict[str, _Draft] = {}
        """Call id to the last draft that has it."""
        self.thoughts: list[str] = []
        """Texts of turns without a call, waiting for the next call."""
        self.unread = False
        """Whether the last turn's call could not be read."""
        self.kept = 0
        self.merged = 0
        self.dropped: Counter[str] = Counter()
        self.turns: Counter[str] = Counter()
        """What became of the assistant's messages."""

    def add(self, message: ChatMessage) -> None:
        if message.role == "assistant":
            self._assistant(message)
        elif message.role == "user":
            self._user(message)
        elif message.role == "tool":
            self._observation(message)
        elif message.role == "system":
            self.dropped[SYSTEM_PROMPT] += 1
        elif message.role == "exit":
            self.dropped[EXIT_RECORD] += 1
        else:
            self.dropped[f"unknown role {message.role[:40]!r}"] += 1

    def _assistant(self, message: ChatMessage) -> None:
        self.unread = message.unread
        if message.unread:
            self.dropped[UNREAD_CALL] += 1
            self.turns["dropped"] += 1
            self.round = []
            return
        if not message.calls:
            self.thoughts.append(message.text)
            return
        thought = "\n\n".join(text.strip() for text in (*self.thoughts, message.text) if text.strip())
        self.merged += len(self.thoughts)
        self.kept += 1
        self.turns["kept"] += 1
        self.turns["merged"] += len(self.thoughts)
        self.thoughts = []
        self.round = [
            _Draft(thought if place == 0 else "", call_id, action)
            for place, (call_id, action) in enumerate(message.calls)
        ]
        self.drafts.extend(self.round)
        self.latest.update((draft.call_id, draft) for draft in self.round)

    def _user(self, message: ChatMessage) -> None:
        if self.task is None:
            self.task = message.text
            self.kept += 1
        elif self.unread:
            self.dropped[UNREAD_REPLY] += 1
        elif self.thoughts:
            self.dropped[AUTOMATIC_REPLY] += 1
        elif not self.round:
            self.dropped[EARLY_MESSAGE] += 1
        elif self.linked and not message.answers and any(draft.call_id for draft in self.round):
            self.dropped[USER_REMARK] += 1
        else:
            self._observation(message)

    def _observation(self, message: ChatMessage) -> None:
        draft = self._answered(message.answers)
        if draft is None:
            self.dropped[STRAY_OBSERVATION] += 1
            return
        if draft.observations:
            self.merged += 1
        else:
            self.kept += 1
        draft.observations.append(message.text)

    def _answered(self, call_id: str) -> _Draft | None:
        """The call of that id; without one, the first without an observation, else the last: late output is its.

        An id that no call has is given to none of them, unless the calls of the round have no ids to tell them by.
        """
        open_drafts = [draft for draft in self.round if not draft.observations]
        if call_id and any(draft.call_id for draft in self.round):
            return next((draft for draft in open_drafts if draft.call_id == call_id), self.latest.get(call_id))
        return next(iter([*open_drafts, *self.round[-1:]]), None)

    def finish(self) -> Conversation:
        if self.task is None:
            raise ParseError("messages: no user message to take the task from")
        if not self.drafts:
            raise ParseError("messages: no action in them")
        if self.thoughts:
            self.dropped[CLOSING_WORDS] += len(self.thoughts)
            self.turns["dropped"] += len(self.thoughts)
        turns = tuple(Turn(d.thought, d.action, "\n".join(d.observations)) for d in self.drafts)
        source = SourceTurns(**self.turns)
        return Conversation(self.task, turns, self.kept, self.merged, dict(self.dropped), source)


def assemble(messages: Iterable[ChatMessage]) -> Conversation:
    """Fold messages into turns; ParseError where there is no task or no action.

    A turn with several calls is split in order, its thought on the first. A turn without a call is folded into the
    next turn's thought, and the user's automatic reply to it is dropped. A user's message is an observation only
    where no tool's answers name the calls that they answer.
    """
    messages = list(messages)
    assembler = _Assembler(any(message.role == "tool" and message.answers for message in messages))
    for message in messages:
        assembler.add(message)
    return assembler.finish()


def raw_messages(row: Row) -> list[Any]:
    """The messages of a row; ParseError where they are missing or not a list."""
    return get_list(row, "messages")


def count_messages(row: Row) -> int:
    """How many messages the row holds, 0 where they are no list."""
    messages = row.get("messages")
    return len(messages) if isinstance(messages, list) else 0


def read_messages(row: Row, clean: Callable[[str], str] = str) -> list[ChatMessage]:
    """The row's OpenAI-style messages; `clean` is applied to what may be an observation."""
    return [_read_message(raw, f"messages[{place}]", clean) for place, raw in enumerate(raw_messages(row))]


def _read_message(raw: Any, path: str, clean: Callable[[str], str]) -> ChatMessage:
    if not isinstance(raw, dict):
        raise wrong(path, "an object", raw)
    role = raw.get("role")
    if not isinstance(role, str):
        raise wrong(f"{path}.role", "text", role)
    text = content_text(raw.get("content"), f"{path}.content")
    if role == "assistant":
        reasoning = content_text(raw.get("reasoning_content"), f"{path}.reasoning_content")
        thought = "\n\n".join(part for part in (reasoning, text) if part.strip())
        return ChatMessage(role, thought, _read_calls(raw, path), reasoning=reasoning)
    answers = raw.get("tool_call_id")
    role = "tool" if role == "function" else role  # the name of the role beside `function_call`, before tools
    return ChatMessage(role, clean(text), answers=answers if isinstance(answers, str) else "")


def _read_calls(raw: Row, path: str) -> tuple[tuple[str, Action], ...]:
    calls = raw.get("tool_calls")
    if calls is None and raw.get("function_call") is not None:
        return (("", json_call(raw["function_call"], f"{path}.function_call")),)
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise wrong(f"{path}.tool_calls", "a list or null", calls)
    return tuple(_read_call(call, f"{path}.tool_calls[{place}]") for place, call in enumerate(calls))


def _read_call(call: Any, path: str) -> tuple[str, Action]:
    if not isinstance(call, dict):
        raise wrong(path, "an object", call)
    call_id = call.get("id")
    return (call_id if isinstance(call_id, str) else "", json_call(call.get("function"), f"{path}.function"))


def content_text(content: Any, path: str) -> str:
    """The text of a message's content: text, a list of parts, or null; a part that is no text leaves its type."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(path, "text, a list of parts or null", content)
    return "".join(_part_text(part, f"{path}[{place}]") for place, part in enumerate(content))


def _part_text(part: Any, path: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise wrong(path, "text or an object", part)
    text = part.get("text")
    return text if isinstance(text, str) else f"[{part.get('type', 'part')}]"
