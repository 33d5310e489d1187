"""What a run needs, imported by the process that forks runs (`killable.py`), as a worker imports it."""

# ruff: noqa: F401

from olmix.lean import import_transformers, nothing_thrown_away

import_transformers()
with nothing_thrown_away():
    import torch
    import transformers.models.olmo2.modeling_olmo2
    import transformers.models.olmo3.modeling_olmo3

    import olmix.train.work
