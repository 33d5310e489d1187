"""Dynamic loss scaling of runs side by side: what `torch.amp.GradScaler` does for one, for each of K with a scale of its own.

Gradients in float16 end at 65,504 and vanish below 6e-8, so a loss is multiplied before its gradients are taken and they are
divided after it. A run whose gradients overflow leaves its step out and halves its scale; after so many steps without, it
doubles it (Micikevicius et al., arXiv:1710.03740). One scale for all would let the run with the largest gradients halve that
of its neighbours and make them skip what they would not skip alone.

Constants and states are those of torch's scaler, so that a run may go on alone, or beside others, where it was. Scales are
powers of two: dividing a norm by one afterwards, and not every gradient before, gives the same numbers in one pass less.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class LossScales:
    """The loss scales of K runs on their device, which nobody has to wait for; with `enabled` false, all of them are 1."""

    def __init__(self, variants: int, device: torch.device, *, enabled: bool) -> None:
        self.enabled = enabled
        #: One run's scaler, fresh: the constants, and where all begin.
        self._rule: dict[str, Any] = torch.amp.GradScaler(device.type).state_dict() if enabled else {}
        #: (K), and for each the steps without an overflow since it was last changed.
        self.scales = torch.full((variants,), self._rule.get("scale", 1.0), dtype=torch.float32, device=device)
        self.good = torch.zeros(variants, dtype=torch.int32, device=device)

    def scaled(self, objectives: Tensor) -> Tensor:
        """What to differentiate in place of each run's objective; both (K)."""
        return objectives * self.scales if self.enabled else objectives

    def unscaled(self, values: Tensor) -> Tensor:
        """Numbers that are proportional to each run's gradients, (K), without its scale."""
        return values * self.scales.double().reciprocal().float() if self.enabled else values

    def update(self, losses: Tensor, norms: Tensor, alive: Tensor) -> Tensor:
        """After a step with these losses and gradient norms: which runs in `alive` only overflowed under their scale, (K).

        Their scales are smaller now. A run whose loss is no number, or whose gradients are none at a scale below 1, is ill.
        """
        if not self.enabled:
            return torch.zeros_like(alive)
        overflowed, rule = ~norms.isfinite(), self._rule
        good = self.good + 1
        grown = self.scales * rule["growth_factor"]
        grows = (good == rule["growth_interval"]) & grown.isfinite()
        healthy = torch.where(grows, grown, self.scales)
        scales = torch.where(overflowed, self.scales * rule["backoff_factor"], healthy)
        self.scales = torch.where(alive, scales, self.scales)
        again = overflowed | (good == rule["growth_interval"])
        self.good = torch.where(alive, good.masked_fill(again, 0), self.good)
        return alive & losses.isfinite() & overflowed & (self.scales >= 1.0)

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs."""
        return {"scales": self.scales, "good": self.good} if self.enabled else {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes on from a `state`."""
        if self.enabled:
            self.scales.copy_(state["scales"])
            self.good.copy_(state["good"])

    def state_of(self, variant: int) -> dict[str, Any]:
        """That of one of the runs as torch's scaler has it."""
        if not self.enabled:
            return {}
        return {**self._rule, "scale": float(self.scales[variant]), "_growth_tracker": int(self.good[variant])}

    def restore_each(self, states: list[dict[str, Any]]) -> None:
        """Goes on from the states of as many scalers of torch as there are runs."""
        if self.enabled:
            self.scales.copy_(torch.tensor([state["scale"] for state in states]))
            self.good.copy_(torch.tensor([state["_growth_tracker"] for state in states]))
