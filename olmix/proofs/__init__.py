"""Olympiad inequalities: problems, generation, checking, tuning, judging.

The mathematics has a thin face: a `Statement` (from `parse_text` or `parse_latex`), `falsify` and `prove` for
statements, `check_certificate` for what `prove` found, `check_proof` for proofs in LaTeX, `generate` for
problems with checked proofs.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Statement": "statements.statement",
    "parse_text": "statements.statement",
    "check_certificate": "proving.certificate",
    "parse_latex": "statements.problem_text",
    "check_proof": "checking.check_proof",
    "falsify": "refuting.falsify",
    "prove": "proving.prove",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Imports the public names when they are first used, so that declaring a config stays light."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"olmix.proofs.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'olmix.proofs' has no attribute {name!r}")
