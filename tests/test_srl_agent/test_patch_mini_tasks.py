"""One-shot repairs in the images of miniature SWE-bench tasks: the fix, written as edits, becomes the fix's patch."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hardened import one_at_a_time
from mini_tasks import mini_tasks, rows
from patching import patched, sandboxes

from envs.base import Limits, find_backend
from srl_agent.patchers.places import Open, images
from srl_agent.swe_eval.records import Task
from srl_agent.swe_eval.rows import task_of

FILE = re.compile(r"^(?=diff --git )", re.M)
HUNK = re.compile(r"^@@.*\n", re.M)


@pytest.fixture(scope="module")
def tasks() -> Iterator[list[Task]]:
    sandboxes("docker")  # skips where there is no engine, or no base image
    with one_at_a_time():  # another checkout's tests would give the images' names to images of their own
        yield [task_of(row) for row in rows()]


@pytest.fixture(scope="module")
def start() -> Open:
    return images(find_backend("docker"), Limits())


def edits(patch: str) -> str:
    """The hunks of a patch as search/replace edits."""
    blocks = [block(section, hunk) for section in FILE.split(patch)[1:] for hunk in HUNK.split(section)[1:]]
    return "<think>so</think>\n" + "\n".join(blocks)


def block(section: str, hunk: str) -> str:
    lines = hunk.removesuffix("\n").split("\n")
    old, new = ([line[1:] for line in lines if not line or line[0] in kept] for kept in (" -", " +"))
    path = changed_files(section)[0]
    return "\n".join([f"### {path}", "<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE", ""])


def changed_files(patch: str) -> list[str]:
    return re.findall(r"^\+\+\+ b/(.+)$", patch, re.M)


def changed_lines(patch: str) -> list[str]:
    return [line for line in patch.split("\n") if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize("number", range(len(mini_tasks())))
def test_the_fix_as_edits_becomes_the_fix(tasks: list[Task], start: Open, number: int) -> None:
    task = tasks[number]
    result = patched("oracle", start, [edits(task.gold_patch)], task=task)
    assert [one["problem"] for one in result.record["samples"][0]["edits"] if one["problem"]] == []
    assert changed_lines(result.prediction.patch) == changed_lines(task.gold_patch)


def test_agentless_finds_the_file_in_the_tree_and_mends_it(tasks: list[Task], start: Open) -> None:
    task = tasks[0]
    files = changed_files(task.gold_patch)
    result = patched("agentless", start, ["\n".join(files), edits(task.gold_patch)], task=task)
    assert result.record["named"] == files
    assert changed_lines(result.prediction.patch) == changed_lines(task.gold_patch)
