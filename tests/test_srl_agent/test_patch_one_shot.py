"""Oracle and agentless repairs: what they show, which edits become a patch, how samples vote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patching import TASK, Refusing, kit, patched, sandboxes

from envs.demo.task import load_tasks
from envs.outcome import judge
from envs.task_tests import demo_tests
from srl_agent.patchers.agentless import most_frequent
from srl_agent.patchers.edit_prompt import edit_prompt
from srl_agent.patchers.edits import Edited
from srl_agent.patchers.localise import is_source, listing, named_files
from srl_agent.patchers.oracle import touched
from srl_agent.patchers.places import Open
from srl_agent.scripted import Scripted

DEMO = load_tasks()[0]
ISSUE = TASK.problem_statement


def edit(fixed: str = DEMO.fixed, path: str = DEMO.path) -> str:
    old, new = f"    {DEMO.broken}", f"    {fixed}"
    return f"<think>so</think>\n### {path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


@pytest.fixture(scope="module")
def start() -> Open:
    return sandboxes("bubblewrap")


@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
def test_the_right_edit_gives_exactly_the_gold_patch(backend: str) -> None:
    result = patched("oracle", sandboxes(backend), [edit()])
    lines = [line for line in result.prediction.patch.splitlines() if line[:1] in "+-"]
    assert lines == [line for line in TASK.gold_patch.splitlines() if line[:1] in "+-"]
    assert result.prediction.effort["ended"] == "edits"


def test_the_patch_resolves_the_task_on_a_fresh_checkout(start: Open) -> None:
    patch = patched("oracle", start, [edit()]).prediction.patch
    with start(TASK) as finished, start(TASK) as fresh:
        finished.write_file("/tmp/patch", patch.encode())
        assert finished.run("git apply /tmp/patch").exit_code == 0
        assert judge(demo_tests(TASK.instance_id), finished, fresh).resolved


def test_the_oracle_shows_the_issue_and_the_files_of_the_gold_patch_only(start: Open) -> None:
    model = Scripted({ISSUE: [edit()]})
    patched("oracle", start, model)
    shown = model.asked[0][0][1].content
    assert ISSUE in shown
    assert shown.count("<file path=") == 1
    assert DEMO.broken in shown
    assert DEMO.fixed not in shown.replace(ISSUE, "")


@pytest.mark.parametrize("output", ["", "no edit", edit("x").replace("SEARCH", "S"), edit(DEMO.broken)])
def test_an_output_without_an_edit_is_an_empty_patch_and_says_why(start: Open, output: str) -> None:
    result = patched("oracle", start, [output])
    assert (result.prediction.patch, result.prediction.effort["ended"]) == ("", "no edit")
    assert result.record["samples"][0]["edits"][0]["problem"]


def test_a_path_that_git_refuses_is_no_failure_of_the_sandbox(start: Open) -> None:
    output = "### git~1/config\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE"
    result = patched("oracle", start, [output])
    assert result.prediction.patch == ""
    assert "cannot be made" in result.record["patch_fault"]


def test_the_files_of_a_patch_are_those_it_changes_removes_or_renames() -> None:
    patch = (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
        "diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x\n"
        "diff --git a/old name.py b/moved.py\nsimilarity index 100%\nrename from old name.py\nrename to moved.py\n"
        "--- a/gone.py\t2020-01-01\n+++ /dev/null\n"
    )
    assert touched(patch) == ["a.py", "old name.py", "gone.py"]


def test_agentless_edits_the_file_it_named(start: Open) -> None:
    model = Scripted({ISSUE: [f"<think>so</think>\n{DEMO.path}", edit()]})
    result = patched("agentless", start, model)
    assert f"+    {DEMO.fixed}\n" in result.prediction.patch
    assert (result.record["named"], result.prediction.effort["steps"]) == ([DEMO.path], 2)
    assert "<repository>" in model.asked[0][0][1].content


def test_an_answer_that_names_no_file_ends_the_work(start: Open) -> None:
    result = patched("agentless", start, ["<think>so</think>\nnowhere.py"])
    assert (result.prediction.patch, result.prediction.effort["ended"]) == ("", "no file named")


def test_of_several_samples_the_most_frequent_result_is_taken(start: Open) -> None:
    outputs = [DEMO.path, edit("return 1"), edit(DEMO.fixed + "  "), "none", edit(DEMO.fixed)]
    result = patched("agentless", start, outputs, kit(samples=4))
    assert f"+    {DEMO.fixed}  \n" in result.prediction.patch
    assert result.record["chosen"] == 1


def test_samples_without_an_edit_do_not_outvote_one() -> None:
    one, none = Edited({"a.py": b"x\n"}, ()), Edited({}, ())
    assert most_frequent([none, none, one]) == 2
    assert most_frequent([none, none]) == 0


def test_comments_and_blanks_do_not_divide_the_votes() -> None:
    texts = [b"x = 1\n", b"y = 2\n", b"# why\n\ny = 2  \n"]
    assert most_frequent([Edited({"a.py": text}, ()) for text in texts]) == 1


def test_a_directive_of_c_is_no_comment() -> None:
    texts = [b"#define X 1\n", b"#define X 2\n", b"#define X 2\n"]
    assert most_frequent([Edited({"a.h": text}, ()) for text in texts]) == 1


def count(text: str) -> int:
    return -(-len(text) // 4)


@given(
    st.text(max_size=8000),
    st.dictionaries(
        st.sampled_from(["a.py", "b.py", "c/d.py"]), st.lists(st.text(max_size=60), max_size=150).map("\n".join)
    ),
    st.integers(1024, 6000),
)
def test_an_edit_prompt_keeps_its_window_and_says_what_was_cut(issue: str, files: dict[str, str], window: int) -> None:
    prompt = edit_prompt(issue, files, window, count)
    shown = prompt.messages[1].content
    assert sum(count(message.content) + 8 for message in prompt.messages) <= window
    assert all(text.rstrip() in shown for path, text in files.items() if path not in prompt.cut)
    assert [path in shown for path in files] == [True] * len(files)


def test_a_long_file_leaves_a_short_one_whole() -> None:
    files = {"long.py": "\n".join(f"line {n}" for n in range(9000)), "short.py": "x = 1\n" * 20}
    prompt = edit_prompt("issue", files, 4000, count)
    assert list(prompt.cut) == ["long.py"]
    shown = prompt.messages[1].content
    assert "line 0\n" in shown
    assert "line 8999\n" in shown
    assert f"[... {prompt.cut['long.py']} lines are left out here ...]" in shown


PATHS = ["setup.py", "src/a/b.py", "src/a/c.pyx", "src/d.py", "src/a/tests/test_b.py", "docs/conf.py", "README.md"]


def test_the_listing_shows_source_files_as_a_tree() -> None:
    assert listing(PATHS, 100, count) == "setup.py\nsrc/\n a/\n  b.py\n  c.pyx\n d.py"


def test_a_listing_over_its_budget_folds_the_deepest_folders_first() -> None:
    assert listing(PATHS, 9, count) == "setup.py\nsrc/\n a/ (2 files)\n d.py"
    assert listing(PATHS, 7, count) == "setup.py\nsrc/ (3 files)"
    assert listing(PATHS, 3, count) == "setup.py\n..."


names = st.lists(st.sampled_from(["a", "b", "ab", "c-d"]), min_size=1, max_size=4).map(lambda p: "/".join(p) + ".py")


@given(st.sets(names), st.integers(1, 60))
def test_a_listing_keeps_its_budget_and_counts_every_file(paths: set[str], tokens: int) -> None:
    tree = listing(paths, tokens, count)
    assert count(tree) <= tokens + 1  # the dots
    if not tree.endswith("..."):
        folded = sum(int(line.partition("(")[2].split()[0]) for line in tree.split("\n") if "(" in line)
        assert folded + sum(line.endswith(".py") for line in tree.split("\n")) == len(paths)


@pytest.mark.parametrize(
    ("path", "source"),
    [("a.py", True), ("test_a.py", False), ("a/tests/b.py", False), (".github/x.py", False), ("latest/a.py", True)],
)
def test_tests_and_hidden_folders_are_no_source(path: str, source: bool) -> None:
    assert is_source(path) is source


def test_named_files_are_those_that_are_there_in_their_order() -> None:
    output = "<think>src/d.py</think>\n1. `src/a/b.py`\n- ./setup.py, nowhere.py\n* c.pyx\nsrc/a/b.py. README.md"
    assert named_files(output, PATHS, 3) == ["src/a/b.py", "setup.py", "src/a/c.pyx"]
    assert named_files(output, PATHS, 9)[3:] == ["README.md"]


def test_files_that_are_no_text_are_not_shown(start: Open) -> None:
    gold = "--- a/run_tests.py\n--- a/nowhere.py\n"
    result = patched("oracle", start, [""], task=replace(TASK, gold_patch=gold))
    assert result.record["samples"][0]["files"] == ["run_tests.py"]


@pytest.mark.parametrize(("name", "outputs"), [("oracle", []), ("agentless", []), ("agentless", [DEMO.path])])
def test_a_prompt_that_a_server_refuses_makes_no_patch_and_says_why(start: Open, name: str, outputs: list[str]) -> None:
    result = patched(name, start, Refusing(outputs))
    assert (result.prediction.effort["ended"], result.prediction.patch) == ("context", "")
    assert result.record["prompt_fault"] == "status 400: too long"
