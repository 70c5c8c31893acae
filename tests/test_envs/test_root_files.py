"""Files under another root: resolved there, and never waited for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from envs import root_files


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "root/folder").mkdir(parents=True)
    fd = os.open(tmp_path / "root", os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_file_is_written_with_the_folders_above_it_and_read(root: int) -> None:
    root_files.write(root, "/a/b/c", b"content")
    assert root_files.read(root, "/a/b/c", 1000) == b"content"


@pytest.mark.parametrize("path", ["/../secret", "/folder/../../secret", "../secret"])
def test_no_path_leads_out(root: int, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        root_files.read(root, path, 1000)


@pytest.mark.parametrize("target", ["../secret", "{outside}/secret", "../../../../../..{outside}/secret"])
def test_no_link_leads_out(root: int, tmp_path: Path, target: str) -> None:
    (tmp_path / "root/link").symlink_to(target.format(outside=tmp_path))
    with pytest.raises(FileNotFoundError):
        root_files.read(root, "/link", 1000)


def test_writing_through_a_link_to_a_folder_stays_inside(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/link").symlink_to("/folder/..")
    root_files.write(root, "/link/../new", b"x")
    assert (tmp_path / "root/new").read_bytes() == b"x"
    assert not (tmp_path / "new").exists()


def test_a_fifo_is_refused_and_not_waited_for(root: int, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "root/fifo")
    with pytest.raises(OSError, match="regular"):
        root_files.read(root, "/fifo", 1000)
    with pytest.raises(OSError, match="fifo"):
        root_files.write(root, "/fifo", b"x")


def test_folders_are_no_files(root: int) -> None:
    with pytest.raises(IsADirectoryError):
        root_files.read(root, "/folder", 1000)
    with pytest.raises(IsADirectoryError):
        root_files.write(root, "/folder", b"x")
