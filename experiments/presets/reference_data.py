"""Presets: the data of the reference experiments (allenai/olmix), as trees without a question in them.

`all_dressed` is web text by topic and quality, from 5 % to 5 %: `vigintile_0020` holds the best documents, and there is no
`vigintile_0019`. `dclm` is other web text, by topic alone. Both come with papers and an encyclopedia, which may be read a
little more often than the web.

Quality buckets are plain instances rather than configs, because there are up to 114 of them: they are set whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import fiddle as fdl

from olmix.data.percentiles import vigintile_name
from olmix.data.tree import QualityBucket, Source, Topic, Tree

ALL_DRESSED = "s3://ai2-llm/preprocessed/cc_all_dressed/all_dressed_v3/dclm_plus2_vigilantes/allenai/dolma2-tokenizer"
DCLM = "s3://ai2-llm/preprocessed/dclm/baseline_topic_ft_lr05_ng2_n3M6_ova_20pct/allenai/dolma2-tokenizer"
ARXIV = "s3://ai2-llm/preprocessed/proof-pile-2/v0_decontaminated-0625_tokenized/arxiv/train/allenai/dolma2-tokenizer"
WIKIPEDIA = "s3://ai2-llm/preprocessed/wikipedia-dolma-0823/allenai/dolma2-tokenizer"

TOPICS = (
    "science_math_and_technology",
    "software_development",
    "education_and_jobs",
    "politics",
    "adult_content",
    "art_and_design",
)
DCLM_TOPICS = TOPICS[:3]


def all_dressed() -> fdl.Config[Tree]:
    """Six topics of `all_dressed`, each with all of its text, and no weights: shares by token count."""
    topics = [fdl.Config(Topic, name=topic, paths=(f"{ALL_DRESSED}/{topic}/*/*.npy",)) for topic in TOPICS]
    web = fdl.Config(Source, name="all_dressed", topics=topics)
    return fdl.Config(Tree, sources=[web, _arxiv(), _wikipedia()])


def dclm() -> fdl.Config[Tree]:
    """Three topics of `dclm`, no weights."""
    topics = [fdl.Config(Topic, name=topic, paths=(f"{DCLM}/{topic}/**/*.npy",)) for topic in DCLM_TOPICS]
    return fdl.Config(Tree, sources=[fdl.Config(Source, name="dclm", topics=topics), _wikipedia(), _arxiv()])


def buckets(topic: str, groups: Mapping[str, tuple[tuple[int, ...], float]]) -> tuple[QualityBucket, ...]:
    """Quality buckets of a topic of `all_dressed`: name -> the numbers of its vigintiles, and its weight."""
    return tuple(
        QualityBucket(
            name=name,
            paths=tuple(f"{ALL_DRESSED}/{topic}/{vigintile_name(number)}/*.npy" for number in numbers),
            weight=weight,
        )
        for name, (numbers, weight) in groups.items()
    )


def _arxiv() -> fdl.Config[Source]:
    return fdl.Config(Source, name="arxiv", paths=(f"{ARXIV}/*.npy",), repetition_limit=1.5)


def _wikipedia() -> fdl.Config[Source]:
    return fdl.Config(Source, name="wikipedia", paths=(f"{WIKIPEDIA}/*.npy",), repetition_limit=2.0)
