"""Complete, runnable configs."""

import fiddle as fdl

from tests.config import targets

from .. import base


def small() -> fdl.Config[targets.Search]:
    """A search with a small proxy."""
    scan = base.scan()
    swarm = fdl.Config(
        targets.Swarm,
        scan=scan,
        proxy=_proxy(),
        variants=16,
    )
    return fdl.Config(targets.Search, scan=scan, swarm=swarm, laws=fdl.Config(targets.Laws, swarm=swarm))


def _proxy() -> fdl.Config[targets.Proxy]:
    return fdl.Config(
        targets.Proxy,
        learning_rate=3e-3,
        batch=16,
        limits={"web": 0.5},
    )
