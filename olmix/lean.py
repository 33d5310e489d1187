"""Fewer imports for what is started often: transformers without scikit-learn.

Its text generation, which every model class imports, asks for scikit-learn's ROC curve wherever that package is installed: a
second of processor time in each worker, a third of what a model class costs, for speculative decoding with a confidence
threshold, which nothing here uses (and which then does without that threshold, as it does without the package).
"""

from __future__ import annotations

import importlib
import sys


def spare_scikit_learn() -> None:
    """To be called before the first model class of transformers is imported; a second call does nothing."""
    generation = "transformers.generation.candidate_generator"
    if generation in sys.modules or "sklearn" in sys.modules:
        return
    import transformers.utils

    asked = transformers.utils.is_sklearn_available
    transformers.utils.is_sklearn_available = lambda: False
    try:
        importlib.import_module(generation)
    finally:
        transformers.utils.is_sklearn_available = asked
