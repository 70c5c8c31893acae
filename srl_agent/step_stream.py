"""The order in which steps are sampled: endless, the same for any number of processes, restored from a few numbers."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def make_blocks(steps: Sequence[tuple[str, int]], batching: str) -> list[list[int]]:
    """Row numbers that stay together, in order, when the stream is shuffled, from each row's (traj_id, k).

    `shuffle`: each row alone. `episode`: all rows of an episode. `steps:M`: at most M consecutive rows of one. Rows of
    one episode that stand in one micro-batch share what their prompts begin with.
    """
    most = {"shuffle": 1, "episode": len(steps)}.get(batching) or int(batching.removeprefix("steps:"))
    episodes: dict[str, list[int]] = {}
    for number, (traj_id, _) in enumerate(steps):
        episodes.setdefault(traj_id, []).append(number)
    ordered = [sorted(rows, key=lambda number: steps[number][1]) for rows in episodes.values()]
    return [rows[start : start + most] for rows in ordered for start in range(0, len(rows), most)]


class StepStream:
    """An endless sequence of row numbers, each epoch in an order of its own.

    Rows that were put to rest are passed over for some epochs. `restore` takes what `state` gave.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[int]],
        seed: int,
        position: int = 0,
        *,
        rest_epochs: int = 0,
        resting: Mapping[int, int] | None = None,
    ) -> None:
        if not any(blocks):
            raise ValueError("a stream needs at least one row")
        self.blocks, self.rows = blocks, sum(map(len, blocks))
        self.seed, self.position, self.rest_epochs = seed, position, rest_epochs
        self.resting = dict(resting or {})
        """Row number to the epoch (from 0) in which it is taken again."""
        self._epoch, self._order = -1, list[int]()

    def take(self, count: int) -> list[int]:
        """The next `count` row numbers; a refill goes on where the batch before it ended."""
        taken: list[int] = []
        passed = 0
        while len(taken) < count:
            row, epoch = self._at(self.position), self.position // self.rows
            self.position += 1
            if self.resting.get(row, 0) <= epoch:
                taken.append(row)
                passed = 0
            elif (passed := passed + 1) >= self.rows:
                self.resting.clear()  # all rest: there is nothing better than to try them again
        return taken

    def rest(self, rows: Collection[int]) -> None:
        """Pass over these rows in the next `rest_epochs` epochs (0: never)."""
        if self.rest_epochs:
            epoch = max(self.position - 1, 0) // self.rows  # that of the row taken last
            self.resting.update(dict.fromkeys(rows, epoch + 1 + self.rest_epochs))

    @property
    def asleep(self) -> int:
        """How many rows are passed over at present."""
        return sum(until > self.position // self.rows for until in self.resting.values())

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; `restore` reads it."""
        resting = {str(row): until for row, until in self.resting.items() if until > self.position // self.rows}
        return {"stream_position": self.position, **({"resting": resting} if resting else {})}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the stream whose `state` this is had stopped."""
        self.position = state["stream_position"]
        self.resting = {int(row): until for row, until in state.get("resting", {}).items()}

    def _at(self, position: int) -> int:
        epoch, index = divmod(position, self.rows)
        if epoch != self._epoch:
            blocks = list(self.blocks)
            random.Random(f"{self.seed}/{epoch}").shuffle(blocks)
            self._order = [row for block in blocks for row in block]
            self._epoch = epoch
        return self._order[index]
