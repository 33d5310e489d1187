"""AdamW with decay groups, and the rule that leaves out the update of a step that jumps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

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
    """Remembers the last losses and gradient norms of K runs and says whether a step's are out of line (`SkipRule`).

    All of it is arithmetic on the device, which nobody has to wait for.
    """

    def __init__(self, rule: SkipRule, device: torch.device, variants: int = 1) -> None:
        self.rule = rule
        #: Losses and norms, (2, K, window), a ring of which the first `seen` (K) places are filled.
        self.history = torch.zeros(2, variants, rule.window, dtype=torch.float64, device=device)
        self.seen = torch.zeros(variants, dtype=torch.int64, device=device)
        self._places = torch.arange(rule.window, device=device)

    def judge(self, losses: Tensor, norms: Tensor, remember: Tensor) -> Tensor:
        """Whether to leave out the updates of a step with these losses and gradient norms; all (K), float64 and boolean.

        Remembers both where `remember` says so; a skipped step is remembered too, so that a lasting rise is not
        skipped for ever.
        """
        values = torch.stack((losses, norms))
        window = self.rule.window
        count = self.seen.clamp(max=window)
        filled = self._places < count[:, None]
        mean = (self.history * filled).sum(-1) / count.clamp(min=1)
        spread = ((self.history - mean[..., None]) * filled).square().sum(-1) / (count - 1).clamp(min=1)
        high = (values > mean + self.rule.sigmas * spread.sqrt()).any(0)
        place = (self.seen % window)[None, :, None].expand(2, -1, 1)
        kept = torch.where(remember[None, :, None], values[..., None], self.history.gather(-1, place))
        self.history.scatter_(-1, place, kept)
        self.seen += remember
        return high & (count >= max(2, window // 2)) & remember & self.rule.enabled

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs."""
        return {"history": self.history, "seen": self.seen}

    def state_of(self, variant: int) -> dict[str, Tensor]:
        """That of one of the runs, as if it had been alone."""
        return {
            "history": self.history[:, variant : variant + 1].clone(),
            "seen": self.seen[variant : variant + 1].clone(),
        }

    def restore(self, *states: dict[str, Tensor]) -> None:
        """Goes on from a `state`, or from those of as many runs as there are."""
        self.history.copy_(torch.cat([state["history"] for state in states], dim=1))
        self.seen.copy_(torch.cat([state["seen"] for state in states]))
