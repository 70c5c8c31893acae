"""What stands in a run directory, and what a kill may leave there."""

from __future__ import annotations

from pathlib import Path

import pytest

from srl_agent.errors import ConfigError
from srl_agent.run_dir import (
    append_jsonl,
    beginning,
    best_checkpoint,
    check_space,
    checkpoint_bytes,
    complete_checkpoints,
    forget_after,
    free_bytes,
    marker,
    new_run,
    provenance,
    read_jsonl,
    remove_remains,
    write_json,
    write_text,
)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \udc80")
    assert path.read_text() == "old"


def test_what_cannot_be_written_is_named_as_the_user_knows_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for write in (lambda path: write_text(path, "x"), lambda path: append_jsonl(path, [{}])):
        with pytest.raises(OSError) as refused:
            write(tmp_path / "file" / "a" / "b.json")
        assert refused.value.filename == str(tmp_path / "file" / "a" / "b.json")


def test_a_full_disk_is_named_by_the_file_that_was_to_be_written() -> None:
    with pytest.raises(OSError, match="No space left") as refused:
        append_jsonl(Path("/dev/full"), [{}])
    assert refused.value.filename == "/dev/full"


def test_a_line_that_a_kill_has_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_jsonl(path, [{"step": 1}, {"step": 2}])
    with path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert read_jsonl(path) == [{"step": 1}, {"step": 2}]


def test_a_resumed_stage_forgets_only_its_own_later_records(tmp_path: Path) -> None:
    rows = [{"stage": stage, "step": step} for stage in ("sft", "srl") for step in (0, 3, 4)]
    append_jsonl(tmp_path / "metrics.jsonl", rows)
    for step in (3, 4):
        append_jsonl(tmp_path / "samples" / f"srl-{step:06d}.jsonl", [{}])
    forget_after(tmp_path, "srl", 3)
    kept = read_jsonl(tmp_path / "metrics.jsonl")
    assert kept == [row for row in rows if row != {"stage": "srl", "step": 4}]
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["srl-000003.jsonl"]


def test_a_checkpoint_counts_only_with_its_marker(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for step in (9, 10):
        write_json(tmp_path / f"checkpoint-{step}" / "complete.json", {"step": step})
    assert [path.name for path in complete_checkpoints(tmp_path)] == ["checkpoint-9", "checkpoint-10"]
    assert marker(complete_checkpoints(tmp_path)[-1])["step"] == 10


def test_a_checkpoint_that_a_kill_left_half_deleted_is_no_checkpoint(tmp_path: Path) -> None:
    for step in (1, 2):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").touch()
        write_json(folder / "complete.json", {"step": step, "files": ["weights"]})
    (tmp_path / "checkpoint-1" / "weights").unlink()
    assert [path.name for path in complete_checkpoints(tmp_path)] == ["checkpoint-2"]
    assert remove_remains(tmp_path) == ["checkpoint-1"]


@pytest.mark.parametrize(
    ("scores", "best"), [([None, None, None], 3), ([0.1, 0.5, 0.3], 2), ([0.5, 0.5, 0.3], 2), ([0.1, None, None], 1)]
)
def test_the_best_checkpoint_is_that_of_the_highest_score_and_the_later_of_equals(
    tmp_path: Path, scores: list[float | None], best: int
) -> None:
    for step, score in enumerate(scores, start=1):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        write_json(folder / "complete.json", {"step": step} | ({} if score is None else {"score": score}))
    assert best_checkpoint(tmp_path) == tmp_path / f"checkpoint-{best}"


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    write_json(tmp_path / "checkpoint-9" / "complete.json", {"step": 9})
    assert remove_remains(tmp_path) == ["checkpoint-10"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-9"]


def test_a_stage_that_goes_on_is_said_to_begin_behind_its_last_checkpoint(tmp_path: Path) -> None:
    assert beginning(tmp_path, "weights") == "from weights"
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
        write_json(tmp_path / f"checkpoint-{step}" / "complete.json", {"step": step})
    assert beginning(tmp_path, "weights") == f"going on at {tmp_path / 'checkpoint-10'} with step 11"


def test_a_directory_with_a_run_is_not_taken_again(tmp_path: Path) -> None:
    run = new_run("", tmp_path / "run")
    write_text(run / "config.yaml", "seed: 0\n")
    with pytest.raises(ConfigError, match="--resume"):
        new_run(str(run), tmp_path / "other")


def test_a_disk_that_cannot_hold_the_checkpoints_is_refused_at_the_start(tmp_path: Path) -> None:
    check_space(tmp_path / "srl", 1000, 2)
    with pytest.raises(ConfigError, match=r"GB free.*--output"):
        check_space(tmp_path / "srl", 10**15, 2)


def test_checkpoints_of_sharded_weights_have_these_once_more() -> None:
    assert (checkpoint_bytes(1000), checkpoint_bytes(1000, "fsdp2")) == (12_000, 16_000)


def test_the_room_for_a_directory_that_is_not_there_yet_is_that_of_its_disk(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "runs" / "new") == pytest.approx(free_bytes(tmp_path), rel=0.1)


def test_provenance_names_versions_and_machine() -> None:
    record = provenance({"seed": 7})
    assert record["seed"] == 7
    assert {"python", "torch", "trl", "transformers"} <= record["versions"].keys()
    assert record["host"]["cpus"] >= 1
