"""`srl-agent eval report`: the table of a report that the SWE-bench harness wrote for somebody else's run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from srl_agent.commands.data.console import open_console, say
from srl_agent.commands.eval import Resolve
from srl_agent.commands.eval.issue_table import print_summary
from srl_agent.errors import ConfigError
from srl_agent.swe_eval.records import Status, Task
from srl_agent.swe_eval.reports import Report, read_report
from srl_agent.swe_eval.results import summarise
from srl_agent.swe_eval.rows import read_tasks
from srl_agent.swe_eval.stored import write_results

UNNAMED = "tasks that the report does not name"


def run(args: argparse.Namespace, resolve: Resolve) -> int:
    """Print it, and with `--output` leave verdicts that `eval compare` reads. ParseError where it is none."""
    report = read_report(args.report)
    verdicts = {verdict.instance_id: verdict for verdict in report.verdicts}
    facts = {"harness": "as reported", "benchmark": "", "model": args.report.name}
    tasks = _rows(args.rows, report) if args.rows else _tasks(report)
    summary = {**summarise(tasks, {}, verdicts), **facts}
    if args.output:
        write_results(args.output, report.verdicts, summary)
    console = open_console()
    print_summary(console, summary)
    submitted = summary["tasks"] - summary["counts"][str(Status.MISSING)]
    if submitted < summary["tasks"]:
        say(console, f"of the {submitted} with a prediction: resolved {summary['resolved'] / max(1, submitted):.1%}")
    return 0


def _rows(name: str, report: Report) -> Sequence[Task]:
    """The benchmark's own rows, which know more than ids. ConfigError where they are not what was reported on."""
    tasks = read_tasks(name).tasks
    strange = {verdict.instance_id for verdict in report.verdicts} - {task.instance_id for task in tasks}
    if strange or len(tasks) != report.total:
        raise ConfigError(
            f"--rows: {name} has {len(tasks)} tasks, and the report is on {report.total}, of which {len(strange)} are "
            f"not in it{f' ({min(strange)})' if strange else ''}; name the rows that it was made for, or leave them out"
        )
    return tasks


def _tasks(report: Report) -> list[Task]:
    """As many as the benchmark has; a report names ids only, whose beginning is the repository."""
    names = [(verdict.instance_id, _repository(verdict.instance_id)) for verdict in report.verdicts]
    names += [(f"{UNNAMED} {number}", UNNAMED) for number in range(report.total - len(names))]
    return [Task(name, repository, "", "", "", "", (), (), "", "", "") for name, repository in names]


def _repository(instance_id: str) -> str:
    """`owner/name` of `owner__name-number`."""
    return instance_id.rpartition("-")[0].replace("__", "/", 1)
