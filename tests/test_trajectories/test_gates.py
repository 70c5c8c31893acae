"""The seam of the gates: what is kept and dropped, duplicates over notations, the report, task rows, bad names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gate_battery import HELD_OUT, SETTINGS, act, edit, run, tool
from hypothesis import given
from trajectory_samples import EPISODES, TEXT, episode

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.gates import DEFAULT_GATES, GATES, GateSettings, find_gate, gate_episodes, read_tasks, run_gates
from trajectories.gates.contamination import statement_of
from trajectories.gates.git_state import Hashes
from trajectories.gates.shell import shell_commands
from trajectories.gates.tasks import TaskFacts, task_facts
from trajectories.records import Action, Episode

LOOK = act("cat a.py", "x = 1")


def test_an_unknown_gate_is_refused_with_the_known_names() -> None:
    with pytest.raises(ParseError, match=r"unknown name 'leaks'; known: unresolved, empty"):
        run_gates([episode()], ["leaks"])


@pytest.mark.parametrize("name", GATES)
def test_each_gate_says_whether_it_drops_episodes_or_steps(name: str) -> None:
    assert find_gate(name)(GateSettings()).kind in ("episode", "step")


@given(EPISODES)
def test_no_episode_whatever_is_in_it_makes_a_gate_fail(some: Episode) -> None:
    result = run_gates([some], tuple(GATES), SETTINGS)
    assert all(1 <= finding.step <= len(some.turns) for finding in result.findings if finding.step is not None)
    assert result.kept or result.findings


@given(TEXT)
def test_no_text_makes_the_shell_reader_fail(text: str) -> None:
    assert all(command.words for command in shell_commands(text))


def test_an_episode_gate_drops_the_episode_and_a_step_gate_only_the_step() -> None:
    leak, repeat = run(act("git log --all")), replace(run(LOOK, LOOK), traj_id="r")
    result = run_gates([leak, repeat])
    assert result.kept == [repeat]
    assert result.dropped_steps == {"r": frozenset({2})}


def test_the_report_counts_episodes_and_steps() -> None:
    report = run_gates([run(act("git log --all")), replace(run(LOOK, LOOK, act("ls")), traj_id="r")]).report
    assert (report.episodes_read, report.episodes_kept, report.steps_read, report.steps_kept) == (2, 1, 4, 2)
    assert report.gates["repeated-step"].steps == report.gates["leak-git-history"].episodes == 1


def test_the_report_shows_three_examples_at_most_one_an_episode() -> None:
    many = [replace(run(LOOK, LOOK, LOOK, act(f"echo {k}")), traj_id=f"r{k}") for k in range(5)]
    gate = run_gates(many, ["repeated-step"]).report.gates["repeated-step"]
    assert [finding.traj_id for finding in gate.examples] == ["r0", "r1", "r2"]
    assert (gate.findings, gate.episodes, gate.steps) == (10, 5, 10)


def test_the_report_is_plain_data() -> None:
    report = run_gates([run(act("git reflog"))]).report
    assert json.loads(json.dumps(report.to_json()))["gates"]["leak-git-history"]["examples"][0]["step"] == 1


def test_the_table_names_the_first_example_and_what_was_not_run() -> None:
    rows = {row[0]: row for row in run_gates([run(act("git reflog"))]).report.rows()}
    assert rows["leak-git-history"][1:4] == ("episode", 1, 0)
    assert rows["leak-git-history"][4] == f"{run().traj_id} step 1: reads the reflog: git reflog"
    assert rows["contamination"][4] == "not run: no evaluation sets were given"


def test_a_step_that_two_gates_meet_is_dropped_once() -> None:
    report = run_gates([run(*[LOOK] * 5)], ["repeated-step", "loop"]).report
    assert min(report.gates[name].steps for name in ("repeated-step", "loop")) > 0
    assert report.steps_dropped == report.steps_read - report.steps_kept < sum(g.steps for g in report.gates.values())


@pytest.mark.parametrize("gate", ["leak-hidden-tests", "leak-gold-patch"])
def test_an_episode_without_a_row_of_its_task_is_counted_as_not_judged(gate: str) -> None:
    added = "".join(f"+a_line_long_enough_{k} = {k}\n" for k in range(9))
    known = TaskFacts(run().instance_id, patch=added, failing=("tests/test_a.py::test_b",))
    settings = GateSettings(tasks={known.instance_id: known})
    episodes = [run(LOOK), replace(run(LOOK), instance_id="o__other-1", traj_id="other")]
    assert run_gates(episodes, [gate], settings).report.gates[gate].blind == 1


def test_episodes_pass_one_by_one() -> None:
    read: list[int] = []

    def source() -> Iterator[Episode]:
        for number in range(3):
            read.append(number)
            yield episode(run=str(number))

    next(gate_episodes(source()))
    assert read == [0]


def test_the_same_actions_on_the_same_task_are_a_duplicate_of_the_first() -> None:
    first, second = (replace(run(LOOK, tool("submit")), traj_id=name) for name in ("a", "b"))
    result = run_gates([first, second], ["duplicate"])
    assert result.kept == [first]
    assert result.findings[0].reason == "same task and same actions as a"


def test_the_same_actions_on_another_task_are_none() -> None:
    first, second = run(LOOK), replace(run(LOOK), instance_id="x__y-1", traj_id="b")
    assert run_gates([first, second], ["duplicate"]).findings == ()


def test_one_run_in_another_notation_is_a_duplicate_though_an_action_differs() -> None:
    steps = [act(f"cat {name}.py") for name in "abcdef"]
    first = run(*steps, edit("view", "/a", view_range="[1, 20]"))
    other = run(*steps[:5], act("cat f.py | head"), edit("view", "/a", view_range="[1,20]"))
    result = run_gates([first, replace(other, traj_id=f"{first.traj_id}#2")], ["duplicate"])
    assert [finding.reason for finding in result.findings] == [f"the same run as {first.traj_id}, in another notation"]


def test_two_runs_that_happen_to_have_one_id_are_none() -> None:
    first = run(*(act(f"cat {name}.py") for name in "abc"))
    other = replace(run(*(act(f"cat {name}.py") for name in "xyz")), traj_id=f"{first.traj_id}#2")
    assert run_gates([first, other], ["duplicate"]).findings == ()


@pytest.mark.parametrize("names", [["unresolved", "duplicate"], ["duplicate", "unresolved"]])
def test_a_solved_run_stays_though_a_dropped_one_did_the_same(names: list[str]) -> None:
    failed = replace(run(LOOK), traj_id="a", resolved=False)
    solved, again = (replace(run(LOOK), traj_id=name, resolved=True) for name in "bc")
    result = run_gates([failed, solved, again], names)
    assert result.kept == [solved]
    assert "same task and same actions as b" in [finding.reason for finding in result.findings]


def test_a_long_list_of_commands_is_read_command_by_command() -> None:
    assert len(shell_commands(" && ".join(["ls a"] * 8_000) + " > b")) == 8_000


@pytest.mark.parametrize(
    ("task", "statement"),
    [
        ("<task>" * 50_000, "<task>" * 50_000),
        ("<issue>" + " " * 50_000 + "x", "<issue>" + " " * 50_000 + "x"),
        ("a <issue> b </issue> <task>c</task>", "b"),
        ("</issue> ISSUE:\n b\n INSTRUCTIONS: c", "b"),
        ("<pr_description>\nConsider the following PR description:\nb\n</pr_description>", "b"),
        ("a", "a"),
    ],
    ids=range(6),
)
def test_the_statement_is_what_stands_inside_a_frame(task: str, statement: str) -> None:
    assert statement_of(task) == statement


def test_of_many_shown_hashes_each_is_known_by_its_beginning() -> None:
    shown = Hashes(f"{number:040x}"[::-1] for number in range(50_000))
    asked = [f"{number:040x}"[::-1][:9] for number in range(300)]
    assert all(name in shown for name in asked)
    assert "e" * 9 not in shown


def test_unknown_outcomes_are_dropped_only_on_demand() -> None:
    assert run_gates([run(LOOK)], ["unresolved"]).findings == ()
    assert run_gates([run(LOOK)], ["unresolved"], GateSettings(unknown_is_unresolved=True)).kept == []


@pytest.mark.parametrize("names", ['["t/test_a.py::test_b"]', "['t/test_a.py::test_b']", ["t/test_a.py::test_b"]])
def test_failing_tests_may_be_json_text_python_text_or_a_list(names: object) -> None:
    assert task_facts({"instance_id": "a__b-1", "FAIL_TO_PASS": names}).hidden_files == {"t/test_a.py"}


def test_djangos_test_names_lead_to_their_file() -> None:
    facts = task_facts({"instance_id": "d__d-1", "FAIL_TO_PASS": ["test_x (forms_tests.tests.test_forms.FormsTest)"]})
    assert facts.hidden_files == {"tests/forms_tests/tests/test_forms.py"}


def test_task_rows_are_read_from_jsonl(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"instance_id": "a__b-1", "repo": "A/B", "base_commit": "ABC"}\n')
    assert [(task.repository, task.base_commit) for task in read_tasks(tmp_path / "t.jsonl")] == [("a/b", "abc")]


@pytest.mark.parametrize("row", ["{}", '{"instance_id": 3}', "[1]", '{"instance_id": "a", "FAIL_TO_PASS": "x("}'])
def test_a_broken_task_row_is_an_error_with_its_place(row: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(f'{{"instance_id": "a__b-1"}}\n{row}\n')
    with pytest.raises(ParseError, match=r"t\.jsonl:2: .*expected a row of a task set"):
        list(read_tasks(tmp_path / "t.jsonl"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cd /a && X=1 timeout -k 2 5 git 'log' --all | head", [("cd", "/a"), ("git", "log", "--all"), ("head",)]),
        ("cat > a <<'EOF'\ngit log\nEOF\nls", [("cat",), ("ls",)]),
        ("bash -lc 'git log \"a b\"'", [("bash", "-lc", 'git log "a b"'), ("git", "log", "a b")]),
        ("echo $(git show x) `pwd`", [("echo", "$(git show x)", "`pwd`"), ("git", "show", "x"), ("pwd",)]),
        ("if true; then git pull; fi", [("true",), ("git", "pull")]),
    ],
)
def test_a_line_is_taken_apart_as_the_shell_would(line: str, words: list[tuple[str, ...]]) -> None:
    assert [command.words for command in shell_commands(line)] == words


def test_a_command_knows_what_it_writes_and_reads() -> None:
    cat = shell_commands("cd /t && cat > 'a b' <<EOF 2>/dev/null\ntext\nEOF")[1]
    assert (cat.writes, cat.stdin) == (("a b", "/dev/null"), "text\n")


def test_a_megabyte_of_command_is_read() -> None:
    assert run_gates([run(act("echo '" + "x y " * 250_000 + "'; git log"))], ["leak-git-history"]).findings == ()


def test_the_evaluation_rows_of_real_runs_are_found_by_their_statement_alone(shared_data: Path) -> None:
    rows = tuple(read_tasks(shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet"))
    episodes, _ = read_episodes(shared_data / "trajectories" / "mini-swe-agent")
    ids = {row.instance_id for row in rows}
    hidden = [replace(one, instance_id="x__y-1", meta={}) for one in episodes if one.instance_id in ids]
    result = run_gates(hidden, ["contamination"], GateSettings(evaluation=rows))
    assert hidden
    assert result.kept == []


def test_training_tasks_are_no_evaluation_rows(shared_data: Path) -> None:
    rows = tuple(read_tasks(shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet"))
    for name in ("swegym-openhands.jsonl", "swesmith-xml.jsonl"):
        episodes, _ = read_episodes(shared_data / "trajectories" / name)
        assert run_gates(episodes, ["contamination"], GateSettings(evaluation=rows)).findings == ()


def test_no_real_run_is_taken_for_a_leak(shared_data: Path) -> None:
    # Every git, pip, curl and gh command of these files was read by hand: none of them leaks.
    for name in ("swegym-openhands.jsonl", "swesmith-xml.jsonl", "mini-swe-agent"):
        episodes, _ = read_episodes(shared_data / "trajectories" / name)
        leaks = [gate for gate in DEFAULT_GATES if gate.startswith("leak-")]
        assert run_gates(episodes, leaks, GateSettings(tasks={HELD_OUT.instance_id: HELD_OUT})).findings == ()


def test_an_action_without_arguments_is_judged_by_its_original_command() -> None:
    turn = replace(LOOK, action=Action("submit", (), original="git log --all; echo COMPLETE"))
    assert run_gates([run(turn)], ["leak-git-history"]).kept == []
