"""Learning rates."""

import fiddle as fdl

from tests.config import targets


def low(cfg: fdl.Config[targets.Search], factor: float = 0.5) -> None:
    """A lower rate."""
    cfg.swarm.proxy.learning_rate *= factor


def fixed(cfg: fdl.Config[targets.Search], *, rate: float) -> None:
    """One rate."""
    cfg.swarm.proxy.learning_rate = rate
