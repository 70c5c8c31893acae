"""An agent's tools over a real sandbox: what its shell keeps, what it is told, what becomes the patch."""

from __future__ import annotations

import pytest
from calls import bash

from envs.base import Sandbox
from envs.listing import Unreadable
from envs.toolbox import Toolbox, UnknownTool
from trajectories.records import Action


@pytest.fixture
def tools(shared_sandbox: Sandbox, folder: str) -> Toolbox:
    return Toolbox(shared_sandbox, folder, timeout=20.0)


def test_directory_and_exported_variables_are_kept(tools: Toolbox) -> None:
    tools.do(bash("mkdir -p 'in ner' && cd 'in ner' && export LEFT=$'a b\\nc' PLAIN=1; lost=1"))
    assert tools.do(bash('basename "$PWD"; echo "$LEFT $PLAIN ${lost-unset}"')).text == "in ner\na b\nc 1 unset"


def test_variables_that_were_unset_stay_unset(tools: Toolbox) -> None:
    tools.do(bash("unset HOME; export LEFT=1"))
    assert tools.do(bash('echo "${HOME-unset} $LEFT"')).text == "unset 1"
    tools.do(bash("unset LEFT"))
    assert tools.do(bash('echo "${HOME-unset} ${LEFT-unset}"')).text == "unset unset"


def test_a_shell_whose_state_was_cut_short_begins_anew(tools: Toolbox) -> None:
    tools.sandbox.write_file(tools.state_file, b'declare -x A="1"\ndeclare -x PA')
    assert tools.do(bash('echo "${A-unset}"; basename "$(pwd)"')).text.split() == ["unset", tools.root.split("/")[-1]]


def test_a_command_that_exits_still_leaves_its_directory(tools: Toolbox) -> None:
    seen = tools.do(bash("mkdir d; cd d; exit 3"))
    assert (seen.text, seen.exit_code) == ("[exit status 3]", 3)
    assert tools.do(bash('basename "$PWD"')).text == "d"


def test_a_directory_that_is_gone_falls_back_to_the_root(tools: Toolbox) -> None:
    tools.do(bash("mkdir d; cd d; rmdir ../d"))
    assert tools.do(bash("pwd")).text == tools.root


def test_a_time_out_is_told_and_the_shell_goes_on_where_it_was(tools: Toolbox) -> None:
    tools.do(bash("export KEPT=1"))
    tools.timeout = 1.0
    seen = tools.do(bash("echo begun; sleep 1000"))
    assert seen.timed_out
    assert seen.text == "begun\n[timed out after 1 s]"
    assert tools.do(bash("echo $KEPT")).text == "1"


def test_a_command_that_kills_its_shell_leaves_a_working_one(tools: Toolbox) -> None:
    assert tools.do(bash("kill -9 $$")).exit_code == 137
    tools.do(bash("kill -9 -1"))
    assert tools.do(bash("echo alive")).text == "alive"


def test_unbalanced_quotes_break_that_command_only(tools: Toolbox) -> None:
    assert tools.do(bash("echo 'abc")).exit_code != 0
    assert tools.do(bash("echo fine")).text == "fine"


def test_search_tools_take_names_with_quotes(tools: Toolbox) -> None:
    tools.sandbox.write_file(f"{tools.root}/it's.py", b"needle $x\n")
    assert tools.do(Action("find_file", (("file_name", "it's*"),))).text == "./it's.py"
    assert tools.do(Action("search_dir", (("search_term", "needle $x"),))).text == "./it's.py:1:needle $x"
    assert tools.do(Action("search_file", (("search_term", "needle"), ("file", "it's.py")))).text == "1:needle $x"


def test_an_unknown_tool_raises_and_a_missing_argument_is_told(tools: Toolbox) -> None:
    with pytest.raises(UnknownTool, match="bash, str_replace_editor"):
        tools.do(Action("browser"))
    assert tools.do(Action("bash")).text == "ERROR: bash needs the argument 'command'."


def repository(sandbox: Sandbox, root: str) -> Toolbox:
    identity = "git config user.email a@b.c; git config user.name a; git config commit.gpgsign false"
    sandbox.write_file(f"{root}/a.py", b"one\n")
    sandbox.write_file(f"{root}/gone.py", b"x\n")
    done = sandbox.run(f"git init -q . && {identity}; git add -A && git commit -qm base", cwd=root)
    assert done.exit_code == 0, done.output
    return Toolbox(sandbox, root)


def test_the_patch_holds_edits_new_binary_and_deleted_files_and_no_junk(shared_sandbox: Sandbox, folder: str) -> None:
    tools = repository(shared_sandbox, folder)
    tools.sandbox.write_file(f"{folder}/a.py", b"one\ntwo\n")
    tools.sandbox.write_file(f"{folder}/new file.bin", bytes(range(256)))
    tools.sandbox.write_file(f"{folder}/pkg/__pycache__/a.pyc", b"junk")
    tools.do(bash("rm gone.py; git add a.py; git commit -qm 'the agent commits'"))
    patch = tools.patch()
    assert "+two" in patch
    assert "GIT binary patch" in patch
    assert "deleted file" in patch
    assert "pycache" not in patch
    other = f"{folder}-other"
    shared_sandbox.run(f"git clone -q . {other} && cd {other} && git reset -q --hard HEAD~", cwd=folder)
    shared_sandbox.write_file(f"{other}.patch", patch.encode())
    applied = shared_sandbox.run(f"git apply {other}.patch && cat a.py && ls", cwd=other)
    assert applied.output.split() == ["one", "two", "a.py", "new", "file.bin"]


def test_making_the_patch_changes_neither_index_nor_files(shared_sandbox: Sandbox, folder: str) -> None:
    tools = repository(shared_sandbox, folder)
    shared_sandbox.write_file(f"{folder}/b.py", b"x\n")
    before = shared_sandbox.run("git status --porcelain", cwd=folder).output
    assert tools.patch() != ""
    assert shared_sandbox.run("git status --porcelain", cwd=folder).output == before == "?? b.py\n"


@pytest.mark.parametrize(
    "meddling",
    [
        "git config diff.noprefix true; git config diff.mnemonicPrefix true",
        "git config diff.up.textconv 'tr a-z A-Z <'; echo '*.py diff=up' > .git/info/attributes",
        "git config diff.external false; git config core.fileMode false; git config core.autocrlf true",
        "git init -q sub; echo x > sub/f; mkdir other; cp -r .git other/",
        "cp .git/config x; echo '[' >> .git/config; rm .git/index x",
        "mkdir {state}.git {state}.patch",
    ],
)
def test_what_an_agent_configures_or_embeds_does_not_change_the_patch(
    shared_sandbox: Sandbox, folder: str, meddling: str
) -> None:
    tools = repository(shared_sandbox, folder)
    tools.do(bash(meddling.replace("{state}", tools.state_file)))
    shared_sandbox.write_file(f"{folder}/a.py", b"one\ntwo\n")
    patch = tools.patch()
    assert patch.startswith("diff --git a/a.py b/a.py\n")
    assert patch.endswith("@@ -1 +1,2 @@\n one\n+two\n")
    assert patch.count("diff --git") == 1


def test_tracked_files_of_a_folder_that_became_a_repository_stay_in_the_patch(
    shared_sandbox: Sandbox, folder: str
) -> None:
    shared_sandbox.write_file(f"{folder}/sub/b.py", b"old\n")
    tools = repository(shared_sandbox, folder)
    tools.do(bash("git init -q sub; echo new > sub/b.py"))
    assert "-old\n+new\n" in tools.patch()


@pytest.mark.parametrize("breaking", ["rm -rf .git", "echo x > f; chmod 000 f"])
def test_a_patch_that_cannot_be_made_is_told_and_never_an_earlier_one(
    shared_sandbox: Sandbox, folder: str, breaking: str
) -> None:
    tools = repository(shared_sandbox, folder)
    tools.do(bash("echo x > new.py"))
    assert "+x" in tools.do(Action("submit")).patch
    tools.do(bash(breaking))
    with pytest.raises(Unreadable, match="the patch cannot be made"):
        tools.patch()
    submitted = tools.do(Action("submit"))
    assert (submitted.exit_code, submitted.patch) == (1, "")
    tools.do(bash("rm -rf f"))


def test_a_folder_without_history_has_no_patch(tools: Toolbox) -> None:
    assert tools.patch() == ""


def test_a_forgetful_agents_shell_begins_anew_at_the_root(shared_sandbox: Sandbox, folder: str) -> None:
    tools = Toolbox(shared_sandbox, folder, keeps=False)
    tools.do(bash("mkdir d; cd d; export LEFT=1"))
    assert tools.do(bash('basename "$PWD"; echo "${LEFT-unset}"')).text == f"{folder.rpartition('/')[2]}\nunset"
