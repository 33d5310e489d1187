"""A longer run that goes on where a shorter one ended, instead of beginning anew: the same run, only cheaper.

With `proxy.save_states` a run keeps its whole state at the end of every period. A run that is twice as long passes through
the same states on its way, provided that everything but its length is the same: schedule up to there, batches, seed. This
is checked, down to the order of the sequences, and only then believed; so where a run began does not enter its fingerprint.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import shutil
from typing import TYPE_CHECKING, Any

from olmix import weights
from olmix.errors import UserError
from olmix.graph import identity
from olmix.graph.step import Context
from olmix.graph.store import write_atomically
from olmix.train.recipe import Plan, resolve
from olmix.train.training import Training

if TYPE_CHECKING:
    from olmix.data.scan_result import ScanResult
    from olmix.train.distributed import World

log = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
#: The folder of the models at the ends of periods, one each by the tokens seen.
PERIODS = "periods"
#: The folder of the whole states there, as checkpoints.
STATES = "states"
#: What may differ between a run and the one that it continues: its length, and what is kept.
_MAY_DIFFER = {"tokens", "chinchilla_multiple", "save_model", "save_states"}
_OF_LENGTH = {"steps", "declared_tokens", "period_ends"}


def keep_state(scratch: pathlib.Path, state: dict[str, Any], diary: dict[str, Any], world: World) -> None:
    """Writes the state at the end of a period; for good, so without haste. Who must: see `Checkpoints`."""
    from olmix.train.checkpoint import Checkpoints

    kept = {"trainer": state, "diaries": [diary]}
    Checkpoints(scratch / STATES, world=world).save(state["done"], kept, wait=True, mark="period-end")


def is_kept(step: Training, scratch: pathlib.Path, tokens: int) -> bool:
    """Whether what a run keeps at the end of a period, before its last, is in its scratch folder; of its own periods only."""
    from olmix.train.checkpoint import Checkpoints

    if step.continues is not None and tokens <= resolve(step.continues.proxy).tokens:
        return True
    model = not step.proxy.save_model or _is_whole(scratch / PERIODS / str(tokens))
    steps = Checkpoints(scratch / STATES).steps() if step.proxy.save_states else None
    return model and (steps is None or tokens // resolve(step.proxy).batch_tokens in steps)


def _is_whole(model: pathlib.Path) -> bool:
    """Whether a saved model is there and can be believed; one that cannot is named."""
    flaw = weights.flaw(model) if model.is_dir() else None
    if flaw is not None:
        log.warning("%s: that model is made again.", flaw)
    return model.is_dir() and flaw is None


def check_settings(shorter: Training, longer: Training) -> None:
    """Raises UserError where the longer run would not pass through the end of the shorter one, naming what differs."""
    if not shorter.proxy.save_states:
        raise UserError(
            "A run can be continued if its proxy.save_states is set, and that of the run in `continues` is not."
        )
    settings = [identity.settings(step, lambda other: type(other).__name__) for step in (shorter, longer)]
    for path in sorted(settings[0].keys() | settings[1].keys()):
        was, now = (each.get(path, "(unset)") for each in settings)
        if was != now and path.removeprefix("proxy.") not in _MAY_DIFFER:
            raise UserError(f"A run cannot go on from one of another kind: {path} is {was} there and {now} here.")
    plans = resolve(shorter.proxy), resolve(longer.proxy)
    for field in dataclasses.fields(Plan):
        was, now = (getattr(plan, field.name) for plan in plans)
        if field.name not in _OF_LENGTH and was != now:
            raise UserError(
                f"A run cannot go on from one with another schedule: by the recipe {field.name} is {was:,} there and "
                f"{now:,} here; set proxy.{field.name} in both."
            )
    ends, later = plans[0].period_ends, plans[1].period_ends
    if ends != later[: len(ends)]:
        raise UserError(
            f"A run can go on from where one of its own periods ends, at {', '.join(f'{end:,}' for end in later)} tokens; "
            f"the periods of the one to go on from end at {', '.join(f'{end:,}' for end in ends)} (set proxy.periods in both)."
        )


def check_order(shorter: Training, longer: Training, scan: ScanResult) -> None:
    """Raises UserError unless both read the same sequences up to the end of the shorter run."""
    import numpy as np

    from olmix.train.source import order_of

    orders = [order_of(s.mixture, scan, resolve(s.proxy), s.seed, s.repetition_limits) for s in (shorter, longer)]
    end = orders[0].sequences
    for start in range(0, end, 8192):
        rows = [order.rows(start, min(start + 8192, end)) for order in orders]
        differ = np.logical_or(*(one != other for one, other in zip(*rows, strict=True)))
        if differ.any():
            raise UserError(
                f"A run of {orders[1].tokens:,} tokens reads other sequences than one of {orders[0].tokens:,} from sequence "
                f"{start + int(differ.argmax()) + 1:,} of {end:,} on, because a repetition limit binds (or it is too short for a "
                f"mixture with very light leaves); train it from the beginning (continues=None)."
            )


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a run begins that goes on from a shorter one: a state in a folder."""

    folder: pathlib.Path
    step: int

    def load(self, world: World | None = None) -> dict[str, Any]:
        """The state, for a process of a `world`. Raises UserError if it is not there any more, or not whole."""
        from olmix.train.checkpoint import Checkpoints
        from olmix.train.distributed import World

        state = Checkpoints(self.folder / STATES, world=world or World()).at(self.step)
        if state is None:
            raise UserError(
                f"{self.folder / STATES} has no whole state after {self.step:,} steps to go on from; was it removed?"
            )
        return state


def start_of(step: Training, context: Context, scan: ScanResult) -> Start | None:
    """Where the run of a step begins; None: at the beginning. What the shorter run has left becomes this one's too.

    Raises:
      UserError: if the shorter run does not lead to this one.
    """
    shorter = step.continues
    if shorter is None:
        return None
    check_settings(shorter, step)
    check_order(shorter, step, scan)
    folder = context.folder(shorter)
    if not (context.scratch / METRICS).exists():
        remedy = f"remove {folder} to have it trained again, or set continues=None"
        if not (folder / METRICS).is_file():
            raise UserError(f"{folder / METRICS} is missing, and a run that goes on from there needs it; {remedy}.")
        take_over(folder, context.scratch, models=step.proxy.save_model, states=step.proxy.save_states, remedy=remedy)
        # Last, and at once: where it lies, all of the rest does.
        write_atomically(context.scratch / METRICS, (folder / METRICS).read_text(encoding="utf-8"))
    return Start(folder, resolve(shorter.proxy).steps)


def take_over(source: pathlib.Path, target: pathlib.Path, *, models: bool, states: bool, remedy: str) -> None:
    """Brings what was kept at the ends of periods from one folder to another; linked, for it may be large.

    Raises:
      UserError: if a model is not whole any more, with the `remedy`.
    """
    kept = sorted((source / PERIODS).iterdir()) if models and (source / PERIODS).is_dir() else []
    for model in kept:
        # What a killed process was writing is not called by a number.
        if model.name.isdigit() and (flaw := weights.flaw(model)) is not None:
            raise UserError(f"{flaw}; {remedy}.")
    for name, wanted in ((PERIODS, models), (STATES, states)):
        if wanted and (source / name).is_dir():
            # What a killed attempt was writing is nobody's.
            unfinished = shutil.ignore_patterns(".*")
            shutil.copytree(source / name, target / name, ignore=unfinished, copy_function=_linked, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    pathlib.Path(target).unlink(missing_ok=True)  # Of an attempt that died, maybe half.
    try:
        os.link(source, target)
    except OSError:  # Other file systems, or one that knows no links.
        shutil.copyfile(source, target)
