"""`srl-agent eval report`: the table of a report that the SWE-bench harness wrote for somebody else's run."""

from __future__ import annotations

import argparse

from srl_agent.commands.data.console import open_console
from srl_agent.commands.eval import Resolve
from srl_agent.commands.eval.issue_table import print_summary
from srl_agent.swe_eval.records import Task
from srl_agent.swe_eval.reports import Report, read_report
from srl_agent.swe_eval.results import summarise
from srl_agent.swe_eval.stored import write_results

UNNAMED = "tasks that the report does not name"


def run(args: argparse.Namespace, resolve: Resolve) -> int:
    """Print it, and with `--output` leave verdicts that `eval compare` reads. ParseError where it is no report."""
    report = read_report(args.report)
    verdicts = {verdict.instance_id: verdict for verdict in report.verdicts}
    facts = {"harness": "as reported", "benchmark": "", "model": args.report.name}
    summary = {**summarise(_tasks(report), {}, verdicts), **facts}
    if args.output:
        write_results(args.output, report.verdicts, summary)
    print_summary(open_console(), summary)
    return 0


def _tasks(report: Report) -> list[Task]:
    """As many as the benchmark has; a report names ids only, whose beginning is the repository."""
    names = [(verdict.instance_id, _repository(verdict.instance_id)) for verdict in report.verdicts]
    names += [(f"{UNNAMED} {number}", UNNAMED) for number in range(report.total - len(names))]
    return [Task(name, repository, "", "", "", "", (), (), "", "", "") for name, repository in names]


def _repository(instance_id: str) -> str:
    """`owner/name` of `owner__name-number`."""
    return instance_id.rpartition("-")[0].replace("__", "/", 1)
