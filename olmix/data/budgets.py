"""Token budgets, and what they mean for every leaf: the numbers that a person wants to see before paying.

`resolve` says how long the final run is and how that follows from the config; `plan` lists, for a mixture and a number of
training tokens, what each leaf gives, how often it is read, and what it must hold at least for the final run. Pure.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from olmix.data import models
from olmix.errors import UserError, nearest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """A number of training tokens, and how it was computed: `0.5 × 20 × 30,000,000 (olmo2_30m)`."""

    tokens: int
    computed: str
    model: str | None = None


def resolve(
    *,
    tokens: int | None = None,
    chinchilla_multiple: float | None = None,
    model: str | None = None,
    what: str = "target",
) -> Budget | None:
    """The budget that a config declares; None if it declares none. `what` is the prefix of its fields, for messages.

    Raises:
      UserError: when both are given, a multiple without its model, or a number that makes no sense.
    """
    if tokens is not None and chinchilla_multiple is not None:
        raise UserError(f"Give either {what}_tokens or {what}_chinchilla_multiple, not both.")
    if tokens is not None:
        if tokens < 1:
            raise UserError(f"{what}_tokens must be at least 1; it is {tokens}.")
        return Budget(tokens=int(tokens), computed=f"{what}_tokens", model=model)
    if chinchilla_multiple is None:
        return None
    if model is None:
        raise UserError(
            f"{what}_chinchilla_multiple={chinchilla_multiple:g} needs {what}_model, the model it is a multiple for."
        )
    parameters = models.non_embedding_parameters(model)
    return Budget(
        tokens=models.chinchilla_tokens(chinchilla_multiple, model),
        computed=f"{chinchilla_multiple:g} × {models.TOKENS_PER_PARAMETER} × {parameters:,} ({model})",
        model=model,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeafPlan:
    """What a run asks of a leaf.

    `tokens` it has, `prior` its share of all, `weight` in the mixture, `drawn` tokens that training reads, `repetition`
    how often that reads it, `limit` how often it may be read; `target_needs` the tokens it must hold for the final run
    (None without one).
    """

    leaf: str
    tokens: int
    prior: float
    weight: float
    drawn: int
    repetition: float
    limit: float
    target_needs: int | None

    @property
    def missing(self) -> int:
        """Tokens that it lacks for the final run."""
        return max(0, (self.target_needs or 0) - self.tokens)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The numbers of a run before it is run, see `LeafPlan`; `training` are its own tokens, `target` those of the final run.

    `largest_target` is the longest final run that the leaves can supply in this mixture (None where nothing limits it), and
    `largest_multiple` the same as a Chinchilla multiple of the target's model.
    """

    leaves: tuple[LeafPlan, ...]
    training: Budget
    target: Budget | None
    largest_target: int | None
    largest_multiple: float | None

    @property
    def short(self) -> tuple[LeafPlan, ...]:
        """The leaves that cannot supply the final run, largest shortfall first."""
        return tuple(sorted((leaf for leaf in self.leaves if leaf.missing), key=lambda leaf: -leaf.missing))


def plan(
    *,
    tokens: Mapping[str, int],
    mixture: Mapping[str, float],
    repetition_limits: Mapping[str, float],
    training: Budget,
    target: Budget | None = None,
    drawn: Mapping[str, int] | None = None,
) -> RunPlan:
    """The numbers of a run that trains on `mixture` (by leaf, summing to 1) out of leaves with `tokens` training tokens.

    `drawn` are the tokens of each leaf exactly, where the order of the sequences is known; else weight × training tokens,
    rounded. A leaf must hold weight × target ÷ limit tokens at least: 2.8 trillion at a limit of 5 need 560 billion.

    Raises:
      UserError: for a leaf of the mixture that was not scanned, or weights that do not sum to 1.
    """
    for leaf in mixture:
        if leaf not in tokens:
            raise UserError(f"The mixture names an unknown leaf {leaf!r}{nearest(leaf, tokens)}.")
    if abs(math.fsum(mixture.values()) - 1) > 1e-6:
        raise UserError(f"The weights of the mixture sum to {math.fsum(mixture.values()):.9g}, not to 1.")
    total = sum(tokens.values())
    rows = []
    for leaf, count in tokens.items():
        weight, limit = float(mixture.get(leaf, 0.0)), float(repetition_limits.get(leaf, 1.0))
        reads = round(weight * training.tokens) if drawn is None else drawn.get(leaf, 0)
        needs = None if target is None else math.ceil(weight * target.tokens / limit - 1e-6)
        rows.append(
            LeafPlan(
                leaf=leaf,
                tokens=count,
                prior=count / total,
                weight=weight,
                drawn=reads,
                repetition=reads / count,
                limit=limit,
                target_needs=needs,
            )
        )
    largest = largest_target(rows)
    multiple = None
    if largest is not None and target is not None and target.model is not None:
        multiple = models.chinchilla_multiple(largest, target.model)
    return RunPlan(
        leaves=tuple(rows), training=training, target=target, largest_target=largest, largest_multiple=multiple
    )


def largest_target(rows: list[LeafPlan]) -> int | None:
    """The longest run that the leaves can supply at their weights within their limits."""
    supplies = [row.limit * row.tokens / row.weight for row in rows if row.weight > 0 and math.isfinite(row.limit)]
    return math.floor(min(supplies) + 1e-6) if supplies else None


def lines(run: RunPlan) -> tuple[str, ...]:
    """The plan as plain lines, for the dry run."""
    said = [training_line(run.training)]
    columns = ("leaf", "tokens", "prior", "weight", "drawn", "times read", "at most", "final run needs")
    rows = [
        (
            row.leaf,
            f"{row.tokens:,}",
            percent(row.prior),
            percent(row.weight),
            f"{row.drawn:,}",
            f"{row.repetition:.3g}",
            f"{row.limit:g}",
            "" if row.target_needs is None else f"{row.target_needs:,}",
        )
        for row in run.leaves
    ]
    said += aligned(columns if run.target is not None else columns[:-1], rows)
    unread = [row.leaf for row in run.leaves if row.weight > 0 and row.drawn == 0]
    if unread:
        said.append(f"less than one sequence falls to {', '.join(unread)}: nothing of it is read")
    over = [row for row in run.leaves if row.repetition > row.limit * (1 + 1e-9)]
    if over:
        said.append(f"training reads more often than allowed: {', '.join(row.leaf for row in over)}")
    if run.target is not None:
        said.append(f"final run: {run.target.tokens:,} tokens = {run.target.computed}")
        if run.short:
            said.append(shortage(run))
    if run.largest_target is not None:
        model = None if run.target is None else run.target.model
        said.append(
            f"largest final run of this mixture: {run.largest_target:,} tokens{as_multiple(run.largest_target, model)}"
        )
    return tuple(said)


def training_line(training: Budget) -> str:
    """How long training is, and why."""
    return f"training: {training.tokens:,} tokens = {training.computed}"


def percent(share: float) -> str:
    """A share with three decimals, or two digits where those would be none: `35.714%`, `0.0001%`."""
    return f"{share:.3%}" if share == 0 or share >= 1e-4 else f"{100 * share:.2g}%"


def aligned(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right; what is beyond `columns` is left out."""
    table = [columns, *(row[: len(columns)] for row in rows)]
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]) for row in table]


def shortage(run: RunPlan, most: int = 3) -> str:
    """Why the final run of a plan cannot be, and the largest that can, in a sentence or two; for plans with `short` leaves."""
    if run.target is None or run.largest_target is None:
        raise ValueError("a plan without a final run, or without limits, is not short of anything")
    named = [
        f"{row.leaf} must hold {row.target_needs:,} tokens and has {row.tokens:,} ({row.missing:,} short)"
        for row in run.short
    ]
    more = f"; and {len(named) - most} more leaves" if len(named) > most else ""
    return (
        f"The final run of {run.target.tokens:,} tokens ({run.target.computed}) cannot be supplied within the repetition "
        f"limits: {'; '.join(named[:most])}{more}. The largest safe final run in this mixture is {run.largest_target:,} "
        f"tokens{as_multiple(run.largest_target, run.target.model)}."
    )


def as_multiple(tokens: int, model: str | None) -> str:
    """` (Chinchilla multiple 12.5)`, rounded down; empty without a model."""
    if model is None:
        return ""
    return f" (Chinchilla multiple {_floored(models.chinchilla_multiple(tokens, model))})"


def _floored(multiple: float) -> str:
    """Four digits, rounded down, so that what is printed is still safe."""
    digits = 3 - math.floor(math.log10(multiple)) if multiple > 0 else 0
    return f"{math.floor(multiple * 10**digits) / 10**digits:.4g}"
