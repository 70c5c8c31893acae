"""Reports that the SWE-bench harness wrote for others, as verdicts, so that published figures become tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srl_agent.swe_eval.records import Status, Verdict
from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_int, get_list
from trajectories.sources import find_sources

ERROR = "the harness calls it an error: the patch does not apply, the tests ran out of time, or the environment failed"
LISTS: Mapping[str, tuple[Status, str]] = {
    "resolved": (Status.RESOLVED, ""),
    "unresolved": (Status.UNRESOLVED, ""),
    "empty_patch": (Status.EMPTY, ""),
    "error": (Status.ERROR, ERROR),
    "incomplete": (Status.MISSING, ""),
}
"""`<name>_ids` and `<name>_instances` of schema 2 (swebench 2.0 to 5.0), disjoint lists."""
OLD_LISTS: Mapping[str, tuple[Status, str]] = {
    "resolved": (Status.RESOLVED, ""),
    "no_generation": (Status.EMPTY, ""),
    "no_apply": (Status.NOT_APPLIED, ""),
    "install_fail": (Status.ERROR, "the project could not be installed"),
    "reset_failed": (Status.ERROR, "the repository could not be reset"),
    "test_timeout": (Status.UNRESOLVED, "the tests ran out of time"),
    "test_errored": (Status.ERROR, "the tests could not be run"),
    "no_logs": (Status.ERROR, "no log"),
    "applied": (Status.UNRESOLVED, ""),
    "generated": (Status.UNRESOLVED, ""),
}
"""The lists of swebench 1, in which most submissions are published. They overlap: the first that has an id counts."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says."""

    verdicts: tuple[Verdict, ...]
    """One for each id in it."""
    total: int
    """Tasks of the benchmark, those that the report does not name included."""


def read_report(path: Path) -> Report:
    """The verdicts of a report of swebench 1 to 5. ParseError where it is none, or contradicts itself."""
    rows = [row for source in find_sources(path) for _, row in source.rows()]
    if len(rows) != 1 or isinstance(rows[0], ParseError):
        raise ParseError(f"{path}: expected one JSON object, the report of a run of the SWE-bench harness")
    try:
        return report_of(rows[0])
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error


def report_of(row: Row) -> Report:
    """The verdicts of a report, given as parsed JSON. ParseError as `read_report`."""
    if "resolved_ids" in row:
        return _of_schema_2(row)
    if "resolved" in row and "generated" in row:
        return _of_schema_1(row)
    raise ParseError(f"expected resolved_ids, or resolved and generated; the keys are {describe_keys(row)}")


def _of_schema_2(row: Row) -> Report:
    reasons = row.get("failure_reasons") or {}
    verdicts: dict[str, Verdict] = {}
    for name, (status, detail) in LISTS.items():
        # A report from before `incomplete_ids` says only how many there are.
        ids = _ids(row, f"{name}_ids") if name != "incomplete" or "incomplete_ids" in row else []
        if f"{name}_instances" in row and get_int(row, f"{name}_instances") != len(ids):
            raise ParseError(f"{name}_instances: {row[f'{name}_instances']}, and {name}_ids has {len(ids)}")
        for instance_id in ids:
            if instance_id in verdicts:
                raise ParseError(f"{name}_ids: {instance_id} is '{verdicts[instance_id].status}' too")
            told = str(reasons.get(instance_id, detail))
            verdicts[instance_id] = Verdict(instance_id, status, told, status is Status.RESOLVED)
    total = get_int(row, "total_instances")
    if total < len(verdicts):
        raise ParseError(f"total_instances: {total}, and {len(verdicts)} ids are named")
    return Report(tuple(verdicts.values()), total)


def _of_schema_1(row: Row) -> Report:
    verdicts: dict[str, Verdict] = {}
    for name, (status, detail) in OLD_LISTS.items():
        for instance_id in _ids(row, name) if name in row else []:
            verdicts.setdefault(instance_id, Verdict(instance_id, status, detail, status is Status.RESOLVED))
    return Report(tuple(verdicts.values()), len(verdicts))


def _ids(row: Row, name: str) -> Sequence[str]:
    ids = get_list(row, name)
    if not all(isinstance(one, str) for one in ids) or len(set(ids)) != len(ids):
        raise ParseError(f"{name}: expected ids, each once")
    return ids
