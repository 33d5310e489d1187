"""Configs of the targets, made anew for every test."""

from __future__ import annotations

import fiddle as fdl

from tests.config import targets


def search() -> fdl.Config[targets.Search]:
    """A search with a scan that three steps share and a swarm that two do."""
    scan = fdl.Config(
        targets.Scan,
        sources=(
            fdl.Config(targets.Source, name="web", weight=0.75, paths=("s3://data/web/*.npy",)),
            fdl.Config(targets.Source, name="code", weight=0.25),
        ),
    )
    swarm = fdl.Config(targets.Swarm, scan=scan, proxy=fdl.Config(targets.Proxy, learning_rate=3e-3))
    return fdl.Config(
        targets.Search, name="a search", scan=scan, swarm=swarm, laws=fdl.Config(targets.Laws, swarm=swarm)
    )


def box(value: object, **kwargs: object) -> fdl.Config[targets.Box]:
    return fdl.Config(targets.Box, value=value, **kwargs)


def ladder(levels: int) -> fdl.Config[targets.Box]:
    """A node used twice by a node that is used twice, and so on: 2**levels paths to the lowest."""
    node = box("bottom")
    for _ in range(levels):
        node = box(node, other=node)
    return node
