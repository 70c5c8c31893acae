"""The agent's loop on bundled tasks, its outputs written down: what it shows, what ends it, what patch it leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patching import SUBMIT, TASK, Refusing, bash, expert, kit, patched, sandboxes

from envs.base import Sandbox
from envs.demo.task import load_tasks
from envs.errors import SandboxError
from envs.toolbox import TOOLS
from srl_agent.config import DataConfig
from srl_agent.output_format import format_output
from srl_agent.patchers import Patched
from srl_agent.patchers.agent import NOTE
from srl_agent.patchers.keep import gather, keep
from srl_agent.patchers.places import Open
from srl_agent.scripted import Scripted, outputs_of
from srl_agent.step_sets import episode_steps, token_budget, without_surrogates
from srl_agent.swe import SYSTEM_PROMPT
from srl_agent.swe_eval.records import Task
from trajectories.formats import read_episodes
from trajectories.records import Action, Message, Turn
from trajectories.render import render_action

ISSUE = TASK.problem_statement
LONG = DataConfig(context="full", max_prompt_tokens=100_000)


@pytest.fixture(scope="module")
def start() -> Open:
    return sandboxes("bubblewrap")


def ended(result: Patched) -> str:
    return str(result.prediction.effort["ended"])


def observations(result: Patched) -> list[str]:
    assert result.episode is not None
    return [turn.observation for turn in result.episode.turns]


@pytest.mark.parametrize("backend", ["local", "bubblewrap", "docker"])
def test_the_expert_s_outputs_give_exactly_the_gold_patch(backend: str) -> None:
    result = patched("agent", sandboxes(backend), outputs_of(expert(TASK)))
    lines = [line for line in result.prediction.patch.splitlines() if line[:1] in "+-"]
    assert lines == [line for line in TASK.gold_patch.splitlines() if line[:1] in "+-"]
    assert result.prediction.patch.endswith("\n")
    assert (ended(result), result.prediction.effort["steps"]) == ("submit", 7)


def test_the_trajectory_is_the_expert_s_own(start: Open) -> None:
    result, recorded = patched("agent", start, outputs_of(expert(TASK))), expert(TASK)
    assert result.episode is not None
    assert result.episode.turns == recorded.turns
    assert result.episode.resolved is None


@pytest.mark.parametrize("context", ["window:2", "full"])
def test_the_prompts_are_those_of_training(start: Open, context: str) -> None:
    data = DataConfig(context=context, keep_last_step=True)
    using = kit(data)
    model = Scripted({ISSUE: outputs_of(expert(TASK))})
    patched("agent", start, model, using)
    fits = token_budget(data.max_prompt_tokens, using.count_tokens)
    steps = episode_steps(expert(TASK), data, SYSTEM_PROMPT, fits).steps
    assert [tuple(prompts[0]) for prompts in model.asked] == [step.prompt for step in steps]


def test_the_issue_is_framed_as_the_settings_say(start: Open) -> None:
    model = Scripted({ISSUE: [SUBMIT]})
    patched("agent", start, model, kit(framing="<repo>{root}</repo>\n{issue}\nFix it."))
    assert model.asked[0][0][1].content == f"<repo>/testbed</repo>\n{ISSUE}\nFix it."


@pytest.mark.parametrize(
    ("settings", "reason", "steps"),
    [({"max_steps": 2}, "steps", 2), ({"max_tokens": 1}, "tokens", 1), ({"max_format_errors": 0}, "format", 3)],
)
def test_a_limit_ends_the_work_with_the_patch_that_exists(
    start: Open, settings: dict[str, Any], reason: str, steps: int
) -> None:
    result = patched("agent", start, [bash("echo new > new.py"), bash("true"), "no call"], kit(LONG, **settings))
    assert (ended(result), result.prediction.effort["steps"]) == (reason, steps)
    assert "+new\n" in result.prediction.patch


def test_the_limit_on_time_goes_by_the_clock(start: Open) -> None:
    seconds = iter(range(0, 10_000, 50))
    result = patched(
        "agent", start, [bash("echo a > a")] * 9, replace(kit(max_seconds=300), clock=lambda: float(next(seconds)))
    )
    assert ended(result) == "time"
    assert "+a\n" in result.prediction.patch


def test_a_command_that_hangs_is_told_and_ends_nothing(start: Open) -> None:
    result = patched("agent", start, [bash("echo begun; sleep 1000"), SUBMIT], kit(command_seconds=1))
    assert observations(result) == ["begun\n[timed out after 1 s]", ""]
    assert ended(result) == "submit"


def test_a_task_that_no_prompt_can_hold_ends_at_the_context(start: Open) -> None:
    long = replace(TASK, problem_statement=ISSUE + "x" * 20_000)
    result = patched("agent", start, [SUBMIT], task=long)
    assert (ended(result), result.prediction.effort["steps"], result.prediction.patch) == ("context", 0, "")


def test_a_shortened_prompt_shows_no_more_rounds_than_the_window(start: Open) -> None:
    loud = bash("head -c 9000 /dev/zero | tr '\\0' x")
    model = Scripted({ISSUE: [bash("echo one"), bash("echo two"), loud, SUBMIT]})
    result = patched("agent", start, model, kit(DataConfig(context="window:2", max_prompt_tokens=1200)))
    assert result.prediction.effort["shortened_prompts"] == 1
    assert len(model.asked[3][0]) <= 2 + 2 * 2


def test_a_prompt_that_a_server_refuses_ends_the_work_with_the_patch_that_exists(start: Open) -> None:
    result = patched("agent", start, Refusing([bash("echo new > new.py")]))
    assert (ended(result), result.prediction.effort["steps"]) == ("context", 1)
    assert result.record["prompt_fault"] == "status 400: too long"
    assert "+new\n" in result.prediction.patch


def test_a_prompt_over_its_budget_is_shortened_and_counted(start: Open) -> None:
    loud = bash("head -c 7000 /dev/zero | tr '\\0' x")
    model = Scripted({ISSUE: [loud, loud, loud, SUBMIT]})
    result = patched("agent", start, model, kit(DataConfig(max_prompt_tokens=1500)))
    assert (ended(result), result.prediction.effort["shortened_prompts"]) == ("submit", 3)
    assert all(kit().count_tokens("".join(m.content for m in prompts[0])) <= 1500 for prompts in model.asked)
    assert observations(result)[0] == "x" * 7000


@pytest.mark.parametrize(
    ("output", "violation"),
    [
        ("", "no think block"),
        ("<think>so</think>", "no action"),
        (bash("ls") + bash("ls")[bash("ls").index("<function") :], "two actions"),
        (bash("ls")[:-5], "action not well-formed"),
    ],
)
def test_an_output_that_cannot_be_read_is_told_until_one_can(start: Open, output: str, violation: str) -> None:
    model = Scripted({ISSUE: [bash("echo one"), output, bash("echo two"), SUBMIT]})
    result = patched("agent", start, model)
    told, after = model.asked[2][0], model.asked[3][0]
    assert told[:-1] == model.asked[1][0][:-1]
    assert told[-1] == Message("user", f"one\n\n{NOTE.format(violation=violation)}")
    assert not any("could not be read" in message.content for message in after)
    assert observations(result) == ["one", "two", ""]
    assert result.record["violations"] == [violation]


def test_more_unreadable_outputs_in_a_row_than_allowed_end_the_work(start: Open) -> None:
    result = patched("agent", start, ["x", "x", bash("true"), "x", "x", "x"], kit(max_format_errors=2))
    assert (ended(result), result.prediction.effort["format_errors"]) == ("format", 5)


def test_thoughts_never_enter_a_prompt(start: Open) -> None:
    action = render_action(Action("bash", (("command", "ls"),)))
    model = Scripted({ISSUE: [format_output("SECRET", action), "<think>SECRET</think>", SUBMIT]})
    patched("agent", start, model, kit(LONG))
    assert len(model.asked) == 3
    assert "SECRET" not in str(model.asked)


BREAKING = ["rm -rf .git", "rm -rf /testbed", "kill -9 -1", "echo x > f; chmod 000 f", "(sleep 1000; echo x > y) &"]


@pytest.mark.parametrize("breaking", BREAKING)
def test_what_the_agent_breaks_is_its_own_affair(start: Open, breaking: str) -> None:
    result = patched("agent", start, [bash(breaking), bash("echo on"), SUBMIT])
    assert (ended(result), len(observations(result))) == ("submit", 3)


def test_a_repository_without_history_at_the_end_has_no_patch_and_says_why(start: Open) -> None:
    result = patched("agent", start, [bash("echo new > new.py; rm -rf .git"), SUBMIT])
    assert result.prediction.patch == ""
    assert "the patch cannot be made" in result.record["patch_fault"]


def test_a_tool_that_is_not_here_is_told(start: Open) -> None:
    browse = format_output("look", render_action(Action("browser", (("url", "x"),))))
    assert observations(patched("agent", start, [browse, SUBMIT]))[0].startswith("ERROR: no tool 'browser' here")


def test_a_sandbox_that_dies_raises_and_is_closed(start: Open) -> None:
    opened: list[Sandbox] = []

    def remember(task: Task) -> Sandbox:
        opened.append(start(task))
        return opened[-1]

    class Killing(Scripted):
        def __call__(self, *arguments: Any) -> Any:
            opened[-1].close()
            return super().__call__(*arguments)

    with pytest.raises(SandboxError):
        patched("agent", remember, Killing({ISSUE: [bash("ls")]}))
    with pytest.raises(SandboxError):
        opened[-1].run("true")


def test_a_sandbox_that_does_not_start_raises() -> None:
    def broken(task: Task) -> Sandbox:
        raise SandboxError("no image")

    with pytest.raises(SandboxError, match="no image"):
        patched("agent", broken, [SUBMIT])


def test_lone_surrogates_of_a_server_reach_no_file(start: Open, tmp_path: Path) -> None:
    result = patched("agent", start, [bash("echo '\ud83d' > a.py"), SUBMIT])
    assert "+\ufffd\n" in result.prediction.patch
    keep(tmp_path, result)


def test_trajectories_are_kept_as_episodes_and_atif(start: Open, tmp_path: Path) -> None:
    result = patched("agent", start, outputs_of(expert(TASK)))
    keep(tmp_path, result)
    assert gather(tmp_path, {TASK.instance_id: True}) == 1
    again = read_episodes(tmp_path / "episodes.jsonl")[0]
    assert [(one.turns, one.resolved) for one in again] == [(expert(TASK).turns, True)]
    exported = read_episodes(tmp_path / "atif" / f"{TASK.instance_id}.json")[0]
    assert [turn.action for turn in exported[0].turns] == [turn.action for turn in expert(TASK).turns]
    record = json.loads((tmp_path / "records" / f"{TASK.instance_id}.json").read_text())
    assert (record["ended"], record["effort"]["steps"], record["atif_fault"]) == ("submit", 7, "")


def test_a_call_that_atif_cannot_say_is_kept_as_an_episode(start: Open, tmp_path: Path) -> None:
    twice = format_output("so", render_action(Action("bash", (("command", "ls"), ("command", "pwd")))))
    keep(tmp_path, patched("agent", start, [twice, SUBMIT]))
    record = json.loads((tmp_path / "records" / f"{TASK.instance_id}.json").read_text())
    assert "stands twice" in record["atif_fault"]
    assert gather(tmp_path, {}) == 1


def test_work_without_an_action_leaves_a_record_and_no_episode(start: Open, tmp_path: Path) -> None:
    keep(tmp_path, patched("agent", start, ["no call"] * 9))
    assert (tmp_path / "records" / f"{TASK.instance_id}.json").is_file()
    assert gather(tmp_path, {}) == 0


def test_of_two_attempts_the_later_is_kept(start: Open, tmp_path: Path) -> None:
    keep(tmp_path, patched("agent", start, [bash("ls"), SUBMIT]))
    keep(tmp_path, patched("agent", start, ["no call"] * 9))
    assert gather(tmp_path, {}) == 0
    assert list((tmp_path / "atif").iterdir()) == []


def test_ids_of_any_signs_name_files_in_the_folder(start: Open, tmp_path: Path) -> None:
    done = patched("agent", start, [SUBMIT])
    keep(tmp_path / "kept", replace(done, prediction=replace(done.prediction, instance_id="../../x/y")))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.slow
def test_every_bundled_task_is_solved_by_its_expert(start: Open) -> None:
    from patching import demo_tasks

    gold = {}
    for task in demo_tasks():
        result = patched("agent", start, outputs_of(expert(task)), task=task)
        gold[task.instance_id] = [line for line in result.prediction.patch.splitlines() if line[:1] in "+-"]
    assert gold == {
        task.instance_id: [line for line in task.gold_patch.splitlines() if line[:1] in "+-"] for task in demo_tasks()
    }
    assert len(gold) == len(load_tasks())


VALUES = st.text(max_size=20) | st.sampled_from(
    ["create", "view", "undo_edit", "a.py", "../x", "rates.py", "[1, 2]", "\0"]
)
NAMES = st.sampled_from(["command", "path", "file_text", "view_range", "search_term", "dir", "old_str", "insert_line"])
TOOL_NAMES = st.sampled_from([*(name for name in TOOLS if name != "submit"), "other"])
ACTIONS = st.builds(Action, TOOL_NAMES, st.lists(st.tuples(NAMES, VALUES), max_size=4).map(tuple))
OUTPUTS = st.text() | ACTIONS.map(lambda action: format_output("so", render_action(action)))


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OUTPUTS, min_size=1, max_size=8))
def test_whatever_the_model_writes_is_data(start: Open, tmp_path: Path, outputs: list[str]) -> None:
    using = kit(LONG, max_steps=len(outputs), max_format_errors=99, command_seconds=5)
    result = patched("agent", start, outputs, using)
    assert (ended(result), result.record["outputs"]) == ("steps", [without_surrogates(text) for text in outputs])
    keep(tmp_path, result)


def test_turns_hold_thoughts_apart_from_actions(start: Open) -> None:
    result = patched("agent", start, [bash("echo x"), SUBMIT])
    assert result.episode is not None
    assert result.episode.turns[0] == Turn("so", Action("bash", (("command", "echo x"),)), "x")


def with_conda(start: Open, activate: str) -> Open:
    """Sandboxes with what an instance image has where conda is."""

    def begin(task: Task) -> Sandbox:
        sandbox = start(task)
        sandbox.write_file("/opt/miniconda3/envs/testbed/there", b"")
        sandbox.write_file("/opt/miniconda3/bin/activate", activate.encode())
        return sandbox

    return begin


def test_commands_run_in_the_environment_of_an_instance_image(start: Open) -> None:
    begin = with_conda(start, 'conda() { [ "$1" = activate ] && export ACTIVE="$2"; }\n')
    assert observations(patched("agent", begin, [bash("echo $ACTIVE"), SUBMIT]))[0] == "testbed"


def test_an_environment_that_cannot_be_activated_is_the_image_s_fault(start: Open) -> None:
    with pytest.raises(SandboxError, match="environment cannot be activated: no such environment"):
        patched("agent", with_conda(start, "conda() { echo no such environment; return 1; }\n"), [SUBMIT])
