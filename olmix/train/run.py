"""One run from its first batch to its last: resumption, metrics, evaluations, checkpoints, NaN. For one model or a stack.

Everything in here may die at any moment and be started again with the same arguments; what comes out is the same.
"""

from __future__ import annotations

import contextlib
import logging
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

from olmix.graph.step import WorkerLost
from olmix.train.checkpoint import Checkpoints
from olmix.train.diary import Diary, Outcome, due
from olmix.train.distributed import LEAVE, Poll, World
from olmix.train.feed import Batch, Feed
from olmix.train.proxy import Trainer
from olmix.train.records import StepRecord
from olmix.train.settings import Proxy
from olmix.train.stacked import StackedTrainer

#: Seconds of training that are saved before a period's end is measured and its model written, which may go wrong.
AT_RISK = 30.0
#: Which of the flags that processes ask each other for says that it is time to save.
_TIMED = 1
log = logging.getLogger(__name__)


class Interrupted(WorkerLost):
    """The machine is being taken away (SIGTERM); a checkpoint was saved and the same run goes on from it, here or elsewhere."""


class _Ahead:
    """Makes the next batches while these are trained on."""

    def __init__(self, feeds: Sequence[Feed], steps: int) -> None:
        self._feeds, self._steps = feeds, steps
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._next: tuple[int, Any] | None = None

    def batches(self, step: int) -> list[Batch]:
        if self._next is None or self._next[0] != step:
            self._next = (step, self._pool.submit(self._read, step))
        ready: list[Batch] = self._next[1].result()
        self._next = (step + 1, self._pool.submit(self._read, step + 1)) if step + 1 < self._steps else None
        return ready

    def _read(self, step: int) -> list[Batch]:
        return [feed.batch(step) for feed in self._feeds]

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class Stop(threading.Event):
    """Whether SIGTERM has come. In a block `at_once` it raises `Interrupted` in the middle of whatever is going on."""

    _at_once = False

    @contextlib.contextmanager
    def at_once(self, really: bool) -> Iterator[None]:
        """For long work that may be broken off anywhere; a signal that came before breaks it off before it begins."""
        self._at_once = really
        try:
            self.check()
            yield
        finally:
            self._at_once = False

    def check(self) -> None:
        """Raises Interrupted if the signal has come and the block is one to be left at once."""
        if self._at_once and self.is_set():
            raise Interrupted


class _Told(Stop):
    """Of a process among several: whether it has been told to leave."""

    def is_set(self) -> bool:
        return LEAVE.is_set()


@contextlib.contextmanager
def terminated() -> Iterator[Stop]:
    """An event that SIGTERM sets, for as long as the block lasts.

    A thread that is not the main one gets no signals. It trains as one process of several, which are told by `LEAVE`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _Told()
        return
    event = Stop()

    def handler(number: int, frame: FrameType | None) -> None:
        event.set()
        event.check()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)


def _store(proxy: Proxy, scratch: pathlib.Path) -> str | None:
    """Where the checkpoints of this run lie in the object store: by the name of its scratch folder, which is its own."""
    return f"{proxy.checkpoint_store.rstrip('/')}/{scratch.name}" if proxy.checkpoint_store else None


def forget_remote(proxy: Proxy, scratch: pathlib.Path) -> None:
    """Removes a run's checkpoints from the object store, once what it leaves is written."""
    Checkpoints(scratch / "checkpoints", store=_store(proxy, scratch)).forget_remote()


class _Page:
    """The step that was launched last, not yet written down: what it did is asked for when the next one is under way.

    Not on a CPU, which has done a step when it returns: written down later, it would be given the time of the next.
    """

    def __init__(
        self,
        trainer: Trainer | StackedTrainer,
        diaries: Sequence[Diary],
        progress: Callable[[float, float, str], None],
    ) -> None:
        self._plan, self._world, self._diaries, self._progress = trainer.plan, trainer.world, diaries, progress
        self._at_once = trainer.device.type == "cpu"
        self._step: tuple[Sequence[StepRecord], Sequence[Batch], float] | None = None
        self.clock = 0.0

    def start(self) -> None:
        """From here on, time is spent on training."""
        self.clock = time.perf_counter()

    def turn(self, records: Sequence[StepRecord], batches: Sequence[Batch], waited: float) -> None:
        """Writes the step before down and takes the next."""
        self.write()
        self._step = records, batches, waited
        if self._at_once:
            self.write()

    def write(self) -> None:
        """Writes the step down, once the device is done with it."""
        if self._step is None:
            return
        (records, batches, waited), self._step = self._step, None
        alive = [record.alive for record in records]  # The first question waits for the device.
        seconds, count = time.perf_counter() - self.clock, len(self._diaries)
        self.start()
        for record, batch, diary, living in zip(records, batches, self._diaries, alive, strict=True):
            if living:
                # A stack's time is shared by its variants, whose tokens one device did together.
                done = self._plan.batch_tokens // self._world.size
                diary.step(record, batch.leaves, seconds / count, waited / count, done)
        if self._world.first:
            losses = [diary.losses[-1] for diary in self._diaries if not diary.reason]
            loss = f"loss {sum(losses) / len(losses):.3f}" if losses else "diverged"
            tokens = max(diary.tokens for diary in self._diaries)
            speed = f"{count * self._plan.batch_tokens / seconds:,.0f} tokens/s"
            self._progress(tokens, self._plan.tokens, f"{loss}, {speed}")


def _begin(trainer: Trainer | StackedTrainer, diaries: Sequence[Diary], states: list[dict[str, Any]]) -> None:
    trained = [state["trainer"] for state in states]
    if isinstance(trainer, Trainer):
        trainer.restore(trained[0])
    else:
        trainer.restore_each(trained)
    for diary, state in zip(diaries, states, strict=True):
        diary.restore(state["diaries"][0])
        diary.resumed()


def _restore(trainer: Trainer | StackedTrainer, diaries: Sequence[Diary], state: dict[str, Any]) -> None:
    trainer.restore(state["trainer"])
    for diary, kept in zip(diaries, state["diaries"], strict=True):
        diary.restore(kept)


def _newest(checkpoints: Checkpoints, world: World, at_most: int | None) -> tuple[int, dict[str, Any]] | None:
    """The newest whole checkpoint, of at most so many steps, that all processes find.

    Each reads for itself, and on a file system over a network one may see a file later than another, or not read it whole.
    """
    while True:
        newest = checkpoints.newest(at_most)
        step = newest[0] if newest is not None else -1
        lowest = world.lowest(step)
        if not world.any(step != lowest)[0]:
            return newest
        log.warning("Not all processes find the checkpoint of step %d: going on from an earlier one.", step)
        at_most = lowest


def _at(checkpoints: Checkpoints, world: World, step: int) -> dict[str, Any] | None:
    """The state after so many steps, if all processes find it."""
    state = checkpoints.at(step)
    return None if world.any(state is None)[0] else state


def _resume(
    trainer: Trainer | StackedTrainer,
    diaries: Sequence[Diary],
    checkpoints: Checkpoints,
    period_end: Callable[[int], None],
    kept: Callable[[int], bool],
) -> bool:
    """Goes on from the newest whole checkpoint, if there is one.

    What was left at the ends of periods is made again from their own checkpoints where it is missing: another machine may
    know the run from an object store alone. Where such a checkpoint is missing too, the run goes back to before that end.
    """
    plan, at_most = trainer.plan, None
    while (newest := _newest(checkpoints, trainer.world, at_most)) is not None:
        ends = [end for end in plan.period_ends if end < newest[0] * plan.batch_tokens]
        missing = trainer.world.any(*(not kept(end) for end in ends)) if ends else ()
        gone, at_most = [end for end, is_missing in zip(ends, missing, strict=True) if is_missing], None
        for end in gone:
            state = _at(checkpoints, trainer.world, end // plan.batch_tokens)
            if state is None:
                at_most = end // plan.batch_tokens
                log.warning(
                    "What was left after %d tokens is gone, and so is its checkpoint: training from before that.", end
                )
                break
            _restore(trainer, diaries, state)
            period_end(end)
            log.info("Made again what was left after %d tokens, from the checkpoint of that moment.", end)
        if at_most is None:
            _restore(trainer, diaries, newest[1])
            break
    if newest is None:
        return False
    for diary in diaries:
        diary.resumed()
    return True


def run(
    trainer: Trainer | StackedTrainer,
    feeds: Sequence[Feed],
    proxy: Proxy,
    diaries: Sequence[Diary],
    *,
    scratch: pathlib.Path,
    evaluate: Callable[[int], dict[str, float]],
    progress: Callable[[float, float, str], None],
    period_end: Callable[[int], None] = lambda tokens: None,
    kept: Callable[[int], bool] = lambda tokens: True,
    start: Callable[[], list[dict[str, Any]]] | None = None,
) -> list[Outcome]:
    """Trains to the end of the plan, each variant until then or to its first step that is not finite.

    Args:
      trainer: fresh, with its plan; its state is replaced if `scratch` holds a checkpoint.
      feeds: batches by step, of each variant (of a single model: one).
      proxy: for when to evaluate and save.
      diaries: of each variant; fresh, and left open.
      scratch: holds `checkpoints/` between attempts.
      evaluate: the metrics of a variant as it stands, by its number.
      progress: told (tokens done, tokens in all, note).
      period_end: called with the tokens done at the end of every period, the last one too, by all processes.
      kept: whether what `period_end` left at the end of a period, before the last, is there: the same for all processes.
      start: the states, of each variant, that a run begins with of which there is no checkpoint yet; see `continuing`.

    Raises:
      Interrupted: on SIGTERM, after saving.
      UserError: on a token id outside the vocabulary.
    """
    plan, world = trainer.plan, trainer.world
    folder = scratch / "checkpoints"
    checkpoints = Checkpoints(folder, keep=proxy.keep_checkpoints, store=_store(proxy, scratch), world=world)
    progress(0, plan.tokens, "looking for a checkpoint")
    if _resume(trainer, diaries, checkpoints, period_end, kept):
        log.info("Resumed at step %d of %d.", trainer.done, plan.steps)
    elif start is not None:
        _begin(trainer, diaries, start())
        log.info("Goes on from the end of a shorter run, at step %d of %d.", trainer.done, plan.steps)
    progress(trainer.tokens, plan.tokens, "the first step")
    if world.first:
        checkpoints.tidy()
    # Nobody writes, or forgets, a checkpoint before all have read theirs. Who is told to leave by now has nothing to save.
    if world.any(world.size > 1 and LEAVE.is_set())[0]:
        raise Interrupted("SIGTERM before the first step; the same run goes on from where it was.")
    period_ends = set(plan.period_ends)
    last_saved = time.monotonic()
    poll = Poll(world)
    ahead = _Ahead(feeds, plan.steps)
    with terminated() as stop, contextlib.closing(ahead), contextlib.closing(checkpoints):
        page = _Page(trainer, diaries, progress)

        def save(*, wait: bool = False, again: bool = False) -> None:
            page.write()
            progress(trainer.tokens, plan.tokens, "saving a checkpoint")
            poll.forget(_TIMED)  # Or the answer to the question of a step ago would have the same saved again.
            state = trainer.state()  # All processes must ask.
            if world.first or world.sharded:
                diary_states = [diary.state() for diary in diaries]
                # Whatever the reason for it: of a period's end there is to be a checkpoint for as long as the run.
                ended = trainer.tokens in period_ends and trainer.done < plan.steps
                mark = f"period-end-{trainer.tokens}" if ended else None
                whole = {"trainer": state, "diaries": diary_states}
                checkpoints.save(trainer.done, whole, wait=wait, mark=mark, again=again)
            page.start()

        def interrupted() -> Interrupted:
            save(wait=True)
            where = f"step {trainer.done} of {plan.steps}"
            return Interrupted(f"SIGTERM: saved after {where}; the same run goes on from there.")

        def measure() -> None:
            for number, diary in enumerate(diaries):
                if diary.reason or (diary.evaluations and diary.evaluations[-1][0] == diary.tokens):
                    continue
                try:
                    # It may take longer than a pre-empted machine has left. Several processes break it off between two passes.
                    with stop.at_once(world.size == 1):
                        values = evaluate(number)
                except Interrupted:
                    raise interrupted() from None
                diary.evaluation(values)

        def milestone() -> None:
            """What is due at this point of the run; what was done before a resumption is done once."""
            ended = trainer.tokens in period_ends
            if not ended and not due(trainer.tokens - plan.batch_tokens, trainer.tokens, proxy.evaluate_tokens):
                return
            page.write()
            measure()
            if ended:
                progress(trainer.tokens, plan.tokens, "the end of a period")
                period_end(trainer.tokens)
            page.start()

        if trainer.done:
            milestone()
            if trainer.tokens in period_ends and trainer.done < plan.steps:
                save(again=True)  # With what was measured now.
        page.start()
        while trainer.done < plan.steps and not all(diary.reason for diary in diaries):
            began = time.perf_counter()
            batches = ahead.batches(trainer.done)
            waited = time.perf_counter() - began
            before = trainer.tokens
            records = [trainer.step(batches[0])] if isinstance(trainer, Trainer) else trainer.step(batches)
            page.turn(records, batches, waited)
            last = trainer.done == plan.steps
            if trainer.tokens in period_ends and world.any(time.monotonic() - last_saved > AT_RISK)[0]:
                save()
                last_saved = time.monotonic()
            milestone()
            timed = proxy.checkpoint_seconds is not None and time.monotonic() - last_saved > proxy.checkpoint_seconds
            stopped, timed = poll.any(stop.is_set(), timed)
            if stopped:
                raise interrupted()
            if last:
                continue
            if trainer.tokens in period_ends or timed or due(before, trainer.tokens, proxy.checkpoint_tokens):
                save()
                last_saved = time.monotonic()
        page.write()
        progress(trainer.tokens, plan.tokens, "waiting for the last checkpoint")
        checkpoints.wait()
        world.any(False)  # What the others were writing is there too, before the first one gives all of it away.
    skips = [trainer.skipped] if isinstance(trainer, Trainer) else trainer.skipped
    return [diary.outcome(skipped) for diary, skipped in zip(diaries, skips, strict=True)]
