"""AdamW with decay groups, of one run and of several side by side; the rule that leaves out the update of a step that jumps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
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


@dataclasses.dataclass
class _Moments:
    first: Tensor
    second: Tensor


class StackedAdamW:
    """AdamW on stacked parameters: one rate for all, but each variant may sit a step out, as if it had not happened."""

    def __init__(
        self, parameters: Mapping[str, torch.nn.Parameter], plan: Plan, variants: int, device: torch.device
    ) -> None:
        self.plan, self.parameters = plan, parameters
        self.moments = {name: _Moments(torch.zeros_like(p), torch.zeros_like(p)) for name, p in self.parameters.items()}
        self.counts = torch.zeros(variants, dtype=torch.float64, device=device)

    @torch.no_grad()
    def step(self, rate: float, scale: Tensor, active: Tensor) -> None:
        """Updates the variants in `active` (K, boolean) with their gradients times `scale` (K), which it overwrites.

        In place, so that it holds no more than one array of the largest parameter's size beside what there is anyway.
        """
        plan = self.plan
        self.counts += active
        counts = self.counts.clamp(min=1)
        # A variant that sits out has no gradient, keeps all of its moments, and is moved by nothing: 0 and 1 are exact.
        take, keep = torch.where(active, 1 - plan.beta1, 0.0), torch.where(active, plan.beta2, 1.0)
        reach = torch.where(active, rate / (1 - plan.beta1**counts), 0.0).float()
        correct_second = (1 - plan.beta2**counts).float().sqrt()
        for name, parameter in self.parameters.items():
            assert parameter.grad is not None
            axes = (-1, *(1,) * (parameter.dim() - 1))
            moments = self.moments[name]
            gradient = parameter.grad.mul_(scale.view(axes)).masked_fill_(~active.view(axes), 0.0)
            moments.first.lerp_(gradient, take.view(axes))
            moments.second.mul_(keep.view(axes)).addcmul_(gradient, gradient, value=1 - plan.beta2)
            size = moments.second.sqrt().div_(correct_second.view(axes)).add_(plan.epsilon)
            decay = 0.0 if name == "embedding" else plan.weight_decay
            parameter.mul_(torch.where(active, 1 - rate * decay, 1.0).view(axes))
            parameter.sub_(torch.div(moments.first, size, out=size).mul_(reach.view(axes)))


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
