"""How the issue is put to the agent: in the framing of the episodes that the model was trained on.

Tasks of OpenHands, SWE-Gym, SWE-smith and mini-swe-agent mark the issue by tags; what stands around it is the framing,
with the repository's folder and the base commit replaced by placeholders. Other tasks do not tell where the issue is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from posixpath import basename

from envs.replay import recorded_root
from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.patchers.settings import COMMIT, ISSUE, ROOT, PatchConfig
from srl_agent.step_sets import read_data
from trajectories.records import Episode

MARKED = re.compile(r"<(pr|issue)_description>\n(.*?)\n</\1_description>", re.S)
HASH = re.compile(r"\b[0-9a-f]{40}\b")
OPTION = f"give it with --options.framing ('{ISSUE}' for the bare issue)"


def settled(settings: PatchConfig, data: DataConfig) -> tuple[PatchConfig, str]:
    """The settings with the framing that was given or else training's, and a line on which it is.

    ConfigError where the episodes do not tell it.
    """
    if "framing" in settings.model_fields_set:
        return settings, "framing: as given"
    if not data.path:
        return settings, (
            "framing: the bare issue, as in the bundled set (no data.path names other episodes); a model that was not "
            f"trained on them may want --options.framing 'The repository is in {ROOT}. {ISSUE}'"
        )
    if data.path == "-":
        raise ConfigError(f"data.path: the framing of the issue is in the episodes, not on standard input; {OPTION}")
    framing, line = framing_of(read_data(data)[0], data.path)
    return settings.model_copy(update={"framing": framing}), line


def framing_of(episodes: Sequence[Episode], name: str) -> tuple[str, str]:
    """The framing that most of the episodes have, and a line that says so. ConfigError where most mark no issue."""
    found = list(filter(None, map(_parts, episodes)))
    if 2 * len(found) < len(episodes) or not found:
        raise ConfigError(
            f"data.path: {len(episodes) - len(found)} of {len(episodes)} tasks in {name} do not say where their issue "
            f"begins and ends, so their framing is not known; {OPTION}"
        )
    (head, tail), votes = Counter((head, tail) for head, _, tail in found).most_common(1)[0]
    issues = {issue for before, issue, after in found if (before, after) == (head, tail)}
    return f"{head}{_common_lines(issues)}{ISSUE}{tail}", f"framing: that of {votes} of {len(episodes)} tasks in {name}"


def _parts(episode: Episode) -> tuple[str, str, str] | None:
    """What stands before the issue, the issue, and what stands behind it; None where nothing marks it."""
    marked = MARKED.search(episode.task)
    if marked is None:
        return None
    root = recorded_root(episode)
    around = episode.task[: marked.start(2)], episode.task[marked.end(2) :]
    head, tail = (HASH.sub(COMMIT, _with_root(text, root)) for text in around)
    return head, marked[2], tail


def _with_root(text: str, root: str) -> str:
    """The text with a placeholder for the repository's folder, which some framings also name without its parents."""
    if not root:
        return text
    return re.sub(rf"{re.escape(root)}(?![\w.+-]*\w)|(?<![\w/]){re.escape(basename(root))}(?![\w+-])", ROOT, text)


def _common_lines(issues: set[str]) -> str:
    """The lines that all issues begin with, where there are several: a framing's own words within its tags."""
    if len(issues) < 2:
        return ""
    lines = zip(*(issue.split("\n") for issue in issues), strict=False)
    same: list[str] = []
    for some in lines:
        if len(set(some)) > 1:
            break
        same.append(f"{some[0]}\n")
    return "".join(same)
