"""Where tasks are worked on: nothing there tells the solution, and the bundled tasks are like a benchmark's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from patching import SUBMIT, TASK, bash, kit, patched, sandboxes

from envs.base import Sandbox
from envs.demo.task import load_tasks
from envs.errors import SandboxError
from envs.outcome import judge
from envs.task_tests import demo_tests
from srl_agent.errors import ConfigError
from srl_agent.patchers import PATCHERS, find_patcher
from srl_agent.patchers.places import Open, demo_tasks, hide_solution
from srl_agent.patchers.settings import PatchConfig
from srl_agent.swe_eval.records import Task

COMMIT = "git -c user.name=a -c user.email=b commit -qam"


@pytest.fixture(scope="module")
def start() -> Open:
    return sandboxes("bubblewrap")


@pytest.fixture
def sandbox(start: Open) -> Iterator[Sandbox]:
    sandbox = start(TASK)
    yield sandbox
    sandbox.close()


def based(sandbox: Sandbox) -> Task:
    return replace(TASK, base_commit=sandbox.run("git rev-parse HEAD").output.strip())


def test_a_later_commit_is_cut_off_and_the_patch_is_made_all_the_same(start: Open) -> None:
    later: list[str] = []

    def leaky(task: Task) -> Sandbox:
        sandbox = start(task)
        known = based(sandbox)
        fix = f"git checkout -q -b fix && echo fixed >> rates.py && {COMMIT} fix && git tag fixed"
        assert sandbox.run(f"{fix} && git checkout -q -").exit_code == 0
        later.append(sandbox.run("git rev-parse fixed").output.strip())
        hide_solution(known, sandbox)
        assert sandbox.run(f"git cat-file -e {later[0]}").exit_code != 0
        return sandbox

    result = patched("agent", leaky, [bash("git log --all --oneline | wc -l; echo new > new.py"), SUBMIT])
    assert result.episode is not None
    assert result.episode.turns[0].observation == "1"
    assert "+new\n" in result.prediction.patch


def test_a_clean_history_stays_as_it_is(sandbox: Sandbox) -> None:
    sandbox.run("touch .git/mark")
    hide_solution(based(sandbox), sandbox)
    assert sandbox.run("test -e .git/mark").exit_code == 0


def test_a_solution_that_cannot_be_hidden_is_refused(sandbox: Sandbox) -> None:
    hidden = "--- a/run_tests.py\n+++ b/run_tests.py\n@@ -1 +1,2 @@\n+added = 1\n"
    sandbox.run("echo 'added = 1' >> run_tests.py")
    with pytest.raises(SandboxError, match=r"the sandbox tells the solution: run_tests\.py has the hidden tests"):
        hide_solution(replace(based(sandbox), test_patch=hidden), sandbox)


def test_the_gold_patches_of_the_bundled_tasks_resolve_them(start: Open) -> None:
    for task in demo_tasks()[:: len(load_tasks()) // 3]:
        with start(task) as finished, start(task) as fresh:
            finished.write_file("/tmp/gold.patch", task.gold_patch.encode())
            assert finished.run("git apply /tmp/gold.patch").exit_code == 0
            assert judge(demo_tests(task.instance_id), finished, fresh).resolved


def test_every_name_finds_its_patcher() -> None:
    assert all(callable(find_patcher(name)) for name in PATCHERS)
    assert find_patcher("srl_agent.patchers.oracle:solve") is find_patcher("oracle")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("agnet", "unknown name 'agnet'; known: agent, oracle, agentless"),
        ("no.module:x", "cannot be imported"),
        ("srl_agent.patchers.oracle:nothing", "cannot be imported"),
        ("srl_agent.patchers:PATCHERS", "is no function"),
    ],
)
def test_another_name_is_refused(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        find_patcher(name)


def test_a_framing_without_the_issue_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a text with"):
        PatchConfig(framing="Fix it.")


def test_several_greedy_samples_are_refused() -> None:
    PatchConfig(samples=1).check_temperature(0.0)
    PatchConfig(samples=4).check_temperature(0.8)
    with pytest.raises(ConfigError, match="4 greedy outputs"):
        PatchConfig(samples=4).check_temperature(0.0)


def test_the_framing_s_placeholders_in_an_issue_stay() -> None:
    assert kit().settings.task_text("see {root} and {issue}", "/testbed", "1a") == "see {root} and {issue}"
