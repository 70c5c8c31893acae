"""Images of instances made without a registry: what the harness's eval script finds in them, and what it does not."""

from __future__ import annotations

import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mini_tasks import TOOLS, wheels

from envs.base import Spec
from envs.docker_backend import DockerBackend
from envs.docker_engine import engine
from envs.errors import SandboxError
from envs.instance_images import ACTIVATE, CONTENT, TESTBED, Instance, build_instance, dockerfile
from envs.leaks import leaks

PROJECT = {
    "demo.py": "def f():\n    return 1\n",
    "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    '[project]\nname = "demo"\nversion = "1"\n[tool.setuptools]\npy-modules = ["demo"]\n',
}


@pytest.fixture
def mirror(tmp_path: Path) -> tuple[Path, str]:
    """A repository with a later commit, the fix; its base commit."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout

    run("git", "init", "-q")
    for text in ("return 1", "return 2  # the fix"):
        for name, content in PROJECT.items():
            (folder / name).write_text(content.replace("return 1", text))
        run("git", "add", "-A")
        run("git", "-c", "user.name=n", "-c", "user.email=n@x", "commit", "-qm", text)
        run("git", "tag", f"v{len(text)}")
    return folder, run("git", "rev-parse", "HEAD~1").strip()


@pytest.fixture
def instance(docker_image: str, mirror: tuple[Path, str]) -> Iterator[Instance]:
    """An instance of that repository; its image is removed."""
    made = Instance(
        f"test__demo-{uuid.uuid4().hex[:8]}",
        mirror[0],
        commit=mirror[1],
        base=docker_image,
        wheels=wheels(),
        requirements=TOOLS,
    )
    yield made
    if engine().images.list(made.image):
        engine().images.remove(made.image, force=True)


EVAL = """set -uxo pipefail
source /opt/miniconda3/bin/activate
conda activate testbed
cd /testbed
git config --global --add safe.directory /testbed
git -c core.fileMode=false diff {base}
source /opt/miniconda3/bin/activate
conda activate testbed
python -m pip install .[test]
python -c 'import demo, sys; print(sys.prefix, demo.f())'
"""


def test_an_eval_script_finds_its_environment_and_the_base_commit(instance: Instance) -> None:
    base = build_instance(instance)
    assert base == instance.commit
    with DockerBackend().start(Spec(instance.image)) as sandbox:
        assert sandbox.run("git status --porcelain").output == ""
        sandbox.write_file("/eval.sh", EVAL.format(base=base).encode())
        done = sandbox.run("bash /eval.sh")
        assert (done.exit_code, done.output.splitlines()[-1]) == (0, f"{TESTBED} 1"), done.output
        assert leaks(sandbox, base_commit=base) == []
        assert sandbox.run("command -v python").output == f"{TESTBED}/bin/python\n"
    assert engine().images.get(instance.image).attrs["Config"]["StopSignal"] == "SIGKILL"


def test_the_same_content_is_built_once(instance: Instance) -> None:
    plain = replace(instance, requirements=(), wheels=None, install="")
    build_instance(plain)
    before = engine().images.get(instance.image)
    build_instance(plain)
    assert engine().images.get(instance.image).id == before.id
    build_instance(replace(plain, environment={"X": 'a "b" $PATH \\c'}))
    after = engine().images.get(instance.image)
    assert after.labels[CONTENT] != before.labels[CONTENT]
    assert 'X=a "b" $PATH \\c' in after.attrs["Config"]["Env"]


def test_a_failed_installation_names_the_image_and_shows_its_log(instance: Instance) -> None:
    with pytest.raises(SandboxError, match=r"test_1776_demo-(.|\n)*No matching distribution"):
        build_instance(replace(instance, requirements=("no-such-package",)))


def test_another_python_is_taken_from_an_archive(instance: Instance, tmp_path: Path) -> None:
    # In the place of an interpreter a link to the base's; that of python-build-standalone is on no index we reach.
    with tarfile.open(tmp_path / "python.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
        archive.addfile(link)
    build_instance(replace(instance, python=tmp_path / "python.tar.gz", requirements=(), wheels=None, install=""))
    with DockerBackend().start(Spec(instance.image)) as sandbox:
        assert (
            sandbox.run("sed -n 's/^home = //p' /opt/miniconda3/envs/testbed/pyvenv.cfg").output == "/opt/python/bin\n"
        )


def test_what_changes_most_comes_last() -> None:
    lines = dockerfile(
        Instance("a__b-1", Path("x"), wheels=Path("w"), requirements=("pytest",), environment={"K": "V"})
    )
    order = [
        next(i for i, line in enumerate(lines) if part in line)
        for part in ("venv", "pip install -q", "ENV K=", "source.tar")
    ]
    assert order == sorted(order)


def test_a_source_that_is_missing_is_named(docker_image: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="nothing does not exist; give a git mirror"):
        build_instance(Instance("a__b-1", tmp_path / "nothing", base=docker_image))


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("set -u; source activate; conda activate testbed; echo $NAME", "testbed\n"),
        ("set -u; source activate testbed; echo $NAME", "testbed\n"),
        ("set -u; source activate; conda list || echo refused", "refused\n"),
    ],
)
def test_the_stand_in_for_conda_activates_under_set_u(tmp_path: Path, script: str, output: str) -> None:
    environment = tmp_path / "envs/testbed/bin"
    environment.mkdir(parents=True)
    (environment / "activate").write_text("NAME=testbed\n")
    (tmp_path / "activate").write_text(ACTIVATE.replace("/opt/miniconda3", str(tmp_path)))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == output
