"""How long something may take here and now: what is promised for a quiet machine, and more on one that has other things to do."""

from __future__ import annotations

import os


def patience(quiet: float) -> float:
    """Seconds, from those that it may take where nothing else runs: as many times more as processes wait for each processor."""
    return quiet * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
