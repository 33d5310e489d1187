"""The steps of the mixture side: `Limits` (token counts to feasible set) and `Design` (feasible set to variants)."""

from __future__ import annotations

import dataclasses
from typing import Any

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.mix.feasible import FeasibleSet
from olmix.mix.variants import Variants


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits(Step):
    """Turns the scan's token counts and the user's limits into the feasible set; see `olmix.mix.limits.feasible_set`.

    The result of `scan` has `tokens` (leaf -> tokens for training) and `repetition_limits` (leaf -> limit, for leaves
    that declare one). Limits given here win over those of the scan; `repetition_limit` is for all others. For the
    length of the final run give `target_tokens`, or `target_chinchilla_multiple` with `target_parameters` (non-embedding);
    with neither, token counts limit nothing.
    """

    scan: Step
    target_tokens: int | None = None
    target_chinchilla_multiple: float | None = None
    target_parameters: int | None = None
    repetition_limit: float = 1.0
    repetition_limits: dict[str, float] = dataclasses.field(default_factory=dict)
    at_least: dict[str, float] = dataclasses.field(default_factory=dict)
    at_most: dict[str, float] = dataclasses.field(default_factory=dict)
    fixed: dict[str, float] = dataclasses.field(default_factory=dict)
    fixed_within: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    groups: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    prior: dict[str, float] = dataclasses.field(default_factory=dict)

    def run(self, context: Context) -> FeasibleSet:
        """The feasible set; a UserError that names the binding limits when it is empty."""
        from olmix.mix.limits import feasible_set

        scan: Any = context.read(self.scan)
        return feasible_set(
            scan.tokens,
            target_tokens=self.tokens(),
            repetition_limit=self.repetition_limit,
            repetition_limits={**scan.repetition_limits, **self.repetition_limits},
            at_least=self.at_least,
            at_most=self.at_most,
            fixed=self.fixed,
            fixed_within=self.fixed_within,
            groups=self.groups,
            prior=self.prior,
            parameters=self.target_parameters,
        )

    def tokens(self) -> int | None:
        """The length of the final run in tokens, however it was given."""
        from olmix.mix.limits import TOKENS_PER_PARAMETER

        if self.target_chinchilla_multiple is None:
            return self.target_tokens
        if self.target_tokens is not None:
            raise UserError("Limits has both target_tokens and target_chinchilla_multiple; give one of them.")
        if self.target_parameters is None:
            raise UserError("target_chinchilla_multiple needs target_parameters, the size of the final model.")
        return round(self.target_chinchilla_multiple * TOKENS_PER_PARAMETER * self.target_parameters)


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

    def run(self, context: Context) -> Variants:
        """The variants; writes `coverage.txt` (ranges per leaf, effective dimension, closest pair)."""
        import numpy as np

        from olmix.mix import design
        from olmix.mix.variants import coverage

        feasible: FeasibleSet = context.read(self.limits)
        existing = None
        if self.existing is not None:
            table: Any = context.read(self.existing)
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
        return variants
