"""What an evaluation on issues leaves in its folder besides the predictions: verdicts, and the summary of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from srl_agent.errors import ConfigError
from srl_agent.run_dir import write_json
from srl_agent.swe_eval.records import Status, Verdict
from srl_agent.swe_eval.reports import read_report
from trajectories.store import write_atomically

VERDICTS, SUMMARY = "verdicts.jsonl", "summary.json"


def write_results(folder: Path, verdicts: Sequence[Verdict], summary: Mapping[str, Any]) -> None:
    """A line a task, then the summary; each whole or not at all."""
    write_atomically(folder / VERDICTS, (json.dumps(asdict(verdict)) for verdict in verdicts))
    write_json(folder / SUMMARY, summary)


def read_verdicts(folder: Path) -> dict[str, Verdict]:
    """The verdicts of an evaluation's folder, or of a harness's report, by task.

    ConfigError where a folder has none, or they cannot be read; ParseError for a file that is no report.
    """
    if folder.is_file():
        return {verdict.instance_id: verdict for verdict in read_report(folder).verdicts}
    path = folder / VERDICTS
    if not folder.exists():
        raise ConfigError(f"{folder} does not exist; expected the --output of an evaluation, or a harness's report")
    if not path.is_file():
        raise ConfigError(f"{folder}: no {VERDICTS} in it; expected the --output of an evaluation that has ended")
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            found[row["instance_id"]] = Verdict(**{**row, "status": Status(row["status"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}:{number}: not a verdict: {error}; run the evaluation again") from error
    return found


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary in an evaluation's folder; empty for a report, which has none."""
    path = folder / SUMMARY
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
