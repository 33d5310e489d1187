"""A fit config as laws and a proposal on finished runs (placeholder until the CSV entry lands)."""

from __future__ import annotations

from olmix.importing.schema import Fit
from olmix.importing.translation import Translation


def fit(config: Fit) -> Translation:
    raise NotImplementedError
