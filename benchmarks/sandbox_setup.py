"""What the sandbox benchmarks share: the backends that work here, what they start, and tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

from envs.base import BACKENDS, Backend, Spec, find_backend
from envs.demo.place import demo_spec

ISOLATING = ("docker", "bubblewrap")


def add_backends(parser: argparse.ArgumentParser, default: Sequence[str] = ISOLATING) -> None:
    """The options `--backend` and `--image`."""
    parser.add_argument("--backend", action="append", choices=list(BACKENDS), help=f"default: {', '.join(default)}")
    parser.add_argument("--image", default="", help="of the docker backend, in place of the demonstration's")
    parser.set_defaults(default_backends=default)


def chosen(options: argparse.Namespace, run_id: str = "") -> list[tuple[str, Backend, Spec]]:
    """(name, backend, spec) of each backend asked for that works here; the others are named with their reason."""
    found = []
    for name in options.backend or options.default_backends:
        try:
            backend = find_backend(name)
            obstacle = backend.why_not()
        except ModuleNotFoundError as error:
            obstacle = f"not built: {error.name}"
        if obstacle:
            print(f"left out, {name}: {obstacle}", file=sys.stderr)
            continue
        image = options.image if name == "docker" else ""
        found.append((name, backend, replace(demo_spec(name, image), run_id=run_id)))
    if not found:
        sys.exit("no backend works here")
    return found


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with three significant digits."""
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
