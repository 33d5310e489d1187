"""The sources of the case study, by name: what each stage's tree is put together from."""

from __future__ import annotations

import fiddle as fdl

from olmix.data.tree import Source, Topic, Tree

ROOT = "s3://ai2-llm/preprocessed"
PDFS = f"{ROOT}/s2pdf_dedupe_minhash_v1_with_no_pii_basic_quality_datadelve"

#: Topics of web text.
WEB = (
    "adult_content art_and_design crime_and_law education_and_jobs electronics_and_hardware entertainment "
    "fashion_and_beauty finance_and_business food_and_dining games health history_and_geography home_and_hobbies industrial "
    "literature politics religion science_math_and_technology social_life software software_development "
    "sports_and_fitness transportation travel_and_tourism"
)
LANGUAGES = "C CSharp Cpp Go Java JavaScript Markdown PHP Python Ruby Rust Shell SQL Swift TypeScript"
#: Topics of PDFs, as their own classifier calls them.
PDF_TOPICS = (
    "adult art_design crime_law education_jobs entertainment fashion_beauty finance_business food_dining games health "
    "home_hobbies industrial literature politics religion science_tech software_dev software sports_fitness "
    "transportation travel"
)

#: Sources without topics.
_PLAIN = {
    "algebraicstack": f"{ROOT}/proof-pile-2/v0_decontaminated/algebraic-stack/train/allenai/dolma2-tokenizer/**/*.npy",
    "arxiv": f"{ROOT}/proof-pile-2/v0_decontaminated/arxiv/train/allenai/dolma2-tokenizer/*.npy",
    "finemath-3plus": f"{ROOT}/finemath/finemath-3plus/allenai/dolma2-tokenizer/*.npy",
    "pes2o": f"{ROOT}/pes2o/allenai/dolma2-tokenizer/*.npy",
    "wikipedia": f"{ROOT}/structured-wikipedia/concat_with_links/allenai/dolma2-tokenizer/*.npy",
    "s2pdfv1": f"{PDFS}/**/*.npy",
    "s2pdfv2": f"{PDFS}_norefs_mdtables_v2/**/*.npy",
}
#: Sources with topics: (topics, the path of one).
_TOPICS = {
    "dclm": (WEB, f"{ROOT}/dclm/baseline_topic_classified_sample/{{}}/dolma2-tokenizer/*.npy"),
    "stack-edu": (LANGUAGES, f"{ROOT}/stack-edu/allenai/dolma2-tokenizer/{{}}/**/*.npy"),
    "s2pdfv1": (PDF_TOPICS, f"{PDFS}/{{}}/*.npy"),
}


def web() -> fdl.Config[Tree]:
    """An earlier sample of the web's topics, each a source of its own."""
    path = f"{ROOT}/dclm/regmixer/v0-sample/allenai/dolma2-tokenizer/{{}}/**/*.npy"
    return fdl.Config(Tree, sources=[Source(name=topic, paths=(path.format(topic),)) for topic in WEB.split()])


def tree(*names: str, divided: tuple[str, ...] = ("dclm", "stack-edu")) -> fdl.Config[Tree]:
    """A tree of these sources; those in `divided` by topic."""
    sources = []
    for name in names:
        if name in divided:
            topics, path = _TOPICS[name]
            held = tuple(Topic(name=topic, paths=(path.format(topic),)) for topic in topics.split())
            sources.append(Source(name=name, topics=held))
        else:
            sources.append(Source(name=name, paths=(_PLAIN[name],)))
    return fdl.Config(Tree, sources=sources)
