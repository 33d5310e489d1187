"""Fewer imports, and quicker ones, for what is started often: torch and transformers, without scikit-learn.

Their imports make a million objects that all stay. Python looks through them for garbage again and again meanwhile, a sixth of
the time, and later whenever it looks for garbage at all: here it looks at none of them, neither then nor later.

Transformers' text generation, which every model class imports, asks for scikit-learn's ROC curve wherever that package is
installed: a second of processor time in each worker, a third of what a model class costs, for speculative decoding with a
confidence threshold, which nothing here uses (and which then does without that threshold, as it does without the package).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator

# When Python ends it is searched once, as ever: some libraries count then what is left of theirs.
atexit.register(gc.unfreeze)


@contextlib.contextmanager
def nothing_thrown_away() -> Iterator[None]:
    """For imports: no search for garbage in the block, and what there is at its end is never searched again.

    What is frozen is still freed when the last reference to it goes; only circles among it stay.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if searching:
            gc.enable()


def import_transformers() -> None:
    """To be called before torch or the first model class of transformers is imported; a second call does nothing."""
    generation = "transformers.generation.candidate_generator"
    if generation in sys.modules or "sklearn" in sys.modules:
        return
    with nothing_thrown_away():
        import transformers.utils

        asked = transformers.utils.is_sklearn_available
        transformers.utils.is_sklearn_available = lambda: False
        try:
            importlib.import_module(generation)
        finally:
            transformers.utils.is_sklearn_available = asked
        importlib.import_module("transformers.modeling_utils")  # All else that any model class needs.
