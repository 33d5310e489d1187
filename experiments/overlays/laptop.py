"""Overlays: a run of the catalogue on a laptop: the same tree over other text, a tiny model, a thousandth of the tokens.

The text is what this Python environment holds (code, docstrings, licences, speeches), under the names of the reference's
topics, which it is not about; its vigintiles are made by a score for prose. What stays true is everything that a run has to
get right: leaves, shares, repetition limits, whole batches, counts. What it says about the hypothesis is nothing.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.presets import reference_data
from olmix.data import tree_edits
from olmix.data.corpus_result import Tokenising
from olmix.data.steps import LocalCorpus
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.mixture_run import MixtureRun
from olmix.train.ladder import Shape
from olmix.train.recipe import resolve
from olmix.train.settings import Tasks

#: Tokens of the run that one token here stands for.
SCALE = 1000

_MEGABYTES = {
    "python_code": 10.0,
    "python_tests": 5.0,
    "science_docs": 5.0,
    "language_reference": 1.0,
    "licences": 3.0,
    "speeches": 3.0,
}
#: Large topics for those that some mixture is heavy in: a leaf may be read once.
_NAMES = {
    "science_docs": "all_dressed:science_math_and_technology",
    "python_code:tools": "all_dressed:software_development",
    "python_code:language": "all_dressed:software_development",
    "python_code:system": "all_dressed:software_development",
    "python_code:text": "all_dressed:education_and_jobs",
    "speeches": "all_dressed:politics",
    "python_tests": "all_dressed:adult_content",
    "python_code:networking": "all_dressed:art_and_design",
    "licences": "arxiv",
    "language_reference": "wikipedia",
    "python_code:data": "wikipedia",
}
_FOLDERS = {
    reference_data.ALL_DRESSED: "all_dressed",
    reference_data.DCLM: "all_dressed",
    reference_data.ARXIV: "arxiv",
    reference_data.WIKIPEDIA: "wikipedia",
}


def laptop(cfg: fdl.Config[MixtureRun]) -> None:
    """About two minutes on one core, most of them for making the corpus, which all runs share."""
    if not issubclass(fdl.get_callable(cfg), MixtureRun):
        raise UserError("The overlay laptop is for single runs; this experiment is a search, and trains a swarm.")
    cfg.corpus = fdl.Config(
        LocalCorpus,
        sources=dict(_MEGABYTES),
        tokenising=fdl.Config(
            Tokenising,
            vocabulary=4096,
            quality_sources=("all_dressed",),
            quality_buckets=20,
            held_out_bytes=20_000,
            longest_document=4000,
            rename=dict(_NAMES),
        ),
    )
    cfg.scan.corpus = cfg.corpus
    cfg.scan.dtype = "uint16"
    cfg.scan.if_unreadable = ""
    for name, leaf in tree_edits.leaves(cfg.scan.tree):
        leaf.paths = tuple(_local(name, path) for path in leaf.paths)
    proxy = cfg.train.proxy
    proxy.tokens = resolve(fdl.build(proxy)).declared_tokens // SCALE
    proxy.chinchilla_multiple = None
    proxy.periods = False
    proxy.model = fdl.Config(Shape, family="olmo3", width=48, layers=2, heads=2, hidden=144, window=128)
    proxy.vocabulary = 4096
    proxy.sequence_length = 128
    proxy.batch_tokens = 16 * 128
    proxy.learning_rate = 1e-2
    proxy.warmup_tokens = proxy.tokens // 20
    proxy.tokenizer = "tokenizer.json"  # The one that the corpus step writes.
    proxy.held_out_tokens = 2048
    proxy.tasks = fdl.Config(Tasks)
    cfg.train.each_needs = fdl.Config(Needs)


def _local(leaf: str, path: str) -> str:
    """The same place in the local corpus: `.../politics/vigintile_0020/*.npy` is `all_dressed/politics/vigintile_0020/*.npy`."""
    for address, folder in _FOLDERS.items():
        if path.startswith(f"{address}/"):
            return f"{folder}{path.removeprefix(address)}"
    raise UserError(f"The overlay laptop has text for the leaves of the catalogue only, not for {leaf} ({path}).")
