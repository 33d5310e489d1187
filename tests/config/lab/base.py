"""Runtime choices that nothing changes."""

import fiddle as fdl

from tests.config import targets


def scan() -> fdl.Config[targets.Scan]:
    """Two sources."""
    return fdl.Config(
        targets.Scan,
        sources=(
            fdl.Config(targets.Source, name="web", weight=0.75, paths=("s3://data/web/*.npy",)),
            fdl.Config(targets.Source, name="code", weight=0.25),
        ),
    )
