"""From chosen files to a patch: show them, take the edits of one output, and let git make a patch of the result."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from envs.base import Sandbox
from envs.listing import Unreadable
from envs.repository import File, Repository, start_state
from srl_agent.answers import Prompt
from srl_agent.errors import PromptTooLong
from srl_agent.patchers import Ask, Kit, Patched
from srl_agent.patchers.edit_prompt import edit_prompt
from srl_agent.patchers.edits import Edited, apply_edits, no_text, read_edits, text_of
from srl_agent.patchers.talk import Talk
from srl_agent.swe_eval.records import Prediction, Task

PATCH, NO_PATCH, TOO_LONG = "edits", "no edit", "context"
"""Why a one-shot repair ended."""


@dataclass
class OneShot:
    """The work on one task; the repository in the sandbox is only read."""

    task: Task
    sandbox: Sandbox
    ask: Ask
    kit: Kit
    record: dict[str, Any] = field(default_factory=dict)
    repository: Repository = field(init=False)
    known: dict[str, File] = field(init=False)
    """The files at the beginning."""
    talk: Talk = field(init=False)

    def __post_init__(self) -> None:
        scratch, root = f"/tmp/.edits-{uuid.uuid4().hex[:12]}", self.kit.root
        base = start_state(self.sandbox, root, f"{scratch}.base")
        self.repository = Repository(self.sandbox, root, base, scratch)
        self.known = self.repository.files()
        self.talk = Talk(self.ask, self.kit)

    def edit(self, paths: Sequence[str]) -> Edited:
        """Show the files (those of them that are text), ask for edits and apply them."""
        texts = {path: self._read(path) for path in paths if path in self.known and not no_text(self.known[path])}
        files = {path: text_of(content) for path, content in texts.items() if b"\0" not in content}
        settings = self.kit.settings
        prompt = edit_prompt(self.task.problem_statement, files, settings.window, self.kit.count_tokens)
        edits, reports = read_edits(self.said(prompt.messages))
        edited = apply_edits(edits, self.known, self.repository.read, self.kit.root)
        found = Edited(edited.files, (*reports, *edited.reports))
        sample = {"files": list(files), "cut": dict(prompt.cut), "edits": [asdict(one) for one in found.reports]}
        self.record.setdefault("samples", []).append(sample)
        return found

    def said(self, prompt: Prompt) -> str:
        """The model's output; none where a server finds the prompt too long, which the record says."""
        try:
            return self.talk(prompt)
        except PromptTooLong as error:
            self.record["prompt_fault"] = str(error)
            return ""

    def _read(self, path: str) -> bytes:
        return self.repository.read(self.known[path])

    def finish(self, edited: Edited, ended: str = "") -> Patched:
        """The prediction. `ended` says why there is no edit, where something else ended the work."""
        patch = self._patch(edited)
        if not patch and "prompt_fault" in self.record:
            ended = TOO_LONG
        ended = ended or (PATCH if patch else NO_PATCH)
        name = self.task.instance_id
        record = {"instance_id": name, "ended": ended, "outputs": self.talk.outputs, **self.record}
        return Patched(Prediction(name, self.kit.model, patch, self.talk.effort(ended)), record)

    def _patch(self, edited: Edited) -> str:
        if not edited.files:
            return ""
        try:
            return self.repository.patch_of(edited.files)
        except Unreadable as error:  # a path that git refuses, such as one with a name of Windows' own
            self.record["patch_fault"] = str(error)
            return ""
