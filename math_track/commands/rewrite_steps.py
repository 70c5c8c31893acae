"""`srl-agent data rewrite-steps`: worked solutions to numbered, titled steps, by a model behind a server."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from math_track.grader import Grader
from math_track.records import Problem
from math_track.rewrite import Rewriting, rewrite, rewriting_prompt
from math_track.sources import read_problems, write_problems
from srl_agent.answers import Sampling
from srl_agent.asking import Question, ask_all, settle
from srl_agent.chat_server import ChatServer, Server
from srl_agent.commands.data.console import by_tenths, open_console, print_table, say
from srl_agent.commands.data.convert import refuse_same
from srl_agent.commands.eval.engines import server_facts, server_of
from srl_agent.errors import ConfigError
from srl_agent.run_dir import digest
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.store import write_atomically

DROPPED = "dropped.jsonl"
"""Beside the answers: name and reason of each rewriting that was dropped."""


def rewrite_steps(args: argparse.Namespace) -> int:
    """Ask, check, write. Stopped, it goes on with the answers in `--answers`. Raises SrlError, ParseError, OSError."""
    server = _server(args)
    refuse_same(args.input, args.output)
    console = open_console()
    found = read_problems(args.input)
    worked = [problem for problem in found.problems if problem.solution]
    for line in (*found.report.lines(), *(f"{name}: {value}" for name, value in server_facts(server).items())):
        say(console, line)
    if not worked:
        raise ParseError(f"{args.input}: no problem in it has a worked solution to rewrite")
    say(console, f"asked: {plural(len(worked), 'worked solution')}; {len(found.problems) - len(worked)} have none")
    folder = Path(args.answers or f"{args.output}.answers")
    rewritten = _ask(console, server, worked, args.seed, folder)
    dropped = folder / DROPPED
    write_atomically(dropped, (json.dumps({"name": name, "reason": why}) for name, why in rewritten.dropped.items()))
    _print(console, rewritten)
    if not rewritten.problems:
        raise ParseError(f"{args.output}: not written: no rewriting kept the form; see {dropped}")
    count = write_problems(Path(args.output), rewritten.problems)
    say(console, f"wrote {args.output}: {plural(count, 'problem')}; what was dropped is in {dropped}")
    return 0


def _server(args: argparse.Namespace) -> Server:
    if not args.server:
        raise ConfigError("--server: name the OpenAI-compatible server to ask, such as http://localhost:8000/v1")
    if args.temperature < 0 or args.max_tokens < 1:
        raise ConfigError("--temperature, --max-tokens: expected 0 or more, and 1 or more")
    return server_of(args, Sampling(args.temperature, args.max_tokens))


def _ask(console: Console, server: Server, problems: Sequence[Problem], seed: int, folder: Path) -> Rewriting:
    answerer = ChatServer(server)
    questions = [Question(problem.name, rewriting_prompt(problem)) for problem in problems]
    facts = {
        "model": server.model,
        "request": server.request,
        "seed": seed,
        "prompts": digest([asdict(question) for question in questions]),
    }
    settle(folder, facts, "--answers")
    tell = by_tenths(lambda line: say(console, line), len(questions), "solutions answered")
    answers = ask_all(lambda: answerer, questions, 1, seed, folder, tell)
    with Grader() as grader:
        return rewrite(problems, [one for (one,) in answers], server.model, grader.grade)


def _print(console: Console, found: Rewriting) -> None:
    reasons = Counter(found.dropped.values()).most_common()
    rows = [("kept", len(found.problems)), *((f"dropped: {reason}", count) for reason, count in reasons)]
    print_table(console, "rewritten", ("", "solutions"), [(name, str(count)) for name, count in rows])
