"""The paper's results on mathematics, to print beside one's own: arXiv 2510.25992, Tables 1 to 3 (version 3)."""

from __future__ import annotations

from dataclasses import dataclass

CELLS = (
    ("amc23", "sampled"),
    ("amc23", "greedy"),
    ("aime24", "sampled"),
    ("aime24", "greedy"),
    ("aime25", "sampled"),
    ("aime25", "greedy"),
    ("minerva", "greedy"),
)
"""Benchmark and way of drawing of each column, in the paper's order; `sampled` is avg@32 at temperature 1.0."""
OUTPUTS = 32
"""Outputs a problem behind its sampled cells."""


@dataclass(frozen=True)
class Published:
    """One row of the paper's tables, in per cent."""

    model: str
    cells: tuple[float, ...]
    """In the order of CELLS."""
    average: float
    """As printed. That of SRL does not follow from its cells, whose mean is 26.9; all others do."""
    table: int


RESULTS = (
    Published("Qwen2.5-7B-Instruct", (49.3, 50.0, 10.5, 13.3, 7.5, 6.7, 34.9), 24.6, 1),
    Published("S1K-7B", (24.1, 25.0, 2.2, 3.3, 3.7, 3.3, 20.2), 11.7, 1),
    Published("SFT (R1 reasoning)", (26.8, 40.0, 3.9, 10.0, 5.4, 10.0, 20.2), 16.6, 1),
    Published("SFT (R1 outline)", (36.2, 27.5, 5.1, 3.3, 3.8, 6.7, 31.6), 16.3, 1),
    Published("RLVR", (52.0, 47.5, 11.1, 10.0, 7.4, 10.0, 33.8), 24.5, 1),
    Published("SFT (outline) -> RLVR", (37.6, 35.0, 4.9, 3.3, 4.5, 6.7, 30.1), 17.4, 1),
    Published("R3", (52.5, 57.5, 10.0, 13.3, 7.4, 10.0, 35.3), 26.6, 1),
    Published("one-step similarity", (51.8, 52.5, 11.7, 13.3, 6.9, 10.0, 34.9), 25.9, 3),
    Published("SRL, no dynamic sampling", (48.5, 52.5, 11.1, 13.3, 6.8, 6.7, 33.8), 24.7, 2),
    Published("SRL", (51.5, 50.0, 13.2, 16.7, 7.1, 13.3, 36.4), 27.6, 1),
    Published("SRL -> RLVR", (52.1, 57.5, 13.3, 20.0, 8.6, 10.0, 36.4), 28.3, 1),
)
