"""One run from its first batch to its last, on top of `Trainer`: resumption, metrics, evaluations, checkpoints, NaN.

Everything in here may die at any moment and be started again with the same arguments; what comes out is the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Protocol

import numpy as np

from olmix.train.checkpoint import Checkpoints
from olmix.train.feed import Batch, Feed
from olmix.train.metrics import MetricsFile
from olmix.train.proxy import StepRecord, Trainer
from olmix.train.settings import Proxy

log = logging.getLogger(__name__)

#: Points kept of a loss curve in a result; the metrics file has them all.
CURVE_POINTS = 200


class Interrupted(Exception):
    """The machine is being taken away (SIGTERM); a checkpoint was saved and the same run goes on from it."""


class Logger(Protocol):
    """Where records go after the metrics file: W&B, or nothing."""

    def log(self, record: dict[str, Any]) -> None:
        """Takes one record, as it was written to the metrics file."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended. `status` is "finished" or "diverged"; `reason` says what happened in the latter case.

    `seconds` are those of training alone, over all attempts; `waited` is the part spent waiting for data.
    `curve` holds (tokens, training loss), averaged over equal stretches; `evaluations` (tokens, metrics).
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


@dataclasses.dataclass
class _History:
    """What accumulates over a run and must survive its interruption."""

    losses: list[float] = dataclasses.field(default_factory=list)
    sequences: list[int] = dataclasses.field(default_factory=list)
    evaluations: list[tuple[int, dict[str, float]]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0

    def state(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class _Ahead:
    """Makes the next batch while this one is trained on."""

    def __init__(self, feed: Feed, steps: int) -> None:
        self._feed, self._steps = feed, steps
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._next: tuple[int, Any] | None = None

    def batch(self, step: int) -> Batch:
        if self._next is None or self._next[0] != step:
            self._next = (step, self._pool.submit(self._feed.batch, step))
        ready = self._next[1].result()
        self._next = (step + 1, self._pool.submit(self._feed.batch, step + 1)) if step + 1 < self._steps else None
        return ready

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def terminated() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, for as long as the block lasts; in a thread that gets no signals it stays unset."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def handler(number: int, frame: FrameType | None) -> None:
        event.set()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)


def _due(before: int, after: int, every: int | None) -> bool:
    """Whether a multiple of `every` tokens was passed."""
    return every is not None and after // every > before // every


def _curve(losses: list[float], batch_tokens: int) -> tuple[tuple[int, float], ...]:
    """The loss curve in at most `CURVE_POINTS` points: means over equal stretches, placed at their ends."""
    edges = np.unique(np.linspace(0, len(losses), min(CURVE_POINTS, len(losses)) + 1).round().astype(int))
    return tuple(
        (int(end) * batch_tokens, float(np.mean(losses[start:end]))) for start, end in itertools.pairwise(edges)
    )


def run(
    trainer: Trainer,
    feed: Feed,
    proxy: Proxy,
    *,
    scratch: pathlib.Path,
    evaluate: Callable[[], dict[str, float]],
    progress: Callable[[float, float, str], None],
    logger: Logger | None = None,
) -> Outcome:
    """Trains to the end of the plan, or to the first step that is not finite.

    Args:
      trainer: fresh, with its plan; its state is replaced if `scratch` holds a checkpoint.
      feed: batches by step.
      proxy: for when to log, evaluate and save.
      scratch: holds `metrics.jsonl` and `checkpoints/` between attempts.
      evaluate: the model's metrics as it stands.
      progress: told (tokens done, tokens in all, note).
      logger: is given every record after the metrics file has it.

    Raises:
      Interrupted: on SIGTERM, after saving.
      UserError: on a token id outside the vocabulary.
    """
    plan, world = trainer.plan, trainer.world
    checkpoints = Checkpoints(scratch / "checkpoints", keep=proxy.keep_checkpoints)
    history = _History(sequences=[0] * len(feed.leaves))
    newest = checkpoints.newest()
    if newest is not None:
        trainer.restore(newest[1]["trainer"])
        history = _History(**newest[1]["history"])
        log.info("Resumed at step %d of %d.", trainer.done, plan.steps)
    world.any(False)  # Nobody writes, or forgets, a checkpoint before all have read theirs.
    resumed_from = trainer.done
    log_tokens = proxy.log_tokens if proxy.log_tokens is not None else max(plan.batch_tokens, plan.tokens // 1000)
    period_ends = set(plan.period_ends)
    last_saved = time.monotonic()
    reason = ""
    ahead = _Ahead(feed, plan.steps)
    file = MetricsFile(scratch / "metrics.jsonl") if world.first else contextlib.nullcontext()
    with file as metrics, terminated() as stop, contextlib.closing(ahead), contextlib.closing(checkpoints):

        def tell(record: dict[str, Any]) -> None:
            if metrics is not None:
                metrics.write(record)
            if logger is not None:
                logger.log(record)

        def save(*, wait: bool = False, mark: str | None = None) -> None:
            state = trainer.state()  # All processes must ask.
            if world.first:
                checkpoints.save(trainer.done, {"trainer": state, "history": history.state()}, wait=wait, mark=mark)

        if resumed_from:
            tell({"event": "resumed", "tokens": trainer.tokens})
        while trainer.done < plan.steps:
            began = time.perf_counter()
            batch = ahead.batch(trainer.done)
            waited = time.perf_counter() - began
            before = trainer.tokens
            record = trainer.step(batch)
            seconds = time.perf_counter() - began
            history.seconds += seconds
            history.waited += waited
            history.losses.append(record.loss)
            for leaf, count in enumerate(np.bincount(batch.leaves, minlength=len(feed.leaves))):
                history.sequences[leaf] += int(count)
            last = trainer.done == plan.steps
            if _due(before, trainer.tokens, log_tokens) or last or not record.finite:
                tell(_train_record(trainer, record, history, seconds, waited, feed.leaves))
            if world.first:
                progress(trainer.tokens, plan.tokens, f"loss {record.loss:.3f}")
            if not record.finite:
                what = "loss" if not np.isfinite(record.loss) else "gradient norm"
                value = record.loss if what == "loss" else record.norm
                reason = f"the {what} became {value} at step {trainer.done} of {plan.steps} ({trainer.tokens:,} tokens)"
                break
            if not last and (_due(before, trainer.tokens, proxy.evaluate_tokens) or trainer.tokens in period_ends):
                values = evaluate()
                history.evaluations.append((trainer.tokens, values))
                tell({"event": "evaluation", "step": trainer.done, "tokens": trainer.tokens, **values})
            timed = proxy.checkpoint_seconds is not None and time.monotonic() - last_saved > proxy.checkpoint_seconds
            stopped, timed = world.any(stop.is_set(), timed)
            if stopped:
                save(wait=True)
                raise Interrupted(
                    f"SIGTERM: saved after step {trainer.done} of {plan.steps}; the same run goes on from there."
                )
            if last:
                continue
            if trainer.tokens in period_ends:
                save(mark=f"period-end-{trainer.tokens}")
                last_saved = time.monotonic()
            elif timed or _due(before, trainer.tokens, proxy.checkpoint_tokens):
                save()
                last_saved = time.monotonic()
        checkpoints.wait()
        if not reason:
            values = evaluate()
            history.evaluations.append((trainer.tokens, values))
            tell({"event": "evaluation", "step": trainer.done, "tokens": trainer.tokens, **values})
    finite = [loss for loss in history.losses if np.isfinite(loss)]
    return Outcome(
        status="diverged" if reason else "finished",
        reason=reason,
        tokens=trainer.tokens,
        sequences=tuple(history.sequences),
        final_loss=float(np.mean(finite[-max(1, plan.steps // 50) :])) if finite else None,
        skipped=trainer.skipped,
        seconds=history.seconds,
        waited=history.waited,
        curve=_curve(finite, plan.batch_tokens) if finite else (),
        evaluations=tuple((tokens, values) for tokens, values in history.evaluations),
        resumed_from=resumed_from,
    )


def _train_record(
    trainer: Trainer,
    record: StepRecord,
    history: _History,
    seconds: float,
    waited: float,
    leaves: tuple[str, ...],
) -> dict[str, Any]:
    """One training record under the names that dashboards of this field use."""
    speed = trainer.plan.batch_tokens / seconds
    length = trainer.plan.length
    return {
        "step": trainer.done,
        "tokens": trainer.tokens,
        "train/loss": record.loss,
        "optim/learning rate": record.rate,
        "optim/grad norm": record.norm,
        "optim/skipped steps": trainer.skipped,
        "throughput/total tokens": trainer.tokens,
        "throughput/device tokens per second": speed,
        "throughput/share waiting for data": waited / seconds,
        **{f"tokens/{leaf}": count * length for leaf, count in zip(leaves, history.sequences, strict=True)},
    }
