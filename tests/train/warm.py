"""Imported by the server that forks `killable` runs: everything heavy that they need."""

import torch
import transformers.models.olmo3.modeling_olmo3  # noqa: F401

import olmix.train.work
from tests.train import corpus, toys  # noqa: F401

torch.set_num_threads(1)  # A pool of threads would not survive the fork.
olmix.train.work.train_proxy  # noqa: B018
