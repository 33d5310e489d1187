"""Small stand-ins: two made-up languages as a feed and as held-out texts, and a model of a few thousand parameters."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import torch

from olmix.train.arithmetic import Arithmetic
from olmix.train.diary import Diary
from olmix.train.distributed import World
from olmix.train.feed import Batch, HeldOut
from olmix.train.ladder import Shape
from olmix.train.proxy import Trainer, build_model
from olmix.train.recipe import Plan, resolve
from olmix.train.run import run
from olmix.train.settings import Device, Proxy

VOCABULARY = 32
TINY = Shape(family="olmo3", width=16, layers=2, heads=2, hidden=32)


def proxy(**changes) -> Proxy:
    settings = {
        "model": TINY,
        "vocabulary": VOCABULARY,
        "sequence_length": 16,
        "batch_tokens": 8 * 16,
        "tokens": 30 * 8 * 16,
        "learning_rate": 1e-2,
        "warmup_tokens": 256,
        "checkpoint_seconds": None,
        "device": Device(dtype="float32", attention="sdpa"),
    }
    return Proxy(**{**settings, **changes})


@dataclasses.dataclass
class Languages:
    """Leaf "up" counts upwards, leaf "down" downwards, modulo the vocabulary; `share` of the sequences are "up"."""

    plan: Plan
    share: float = 0.5
    seed: int = 0
    leaves: tuple[str, ...] = ("up", "down")

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        leaves = (rng.random(self.plan.batch) >= self.share).astype(np.int64)
        return Batch(sequences(leaves, self.plan.length, rng), leaves)


def sequences(leaves: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    start = rng.integers(0, VOCABULARY, len(leaves))
    step = np.where(leaves == 0, 1, -1)
    return ((start[:, None] + step[:, None] * np.arange(length)) % VOCABULARY).astype(np.uint16)


def held_outs(tokens: int = 100) -> dict[str, HeldOut]:
    """Each token stands for two bytes."""
    steps = np.arange(tokens)
    return {
        leaf: HeldOut((sign * steps % VOCABULARY).astype(np.uint16), 2 * tokens)
        for leaf, sign in (("up", 1), ("down", -1))
    }


def trainer(
    proxy: Proxy, *, seed: int = 0, vocabulary: int = VOCABULARY, world: World | None = None, **arithmetic
) -> Trainer:
    plan = resolve(proxy)
    chosen = Arithmetic(**{"micro_batch": proxy.device.micro_batch, **arithmetic})
    model = build_model(proxy.model, vocabulary=vocabulary, plan=plan, arithmetic=chosen, seed=seed)
    return Trainer(model, plan, chosen, skip=proxy.skip, seed=seed, world=world)


def weights(trained: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trained.model.state_dict().items()}


def run_whole(trained: Trainer, feed: Languages, proxy: Proxy, folder, evaluate=lambda _: {}, progress=lambda *_: None):
    """A whole run of one model, its metrics and checkpoints in `folder`."""
    path = folder / "metrics.jsonl" if trained.world.first else None
    with contextlib.closing(Diary(trained.plan, feed.leaves, path, log_tokens=proxy.log_tokens)) as diary:
        return run(trained, [feed], proxy, [diary], scratch=folder, evaluate=evaluate, progress=progress)[0]
