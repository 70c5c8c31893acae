"""Hand-made episodes, each with one leak, fault or a harmless look-alike, that the gates' tests and figures share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from trajectories.gates import GateSettings, TaskFacts
from trajectories.records import Action, Episode, Turn

ID = "pallets__flask-4045"
FIX = "d8c37f43724cd9fb0870f77877b7c4c7e38a19e0"
GOLD_LINES = tuple(f"        if part_{k} in name: raise ValueError('{k} is no part of a name')" for k in range(12))
GOLD = "--- a/src/flask/blueprints.py\n+++ b/src/flask/blueprints.py\n@@ -1,1 +1,13 @@\n context\n" + "\n".join(
    f"+{line}" for line in GOLD_LINES
)
TESTS = (
    "--- a/tests/test_blueprints.py\n+++ b/tests/test_blueprints.py\n@@ -1 +1,2 @@\n+    assert new\n"
    "--- /dev/null\n+++ b/tests/test_dotted_names.py\n@@ -0,0 +1 @@\n+def test_dotted(): ...\n"
)
STATEMENT = (
    "Raise an error when a blueprint name contains a dot. This is required since every dot is now significant since "
    "blueprints can be nested. An error was already added for endpoint names in version one, but should have been "
    "added for this as well. Nested blueprints make the dotted name ambiguous for the function that builds URLs."
)
FACTS = TaskFacts(
    ID, "pallets/flask", "f" * 8 + "1" * 32, STATEMENT, GOLD, TESTS, ("tests/test_blueprints.py::test_dotted_name",)
)
HELD_OUT = TaskFacts(
    "psf__requests-1921",
    "psf/requests",
    "3c88e520da24ae6f736929a750876e7654accc3d",
    "Removing a default header of a session. The docs say that you can prevent sending a session header by setting "
    "the headers value to None in the method's arguments. You would expect that this would work for session's default "
    "headers too, but what happens is that None gets casted to a string and is sent as the word None to the server.",
)
SETTINGS = GateSettings(tasks={ID: FACTS}, evaluation=(HELD_OUT,))


@dataclass(frozen=True, slots=True)
class Case:
    """An episode, the gate it is made for, and whether that gate should object."""

    gate: str
    leaks: bool
    name: str
    episode: Episode
    steps: frozenset[int] = field(default_factory=frozenset)
    """Which steps a step gate should take, where `leaks`."""


def act(command: str, observation: str = "") -> Turn:
    return Turn("", Action("bash", (("command", command),)), observation)


def tool(name: str, observation: str = "", **arguments: str) -> Turn:
    return Turn("", Action(name, tuple(arguments.items())), observation)


def edit(command: str, path: str, **more: str) -> Turn:
    return tool("str_replace_editor", "done", command=command, path=path, **more)


def run(*turns: Turn, instance_id: str = ID, task: str = "fix the bug") -> Episode:
    return Episode(instance_id, f"{instance_id}@1", task, turns, None, "srl-agent")


def commands(gate: str, leaks: bool, lines: Iterable[str]) -> list[Case]:
    """One episode a command, with an ordinary step before and behind it."""
    around = act("ls /testbed", "src  tests"), tool("submit")
    return [Case(gate, leaks, line, run(around[0], act(line, "output"), around[1])) for line in lines]


def turns(gate: str, leaks: bool, named: dict[str, tuple[Turn, ...]]) -> list[Case]:
    return [Case(gate, leaks, name, run(*some)) for name, some in named.items()]


HISTORY = [
    "git log --all --oneline",
    "cd /testbed && git log --oneline --all -- src/flask/blueprints.py | head -20",
    f"git show {FIX}",
    f"git --no-pager show --stat {FIX[:10]}",
    "git show origin/main:src/flask/blueprints.py",
    "git diff HEAD origin/main -- src",
    "git log HEAD..main",
    "git log HEAD..origin/2.0.x --oneline",
    "git reflog",
    "git log -g --oneline | cat",
    "git show HEAD@{1}",
    "git fetch origin && git log FETCH_HEAD",
    "cd /testbed; git pull --rebase",
    "git -C /testbed fetch --unshallow",
    "git remote update",
    f"git checkout {FIX[:9]} -- src/flask/blueprints.py",
    f"git cherry-pick {FIX}",
    f"git cat-file -p {FIX}^{{tree}}",
    "git cat-file --batch-check --batch-all-objects",
    "git fsck --lost-found",
    "git verify-pack -v .git/objects/pack/pack-*.idx | sort -k3 -n | tail",
    "ls .git/objects/pack",
    "cat .git/packed-refs",
    "strings /testbed/.git/logs/HEAD | tail -3",
    "cat .git/ORIG_HEAD | xargs git show",
    "bash -c 'git log --all --grep=blueprint'",
    "for b in $(git rev-list --all | head -50); do git grep dotted $b; done",
    "sudo timeout 10 git log --branches='*' -p",
    "python -c \"import subprocess; print(subprocess.check_output(['git', 'log', '--all']))\"",
    "bash <<'EOF'\ngit log --remotes\nEOF",
    "git log --oneline --tags -5",
    "git rev-list --all --objects -- src/flask/blueprints.py",
    "git blame origin/main -- src/flask/app.py",
    "git archive origin/main src | tar x -C /tmp/new",
    "git worktree add /tmp/new origin/main",
    "git grep -n dotted origin/main -- src",
    "git grep -e dotted d8c37f437",
    "git log master",
    "git checkout master -- src/flask/app.py",
    "git diff HEAD main -- src/flask/app.py",
    "git diff main",
    "git show v4.2:a.py",
    "git checkout 4.2.1",
    "git diff v4.2 -- a.py",
    "git log origin",
    "git show ORIG_HEAD",
    "git show :/fix",
    "git branch -av",
    "git for-each-ref",
    "git show-ref",
    "git ls-remote",
    "git tag --contains HEAD",
    "git tag -n3",
    "git checkout -b new main",
    "git merge main",
    "git diff main..HEAD",
    "(cd /tmp && ls); git log --all",
    "cd /tmp && git -C /testbed log --all",
    "cd /tmp && ls; cd $REPO && git log --all",
    "cp -r /testbed /tmp/t && cd /tmp/t && git log --all",
    "git worktree add /tmp/w v3.0; cd /tmp/w && git log --all",
    "git clone /testbed /tmp/copy && git -C /tmp/copy log --all",
    "(cd /tmp/r && git init); git log --all",
    "cd /tmp/r && git init; cd - && git log --all",
    "sudo -n git log --all",
    "timeout -k 2 5 git log --all",
    "stdbuf -oL git log --all | head",
    "python - <<E\nfrom subprocess import run\nrun(['git', 'log', '--all'])\nE",
    "python -c \"import subprocess as p; p.run('git log --all', shell=True, cwd='/testbed')\"",
    "git show master@{2}",
    "git stash && git reset --hard origin/main",
    "git --git-dir=/testbed/.git log --all",
    "echo 'git log --all' | bash",
    "git show main:src/flask/blueprints.py",
    "git log --oneline --graph --all",
    "git diff HEAD...origin/master",
    "git log refs/remotes/origin/main",
    "git bisect start HEAD d8c37f43724cd9",
    "zcat .git/objects/pack/x.pack",
    "find .git/objects -type f | head",
    "git show v2.1.0:src/flask/app.py",
]
HISTORY_FINE = [
    "git log --oneline -5",
    "git log -p -3 -- src/flask/blueprints.py",
    "git log --grep='blueprint' --oneline",
    "git log --since=2020-01-01 --author=david | head",
    "git diff",
    "git diff HEAD -- src",
    "git diff HEAD~1 HEAD",
    "git diff --stat && git status",
    "git stash && pytest tests; git stash pop",
    "git stash show -p stash@{0}",
    "git show HEAD",
    "git show HEAD~3:src/flask/app.py",
    "git show --stat HEAD^",
    "git blame -L 10,20 src/flask/app.py",
    "git add --all && git commit -m 'try git log --all'",
    "git branch -a",
    "git checkout -- src/flask/app.py",
    "git checkout -b fix-names",
    "git checkout HEAD -- src/flask/app.py",
    "git restore src/flask/app.py",
    "git rev-parse HEAD",
    "git config --list",
    "git remote -v",
    "git apply /tmp/a.patch",
    "cat .git/HEAD",
    "cat .git/config",
    "ls -la .git",
    "find . -name '*.py' -not -path './.git/*' | head",
    "grep -r blueprint . --exclude-dir=.git/objects",
    "echo 'git log --all' > notes.txt",
    "cat > how.md <<'EOF'\nRun git log --all and git reflog.\nEOF",
    "grep -n 'git fetch' README.rst",
    "rm -rf .git/index.lock",
    "cd /tmp/repo && git init && git pull ../other",
    "git -C /tmp/repo init && git -C /tmp/repo log --all",
    "D=$(mktemp -d); cd $D && git init -q && git commit --allow-empty -m a && git log --all",
    "git clone https://github.com/a/b /tmp/b && cd /tmp/b && git log --all && git show v1.0",
    "cd /tmp && git clone https://github.com/a/b.git && git -C b log --all; cd b && git reflog",
    "(cd /tmp/r && git init && git log --all); git log -1",
    "python - <<'EOF'\nfrom os import *\nimport subprocess as s\ns.run(['git', 'init'], cwd=d)\n"
    "s.run(['git', 'log', '--all'], cwd=d)\nEOF",
    "git checkout -b fix && git commit -am x && git checkout main",
    "git branch old && git diff old -- a.py",
    "git log master..HEAD",
    "git diff main...HEAD",
    "git log v1.0..HEAD --oneline",
    "git merge HEAD~1; git diff ORIG_HEAD",
    "git log -- main",
    "git show HEAD:main",
    "git tag -l '2.*'",
    "git branch --show-current",
    "git add :/ && git diff :/",
    "git show-ref --verify refs/heads/x",
    "git grep main",
    "git log -S v2.1 --oneline",
    "git remote show origin",
    "git grep -n 'def register' -- src",
    "git ls-files tests | head",
    "git diff abc..def 2>/dev/null || true",
    "git log --format='%h %s' -n 1234567",
    "git log -S 'dotted' --oneline",
    "git merge-base HEAD HEAD~2",
    "find .git/hooks -type f",
    "git clean -n",
    "git format-patch -1 HEAD --stdout",
    "git reset --hard HEAD && git clean -fd",
    "git tag | tail -3",
    "git show stash@{0}",
    "git diff stash@{1} -- a.py",
    "git checkout stash@{0} -- src/flask/app.py",
    "git grep 12345678",
    "git grep -n d8c37f43",
    "git diff 20230101",
    "git log -S 1234567",
    "git log --format=%h -- 1234567",
]
SHOWN = "9f3d1c2 Merge pull request\na1b2c3d4 Fix docs\n"
HISTORY_TURNS = {
    "a hash that only the log of all branches showed": (act("git log --all", SHOWN), act("git show a1b2c3d4")),
    "the editor opens the packs": (edit("view", "/testbed/.git/packed-refs"),),
    "a terminal's keystrokes": (tool("bash_command", keystrokes="git reflog\n", duration="1.0"),),
    "a cell's shell line": (tool("execute_ipython_cell", code="x = 1\n!git log --all"),),
    "another agent's shell": (tool("exec_command", cmd="git log --all"),),
    "the words of a command": (tool("shell", command='["bash", "-lc", "git log --all"]', workdir="/testbed"),),
    "the words alone": (tool("exec", command='["git", "log", "--all"]'),),
    "a call with its words": (tool("local_shell_call", action='{"type": "exec", "command": ["git", "reflog"]}'),),
    "a terminal of an editor": (tool("run_terminal_cmd", command="git log --all", is_background="false"),),
}
HISTORY_TURNS |= {
    f"a hash that {line} showed": (act(line, f"a1b2c3d4 x {SHOWN}"), act("git show a1b2c3d4"))
    for line in ("git branch -v", "git tag --format='%(objectname)'", "git remote -v")
} | {
    "init of a repository that was there": (
        act("cd /testbed && git init", "Reinitialized existing Git repository in /testbed/.git/"),
        act("cd /testbed && git log --all"),
    ),
    "on another branch": (act("git status", "On branch work"), act("git diff main")),
    "init elsewhere and back": (act("cd /tmp/r && git init"), act("cd /testbed"), act("git log --all")),
}
HISTORY_FINE_TURNS = {
    "a repository of its own, two steps": (act("mkdir -p /tmp/r && cd /tmp/r && git init"), act("git log --all")),
    "a repository of its own, entered again": (act("cd /tmp/r && git init"), act("cd /tmp/r && git reflog")),
    "on that branch": (act("git status", "On branch main\nnothing to commit"), act("git diff main")),
    "on that branch by the log": (act("git log -1", "a1b2c3d4 (HEAD -> master) x"), act("git log master")),
    "on that branch by its star": (act("git branch", "  old\n* main"), act("git show main:a.py")),
    "already on it": (act("git checkout master", "Already on 'master'"),),
    "no such branch": (act("git show main:a.py", "fatal: invalid object name 'main'."),),
    "a tag behind HEAD": (act("git describe --tags", "v4.1.2-13-ga1b2c3d"), act("git diff v4.1.2 -- a.py")),
    "a tag in the log": (act("git log -3 --decorate", "a1b2c3d4 (tag: v4.1) x"), act("git show v4.1:a.py")),
    "merged tags": (act("git tag --merged HEAD", "v4.0\nv4.1\n"), act("git diff v4.0 v4.1")),
    "the names of branches": (act("git branch -a", "* main\n  remotes/origin/main"), act("git log -1")),
    "a hash that the plain log showed": (act("git log --oneline -5", SHOWN), act("git show a1b2c3d")),
    "a hash that blame showed": (act("git blame a.py", "a1b2c3d4 (Ann 2020) x"), act("git show --stat a1b2c3d4")),
    "two shown hashes": (act("git log --oneline", SHOWN), act("git diff 9f3d1c2..a1b2c3d4")),
    "the base commit of the task": (act(f"git diff {FACTS.base_commit}"),),
    "the editor opens the head": (edit("view", "/testbed/.git/HEAD"),),
    "a file about git": (edit("create", "/testbed/git_notes.md", file_text="git log --all\ngit reflog"),),
    "a shell's other argument": (tool("exec_command", cmd="ls", justification="git log --all"),),
    "words that are echoed": (tool("shell", command='["echo", "git log --all"]'),),
    "a list that is no command": (tool("shell", command="[ -d .git ] && git log -1"),),
    "thinking of it": (tool("think", thought="I could run git log --all but should not"),),
    "a word of the file of hashes": (act("cat a.txt", SHOWN), act("git diff a1b2c3d4 -- a.txt")),
}
UPSTREAM = [
    "pip download flask",
    "pip install --upgrade flask",
    "pip install flask==2.0.1",
    "python -m pip install -U Flask",
    "cd /tmp && pip3 download --no-deps --no-binary :all: flask==2.0.0 && tar xf flask-2.0.0.tar.gz",
    "uv pip install 'flask>=2'",
    "conda install -y flask",
    "pip install git+https://github.com/pallets/flask.git@main",
    "pip install https://github.com/pallets/flask/archive/refs/heads/main.zip",
    "pip install --target /tmp/new flask",
    "curl -s https://raw.githubusercontent.com/pallets/flask/main/src/flask/blueprints.py",
    "curl -L https://github.com/pallets/flask/blob/main/src/flask/blueprints.py | grep dot",
    "wget -q https://github.com/pallets/flask/archive/main.tar.gz",
    "wget https://codeload.github.com/pallets/flask/zip/main",
    "curl https://api.github.com/repos/pallets/flask/contents/src/flask/blueprints.py",
    "curl https://pypi.org/pypi/flask/json",
    "wget https://files.pythonhosted.org/packages/source/f/flask/flask-2.0.1.tar.gz",
    "curl https://cdn.jsdelivr.net/gh/pallets/flask@main/src/flask/blueprints.py",
    "git clone https://github.com/pallets/flask /tmp/flask",
    "git clone --depth 1 git@github.com:pallets/flask.git ../up",
    "gh repo clone pallets/flask",
    "git clone https://github.com/someone/flask.git fork",
    "cat /usr/lib/python3/dist-packages/flask/blueprints.py",
    "sed -n 1,80p /opt/conda/lib/python3.9/site-packages/flask/blueprints.py",
    "diff -u src/flask/app.py ~/venv/lib/python3.9/site-packages/flask/app.py",
    "grep -n dot /opt/conda/lib/python3.9/site-packages/flask/*.py",
    "python - <<'EOF'\nimport requests\nprint(requests.get('https://raw.githubusercontent.com/pallets/flask/main/a.py').text)\nEOF",
    "python -c \"import urllib.request as u; u.urlopen('https://github.com/pallets/flask/raw/main/a.py')\"",
    "apt-get source flask",
    "poetry add flask@latest",
    "easy_install flask",
    "cp -r /venv/lib/python3.9/site-packages/flask /tmp/",
    "pip install --no-deps --force-reinstall flask==2.0.2",
    "find /opt/site-packages/flask -name '*.py' | xargs cat",
    "uvx flask --version",
    "uv tool run flask@latest",
    "pipx run flask",
    "U=https://github.com/pallets/flask; git clone $U",
    "export U='https://github.com/pallets' && git clone ${U}/flask.git /tmp/f",
    'V="2.0.1"; curl -L https://github.com/pallets/flask/archive/$V.tar.gz',
    "curl -O https://web.archive.org/web/2021/https://github.com/pallets/flask/blob/main/src/flask/app.py",
    "curl https://gitee.com/mirrors/flask/raw/main/src/flask/app.py",
]
UPSTREAM_FINE = [
    "pip install -e .",
    "pip install -e '.[dev]'",
    "pip install .",
    "pip install -r requirements/tests.txt",
    "pip install -r flask",
    "pip install pytest flask-sqlalchemy",
    "pip install 'werkzeug>=2.0' -q",
    "pip download werkzeug",
    "pip list | grep -i flask",
    "pip show flask",
    "pip freeze",
    "pip uninstall -y flask",
    "pip --version",
    "uvx ruff check flask",
    "pipx run black flask",
    "U=https://github.com/pallets/jinja; git clone $U",
    "curl https://web.archive.org/web/2021/https://example.com/flask",
    "curl https://web.archive.org/web/2021/https://github.com/pallets/jinja/blob/main/a.py",
    "pip index versions flask",
    "pip install ./flask",
    "curl http://localhost:5000/flask",
    "curl -s http://127.0.0.1:8000/pallets/flask",
    "flask run & sleep 1; curl -i localhost:5000/",
    "wget https://example.com/data.csv",
    "curl https://raw.githubusercontent.com/pallets/werkzeug/main/setup.py",
    "git clone https://github.com/pallets/jinja /tmp/jinja",
    "git clone /testbed /tmp/copy",
    "cat /opt/conda/lib/python3.9/site-packages/werkzeug/routing.py",
    "grep -rn Map /opt/conda/lib/python3.9/site-packages/flask_sqlalchemy/",
    "ls /opt/conda/lib/python3.9/site-packages/",
    "find / -name 'flask' -maxdepth 6",
    "python -c 'import flask; print(flask.__file__)'",
    "cat src/flask/blueprints.py",
    "grep -rn 'github.com/pallets/flask' docs",
    "echo 'pip install flask' >> README.rst",
    "cat > install.md <<'EOF'\npip install --upgrade flask\ncurl https://github.com/pallets/flask\nEOF",
    "python -m flask --version",
    "python -c \"print('https://raw.githubusercontent.com/pallets/flask/main/a.py')\"",
    "conda list flask",
    "apt-get install -y git",
]
HAD_IT = "Requirement already satisfied: flask in /testbed/src (2.0.0)"
UPSTREAM_TURNS = {
    "the editor opens the installed copy": (edit("view", "/opt/lib/python3.9/site-packages/flask/app.py"),),
    "a browser goes to the source": (tool("browse", url="https://github.com/pallets/flask/blob/main/app.py"),),
    "a cell installs": (tool("execute_ipython_cell", code="%pip install -U flask"),),
}
UPSTREAM_FINE_TURNS = {
    "it was installed already": (act("pip install flask werkzeug", HAD_IT),),
    "the editor opens a dependency": (edit("view", "/opt/lib/python3.9/site-packages/jinja2/environment.py"),),
    "a browser goes to the server under test": (tool("browse", url="http://localhost:5000/flask"),),
    "a traceback names the installed copy": (act("python a.py", 'File "/opt/site-packages/flask/app.py", line 3'),),
}
ANSWERS = [
    "gh pr view 4045",
    "gh pr diff 4045 --repo pallets/flask",
    "gh pr list --search 'blueprint dot'",
    "gh issue view 4041",
    "gh api repos/pallets/flask/pulls/4045/files",
    "gh search prs 'blueprint name dot'",
    "curl https://api.github.com/repos/pallets/flask/pulls/4045",
    "curl -s https://api.github.com/repos/pallets/flask/issues/4041/comments | jq .",
    "curl -L https://github.com/pallets/flask/pull/4045.diff",
    "wget -O- https://github.com/pallets/flask/pull/4045/files",
    f"curl https://github.com/pallets/flask/commit/{FIX}.patch",
    "curl 'https://api.github.com/search/issues?q=blueprint+dot'",
    "curl 'https://www.google.com/search?q=flask+blueprint+dot+error'",
    "curl 'https://html.duckduckgo.com/html/?q=flask+4045'",
    "curl https://stackoverflow.com/questions/tagged/flask",
    "ddgr 'flask blueprint dot fix'",
    "curl https://patch-diff.githubusercontent.com/raw/pallets/flask/pull/4045.patch",
    "python -c \"from datasets import load_dataset; print(load_dataset('princeton-nlp/SWE-bench_Lite')[0]['patch'])\"",
    "curl https://huggingface.co/datasets/princeton-nlp/SWE-bench/resolve/main/test.parquet",
    "python <<'EOF'\nimport requests\nprint(requests.get('https://api.github.com/repos/pallets/flask/pulls/4045').json())\nEOF",
]
ANSWERS_FINE = [
    "gh --version",
    "gh auth status",
    "gh pr create --fill",
    "gh issue create -t a -b b",
    "which gh curl",
    "curl http://localhost:8080/pull/1",
    "curl http://127.0.0.1:5000/search?q=a",
    "curl -X POST http://0.0.0.0:5000/issues -d a=b",
    "grep -rn 'issues/4041' CHANGES.rst",
    "grep -n 'https://github.com/pallets/flask/pull/' CHANGES.rst",
    "git commit -m 'Fix https://github.com/pallets/flask/issues/4041'",
    "echo 'see https://stackoverflow.com/q/1'",
    "cat > a.py <<'EOF'\n# https://github.com/pallets/flask/issues/4041\nprint(1)\nEOF",
    "python a.py # see https://github.com/pallets/flask/pull/4045",
    "python -c \"url = 'https://github.com/pallets/flask/pull/4045'; print(url)\"",
    "curl https://api.github.com/zen",
    "curl https://github.com/pallets/jinja/issues/1",
    "pytest tests -k pull",
    "ls docs/issues",
    "python -c 'import requests; print(requests.get(\"http://localhost:5000/\").text)'",
]
ANSWERS_TURNS = {
    "a search tool": (tool("web_search", query="flask blueprint dot pull request"),),
    "a browser goes to the pull request": (tool("browse", url="https://github.com/pallets/flask/pull/4045"),),
    "interactive browsing": (tool("browser", code='goto("https://github.com/pallets/flask/issues/4041")'),),
}
ANSWERS_FINE_TURNS = {
    "the word search": (tool("search_dir", search_term="pull request"),),
    "a browser goes to the docs of a dependency": (tool("browse", url="https://docs.python.org/3/library/re.html"),),
}
HIDDEN = {
    "replaces in it": (edit("str_replace", "/testbed/tests/test_blueprints.py", old_str="a", new_str="b"),),
    "inserts into it": (edit("insert", "/testbed/tests/test_blueprints.py", insert_line="3", new_str="b"),),
    "overwrites it": (edit("create", "/testbed/tests/test_blueprints.py", file_text="pass"),),
    "sed in place": (act("sed -i 's/assert/#/' tests/test_blueprints.py"),),
    "a redirection": (act("cd /testbed && cat > tests/test_blueprints.py <<'EOF'\npass\nEOF"),),
    "appends": (act("echo 'def test_x(): pass' >> ./tests/test_blueprints.py"),),
    "tee": (act("printf 'pass' | tee tests/test_blueprints.py"),),
    "copies over it": (act("cp /tmp/a.py tests/test_blueprints.py"),),
    "deletes it": (act("rm -f tests/test_blueprints.py"),),
    "a patch": (act("git apply <<'EOF'\n--- a/tests/test_blueprints.py\n+++ b/tests/test_blueprints.py\n@@\nEOF"),),
    "python writes it": (act("python - <<'EOF'\nopen('tests/test_blueprints.py', 'w').write('')\nEOF"),),
    "another agent's editor": (
        tool("Edit", file_path="/app/tests/test_blueprints.py", old_string="a", new_string="b"),
    ),
    "reads the file that only the hidden patch adds": (
        act("cat tests/test_dotted_names.py", "def test_dotted(): ..."),
    ),
    "views it": (tool("str_replace_editor", "def", command="view", path="/testbed/tests/test_dotted_names.py"),),
}
HIDDEN |= {
    "a windowed editor": (
        tool("open", path="tests/test_blueprints.py"),
        tool("edit", start_line="1", end_line="2", replacement_text="x"),
    ),
    "another patch tool": (
        tool("apply_patch", input="*** Begin Patch\n*** Update File: tests/test_blueprints.py\n@@\n*** End Patch"),
    ),
    "a patch among words": (
        tool("shell", command='["apply_patch", "*** Begin Patch\\n*** Update File: tests/test_blueprints.py\\n"]'),
    ),
    "from the tests' folder": (act("cd tests && cat > test_blueprints.py <<'EOF'\npass\nEOF"),),
    "from the tests' folder, two steps": (act("cd tests"), act("sed -i s/a/b/ test_blueprints.py")),
    "a path with a name": (act("python -c \"p = Path('tests/test_blueprints.py'); p.write_text('')\""),),
    "a path of parts": (tool("python", code="(Path('tests') / 'test_blueprints.py').open('w').write('')"),),
    "copies into the folder": (act("cp /tmp/test_blueprints.py tests/"),),
    "perl in place": (act("perl -pi -e 's/a/b/' tests/test_blueprints.py"),),
    "python reads the file that only the hidden patch adds": (
        act("python -c \"print(open('tests/test_dotted_names.py').read())\"", "def test_dotted(): ..."),
    ),
    "reads it from its folder": (act("cd tests; cat test_dotted_names.py", "def test_dotted(): ..."),),
}
HIDDEN_FINE = {
    "a windowed editor on another file": (
        tool("open", path="tests/test_blueprints.py"),
        tool("open", path="src/flask/app.py"),
        tool("edit", start_line="1", end_line="2", replacement_text="x"),
    ),
    "perl prints": (act("perl -MList::Util -ne 'print' tests/test_blueprints.py"),),
    "sed prints a script with an i": (act("sed -ne '/i/p' tests/test_blueprints.py"),),
    "another file of that name": (act("cd src && cat > test_blueprints.py <<'EOF'\npass\nEOF"),),
    "copies another file in": (act("cp /tmp/test_mine.py tests/"),),
    "a path that is read": (act("python -c \"p = Path('tests/test_blueprints.py'); print(p.read_text())\""),),
    "reads a test that is there": (act("cat tests/test_blueprints.py", "def test_a(): ..."),),
    "views a test that is there": (edit("view", "/testbed/tests/test_blueprints.py"),),
    "runs it": (act("pytest tests/test_blueprints.py -x > /tmp/log"),),
    "greps in it": (act("grep -n dotted tests/test_blueprints.py"),),
    "prints lines of it": (act("sed -n 1,20p tests/test_blueprints.py"),),
    "creates a test of its own": (edit("create", "/testbed/tests/test_mine.py", file_text="def test(): ..."),),
    "creates a reproduction": (act("cat > reproduce.py <<'EOF'\nimport flask\nEOF"),),
    "edits another test": (edit("str_replace", "/testbed/tests/test_basic.py", old_str="a", new_str="b"),),
    "edits a file with a longer name": (edit("create", "/testbed/my_tests/test_blueprints.py", file_text=""),),
    "copies it away": (act("cp tests/test_blueprints.py /tmp/backup.py"),),
    "restores it": (act("git checkout -- tests/test_blueprints.py"),),
    "looks for a file that is not there": (act("cat tests/test_dotted_names.py", "cat: No such file or directory"),),
    "reads back its own file of that name": (
        act("echo 'def test(): ...' > tests/test_dotted_names.py"),
        act("cat tests/test_dotted_names.py", "def test(): ..."),
    ),
    "edits the source": (edit("str_replace", "/testbed/src/flask/app.py", old_str="a", new_str="b"),),
    "shows how in text": (act("echo 'sed -i s/a/b/ tests/test_blueprints.py'"),),
    "python reads it": (act("python -c \"print(open('tests/test_blueprints.py').read())\""),),
}
ALL_GOLD = "\n".join(GOLD_LINES)
GOLD_TURNS = {
    "in one edit": (edit("str_replace", "src/flask/blueprints.py", old_str="a", new_str=ALL_GOLD),),
    "in a new file": (edit("create", "src/flask/names.py", file_text=f"import a\n{ALL_GOLD}\n"),),
    "in a heredoc": (act(f"cat > src/flask/names.py <<'EOF'\n{ALL_GOLD}\nEOF"),),
    "in two edits": (
        edit("insert", "src/flask/a.py", new_str="\n".join(GOLD_LINES[:6])),
        edit("insert", "src/flask/a.py", new_str="\n".join(GOLD_LINES[6:])),
    ),
    "with another indentation": (edit("insert", "a.py", new_str="\n".join(line.strip() for line in GOLD_LINES)),),
    "all lines but two": (edit("insert", "a.py", new_str="\n".join(GOLD_LINES[2:])),),
    "with CRLF": (edit("insert", "a.py", new_str="\r\n".join(GOLD_LINES)),),
    "as a patch": (act(f"git apply <<'EOF'\n{GOLD}\nEOF"),),
}
GOLD_FINE_TURNS = {
    "a fix of its own": (edit("insert", "a.py", new_str="if '.' in name:\n    raise ValueError('no dots please')"),),
    "half of the lines": (edit("insert", "a.py", new_str="\n".join(GOLD_LINES[:6])),),
    "moves lines that it saw": (act("cat old.py", ALL_GOLD), edit("insert", "a.py", new_str=ALL_GOLD)),
    "moves numbered lines that it saw": (
        act("cat -n old.py", "\n".join(f"{k:6}\t{line}" for k, line in enumerate(GOLD_LINES))),
        edit("insert", "a.py", new_str=ALL_GOLD),
    ),
    "takes the lines away": (edit("str_replace", "a.py", old_str=ALL_GOLD, new_str="pass"),),
    "sees the lines": (act("cat a.py", ALL_GOLD),),
    "short lines of every patch": (edit("insert", "a.py", new_str="else:\nreturn x\npass\n"),),
}


def _gold_tasks() -> list[Case]:
    given = [
        ("the patch", GOLD),
        ("the lines in a fence", f"Do this:\n```\n{ALL_GOLD}\n```"),
        ("all but one", "\n".join(GOLD_LINES[1:])),
    ]
    fine = [("one line as a hint", GOLD_LINES[0]), ("the statement alone", STATEMENT)]
    work = act("ls", "a.py")
    cases = [Case("leak-gold-patch", True, f"the task gives {name}", run(work, task=text)) for name, text in given]
    return cases + [Case("leak-gold-patch", False, f"the task: {name}", run(work, task=text)) for name, text in fine]


def _contamination() -> list[Case]:
    words = HELD_OUT.statement.split()
    dropped = " ".join(word for place, word in enumerate(words) if place % 23 != 5)
    frame = "Solve this carefully, step by step, then submit. Use the tools that you have and test your work well. " * 3
    leaks = {
        "the same id": run(act("ls"), instance_id="psf__requests-1921"),
        "the id in capitals": run(act("ls"), instance_id="PSF__Requests-1921"),
        "the id of an image": run(act("ls"), instance_id="psf_1776_requests-1921"),
        "the same commit in the meta": replace(
            run(act("ls"), instance_id="psf__requests-7"), meta={"base_commit": HELD_OUT.base_commit}
        ),
        "the same commit in a mirror's id": run(act("ls"), instance_id="psf__requests.3c88e520.func_basic__x1"),
        "the statement under another id": run(act("ls"), instance_id="x__y-1", task=HELD_OUT.statement),
        "the statement in a known frame": run(
            act("ls"),
            instance_id="x__y-1",
            task=f"{frame}<pr_description>\n{HELD_OUT.statement}\n</pr_description>{frame}",
        ),
        "the statement in an unknown frame": run(act("ls"), instance_id="x__y-1", task=f"{frame} {HELD_OUT.statement}"),
        "the statement with some words dropped": run(act("ls"), instance_id="x__y-1", task=dropped),
        "the statement in other letters": run(act("ls"), instance_id="x__y-1", task=HELD_OUT.statement.upper()),
        "the statement under ISSUE:": run(
            act("ls"), instance_id="x__y-1", task=f"{frame}ISSUE:\n{HELD_OUT.statement}\n\nINSTRUCTIONS:\n{frame * 3}"
        ),
    }
    fine = {
        "another task": run(act("ls"), task=STATEMENT),
        "another number": run(act("ls"), instance_id="psf__requests-19210", task=STATEMENT),
        "another commit": replace(run(act("ls"), instance_id="psf__requests-7"), meta={"base_commit": "1" * 40}),
        "the same commit of another repository": replace(
            run(act("ls"), instance_id="a__b-7"), meta={"base_commit": HELD_OUT.base_commit}
        ),
        "another mirror": run(act("ls"), instance_id="psf__requests.11111111.func_basic__x1"),
        "the same topic": run(
            act("ls"),
            task="Session headers that are None are sent as text. I set the header of a session to None to remove it, "
            "and the docs say that this should work, but the server gets the word None for each of them.",
        ),
        "one sentence of it": run(act("ls"), task=f"{STATEMENT} {' '.join(words[:14])}"),
        "the frame alone": run(act("ls"), task=f"<pr_description>\n{frame}\n</pr_description>"),
        "an empty task": run(act("ls"), task=""),
        "the repository's name in the text": run(act("ls"), task="psf/requests is slow when it reads large files"),
    }
    return [Case("contamination", True, name, one) for name, one in leaks.items()] + [
        Case("contamination", False, name, one) for name, one in fine.items()
    ]


def _wholes() -> list[Case]:
    work = act("ls")
    leaks = {
        "no turn": run(),
        "submits only": run(tool("submit")),
        "thinks only": run(tool("think", thought="hm"), tool("submit")),
    }
    fine = {"one command": run(work), "one view": run(edit("view", "/a")), "thinks and works": run(tool("think"), work)}
    failed, solved = replace(run(work), resolved=False), replace(run(work), resolved=True)
    return [
        *(Case("empty", True, name, one) for name, one in leaks.items()),
        *(Case("empty", False, name, one) for name, one in fine.items()),
        Case("unresolved", True, "failed", failed),
        Case("unresolved", False, "solved", solved),
        Case("unresolved", False, "not said", run(work)),
    ]


REFUSED = [
    "Your output was not formatted correctly. You must always include one discussion and one command.",
    "ERROR:\nYour output was not formatted correctly.",
    "Your bash command contained syntax errors and was NOT executed. Please fix the syntax errors and try again.",
    "Tool call error:\n<error>\nNo tool calls found in the response.\n</error>",
    "No tool calls found in the response. Every response MUST include at least one tool call.",
    "Missing required parameters for function 'str_replace_editor': {'command'}",
    "Error parsing tool call arguments: Expecting ',' delimiter",
    "ERROR: Cannot execute multiple commands at once.\nPlease run each command separately",
    "Please always provide EXACTLY ONE action in triple backticks, found 0 actions.",
    "Previous response had parsing errors:\nERROR: No valid JSON found in response",
]
REFUSED_CALLS = [
    "ERROR: Function 'edit_file' is not registered",
    "Unknown function `open_file`. The functions are: bash, submit",
    "<tool_use_error>InputValidationError: Edit failed due to a missing parameter</tool_use_error>",
    "ERROR:\nParameter `file_text` is required for command: create.",
    "ERROR:\nInvalid `view_range` parameter: x. It should be a list of two integers.",
    "Error: Missing required argument: path",
    "Unexpected argument: files",
]
ACCEPTED = [
    "bash: foo: command not found",
    "  File \"a.py\", line 3\n    x = (\nSyntaxError: '(' was never closed",
    "def f():\n    raise ValueError('Your output was not formatted correctly')",
    "1 failed, 3 passed\nE  ValidationError: 1 validation error for Model",
    "No replacement was performed, old_str `x` did not appear verbatim in /testbed/a.py.",
    "grep: No such file or directory",
    "django.core.exceptions.FieldError: Unknown field(s) specified",
    "src/a.py:3: error: Missing required argument [call-arg]",
    "Error: No module named flask",
    "bash: -c: line 1: syntax error near unexpected token `('",
    "",
    "ERROR: file or directory not found: tests/test_x.py",
    "ERROR: Could not find a version that satisfies the requirement foo",
    "unknown command: foo",
    "Invalid command line arguments",
    "Error: Missing required argument: name",
    "Unknown command `foo`",
    "Format error in line 3",
    "Unexpected argument: 3",
    "Error parsing arguments: unknown option -z",
    "Invalid `width` parameter: x. It should be a number.",
    "Function main not found! Instead, here is the disassembly of equivalent function FUN_0040061d:",
    "ERROR:\nInvalid `view_range` parameter: [100, 150]. Its second element `150` should be smaller than 122.",
]
CHANGES = [
    "python - <<'EOF'\nfrom pathlib import Path\nPath('a.py').write_text('x')\nEOF",
    "sed -Ei 's/1/2/' a.py",
    "sed -i.bak 's/1/2/' a.py",
    "pip install -e .",
    "python fix.py",
    "make",
    "cat > a.py <<'EOF'\nx\nEOF",
    "git checkout a.py",
    "find . -name '*.pyc' -delete",
    "touch a.py",
    "sort -o a.py a.py",
]
READS = [
    "cd /testbed && git -C . log --oneline -3 | head",
    "grep -rn x . 2>/dev/null | sort -u",
    "source venv/bin/activate && python -m pytest -q",
    "find . -iname a.py -size +1 | xargs wc -l",
    "sed -n 1,5p a.py",
]


def _steps() -> list[Case]:
    start, look, test = act("ls", "a"), act("cat a.py", "x = 1"), act("pytest", "1 failed in 0.31s")
    change = edit("str_replace", "a.py", old_str="1", new_str="2")
    refused = [Case("failed-format", True, text, run(start, act("x", text), look), frozenset({2})) for text in REFUSED]
    calls = [
        Case("failed-format", True, text, run(start, replace(change, observation=text), look), frozenset({2}))
        for text in REFUSED_CALLS
    ]
    accepted = [Case("failed-format", False, text, run(start, act("x", text), look)) for text in ACCEPTED]
    again = replace(test, observation="1 failed in 0.52s")
    passed = replace(test, observation="1 passed in 0.2s")
    return [
        *refused,
        *calls,
        Case("failed-format", True, "a call without its command", run(tool("bash", REFUSED_CALLS[-2]), look)),
        *accepted,
        Case("repeated-step", True, "the same view again", run(look, start, look), frozenset({3})),
        Case("repeated-step", True, "the same test, another duration", run(test, start, again), frozenset({3})),
        Case("repeated-step", True, "at once", run(look, look), frozenset({2})),
        Case(
            "repeated-step",
            True,
            "a script on end",
            run(act("python a.py", "boom"), look, act("python a.py", "boom")),
            frozenset({3}),
        ),
        Case("repeated-step", True, "white space", run(look, act("cat  a.py ", "x = 1\n")), frozenset({2})),
        Case("repeated-step", True, "three times", run(look, look, look), frozenset({2, 3})),
        Case(
            "repeated-step",
            True,
            "other argument order",
            run(tool("e", "o", a="1", b="2"), tool("e", "o", b="2", a="1")),
            frozenset({2}),
        ),
        Case("repeated-step", False, "the test passes now", run(test, change, passed)),
        Case("repeated-step", False, "another file", run(look, act("cat b.py", "x = 1"))),
        Case("repeated-step", False, "another action sees the same", run(look, act("head a.py", "x = 1"))),
        Case("repeated-step", False, "the file has changed", run(look, change, replace(look, observation="x = 2"))),
        Case("repeated-step", False, "the same failure after an edit", run(test, change, again)),
        *(
            Case("repeated-step", False, f"after an edit through {name}", run(test, tool(name, **{key: line}), again))
            for name, key, line in [
                ("exec_command", "cmd", "sed -i s/1/2/ a.py"),
                ("shell", "command", '["bash", "-lc", "sed -i s/1/2/ a.py"]'),
                ("bash_command", "keystrokes", "sed -i s/1/2/ a.py\n"),
            ]
        ),
        Case("repeated-step", False, "after a shell's edit", run(test, act("sed -i s/1/2/ a.py", ""), again)),
        Case(
            "repeated-step",
            True,
            "a discarded error stream",
            run(look, act("ls 2>/dev/null", ""), look),
            frozenset({3}),
        ),
        *(Case("repeated-step", False, f"after {line}", run(test, act(line), again)) for line in CHANGES),
        *(
            Case("repeated-step", True, f"after {line}", run(look, act(line, "x"), look), frozenset({3}))
            for line in READS
        ),
        Case(
            "repeated-step",
            False,
            "after a cell that writes",
            run(test, tool("python", code="open('a', 'w').write('1')"), again),
        ),
        Case("repeated-step", False, "after another agent's writer", run(test, tool("write_to_file", path="a"), again)),
        Case("repeated-step", False, "after undoing an edit", run(test, edit("undo_edit", "a.py"), again)),
        Case("repeated-step", False, "after a patch", run(test, tool("apply_patch", input="*** Begin Patch"), again)),
        Case(
            "repeated-step",
            False,
            "another indentation",
            run(*(edit("str_replace", "a.py", old_str="x", new_str=" " * k + "x") for k in (2, 4))),
        ),
        Case("repeated-step", False, "other values", run(tool("e", "o", a="1", b="2"), tool("e", "o", a="2", b="1"))),
        Case("repeated-step", False, "another count of failures", run(test, act("pytest", "2 failed in 0.31s"))),
        Case("loop", True, "one action thrice", run(look, look, look), frozenset({2, 3})),
        Case("loop", True, "two actions thrice", run(*[look, test] * 3), frozenset({3, 4, 5, 6})),
        Case("loop", True, "three actions thrice", run(start, *[look, test, change] * 3), frozenset(range(5, 11))),
        Case("loop", True, "at the end, cut off", run(start, *[look, test] * 3, look), frozenset(range(4, 9))),
        Case("loop", True, "other durations", run(test, again, test), frozenset({2, 3})),
        Case("loop", True, "the same edit refused", run(change, change, change), frozenset({2, 3})),
        Case("loop", True, "an empty poll", run(*[tool("bash_command", "", keystrokes="")] * 3), frozenset({2, 3})),
        Case("loop", False, "the last time it passes", run(test, replace(test, observation="2 failed"), passed)),
        Case("loop", False, "scrolls on", run(*(tool("scroll_down", f"page {k}") for k in range(6)))),
        Case("loop", False, "waits for output", run(*(act("", f"line {k}") for k in range(5)))),
        Case(
            "loop",
            False,
            "another indentation each time",
            run(*(edit("str_replace", "a.py", old_str="x", new_str=" " * k + "x") for k in range(5))),
        ),
        Case("loop", True, "in the middle", run(start, look, look, look, change), frozenset({3, 4})),
        Case("loop", False, "twice", run(look, look, start)),
        Case("loop", False, "two actions twice", run(*[look, test] * 2)),
        Case("loop", False, "tests between different edits", run(test, change, test, look, test, start)),
        Case("loop", False, "pages of a file", run(*(act(f"sed -n {k},{k + 9}p a.py") for k in range(9)))),
        Case("loop", False, "one action", run(look)),
        Case("loop", False, "thrice, apart", run(look, start, look, test, look)),
        Case(
            "long-action", True, "a long file", run(start, edit("create", "a", file_text="x" * 10_001)), frozenset({2})
        ),
        Case("long-action", True, "a long command", run(act("echo " + "x" * 10_000)), frozenset({1})),
        Case("long-action", True, "two long values", run(edit("x", "a", a="x" * 6000, b="y" * 6000)), frozenset({1})),
        Case("long-action", False, "a long observation", run(act("cat a", "x" * 20_000))),
        Case("long-action", False, "just not", run(act("x" * 10_000))),
        Case("long-action", False, "a long thought", run(replace(start, thought="x" * 20_000))),
    ]


MISSED = frozenset(
    {
        "echo 'git log --all' | bash",
        "find /opt/site-packages/flask -name '*.py' | xargs cat",
    }
)
"""Leaks that are known to pass: text or file names piped on."""

CASES = [
    *commands("leak-git-history", True, HISTORY),
    *commands("leak-git-history", False, HISTORY_FINE),
    *turns("leak-git-history", True, HISTORY_TURNS),
    *turns("leak-git-history", False, HISTORY_FINE_TURNS),
    *commands("leak-upstream-source", True, UPSTREAM),
    *commands("leak-upstream-source", False, UPSTREAM_FINE),
    *turns("leak-upstream-source", True, UPSTREAM_TURNS),
    *turns("leak-upstream-source", False, UPSTREAM_FINE_TURNS),
    *commands("leak-asked-answer", True, ANSWERS),
    *commands("leak-asked-answer", False, ANSWERS_FINE),
    *turns("leak-asked-answer", True, ANSWERS_TURNS),
    *turns("leak-asked-answer", False, ANSWERS_FINE_TURNS),
    *turns("leak-hidden-tests", True, HIDDEN),
    *turns("leak-hidden-tests", False, HIDDEN_FINE),
    *turns("leak-gold-patch", True, GOLD_TURNS),
    *turns("leak-gold-patch", False, GOLD_FINE_TURNS),
    *_gold_tasks(),
    *_contamination(),
    *_wholes(),
    *_steps(),
]
"""Every case with the gate that it is made for; one gate's look-alikes are clean episodes for the others."""
