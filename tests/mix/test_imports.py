"""Configs import this room to be declared: it must stay light."""

from __future__ import annotations

import subprocess
import sys


def test_declaring_a_mixture_search_imports_nothing_heavy():
    code = (
        "import sys, olmix.mix, olmix.fit.propose_step;"
        "heavy = {'torch', 'ray', 'transformers', 'scipy.optimize', 'scipy.stats', 'cvxpy', 'pandas', 'matplotlib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
