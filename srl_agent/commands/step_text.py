"""How the terminal shows a step: its prompt, what the reward compares with, and what the sft stage teaches."""

from __future__ import annotations

from rich.console import Console

from srl_agent.commands.data.console import print_part
from srl_agent.config import Config
from srl_agent.domain import Domain, StepSets
from srl_agent.wording import plural
from trajectories.records import StepExample
from trajectories.steps import cut_middle

MOST_CHARS = 4_000
"""Of a message in an example; longer ones are shortened in the middle."""


def print_step(console: Console, step: StepExample, target: str, most: int = 0) -> None:
    """The prompt to the letter (with `most`, that many characters a message), the expert's action, and `target`, what a
    supervised stage teaches, unless it is empty."""
    console.rule(f"prompt, {plural(len(step.prompt), 'message')}", align="left", characters="=")
    for message in step.prompt:
        print_part(console, message.role, cut_middle(message.content, most) if most else message.content)
    console.rule("target", align="left", characters="=")
    print_part(console, "expert action: what the reward compares with", step.expert_action)
    if target:
        print_part(console, "supervised target: what the sft stage teaches", target)


def print_example(console: Console, domain: Domain, config: Config, sets: StepSets) -> None:
    """One of the steps to train on, for a dry run: the first that follows another, where there is one."""
    step = next((step for step in sets.train if step.step > 1), sets.train[0])
    by_step = "sft" in config.stages and not sets.supervised
    console.print(f"\nexample: {step.traj_id}, step {step.step} of {step.n_steps}", style="bold", markup=False)
    print_step(console, step, domain.supervised_target(step) if by_step else "", MOST_CHARS)
    console.rule("settings", align="left", characters="=")
