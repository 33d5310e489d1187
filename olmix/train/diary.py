"""What a run writes down about itself as it goes, losses, tokens by leaf, evaluations, times, and what it amounts to."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pathlib
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from olmix.train.metrics import MetricsFile
from olmix.train.recipe import Plan
from olmix.train.records import StepRecord

#: Points kept of a loss curve in a result; the metrics file has them all.
CURVE_POINTS = 200


class Logger(Protocol):
    """Where records go after the metrics file: W&B, or nothing."""

    def log(self, record: dict[str, Any]) -> None:
        """Takes one record, as it was written to the metrics file."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended. `status` is "finished" or "diverged"; `reason` says what happened in the latter case.

    `seconds` are those of training alone, over all attempts; `waited` is the part spent waiting for data. `curve` holds
    (tokens, training loss), averaged over equal stretches; `evaluations` (tokens, metrics).
    """

    status: str
    reason: str
    tokens: int
    sequences: tuple[int, ...]
    final_loss: float | None
    skipped: int
    seconds: float
    waited: float
    curve: tuple[tuple[int, float], ...]
    evaluations: tuple[tuple[int, dict[str, float]], ...]
    resumed_from: int


def due(before: int, after: int, every: int | None) -> bool:
    """Whether a multiple of `every` tokens was passed between two token counts."""
    return every is not None and after // every > before // every


def curve(losses: list[float], batch_tokens: int) -> tuple[tuple[int, float], ...]:
    """The loss curve in at most `CURVE_POINTS` points: means over equal stretches, placed at their ends."""
    if not losses:
        return ()
    edges = np.unique(np.linspace(0, len(losses), min(CURVE_POINTS, len(losses)) + 1).round().astype(int))
    return tuple(
        (int(end) * batch_tokens, float(np.mean(losses[start:end]))) for start, end in itertools.pairwise(edges)
    )


class Diary:
    """The diary of one run; `path` is its metrics file, None where another process writes it.

    `peak_flops` and `flops_per_token`, where both are known, give the model FLOPs utilisation.
    """

    def __init__(
        self,
        plan: Plan,
        leaves: tuple[str, ...],
        path: pathlib.Path | None,
        *,
        log_tokens: int | None = None,
        logger: Logger | None = None,
        flops_per_token: float | None = None,
        peak_flops: float | None = None,
    ) -> None:
        self.plan, self.leaves, self.logger = plan, leaves, logger
        self.file = MetricsFile(path) if path is not None else None
        self.log_tokens = log_tokens if log_tokens is not None else max(plan.batch_tokens, plan.tokens // 1000)
        self.use_of_flops = flops_per_token / peak_flops if flops_per_token and peak_flops else None
        self.losses: list[float] = []
        self.sequences = [0] * len(leaves)
        self.evaluations: list[tuple[int, dict[str, float]]] = []
        self.seconds = self.waited = 0.0
        self.reason = ""
        self.resumed_from = 0

    @property
    def steps(self) -> int:
        """Steps written down so far."""
        return len(self.losses)

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.steps * self.plan.batch_tokens

    def step(
        self,
        record: StepRecord,
        leaves: npt.NDArray[np.integer],
        seconds: float,
        waited: float,
        device_tokens: int,
    ) -> None:
        """Writes one step down. `leaves` are those of its sequences; `device_tokens` what a device did in `seconds`."""
        before = self.tokens
        self.losses.append(record.loss)
        self.seconds += seconds
        self.waited += waited
        for leaf, count in enumerate(np.bincount(leaves, minlength=len(self.leaves))):
            self.sequences[leaf] += int(count)
        if not record.finite:
            what, value = ("loss", record.loss) if not math.isfinite(record.loss) else ("gradient norm", record.norm)
            self.reason = (
                f"the {what} became {value} at step {self.steps} of {self.plan.steps} ({self.tokens:,} tokens)"
            )
        if due(before, self.tokens, self.log_tokens) or self.steps == self.plan.steps or self.reason:
            self.tell(self._record(record, seconds, waited, device_tokens))

    def evaluation(self, values: dict[str, float]) -> None:
        """Writes an evaluation down."""
        self.evaluations.append((self.tokens, values))
        self.tell({"event": "evaluation", "step": self.steps, "tokens": self.tokens, **values})

    def tell(self, record: dict[str, Any]) -> None:
        """To the metrics file, then to the logger."""
        if self.file is not None:
            self.file.write(record)
        if self.logger is not None:
            self.logger.log(record)

    def _record(self, record: StepRecord, seconds: float, waited: float, device_tokens: int) -> dict[str, Any]:
        """One training record, under the names that dashboards of this field use."""
        speed = device_tokens / seconds
        return {
            "step": self.steps,
            "tokens": self.tokens,
            "train/loss": record.loss,
            "optim/learning rate": record.rate,
            "optim/grad norm": record.norm,
            "optim/skipped steps": record.skips,
            "throughput/total tokens": self.tokens,
            "throughput/device tokens per second": speed,
            "throughput/share waiting for data": waited / seconds,
            **({"throughput/MFU": speed * self.use_of_flops} if self.use_of_flops is not None else {}),
            **{f"tokens/{leaf}": n * self.plan.length for leaf, n in zip(self.leaves, self.sequences, strict=True)},
        }

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        names = ("losses", "sequences", "evaluations", "seconds", "waited", "reason")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a `state`."""
        for name, value in state.items():
            setattr(self, name, list(value) if isinstance(value, list) else value)

    def resumed(self) -> None:
        """Says that the run goes on from where it is now."""
        self.resumed_from = self.steps
        self.tell({"event": "resumed", "tokens": self.tokens})

    def outcome(self, skipped: int) -> Outcome:
        """What it amounts to."""
        finite = [loss for loss in self.losses if math.isfinite(loss)]
        return Outcome(
            status="diverged" if self.reason else "finished",
            reason=self.reason,
            tokens=self.tokens,
            sequences=tuple(self.sequences),
            final_loss=float(np.mean(finite[-max(1, self.plan.steps // 50) :])) if finite else None,
            skipped=skipped,
            seconds=self.seconds,
            waited=self.waited,
            curve=curve(finite, self.plan.batch_tokens),
            evaluations=tuple((tokens, values) for tokens, values in self.evaluations),
            resumed_from=self.resumed_from,
        )

    def close(self) -> None:
        """Closes the metrics file."""
        if self.file is not None:
            self.file.close()
