"""From an agent's log of events to a conversation: what is no message is dropped by name, answers are found by id."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from trajectories.formats.chat import (
    STRAY_OBSERVATION,
    SYSTEM_PROMPT,
    UNREAD_CALL,
    UNREAD_REPLY,
    ChatMessage,
    Conversation,
    assemble,
)
from trajectories.records import Action

CONDENSATION = "condensation of the agent's context (the log keeps the whole history)"
STATE = "change of the agent's state"
FOREIGN_ACTION = "action of someone other than the agent"


class EventLog:
    """Takes events in their order; whatever is added is counted once, as a message or as a drop."""

    def __init__(self) -> None:
        self._messages: list[ChatMessage] = []
        self._dropped: Counter[str] = Counter()
        self._actions: set[str] = set()
        self._gone: dict[str, str] = {}
        """Id of an action that was dropped, to the reason for dropping its answers."""

    def say(self, role: str, text: str) -> None:
        """A message of the user or the assistant."""
        self._messages.append(ChatMessage(role, text))

    def system(self) -> None:
        """The system prompt."""
        self.drop(SYSTEM_PROMPT)

    def act(self, event_id: str, thought: str, action: Action) -> None:
        """One action; answers name its `event_id`."""
        self._actions.add(event_id)
        self._gone.pop("", None)
        self._messages.append(ChatMessage("assistant", thought, ((event_id, action),)))

    def answer(self, event_id: str, text: str) -> None:
        """What the action of that id brought; an empty id stands for the action before, as where actions have none."""
        known = event_id in self._gone or event_id in self._actions
        if not known and ("" in self._actions or "" in self._gone):
            event_id = ""
        if event_id in self._gone:
            self.drop(self._gone[event_id])
        elif event_id and not known:
            self.drop(STRAY_OBSERVATION)
        else:
            self._messages.append(ChatMessage("tool", text, answers=event_id))

    def drop(self, reason: str) -> None:
        """An event that is left out."""
        self._dropped[reason] += 1

    def drop_action(self, reason: str, event_id: str) -> None:
        """An action that is left out, and with it the answers to it."""
        self._dropped[reason] += 1
        self._gone[event_id] = reason

    def drop_unread(self, event_id: str) -> None:
        """A turn of the agent whose call could not be read; the calls beside it keep their answers."""
        self._dropped[UNREAD_CALL] += 1
        self._gone[event_id] = UNREAD_REPLY

    def conversation(self) -> Conversation:
        """Task and turns; ParseError where there is no task or no action."""
        found = assemble(self._messages)
        turns = found.source_turns
        return replace(
            found,
            dropped=Counter(found.dropped) + self._dropped,
            source_turns=replace(turns, dropped=turns.dropped + self._dropped[UNREAD_CALL]),
        )
