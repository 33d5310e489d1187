"""AdamW with decay groups, and the rule that leaves out the update of a step that jumps."""

from __future__ import annotations

import collections
import math
from typing import Any

import torch

from olmix.train.recipe import Plan
from olmix.train.settings import SkipRule


def make_optimizer(model: torch.nn.Module, plan: Plan) -> torch.optim.AdamW:
    """AdamW with weight decay on everything but the input embedding, whose rows must not shrink while unseen.

    Its learning rate is set before every step from the schedule.
    """
    embedding = model.get_input_embeddings().weight  # type: ignore[operator]
    rest = [p for p in model.parameters() if p is not embedding and p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": rest, "weight_decay": plan.weight_decay},
        {"params": [embedding], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=plan.learning_rate, betas=(plan.beta1, plan.beta2), eps=plan.epsilon, fused=True
    )


class Jumps:
    """Remembers the last losses and gradient norms and says whether a step's are out of line (`SkipRule`)."""

    def __init__(self, rule: SkipRule) -> None:
        self.rule = rule
        self.losses: collections.deque[float] = collections.deque(maxlen=rule.window)
        self.norms: collections.deque[float] = collections.deque(maxlen=rule.window)

    def skip(self, loss: float, norm: float) -> bool:
        """Whether to leave out the update of a step with this loss and gradient norm; remembers both.

        A skipped step is remembered too, so that a lasting rise is not skipped for ever.
        """
        out = self.rule.enabled and (self._high(self.losses, loss) or self._high(self.norms, norm))
        self.losses.append(loss)
        self.norms.append(norm)
        return out

    def _high(self, history: collections.deque[float], value: float) -> bool:
        if len(history) < max(2, self.rule.window // 2):
            return False
        mean = math.fsum(history) / len(history)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in history) / (len(history) - 1))
        return value > mean + self.rule.sigmas * deviation

    def state(self) -> dict[str, list[float]]:
        """What `restore` needs."""
        return {"losses": list(self.losses), "norms": list(self.norms)}

    def restore(self, state: dict[str, list[float]]) -> None:
        """Goes on from a `state`."""
        self.losses = collections.deque(state["losses"], maxlen=self.rule.window)
        self.norms = collections.deque(state["norms"], maxlen=self.rule.window)
