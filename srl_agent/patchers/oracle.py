"""The paper's oracle file edit: the issue and the files that the gold patch touches, edits out (arXiv 2510.25992).

Of the gold patch only the names of the files are read. A file that it adds is not named: there is nothing to show.
"""

from __future__ import annotations

import re

from envs.base import Sandbox
from srl_agent.patchers import Ask, Kit, Patched
from srl_agent.patchers.one_shot import OneShot
from srl_agent.swe_eval.records import Task

_OLD_FILE = re.compile(r"^(?:--- a/|rename from )([^\t\n]+)", re.M)


def solve(task: Task, sandbox: Sandbox, ask: Ask, kit: Kit) -> Patched:
    """See `Patcher`."""
    work = OneShot(task, sandbox, ask, kit)
    return work.finish(work.edit(touched(task.gold_patch)))


def touched(patch: str) -> list[str]:
    """The files that a patch changes or removes, in its order."""
    return list(dict.fromkeys(path.rstrip("\r") for path in _OLD_FILE.findall(patch)))
