"""How the data commands print: lines and tables of text as it is, warnings, and what reading lost.

Texts come from strangers' files: markup stays text, and control characters are shown instead of sent to the terminal.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from srl_agent.wording import plural
from trajectories.gates import GateReport
from trajectories.report import LossReport
from trajectories.store import write_atomically

# C0, DEL and C1 but not tab and line feed; lone surrogates, which no terminal encoding takes.
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

EXAMPLE_CHARS = 60
"""Characters shown of what a gate objects to; the JSON has more."""
PLAIN_WIDTH = 120
"""Columns where no terminal says how many it has."""


def open_console() -> Console:
    """The console on standard output; plain text where that is no terminal, escapes for what it cannot encode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PLAIN_WIDTH
    return Console(highlight=False, width=width)


def visible(text: str) -> str:
    """The text with CRLF as line ends and every control character as its escape, such as `\\x1b`."""
    return _UNSHOWN.sub(_escape, text.replace("\r\n", "\n"))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def say(console: Console, line: str, style: str = "") -> None:
    """The text, wrapped by the terminal only."""
    console.print(Text(visible(line), style=style), soft_wrap=True)


def warn(console: Console, line: str) -> None:
    """A line that cannot be missed."""
    say(console, f"WARNING: {line}", "bold yellow")


def say_empty(empty: int, outputs: int) -> str:
    """The warning about outputs without text, which are rather a fault of the set-up than of what a model knows."""
    return (
        f"{empty} of {plural(outputs, 'output')} empty: the model ended at once, or the server gives the text in a "
        "field that is not read; look at the model's chat template, or at what the server answers"
    )


def print_part(console: Console, name: str, text: str) -> None:
    """A text under its name."""
    say(console, f"[{name}]", "bold cyan")
    say(console, text)


def by_tenths(tell: Callable[[str], None], total: int, what: str) -> Callable[[int], None]:
    """Hears how many of `total` are done: tells of those that were done before, if any, then of each further tenth."""
    said = -1

    def count(done: int) -> None:
        nonlocal said
        if said < 0 < done:
            tell(f"{done} of {total} {what} before")
        elif done * 10 // total > said >= 0:
            tell(f"{done} of {total} {what}")
        said = done * 10 // total

    return count


def print_table(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose cells are text as it is; the first column to the left, the rest to the right."""
    say(console, title)
    table = Table(box=box.SIMPLE, show_header=any(header))
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console.print(table)


def print_report(console: Console, report: LossReport) -> None:
    """What reading kept, merged and dropped, and a table of the reasons where something was dropped."""
    formats = ", ".join(f"{name} {count}" for name, count in report.formats.items()) or "none"
    say(console, f"episodes: {report.episodes_kept} of {plural(report.episodes_read, 'row')} kept; formats: {formats}")
    say(
        console,
        f"messages: {report.messages_kept} of {report.messages_read} kept, {report.messages_merged} merged into "
        f"others, {report.messages_dropped} dropped",
    )
    say(
        console,
        f"turns: {report.turns_kept} kept with {plural(report.actions_kept, 'action')}, {report.turns_merged} merged "
        f"into the next, {report.turns_dropped} dropped",
    )
    rows = [
        (f"{what}: {reason}", str(count), str(messages), Path(place).name)
        for what, reason, count, messages, place in report.rows()
    ]
    if rows:
        print_table(console, "dropped", ("what and why", "rows", "messages", "first at"), rows)


def print_gates(console: Console, report: GateReport) -> None:
    """What each gate found, with examples; nothing where none was asked."""
    if not report.gates:
        return
    say(
        console,
        f"gates: {report.episodes_kept} of {plural(report.episodes_read, 'episode')} kept; "
        f"{report.steps_kept} of {plural(report.steps_read, 'step')} fit to be targets",
    )
    found = [row for row in report.rows() if report.gates[row[0]].findings]
    if found:
        rows = [(name, kind, str(episodes), str(steps or "-")) for name, kind, episodes, steps, _ in found]
        print_table(console, "gates that found something", ("gate", "drops an", "in episodes", "steps"), rows)
    for name, *_ in found:
        for example in report.gates[name].examples:
            place = example.traj_id if example.step is None else f"{example.traj_id} step {example.step}"
            say(console, f"  {name}: {place}: {example.reason}{_excerpt(example.excerpt)}")
    judged = {name: 0 if gate.idle else report.episodes_read - gate.blind for name, gate in report.gates.items()}
    quiet = [name for name, gate in report.gates.items() if not gate.findings and judged[name]]
    if quiet:
        say(console, f"nothing found by {', '.join(quiet)}")
    for name, gate in report.gates.items():
        if gate.idle:
            say(console, f"not run: {name}: {gate.idle}")
        elif gate.blind:
            count = f"{judged[name]} of {plural(report.episodes_read, 'episode')}"
            say(console, f"{name} judged {count}: no task row has what it needs for the rest")


def _excerpt(text: str) -> str:
    shown = text if len(text) <= EXAMPLE_CHARS else f"{text[:EXAMPLE_CHARS]}..."
    return f": {shown}" if text else ""


def warn_of_losses(console: Console, report: LossReport, reasons: str = "reasons in the table above") -> None:
    """The closing warning where rows or files could not be read: the data set is not the whole input."""
    if report.episodes_dropped:
        warn(
            console,
            f"{report.episodes_dropped} of {plural(report.episodes_read, 'row')} could not be read "
            f"({reasons}): what was written or counted is not the whole input",
        )


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record indented, all or nothing."""
    write_atomically(path, json.dumps(record, indent=2).split("\n"))
