"""How `srl-agent eval` prints what an evaluation on issues came to, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srl_agent.commands.data.console import print_table, say
from srl_agent.swe_eval.results import EFFORTS, PAPER, table


def print_summary(console: Any, summary: Mapping[str, Any]) -> None:
    """The resolve rate by part, what became of the rest, the effort, and the paper's slot."""
    title = f"resolved ({summary.get('model', 'model unknown')}, {summary['harness']})"
    print_table(console, title, ("", "resolved", "tasks", "rate", "95 % interval"), table(summary))
    counts = ", ".join(f"{status} {count}" for status, count in summary["counts"].items() if count)
    say(console, f"of {summary['tasks']}: {counts}")
    if summary["flagged_but_resolved"]:
        say(console, f"{summary['flagged_but_resolved']} that touch test configuration would be resolved otherwise")
    if summary["timed_out"]:
        say(
            console,
            f"of the unresolved, {summary['timed_out']} whose tests ran out of time (--test-timeout, or fewer -j)",
        )
    effort = summary["effort"]
    known = [f"{name.replace('_', ' ')} {effort[name]['mean']:.1f}" for name in EFFORTS if name in effort]
    if known:
        say(console, f"mean a task: {', '.join(known)}")
    if effort["ended"]:
        say(console, "ended by: " + ", ".join(f"{how} {count}" for how, count in effort["ended"].items()))
    if summary["benchmark"] == "swebench-verified":
        rows = [(name, f"{oracle}", f"{whole}") for name, (oracle, whole) in PAPER.items()]
        print_table(console, "the paper's, per cent of 500, greedy", ("", "oracle", "end to end"), rows)
