"""A name for the task of an episode whose source states none: by its file where that tells, else by the task's text."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

from trajectories.formats.openhands_rows import INSTANCE_ID
from trajectories.report import Where

_GENERIC = re.compile(
    r"(?:agent|all|completion|conversation|data|episode|event|history|llm_completion|log|message|output|result|rollout|run"
    r"|session|traj|trajectorie|trajectory|trial)?s?(?:[-_.]?\d+)?(?:\..*)?",
    re.IGNORECASE,
)
"""Names that a program gives to every run's file or folder."""
# Harbor keeps a run as <task>__<seven signs>/agent/trajectory.json.
_TRIAL = re.compile(r"(.+)__([A-Za-z0-9]{7})")


def name_by_text(task: str) -> str:
    """`task-` and a digest of the text, so that the runs of one task share a name; white space does not count."""
    text = " ".join(task.split())
    return f"task-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def name_by_file(where: Where) -> tuple[str, str]:
    """(task, run) as the path of a file of one episode tells them, both empty where it does not.

    A file's own name counts where it is one of SWE-agent's, mini-swe-agent's or Harbor's `<task>.traj...`, or an id of
    the SWE-bench family; of a file that every run calls the same, the folder's.
    """
    path = PurePosixPath(where.file.replace("\\", "/"))
    if where.index != 1 or ".jsonl" in path.suffixes or not {".json", ".traj"}.intersection(path.suffixes):
        return "", ""
    stem, marked, _ = path.name.partition(".traj")
    stem = stem.partition(".json")[0]
    if not _GENERIC.fullmatch(stem):
        return (stem, "") if marked or INSTANCE_ID.fullmatch(stem) else ("", "")
    folder = path.parent.parent.name if path.parent.name == "agent" else path.parent.name
    trial = _TRIAL.fullmatch(folder)
    return (trial[1], trial[2]) if trial else ("" if _GENERIC.fullmatch(folder) else folder, "")
