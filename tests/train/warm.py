"""What a run needs, imported by the process that forks runs (`killable.py`), as a worker imports it."""

# ruff: noqa: E402, F401

from olmix.lean import spare_scikit_learn

spare_scikit_learn()

import torch
import transformers.models.olmo2.modeling_olmo2
import transformers.models.olmo3.modeling_olmo3

import olmix.train.work
