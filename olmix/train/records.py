"""What a step did, read off the device when somebody first asks for it.

A number that the host reads in the middle of a step makes it wait for the device, and then the device for the host. So a
step only computes its numbers, sends them on their way, and the loop asks for them when the next step is under way.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch

#: Columns of a step's numbers, a row for each variant.
COLUMNS = ("loss", "norm", "skipped", "alive", "skips")


def fetch(values: torch.Tensor) -> Callable[[], list[list[float]]]:
    """Starts to copy `values` to the host; the function returned waits for the copy, and for nothing launched after it."""
    copy = values.to("cpu", non_blocking=True)  # From a GPU: into pinned memory, so in the background.
    arrived = None
    if values.is_cuda:
        arrived = torch.cuda.Event()
        arrived.record()

    @functools.cache
    def read() -> list[list[float]]:
        if arrived is not None:
            arrived.synchronize()
        return copy.tolist()

    return read


class StepRecord:
    """What one step did with one variant. Every property but `rate` waits for the device to have done it.

    `loss` is the mean in nats per predicted token before the update, `norm` the gradient's before clipping, `rate` the
    learning rate; `skips` counts the steps skipped so far. `alive` is False for a step after the run has ended: it did nothing.
    """

    def __init__(self, read: Callable[[], list[list[float]]], row: int, rate: float) -> None:
        self._read, self._row, self.rate = read, row, rate

    def _column(self, name: str) -> float:
        return self._read()[self._row][COLUMNS.index(name)]

    @property
    def loss(self) -> float:
        """Nats per predicted token."""
        return self._column("loss")

    @property
    def norm(self) -> float:
        """Of the gradient, before clipping."""
        return self._column("norm")

    @property
    def skipped(self) -> bool:
        """Whether the update was left out for a jump, or an overflow under the loss scale."""
        return bool(self._column("skipped"))

    @property
    def alive(self) -> bool:
        """Whether the run had not ended before."""
        return bool(self._column("alive"))

    @property
    def skips(self) -> int:
        """Steps skipped so far, this one included."""
        return int(self._column("skips"))

    @property
    def finite(self) -> bool:
        """Whether training can go on."""
        return math.isfinite(self.loss) and math.isfinite(self.norm)

    def _all(self) -> tuple[float, ...]:
        return (self.rate, *self._read()[self._row])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StepRecord) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"StepRecord(rate={self.rate}, {', '.join(f'{name}={self._column(name)}' for name in COLUMNS)})"
