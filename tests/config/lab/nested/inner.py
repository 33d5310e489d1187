"""A nested one."""

import fiddle as fdl

from tests.config import targets

from .. import presets


def experiment() -> fdl.Config[targets.Search]:
    return presets.small()
