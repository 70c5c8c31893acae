"""The options of the domain's commands; see `srl_agent.domains.Command`."""

from __future__ import annotations

import argparse
from pathlib import Path

from srl_agent.commands.eval import add_asking, add_server
from srl_agent.commands.settings import SAME_COMMAND, add_settings

PROBLEMS = "problems (s1K-1.1, s1K, GSM8K, ours): file, folder, glob, the hub's owner/name:split, or - (standard input)"
MODES = (
    "plan: a think block at the start has a list; adjust: one stands amid the solution; verify: a later one says "
    "verify, check or wait; interleaved: adjust or verify. The paper (arXiv 2510.25992, version 3) shows plan, "
    "adjust and verify by examples and counts none"
)
"""What `eval reasoning` counts, see `math_track.reasoning`."""
MAX_TOKENS = 2048
"""Longest output by default: `max_tokens_per_call` of Qwen2.5-Math's evaluation (math_eval.py)."""


def add_benchmark(parser: argparse.ArgumentParser, name: str) -> None:
    """The options of `srl-agent eval` on a benchmark."""
    parser.description = (
        "Score --model.name, or a model behind --server, greedily as Qwen2.5-Math's evaluation does; --avg adds the "
        "mean of K outputs a problem at temperature 1.0, with pass@k. The same command goes on where a stopped one was."
    )
    add_settings(parser, "score on", domain=False)
    parser.set_defaults(domain="math", goes_on=SAME_COMMAND)
    several = name == "math"
    parser.add_argument(
        "--rows",
        action="append",
        default=[],
        metavar="NAME=PATH" if several else "PATH",
        help="rows on this machine in place of the hub's"
        + (", such as aime24=FILE; may be repeated" if several else ""),
    )
    parser.add_argument(
        "--slice",
        default=":",
        metavar="A:B",
        help="only these problems, such as 0:50, or --slice=-4: for the last four",
    )
    default = "the paper's: 32, but none for Minerva" if several else "none"
    parser.add_argument(
        "--avg", type=int, metavar="K", help=f"outputs a problem at temperature 1.0 (default: {default})"
    )
    parser.add_argument(
        "--max-tokens", type=int, default=MAX_TOKENS, metavar="N", help=f"longest output (default: {MAX_TOKENS})"
    )
    parser.add_argument(
        "--think", action="store_true", help="allow think blocks, as the paper's prompt does (default: Qwen2.5-Math's)"
    )
    add_asking(parser, "items.jsonl, summary.json and the answers")


def add_reasoning(parser: argparse.ArgumentParser, name: str) -> None:
    """The options of `srl-agent eval reasoning`."""
    parser.description = "Compare how the outputs of evaluations reason: their length, steps and think blocks."
    parser.epilog = f"Marks of interleaved thinking, as shares of the outputs: {MODES}."
    parser.set_defaults(settings=False)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="what evaluations wrote, the base first")
    parser.add_argument("--figure", type=Path, metavar="FILE.svg", help="draw the lengths; needs matplotlib")


def add_rewrite_steps(parser: argparse.ArgumentParser, name: str) -> None:
    """Of `data rewrite-steps`."""
    parser.set_defaults(goes_on=SAME_COMMAND)
    parser.add_argument("input", metavar="INPUT", help=PROBLEMS)
    parser.add_argument("output", metavar="OUTPUT", help="the JSONL file of problems to write")
    parser.add_argument(
        "--answers", metavar="DIR", help="keeps the model's answers, to go on with (default: OUTPUT.answers)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of sampling (default: 0)")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="of sampling (default: 0)")
    parser.add_argument("--max-tokens", type=int, default=8192, metavar="N", help="longest answer (default: 8192)")
    add_server(parser)
