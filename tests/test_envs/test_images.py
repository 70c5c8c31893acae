"""Names of images for the known task sets, and what is said when one is missing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from envs.errors import SandboxError
from envs.image_context import write_context
from envs.images import build_from_folder, image_names, require_image, split_tag, task_set


@pytest.mark.parametrize(
    ("row", "source", "names"),
    [
        ({"instance_id": "pallets__flask-5014"}, "swe-bench", ["swebench/sweb.eval.x86_64.pallets_1776_flask-5014"]),
        (
            {"instance_id": "Project-MONAI__MONAI-3715"},
            "swe-gym",
            ["xingyaoww/sweb.eval.x86_64.project-monai_s_monai-3715"],
        ),
        (
            {"instance_id": "oauthlib__oauthlib.1fd52536.combine_file__09vlzwgc"},
            "",
            [
                "jyangballin/swesmith.x86_64.oauthlib_1776_oauthlib.1fd52536",
                "swebench/swesmith.x86_64.oauthlib_1776_oauthlib.1fd52536",
            ],
        ),
        (
            {"instance_id": "getmoto__moto-7365"},
            "",
            ["swebench/sweb.eval.x86_64.getmoto_1776_moto-7365", "xingyaoww/sweb.eval.x86_64.getmoto_s_moto-7365"],
        ),
    ],
)
def test_an_instance_has_the_published_name_of_its_image(row: dict[str, str], source: str, names: list[str]) -> None:
    assert [name.removesuffix(":latest") for name in image_names(row, source)] == names


def test_the_name_in_the_row_comes_first() -> None:
    row = {"instance_id": "a__b-1", "image_name": "swesmith.x86_64.pandas-dev__pandas.95280573"}
    assert image_names(row) == [row["image_name"], "jyangballin/swesmith.x86_64.pandas-dev_1776_pandas.95280573"]


@pytest.mark.parametrize(
    ("row", "source"), [({}, ""), ({"instance_id": "a"}, "swe-x"), ({"instance_id": "a"}, "swe-smith")]
)
def test_what_cannot_be_named_is_refused(row: dict[str, str], source: str) -> None:
    with pytest.raises(SandboxError):
        image_names(row, source)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("a/b", ("a/b", "latest")),
        ("host:5000/a", ("host:5000/a", "latest")),
        ("host:5000/a:1", ("host:5000/a", "1")),
        ("a@sha256:0f", ("a", "sha256:0f")),
    ],
)
def test_a_registry_port_is_no_tag(image: str, parts: tuple[str, str]) -> None:
    assert split_tag(image) == parts


def test_a_missing_image_is_named_with_the_command_that_gets_it(docker_image: str) -> None:
    with pytest.raises(SandboxError, match="docker pull no-such/image:1"):
        require_image("no-such/image:1")


def test_a_failed_pull_names_the_image(docker_image: str) -> None:
    with pytest.raises(SandboxError, match=r"localhost:9/no-such:1 .*cannot be pulled"):
        require_image("localhost:9/no-such:1", pull=True)


def test_an_sdist_loses_its_top_folder_and_keeps_hard_links(tmp_path: Path) -> None:
    sdist = tmp_path / "x-1.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        member = tarfile.TarInfo("x-1.0/a.py")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"1\n"))
        link = tarfile.TarInfo("x-1.0/b.py")
        link.type, link.linkname = tarfile.LNKTYPE, "x-1.0/a.py"
        archive.addfile(link)
    write_context(tmp_path, sdist, "base", "")
    with tarfile.open(tmp_path / "source.tar") as archive:
        assert [(m.name, m.linkname) for m in archive] == [("a.py", ""), ("b.py", "a.py")]


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"no")
    with pytest.raises(SandboxError, match="no archive"):
        write_context(tmp_path, tmp_path / "x.tar.gz", "base", "")


def test_a_name_that_no_image_can_have_is_refused(docker_image: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="'Bad Tag!' is no name of an image"):
        build_from_folder(tmp_path, "Bad Tag!", docker_image)


def test_a_failed_build_tells_its_log_without_escape_codes(docker_image: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="broken") as raised:
        build_from_folder(tmp_path, "srl-agent/test-build:2", docker_image, r"printf '\033[31mbroken\033[0m\n'; exit 3")
    assert "\x1b" not in str(raised.value)


def test_a_folder_becomes_an_image_with_one_commit(docker_image: str, tmp_path: Path) -> None:
    from envs.docker_engine import engine

    (tmp_path / ".git").mkdir()
    (tmp_path / "kept.py").write_text("x = 1\n")
    tag = build_from_folder(tmp_path, "srl-agent/test-build:1", docker_image, setup="echo made > setup.txt")
    try:
        log = engine().containers.run(tag, ["git", "-C", "/testbed", "log", "--stat"], remove=True, network_mode="none")
        assert (log.count(b"\ncommit "), b"kept.py" in log, b"setup.txt" in log) == (0, True, True)
    finally:
        engine().images.remove(tag, force=True)


@pytest.mark.parametrize(
    ("source", "instance_id", "image"),
    [
        ("swesmith-xml", "pandas-dev__pandas.95280573.pr_53652", "swesmith.x86_64.pandas-dev_1776_pandas.95280573"),
        ("swegym-openhands", "getmoto__moto-4787", "xingyaoww/sweb.eval.x86_64.getmoto_s_moto-4787:latest"),
        ("mini-swe-agent-v1", "pallets__flask-5014", "swebench/sweb.eval.x86_64.pallets_1776_flask-5014:latest"),
    ],
)
def test_the_image_of_an_episode_follows_its_format_or_its_id(source: str, instance_id: str, image: str) -> None:
    assert image in image_names({"instance_id": instance_id}, task_set(source))[0]
