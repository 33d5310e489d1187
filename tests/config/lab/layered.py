"""Three overlays deep,
and still one sentence."""

import fiddle as fdl

from tests.config import targets

from . import presets
from .overlays import deep, laptop, rates


def experiment() -> fdl.Config[targets.Search]:
    cfg = presets.small()
    deep.deep(cfg)
    rates.low(cfg)
    laptop(cfg)
    cfg.swarm.seed = 7
    return cfg
