"""The paper's end-to-end set-up: find at most five files, then edit them, after Agentless-mini (arXiv 2502.18449).

Greedy and once by default. Of several samples the most frequent result is taken: what the files come to, blank lines,
comment lines and blanks at the ends of lines not counted; of equally frequent ones the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from envs.base import Sandbox
from srl_agent.patchers import Ask, Kit, Patched
from srl_agent.patchers.edits import Edited, text_of
from srl_agent.patchers.localise import localise_prompt, named_files
from srl_agent.patchers.one_shot import OneShot
from srl_agent.swe_eval.records import Task

NOT_FOUND = "no file named"
"""Why the work ended: the answer names no file of the repository."""
COMMENT, COMMENTED = "#", (".py", ".pyi", ".pyx", ".rb")
"""What begins a comment line, in files of these names: in C's it begins a directive."""
Key = tuple[tuple[str, tuple[str, ...]], ...]


def solve(task: Task, sandbox: Sandbox, ask: Ask, kit: Kit) -> Patched:
    """See `Patcher`."""
    work, settings = OneShot(task, sandbox, ask, kit), kit.settings
    budgets = settings.window // 4, min(settings.listing_tokens, settings.window // 2)
    prompt = localise_prompt(task.problem_statement, work.known, settings.max_files, budgets, kit.count_tokens)
    paths = named_files(work.said(prompt), work.known, settings.max_files)
    work.record["named"] = paths
    if not paths:
        return work.finish(Edited({}, ()), NOT_FOUND)
    samples = [work.edit(paths) for _ in range(settings.samples)]
    chosen = most_frequent(samples)
    work.record |= {"chosen": chosen, "votes": [votes for _, votes in Counter(map(key, samples)).most_common()]}
    return work.finish(samples[chosen])


def most_frequent(samples: Sequence[Edited]) -> int:
    """The place of the first sample with the result that most have; those without any edit do not vote."""
    votes = Counter(key(sample) for sample in samples if sample.files)
    return max(range(len(samples)), key=lambda place: (votes[key(samples[place])], -place))


def key(sample: Edited) -> Key:
    """What a sample comes to, normalised."""
    return tuple((path, _normal(path, content)) for path, content in sorted(sample.files.items()))


def _normal(path: str, content: bytes) -> tuple[str, ...]:
    lines = (line.rstrip() for line in text_of(content).split("\n"))
    commented = path.endswith(COMMENTED)
    return tuple(line for line in lines if line and not (commented and line.lstrip().startswith(COMMENT)))
