"""The loop that training teaches: one thought and one call a turn, in a sandbox, until it submits or meets a limit.

Prompts are made by the function that makes those of training (`trajectories.steps.next_prompt`), actions read by the
same grammar and carried out by the same tools. Two things training never shows: what becomes of an output that breaks
the grammar (there a rollout ends; here the newest message gets a note at its end, until an output can be read, up to
`max_format_errors` in a row), and a prompt over its budget (there a step is left out; here the oldest rounds go, and
then observations are halved, `shortened_prompts` being counted, until the prompt fits or no 200 characters are left).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from envs.base import Sandbox
from envs.errors import SandboxError
from envs.listing import Unreadable, settle
from envs.repository import start_state
from envs.toolbox import Toolbox
from srl_agent.errors import PromptTooLong
from srl_agent.output_format import parse_output
from srl_agent.patchers import Ask, Kit, Patched
from srl_agent.patchers.talk import Talk
from srl_agent.step_sets import context_of, token_budget
from srl_agent.swe import SYSTEM_PROMPT, read_call
from srl_agent.swe_eval.records import Prediction, Task
from trajectories.context import Context
from trajectories.records import Action, Episode, Message, Turn
from trajectories.render import parse_action
from trajectories.steps import Fits, next_prompt

SUBMIT = "submit"
CONDA = "/opt/miniconda3"
ENVIRONMENT = f"[ ! -d {CONDA}/envs/testbed ] || {{ . {CONDA}/bin/activate && conda activate testbed; }}"
"""As every eval script of swebench 5.0.2 begins: the project's environment, in the instance images."""
LEAST_CHARS = 200
"""Of an observation, where a prompt has to be shortened (a guess)."""
NOTE = (
    "[Your last output could not be read: {violation}. Answer with <think>why this step</think> and then exactly one "
    "call, <function=NAME> ... </function>.]"
)


def solve(task: Task, sandbox: Sandbox, ask: Ask, kit: Kit) -> Patched:
    """See `Patcher`. `ended` is submit, or the limit that was hit: steps, tokens, time, context, format.

    The patch is what the work tree holds at the end, whatever ended it, against what it held at the beginning.
    """
    base = start_state(sandbox, kit.root, f"/tmp/.start-{uuid.uuid4().hex[:12]}")
    tools = Toolbox(sandbox, kit.root, kit.settings.command_seconds, base=base)
    ready = tools.bash(ENVIRONMENT)
    if ready.exit_code:
        raise SandboxError(f"{task.instance_id}: the image's environment cannot be activated: {ready.text[-300:]}")
    asked = kit.settings.task_text(task.problem_statement, kit.root, task.base_commit)
    run = _Run(asked, tools, Talk(ask, kit), kit)
    ended = ""
    while not ended:
        ended = run.limit() or run.step()
    patch, fault = _final_patch(tools)
    effort = run.talk.effort(ended, format_errors=len(run.violations), shortened_prompts=run.shortened)
    record = {
        "instance_id": task.instance_id,
        "ended": ended,
        "outputs": run.talk.outputs,
        "violations": run.violations,
        "prompt_fault": run.too_long,
        "patch_fault": fault,
    }
    meta = {"repo": task.repo, "model": kit.model, "agent": "srl-agent", "ended": ended}
    episode = Episode(
        task.instance_id, f"{task.instance_id}.agent", run.task, tuple(run.turns), None, "srl-agent", meta
    )
    return Patched(Prediction(task.instance_id, kit.model, patch, effort), record, episode)


@dataclass
class _Run:
    """The work on one task."""

    task: str
    tools: Toolbox
    talk: Talk
    kit: Kit
    turns: list[Turn] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    broken: int = 0
    """Outputs in a row that could not be read, up to the newest."""
    shortened: int = 0
    too_long: str = ""
    """What a server said of a prompt that it did not take."""
    fits: Fits = field(init=False)

    def __post_init__(self) -> None:
        self.fits = token_budget(self.kit.data.max_prompt_tokens, self.kit.count_tokens)

    def limit(self) -> str:
        """Which limit is reached; empty for none."""
        settings = self.kit.settings
        if len(self.talk.outputs) >= settings.max_steps:
            return "steps"
        if settings.max_tokens and self.talk.tokens >= settings.max_tokens:
            return "tokens"
        return "time" if settings.max_seconds and self.talk.seconds >= settings.max_seconds else ""

    def step(self) -> str:
        """Ask for an output and carry it out; why that ends the work, or nothing."""
        prompt = self.prompt()
        if prompt is None:
            return "context"
        try:
            output = self.talk(prompt)
        except PromptTooLong as error:  # a server's own count, or its context, is another than the settings'
            self.too_long = str(error)
            return "context"
        parsed = parse_output(output, read_call)
        if parsed.action_text is None:
            self.violations.append(str(parsed.violation))
            self.broken += 1
            return "format" if self.broken > self.kit.settings.max_format_errors else ""
        self.broken = 0
        action = parse_action(parsed.action_text)
        seen = "" if action.tool == SUBMIT else self._do(action)
        self.turns.append(Turn(parsed.thought, action, seen))
        return SUBMIT if action.tool == SUBMIT else ""

    def _do(self, action: Action) -> str:
        settings = self.kit.settings
        left = settings.max_seconds - self.talk.seconds if settings.max_seconds else settings.command_seconds
        self.tools.timeout = max(1.0, min(settings.command_seconds, left))
        return self.tools.told(action)

    def prompt(self) -> tuple[Message, ...] | None:
        """What the model is shown now; None where it does not fit even at its shortest."""
        chars, context = self.kit.data.max_observation_chars, context_of(self.kit.data)
        found = self._prompt(self.turns, context, chars)
        if found is not None:
            return found
        window = self.turns[-context.rounds :] if context.rounds else self.turns
        while found is None and chars >= LEAST_CHARS:
            found = self._prompt(window, Context(), chars)  # where a window does not fit: as many of its rounds as do
            chars //= 2
        self.shortened += found is not None
        return found

    def _prompt(self, turns: Sequence[Turn], context: Context, chars: int) -> tuple[Message, ...] | None:
        note = NOTE.format(violation=self.violations[-1]) if self.broken else ""
        found = next_prompt(
            self.task,
            turns,
            context=context,
            system_prompt=SYSTEM_PROMPT,
            max_observation_chars=chars,
            fits=lambda messages: self.fits(_noted(messages, note)),
        )
        return None if found is None else _noted(found, note)


def _noted(messages: Sequence[Message], note: str) -> tuple[Message, ...]:
    """The messages with a note at the end of the last: the environment's turn, and still one message."""
    *earlier, last = messages
    return (*earlier, replace(last, content=f"{last.content}\n\n{note}" if note else last.content))


def _final_patch(tools: Toolbox) -> tuple[str, str]:
    """The patch, and why there is none where the agent made its repository unreadable."""
    settle(tools.sandbox)
    try:
        return tools.patch(), ""
    except Unreadable as error:
        return "", str(error)
