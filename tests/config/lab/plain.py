"""A small swarm finds what a large one finds. More text that is not the hypothesis."""

import fiddle as fdl

from tests.config import targets

from . import presets


def experiment() -> fdl.Config[targets.Search]:
    return presets.small()
