"""Replay an episode in a sandbox, one pass over the expert's actions, each observation compared with the record."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from envs.base import Backend, Sandbox, Spec
from envs.compare import Comparison, compare
from envs.toolbox import Toolbox, UnknownTool, keeps_shell
from trajectories.records import Action, Episode, Turn

Status = Literal["same", "different", "failed", "skipped"]
SHOWN_LINES = 40
"""Lines of a difference that a report keeps."""
_ROOT = re.compile(r"(?<![\w/.-])/(?:testbed|workspace/[\w.+-]+|repo)\b")
"""Where the recording agents had the repository: SWE-bench images, OpenHands' workspaces, SWE-agent."""


@dataclass(frozen=True, slots=True)
class StepReplay:
    """One step."""

    step: int
    """Counted from 1."""
    status: Status
    """same or different observation; failed: its time was up, and the recorded one's was not; skipped: no such tool."""
    similarity: float
    """Of the observations' lines after normalisation."""
    seconds: float
    detail: str = ""
    """A unified difference of the normalised lines, or why the step failed or was skipped."""


@dataclass(frozen=True, slots=True)
class EpisodeReplay:
    """One episode."""

    traj_id: str
    instance_id: str
    image: str
    backend: str
    steps: tuple[StepReplay, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Status to number of steps."""
        return dict(Counter(step.status for step in self.steps))

    @property
    def share(self) -> float:
        """Share of the steps that could be carried out whose observation is the same."""
        done = [step for step in self.steps if step.status != "skipped"]
        return sum(step.status == "same" for step in done) / len(done) if done else 0.0

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> EpisodeReplay:
        """What `to_json` made."""
        steps = tuple(StepReplay(**step) for step in record["steps"])
        return cls(record["traj_id"], record["instance_id"], record["image"], record["backend"], steps)

    def to_json(self) -> dict[str, Any]:
        """Plain data, schema `srl-agent/replay-1`."""
        return {"schema": "srl-agent/replay-1", **asdict(self), "counts": self.counts, "share": self.share}


def recorded_root(episode: Episode) -> str:
    """Where the recording had the repository, by what its texts name most; empty where they name nothing known."""
    texts = [episode.task, *(value for turn in episode.turns for _, value in turn.action.arguments)]
    found = Counter(match for text in texts for match in _ROOT.findall(text))
    return found.most_common(1)[0][0] if found else ""


def moved(episode: Episode, here: str) -> Episode:
    """The episode with its repository at `here`, in actions and observations alike."""
    move, move_action = _text_mover(episode, here), mover(episode, here)
    turns = (replace(t, action=move_action(t.action), observation=move(t.observation)) for t in episode.turns)
    return replace(episode, turns=tuple(turns))


def mover(episode: Episode, here: str) -> Callable[[Action], Action]:
    """What turns an action that names the recorded repository into one that names `here`."""
    move = _text_mover(episode, here)

    def move_action(action: Action) -> Action:
        return replace(action, arguments=tuple((name, move(value)) for name, value in action.arguments))

    return move_action


def _text_mover(episode: Episode, here: str) -> Callable[[str], str]:
    root = recorded_root(episode)
    if root in ("", here):
        return lambda text: text
    pattern = re.compile(re.escape(root) + r"(?![\w.+-])")
    return lambda text: pattern.sub(lambda _: here, text)


def replay_turns(
    turns: Sequence[Turn], toolbox: Toolbox, after_step: Callable[[int, Toolbox], None] | None = None
) -> list[StepReplay]:
    """Carry out each action and compare; `after_step(k, toolbox)` may take a snapshot. SandboxError ends the replay."""
    done = []
    for number, turn in enumerate(turns, start=1):
        done.append(_replay_step(number, turn, toolbox))
        if after_step is not None:
            after_step(number, toolbox)
    return done


def _replay_step(number: int, turn: Turn, toolbox: Toolbox) -> StepReplay:
    try:
        now = toolbox.do(turn.action)
    except UnknownTool as error:
        return StepReplay(number, "skipped", 0.0, 0.0, str(error))
    if now.timed_out and "timed out" not in turn.observation:
        return StepReplay(number, "failed", 0.0, now.seconds, f"its time was up after {toolbox.timeout:g} s")
    if _silent(turn.action):
        return StepReplay(number, "same", 1.0, now.seconds)
    found = compare(turn.action, turn.observation, now.text)
    status: Status = "same" if found.same else "different"
    return StepReplay(number, status, found.similarity, now.seconds, "" if found.same else _difference(found))


def _silent(action: Action) -> bool:
    """Tools whose observation is the harness's own words."""
    return action.tool in ("submit", "think")


def _difference(found: Comparison) -> str:
    lines = list(difflib.unified_diff(found.recorded, found.now, "recorded", "now", lineterm="", n=1))
    more = [f"... {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
    return "\n".join([*lines[:SHOWN_LINES], *more])


def replay_episode(
    episode: Episode,
    backend: Backend,
    name: str,
    spec: Spec,
    timeout: float = 60.0,
    prepare: Callable[[Sandbox], None] | None = None,
) -> EpisodeReplay:
    """Replay in a fresh sandbox, the recorded repository standing at the spec's working directory.

    `prepare` puts it there where the image has none.
    """
    sandbox = backend.start(spec)
    try:
        if prepare is not None:
            prepare(sandbox)
        toolbox = Toolbox(sandbox, spec.workdir, timeout, keeps=keeps_shell(episode.source))
        steps = replay_turns(moved(episode, spec.workdir).turns, toolbox)
    finally:
        sandbox.close()
    return EpisodeReplay(episode.traj_id, episode.instance_id, spec.image, name, tuple(steps))
