"""Every stage of the pipeline runs and hands on what the next one reads; nothing is learned in a minute.

The same steps as `debug` with a fortieth of everything, for tests and for a first look at a new machine.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.olympiad_inequalities import presets
from olmix.proof_tuning import ProofTuning


def experiment() -> fdl.Config[ProofTuning]:
    """The smallest preset as it is."""
    return presets.smoke()
