"""A module with a function of the same name, and edits inside of containers."""

import fiddle as fdl

from tests.config import targets


def deep(cfg: fdl.Config[targets.Search]) -> None:
    """More layers, appended; a limit, in place."""
    cfg.swarm.proxy.layers = (*cfg.swarm.proxy.layers, 8)
    cfg.swarm.proxy.limits["code"] = 0.25


def nothing(cfg: fdl.Config[targets.Search]) -> None:
    """Changes nothing."""
