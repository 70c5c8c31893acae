"""`srl-agent data rewrite-steps`: worked solutions to numbered, titled steps, by a model behind a server.

Every problem of the input is in the output, so that both hold out the same: those that were not rewritten as they were.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from math_track.grader import Grader
from math_track.records import Problem
from math_track.rewrite import Rewriting, rewrite, rewriting_prompt, splits
from math_track.sources import read_problems, write_problems
from srl_agent.answers import Sampling
from srl_agent.asking import Question, ask_all, settle
from srl_agent.chat_server import ChatServer, Server
from srl_agent.commands.data.console import by_tenths, open_console, print_table, say
from srl_agent.commands.data.convert import refuse_same
from srl_agent.commands.eval.engines import server_facts, server_of
from srl_agent.errors import ConfigError
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
    for line in (*found.report.lines(), *(f"{name}: {value}" for name, value in server_facts(server).items())):
        say(console, line)
    asked = _to_rewrite(console, args.input, found.problems)
    folder = Path(args.answers or f"{args.output}.answers")
    rewritten = _ask(console, server, asked, args.seed, folder)
    dropped = folder / DROPPED
    write_atomically(dropped, (json.dumps({"name": name, "reason": why}) for name, why in rewritten.dropped.items()))
    _print(console, rewritten)
    if not rewritten.problems:
        raise ParseError(f"{args.output}: not written: no rewriting kept the form; see {dropped}")
    new = {problem.name: problem for problem in rewritten.problems}
    count = write_problems(Path(args.output), [new.get(problem.name, problem) for problem in found.problems])
    say(
        console,
        f"wrote {args.output}: {plural(count, 'problem')}, {len(new)} with a rewritten solution, {count - len(new)} as "
        f"they were; which rewritings were dropped is in {dropped}",
    )
    return 0


def _to_rewrite(console: Console, source: str, problems: Sequence[Problem]) -> list[Problem]:
    """Those with a worked solution that does not split; ParseError where there is none."""
    worked = [problem for problem in problems if problem.solution]
    asked = [problem for problem in worked if not splits(problem)]
    split, bare = len(worked) - len(asked), len(problems) - len(worked)
    if not asked:
        why = (
            f"all {split} worked solutions in it split into steps as they are" if split else "no problem in it has one"
        )
        raise ParseError(f"{source}: no worked solution to rewrite: {why}")
    say(
        console,
        f"asked: {plural(len(asked), 'worked solution')}; not asked: {split} that split into steps as they are, "
        f"{plural(bare, 'problem')} without a worked solution",
    )
    return asked


def _server(args: argparse.Namespace) -> Server:
    if not args.server:
        raise ConfigError("--server: name the OpenAI-compatible server to ask, such as http://localhost:8000/v1")
    if args.temperature < 0 or args.max_tokens < 1:
        raise ConfigError("--temperature, --max-tokens: expected 0 or more, and 1 or more")
    return server_of(args, Sampling(args.temperature, args.max_tokens))


def _ask(console: Console, server: Server, problems: Sequence[Problem], seed: int, folder: Path) -> Rewriting:
    answerer = ChatServer(server)
    questions = [Question(problem.name, rewriting_prompt(problem)) for problem in problems]
    settle(folder, {**server_facts(server), "seed": seed}, "--answers")
    tell = by_tenths(lambda line: say(console, line), len(questions), "solutions answered")
    answers = ask_all(lambda: answerer, questions, 1, seed, folder, tell)
    with Grader() as grader:
        return rewrite(problems, [one for (one,) in answers], server.model, grader.grade)


def _print(console: Console, found: Rewriting) -> None:
    reasons = Counter(found.dropped.values()).most_common()
    rows = [("kept", len(found.problems)), *((f"dropped: {reason}", count) for reason, count in reasons)]
    print_table(console, "rewritten", ("", "solutions"), [(name, str(count)) for name, count in rows])
