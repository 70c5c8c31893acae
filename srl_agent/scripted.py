"""A model whose outputs are written down, for tests of what asks models and of code built on it; no torch."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from srl_agent.answers import Answer, Done, Prompt
from srl_agent.output_format import format_output
from trajectories.records import Episode
from trajectories.render import render_action


class Scripted:
    """Answers prompts from lists; see `srl_agent.answers.Answerer`. Many threads may ask."""

    def __init__(
        self, scripts: Mapping[str, Sequence[str]], together: int = 0, otherwise: str = "", *, threads: int = 16
    ) -> None:
        """`scripts`: a text that occurs in the prompts of one task, and the outputs for these, one after another.

        `otherwise` answers prompts with none of the texts in them, and those behind the end of a script.
        """
        self.together, self.threads, self.otherwise = together, threads, otherwise
        self.asked: list[list[Prompt]] = []
        """The prompts of each call."""
        self.seeds: list[list[list[int]]] = []
        self._left = {text: list(outputs) for text, outputs in scripts.items()}
        self._lock = threading.Lock()

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        """See `Answerer`; a token is a word."""
        with self._lock:
            self.asked.append(list(prompts))
            self.seeds.append([list(some) for some in seeds])
            answers = [[self._next(prompt) for _ in range(rollouts)] for prompt in prompts]
        for place, found in enumerate(answers):
            done(place, found)
        return answers

    def _next(self, prompt: Prompt) -> Answer:
        whole = "\n".join(message.content for message in prompt)
        outputs = next((outputs for text, outputs in self._left.items() if text in whole), [])
        text = outputs.pop(0) if outputs else self.otherwise
        return Answer(text, len(text.split()), cut=False)


def outputs_of(episode: Episode) -> list[str]:
    """What a policy would have to write to do what an expert did."""
    return [format_output(turn.thought, render_action(turn.action)) for turn in episode.turns]
