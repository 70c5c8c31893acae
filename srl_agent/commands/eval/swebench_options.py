"""The options of `srl-agent eval` on issues; free of heavy imports."""

from __future__ import annotations

import argparse
from pathlib import Path

from srl_agent.commands.eval import add_server
from srl_agent.commands.settings import SAME_COMMAND, add_settings


def add_issues(parser: argparse.ArgumentParser, name: str) -> None:
    """Of a benchmark of issues, by name or of rows of one's own."""
    parser.description = (
        "Let --model.name, or a model behind --server, work on the issues in sandboxes, and score its patches by the "
        "official SWE-bench harness; or score --predictions. The same command goes on where a stopped one was. Limits "
        "of the work are --options.KEY VALUE, such as --options.max_steps 30."
    )
    add_settings(parser, "score on", domain=False)
    parser.set_defaults(domain="swe", goes_on=SAME_COMMAND, usual_preset="paper-swe")
    rows = "rows on this machine (JSON, JSONL, parquet), or a hub's owner/name:split"
    parser.add_argument("--rows", metavar="PATH", required=name == "issues", help=rows)
    old = "completes rows from before swebench 5 by its tables: pip download --no-deps 'swebench>=4.1,<5'"
    parser.add_argument("--swebench4", type=Path, metavar="WHEEL", help=old)
    parser.add_argument(
        "--slice",
        default="",
        metavar="A:B",
        help="only these of the tasks, such as 0:50, or --slice=-4: for the last four",
    )
    parser.add_argument("--filter", default="", metavar="REGEX", help="only tasks whose id matches somewhere")
    parser.add_argument("--instance-ids", nargs="+", default=[], metavar="ID", help="only these tasks")
    parser.add_argument("-j", "--jobs", type=int, default=2, metavar="N", help="tasks at once (default: 2)")
    parser.add_argument("--seed", metavar="N", help="of sampling; sets seed")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="gets preds.jsonl, summary.json, ... (default: one under runs/)"
    )
    _add_making(parser)
    _add_scoring(parser)
    server = add_server(parser, short="")
    server.add_argument("--tokenizer", metavar="NAME", help="counts prompts' tokens; estimated without it")


def _add_making(parser: argparse.ArgumentParser) -> None:
    making = parser.add_argument_group("making patches")
    making.add_argument(
        "--patcher", default="agent", metavar="NAME", help="agent, oracle, agentless or package.module:function (agent)"
    )
    making.add_argument("--temperature", type=float, default=0.0, metavar="T", help="of sampling; 0 is greedy (0)")
    making.add_argument("--max-tokens", type=int, default=2048, metavar="N", help="longest output (default: 2048)")
    making.add_argument("--no-scoring", action="store_true", help="stop when the predictions are there")


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    scoring = parser.add_argument_group("scoring")
    scoring.add_argument(
        "--predictions", metavar="PATH", help="score these (.jsonl, a list, preds.json; gold: the tasks' own fixes)"
    )
    scoring.add_argument("--test-timeout", type=int, default=1800, metavar="S", help="seconds a task's tests (1800)")
    scoring.add_argument("--docker-host", default="", metavar="URL", help="the harness's engine, where it is not ours")
    scoring.add_argument("--pull", action="store_true", help="fetch images that are not here from their registry")
    scoring.add_argument(
        "--unsafe-daemon", action="store_true", help="run patches on an engine from which they may reach the host"
    )


def add_compare(parser: argparse.ArgumentParser, name: str) -> None:
    """Of `eval compare`."""
    parser.description = "What each of two evaluations resolved that the other did not, and the paired difference."
    parser.set_defaults(settings=False)
    run = "the --output of an evaluation, or a report of the harness"
    parser.add_argument("first", type=Path, metavar="RUN_A", help=run)
    parser.add_argument("second", type=Path, metavar="RUN_B", help="another on the same issues")


def add_report(parser: argparse.ArgumentParser, name: str) -> None:
    """Of `eval report`."""
    parser.description = "The table of a report that the SWE-bench harness (1 to 5) wrote, whoever ran it."
    parser.set_defaults(settings=False)
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="the harness's report of a run")
    parser.add_argument("--rows", metavar="NAME", help="the benchmark's name or rows, for the shares by difficulty")
    parser.add_argument("--output", type=Path, metavar="DIR", help="gets verdicts.jsonl and summary.json")
