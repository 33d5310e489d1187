"""The steps of the mixture side: `Limits` (token counts to feasible set) and `Design` (feasible set to variants)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.mix.feasible import FeasibleSet
from olmix.mix.variants import Variants

if TYPE_CHECKING:
    from olmix.data.budgets import Budget


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits(Step):
    """Turns the scan's token counts and the user's limits into the feasible set; see `olmix.mix.limits.feasible_set`.

    The result of `scan` has `tokens` (leaf -> tokens for training) and `repetition_limits` (leaf -> limit, as the data tree
    declares it). `repetition_limit` replaces the tree's limits of all leaves, `repetition_limits` those of single leaves
    or nodes. For the length of the final run give `target_tokens`, or `target_chinchilla_multiple` with
    `target_model`, a name of the registry (`olmix.data.models`), or, for another model, its `target_parameters`
    (non-embedding); with neither, token counts limit nothing. The prior is the scan's, unless `prior` is given. Where
    nobody counted tokens (`tokens` is empty, `leaves` names the leaves), no target can be given either.
    """

    cheap: ClassVar[bool] = True

    scan: Step
    target_tokens: int | None = None
    target_chinchilla_multiple: float | None = None
    target_model: str | None = None
    target_parameters: int | None = None
    repetition_limit: float | None = None
    repetition_limits: dict[str, float] = dataclasses.field(default_factory=dict)
    at_least: dict[str, float] = dataclasses.field(default_factory=dict)
    at_most: dict[str, float] = dataclasses.field(default_factory=dict)
    fixed: dict[str, float] = dataclasses.field(default_factory=dict)
    fixed_within: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    groups: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    prior: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.budget()  # A declaration that does not add up shows here, with who made it.

    def run(self, context: Context) -> FeasibleSet:
        """The feasible set; a UserError that names the binding limits when it is empty."""
        from olmix.mix.limits import feasible_set

        scan: Any = context.read(self.scan)
        target = self.tokens()
        if not scan.tokens and target is not None:
            raise UserError(
                f"The final run is to have {target:,} tokens, but nobody said how many tokens each leaf has: give the token"
                " counts too (--set token_counts=FILE, or scan the data), or no target."
            )
        # Uncounted leaves stand in with one token each, which limits nothing and is taken out again.
        counted = scan.tokens or dict.fromkeys(scan.leaves, 1)
        found = feasible_set(
            counted,
            target_tokens=target,
            repetition_limit=1.0 if self.repetition_limit is None else self.repetition_limit,
            repetition_limits={
                **(scan.repetition_limits if self.repetition_limit is None else {}),
                **self._expanded(tuple(counted)),
            },
            at_least=self.at_least,
            at_most=self.at_most,
            fixed=self.fixed,
            fixed_within=self.fixed_within,
            groups=self.groups,
            prior=self.prior or getattr(scan, "prior", {}),
            parameters=self._parameters(),
        )
        if not scan.tokens:
            found = dataclasses.replace(found, tokens=(), repetition_limits=(), largest_tokens=None)
        return found

    def _expanded(self, leaves: tuple[str, ...]) -> dict[str, float]:
        """`repetition_limits` by leaf, so that a node named here wins over leaves that the tree declares."""
        from olmix.mix.limits import leaves_below

        ordered = sorted(self.repetition_limits, key=lambda name: name.count(":"))
        return {leaves[i]: self.repetition_limits[name] for name in ordered for i in leaves_below(name, leaves)}

    def declared(self) -> tuple[str, ...]:
        """How long the final run is and why."""
        target = self.budget()
        if target is None:
            return ("no final run is declared: token counts limit nothing",)
        return (f"final run: {target.tokens:,} tokens = {target.computed}",)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """How long the final run is and why, and what that means for every leaf."""
        from olmix.data.budgets import aligned, as_multiple, percent
        from olmix.mix.limits import chinchilla_multiple

        feasible: FeasibleSet = context.read(self)
        target = feasible.target_tokens
        if target is None:
            return self.declared()
        lines = list(self.declared())
        low, high = feasible.ranges
        columns = ("leaf", "tokens", "prior", "least", "at most", "reads", "of", "must hold")
        rows = [
            (
                leaf,
                f"{feasible.tokens[j]:,}",
                percent(feasible.prior[j]),
                percent(max(float(low[j]), 0.0)),
                percent(min(float(high[j]), 1.0)),
                f"{feasible.prior[j] * target / max(feasible.tokens[j], 1):.3g}",
                f"{feasible.repetition_limits[j]:g}",
                f"{feasible.prior[j] * target / feasible.repetition_limits[j]:,.0f}",
            )
            for j, leaf in enumerate(feasible.leaves)
        ]
        lines += aligned(columns, rows)
        lines.append("reads, and the tokens that a leaf must hold, are those of the final run at the prior")
        if feasible.largest_tokens is not None:
            multiple = as_multiple(int(feasible.largest_tokens), self.target_model)
            if not multiple and feasible.parameters is not None:
                multiple = f" (Chinchilla multiple {chinchilla_multiple(feasible, feasible.largest_tokens):.4g})"
            lines.append(f"largest feasible run: {int(feasible.largest_tokens):,} tokens{multiple}")
        return tuple(lines)

    def tokens(self) -> int | None:
        """The length of the final run in tokens, however it was given."""
        target = self.budget()
        return None if target is None else target.tokens

    def budget(self) -> Budget | None:
        """The length of the final run and how it was computed. Raises UserError for settings that do not add up."""
        from olmix.data import budgets, models

        if self.target_parameters is None or self.target_chinchilla_multiple is None:
            return budgets.resolve(
                tokens=self.target_tokens,
                chinchilla_multiple=self.target_chinchilla_multiple,
                model=self.target_model,
            )
        if self.target_tokens is not None:
            raise UserError("Give either target_tokens or target_chinchilla_multiple, not both.")
        if self.target_model is not None:
            raise UserError("Give either target_model or target_parameters, not both.")
        per_parameter = models.TOKENS_PER_PARAMETER
        return budgets.Budget(
            tokens=round(self.target_chinchilla_multiple * per_parameter * self.target_parameters),
            computed=f"{self.target_chinchilla_multiple:g} × {per_parameter} × {self.target_parameters:,} parameters",
        )

    def _parameters(self) -> int | None:
        from olmix.data import models

        return (
            self.target_parameters if self.target_model is None else models.non_embedding_parameters(self.target_model)
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Design(Step):
    """Draws the variants of a swarm from the feasible set; see `olmix.mix.design` for what the settings mean.

    `existing` is a step whose result has `leaves` and `weights` (a `RunTable`, earlier `Variants`): no new variant is a
    near-duplicate of those. Raising `variants` leaves the first ones as they are.
    """

    limits: Step
    variants: int = 24
    seed: int = 0
    existing: Step | None = None
    space_filling: bool = False
    include_prior: bool = True
    include_extremes: bool = False
    source_strength: float | tuple[float, float] = (1.0, 20.0)
    topic_strength: float | tuple[float, float] = (1.0, 20.0)
    quality_strength: float | tuple[float, float] = (1.0, 20.0)
    node_strengths: dict[str, float | tuple[float, float]] = dataclasses.field(default_factory=dict)
    temperature: float = 1.0
    minimum_weight: float = 0.0
    minimum_distance: float = 0.1

    cheap: ClassVar[bool] = True
    version: ClassVar[int] = 3  # 2: moves go by portions; 3: parameters below 1e-3 are drawn as they are

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What the design covers."""
        from olmix.mix.variants import coverage

        return tuple(str(coverage(context.read(self))).splitlines())

    def run(self, context: Context) -> Variants:
        """The variants; writes `coverage.txt` (ranges per leaf, effective dimension, closest pair)."""
        import numpy as np

        from olmix.mix import design
        from olmix.mix.variants import coverage

        feasible: FeasibleSet = context.read(self.limits)
        existing = None
        if self.existing is not None:
            table: Any = context.read(self.existing)
            if feasible.frozen and set(table.leaves) != set(feasible.leaves):
                raise UserError("The existing runs do not know the virtual leaf; read them through ReusedRuns.")
            if set(table.leaves) != set(feasible.leaves):
                different = sorted(set(table.leaves) ^ set(feasible.leaves))
                raise UserError(f"The existing runs have other leaves than the limits: {', '.join(different[:6])}.")
            order = [table.leaves.index(leaf) for leaf in feasible.leaves]
            existing = np.array(table.weights, dtype=float)[:, order]
        settings = design.DirichletSettings(
            source_strength=self.source_strength,
            topic_strength=self.topic_strength,
            quality_strength=self.quality_strength,
            node_strengths=self.node_strengths,
            temperature=self.temperature,
            minimum_weight=self.minimum_weight,
        )
        variants = design.design(
            feasible,
            self.variants,
            seed=self.seed,
            settings=settings,
            space_filling=self.space_filling,
            include_prior=self.include_prior,
            include_extremes=self.include_extremes,
            existing=existing,
            minimum_distance=self.minimum_distance,
        )
        (context.out / "coverage.txt").write_text(f"{coverage(variants)}\n")
        if feasible.frozen:
            leaves, weights = feasible.expanded(np.array(variants.weights))
            variants = dataclasses.replace(
                variants, leaves=leaves, weights=tuple(tuple(row) for row in weights.tolist())
            )
        return variants
