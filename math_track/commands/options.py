"""The options of the domain's commands; see `srl_agent.domains.Command`."""

from __future__ import annotations

import argparse

from srl_agent.commands.eval import add_server

PROBLEMS = "problems (s1K-1.1, s1K, our own): file, folder, glob, Hugging Face owner/name:split, or - (standard input)"


def add_rewrite_steps(parser: argparse.ArgumentParser, name: str) -> None:
    """Of `data rewrite-steps`."""
    parser.add_argument("input", metavar="INPUT", help=PROBLEMS)
    parser.add_argument("output", metavar="OUTPUT", help="the JSONL file of problems to write")
    parser.add_argument(
        "--answers", metavar="DIR", help="keeps the model's answers, to go on with (default: OUTPUT.answers)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of sampling (default: 0)")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="of sampling (default: 0)")
    parser.add_argument("--max-tokens", type=int, default=8192, metavar="N", help="longest answer (default: 8192)")
    add_server(parser)
