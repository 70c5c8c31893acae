r"""What the policy is asked: for the next step of a solution, for the whole of it, and for an answer that is graded.

The first two are ours, with the contract of the SRL paper (arXiv 2510.25992): think first, then write the single next
step (or the solution), and nothing behind it. The third is the one that Qwen2.5-Math's evaluation gives to chat models
(`qwen25-math-cot` in evaluation/utils.py of QwenLM/Qwen2.5-Math), word for word, so that figures can be compared.
"""

from __future__ import annotations

from trajectories.records import Message

STEP_PROMPT = """\
You are solving a mathematics problem, one step at a time. You are given the problem and the steps so far. Think about \
what comes next, then write one step, the next one, and stop:
<think>your reasoning</think>
{step}
When a step is the last, it has the answer in \\boxed{{}}."""

WHOLE_PROMPT = """\
You are solving a mathematics problem. Think first, then write the solution in numbered steps, and stop:
<think>your reasoning</think>
{step}
The last step has the answer in \\boxed{{}}."""

EVALUATION_PROMPT = r"Please reason step by step, and put your final answer within \boxed{}."
THINKING = " You may think in <think> </think> blocks wherever it helps; they are scratch paper."
"""What the paper's own evaluation prompt adds (version 3, appendix B.2.2), in our words."""

STEP_FORM = "2. **Title:** what is done"
WHOLE_FORM = "1. **Title:** what is done"
SOLUTION_OPEN, SOLUTION_CLOSE = "<solution>", "</solution>"


def tagged(text: str) -> str:
    """What `options.solution_tag` puts around a step or a solution."""
    return f"{SOLUTION_OPEN}\n{text}\n{SOLUTION_CLOSE}"


def step_prompt(problem: str, written: str, next_title: str = "", *, solution_tag: bool = False) -> tuple[Message, ...]:
    """Asks for the step that follows `written`, which is empty before the first one.

    `next_title` is its number and title, empty to show none.
    """
    parts = [f"Problem: {problem}", *([f"Steps so far:\n{written}"] if written else [])]
    parts += [f"Next step: {next_title}"] if next_title else []
    return _asked(STEP_PROMPT, STEP_FORM, "\n\n".join(parts), solution_tag)


def whole_prompt(problem: str, *, solution_tag: bool = False) -> tuple[Message, ...]:
    """Asks for a whole solution."""
    return _asked(WHOLE_PROMPT, WHOLE_FORM, f"Problem: {problem}", solution_tag)


def evaluation_prompt(problem: str, *, thinking: bool = False) -> tuple[Message, ...]:
    """Asks for an answer that is graded; the problem stands as it is. `thinking` allows think blocks, as the paper."""
    return Message("system", EVALUATION_PROMPT + (THINKING if thinking else "")), Message("user", problem)


def _asked(system: str, form: str, user: str, solution_tag: bool) -> tuple[Message, ...]:
    return Message("system", system.format(step=tagged(form) if solution_tag else form)), Message("user", user)
