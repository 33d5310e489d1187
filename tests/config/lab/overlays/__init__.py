"""Changes of a few fields."""

import fiddle as fdl

from tests.config import targets


def laptop(cfg: fdl.Config[targets.Search]) -> None:
    """Less of everything."""
    cfg.swarm.variants = 4
    cfg.swarm.needs = targets.Needs(cpus=1)
