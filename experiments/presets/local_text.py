"""Preset: a mixture search on the text that this Python environment holds; a laptop runs it in a few minutes.

The final run that the limits are made for is twice as long as all the text together, and no leaf may be read more than
four times: so caps bind, as they do for the scarce good text of a real team.
"""

from __future__ import annotations

import fiddle as fdl

from experiments import base
from olmix.data.corpus_result import Tokenising
from olmix.data.steps import LocalCorpus
from olmix.data.tree import QualityBucket, Source, Topic, Tree
from olmix.fit.effective_data import EffectiveData
from olmix.mixture_search import MixtureSearch
from olmix.train.ladder import Shape
from olmix.train.settings import Proxy

#: Megabytes of text at most, by source.
MEGABYTES = {
    "python_code": 9.0,
    "python_tests": 6.0,
    "science_docs": 6.0,
    "language_reference": 2.0,
    "licences": 3.0,
    "speeches": 6.0,
}
#: The standard library's topics, merged into two that are large enough to be divided by quality.
TWO_TOPICS = {
    "python_code:networking": "python_code:systems",
    "python_code:system": "python_code:systems",
    "python_code:text": "python_code:systems",
    "python_code:language": "python_code:language",
    "python_code:tools": "python_code:language",
    "python_code:data": "python_code:language",
}


def small_search() -> fdl.Config[MixtureSearch]:
    """The same search on text of one's own, which has to say: `scan.tree`, `scan.dtype`, `limits`, and the vocabulary."""
    return _small()


def local_text() -> fdl.Config[MixtureSearch]:
    """The search on the text that is here."""
    cfg = _small()
    cfg.corpus = fdl.Config(
        LocalCorpus,
        sources=dict(MEGABYTES),
        tokenising=fdl.Config(
            Tokenising,
            vocabulary=4096,
            near_duplicates=0.8,
            quality_sources=("python_code",),
            quality_buckets=2,
            scorer="prose",
            held_out_bytes=30_000,
            rename=dict(TWO_TOPICS),
        ),
    )
    cfg.scan.tree = tree()
    cfg.scan.corpus = cfg.corpus
    cfg.scan.dtype = "uint16"
    cfg.limits.target_tokens = 16_000_000
    cfg.report.corpus = cfg.corpus
    return cfg


def _small() -> fdl.Config[MixtureSearch]:
    """24 variants, whose proxies and those of the validation share one node, `swarm.proxy`."""
    cfg = base.mixture_search()
    cfg.design.variants = 24
    cfg.design.seed = 0
    proxy = fdl.Config(
        Proxy,
        model=fdl.Config(Shape, family="olmo3", width=48, layers=2, heads=2, hidden=144, window=128),
        vocabulary=4096,
        sequence_length=128,
        tokens=229_376,
        batch_tokens=1024,
        learning_rate=1e-2,
        warmup_tokens=22_528,
        decay_fraction=0.2,
        checkpoint_seconds=30.0,
    )
    cfg.swarm.proxy = proxy
    cfg.swarm.seed = 0
    cfg.laws.law = fdl.Config(EffectiveData)
    cfg.laws.repeats = cfg.laws.learning_repeats = 1
    cfg.proposal.bootstrap = 1000
    cfg.proposal.kl = 0.0
    cfg.validation.proxy = proxy
    cfg.validation.seeds = 3
    return cfg


def tree() -> fdl.Config[Tree]:
    """Six sources; the code of the standard library has topics and quality buckets."""
    topics = [
        fdl.Config(
            Topic,
            name=topic,
            quality=[
                fdl.Config(QualityBucket, name=bucket, paths=[f"python_code/{topic}/{bucket}/*.npy"])
                for bucket in ("high", "low")
            ],
        )
        for topic in ("systems", "language")
    ]
    plain = ("python_tests", "science_docs", "language_reference", "licences", "speeches")
    return fdl.Config(
        Tree,
        sources=[
            fdl.Config(Source, name="python_code", topics=topics, repetition_limit=4.0),
            *(fdl.Config(Source, name=name, paths=[f"{name}/*.npy"], repetition_limit=4.0) for name in plain),
        ],
    )
