"""`srl-agent eval compare`: two evaluations on the same issues, and the paired difference between them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from srl_agent.commands.data.console import open_console, print_table, say
from srl_agent.commands.eval import Resolve
from srl_agent.errors import ConfigError
from srl_agent.swe_eval.compare import Comparison, compare
from srl_agent.swe_eval.stored import read_summary, read_verdicts
from srl_agent.wording import plural

SHOWN = 20
"""Tasks named of each kind."""


def run(args: argparse.Namespace, resolve: Resolve) -> int:
    """Print what each resolved that the other did not. ConfigError where one has no verdicts, or none in common."""
    first, second = read_verdicts(args.first), read_verdicts(args.second)
    found = compare(first, second)
    shared = len(first.keys() & second.keys())
    if not shared:
        raise ConfigError(f"{args.first} and {args.second} have no task in common, so nothing can be compared")
    console = open_console()
    cells = (
        ("both", found.both),
        ("only the first", found.only_first),
        ("only the second", found.only_second),
        ("neither", found.neither),
    )
    rows = [(name, str(len(tasks)), f"{len(tasks) / shared:.1%}") for name, tasks in cells]
    print_table(console, f"resolved, of {plural(shared, 'task')} in both", ("", "tasks", "share"), rows)
    low, high = found.interval
    say(
        console,
        f"the second resolves {found.difference:+.1%} (95 % interval {low:+.1%} to {high:+.1%}; McNemar's exact "
        f"p = {found.p_value:.3g})",
    )
    for name, tasks in cells[1:3]:
        more = f" and {len(tasks) - SHOWN} more" if len(tasks) > SHOWN else ""
        if tasks:
            say(console, f"{name}: {', '.join(tasks[:SHOWN])}{more}")
    for line in _unlike(args.first, args.second, found):
        say(console, line)
    if found.apart:
        say(console, f"{plural(len(found.apart), 'task')} in only one of the two, counted nowhere")
    return 0


def _unlike(first: Path, second: Path, found: Comparison) -> Iterator[str]:
    """What makes the two less comparable than their names say."""
    mine, theirs = read_summary(first), read_summary(second)
    for number, name in ((found.failed_first, "first"), (found.failed_second, "second")):
        if number:
            yield f"the environment failed {plural(number, 'task')} of the {name}, counted as not resolved"
    # Rows that only one has change the digest by themselves.
    facts = {"harness": "the harness", "test_timeout_s": "the time limit of the tests"}
    facts |= {} if found.apart else {"rows_sha256": "the rows"}
    differ = (
        [what for name, what in facts.items() if mine.get(name, 0) != theirs.get(name, 0)] if mine and theirs else []
    )
    images = [mine.get("images", {}), theirs.get("images", {})]
    if any(images[0][name] != images[1][name] for name in images[0].keys() & images[1].keys()):
        differ.append("ids of images")
    if differ:
        yield f"not the same in both: {', '.join(differ)}"
