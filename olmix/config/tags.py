"""Tags on config fields: what a field is for, and so whether it can change a result.

A tag is declared on the dataclass field itself, `name: Annotated[str, RunIdentity]`, and nowhere else. A
field without a tag is *semantic*: it can change a result, so it is part of the fingerprint and parity forbids
that it differs. A field with one of these tags is *operational*, with everything below it.

`Hardware` and its kind are not operational: they can change a result, if only in its last digits, and are part of the
fingerprint. They are for the one question whether two configs mean the same training on different hardware.
"""

from __future__ import annotations

import fiddle as fdl


class Operational(fdl.Tag):
    """A field that cannot change a result. Use one of its kinds below, which say why."""


class RunIdentity(Operational):
    """Names of runs and groups, and the places where outputs go."""


class Telemetry(Operational):
    """What is logged, how often, and to whom."""


class Schedule(Operational):
    """When to save a checkpoint or to evaluate, where that leaves the result as it is."""


class Resources(Operational):
    """Where work runs and on how much hardware."""


class Hardware(fdl.Tag):
    """Semantic, but owed to the hardware: number format, attention. `diff --profile=hardware` lets it differ."""


class BatchFactor(Hardware):
    """A factor of the global batch. The hardware profile lets the factors in a node differ if their product does not."""
