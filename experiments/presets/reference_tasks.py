"""The sixty in-loop tasks of the reference experiments, in three families: bits per byte of the right answer."""

from __future__ import annotations

from olmix.train.settings import Tasks

_MINERVA = "algebra counting_and_probability geometry intermediate_algebra number_theory prealgebra precalculus"
_LANGUAGES = "bash c cpp csharp go haskell java javascript matlab php python r ruby rust scala swift typescript"
_MMLU = "stem humanities social_sciences other"
_SKILLS = "arithmetic coding common_knowledge logical_reasoning pattern string_operations"

MATH = ("gsm8k_gold_bpb_5shot", *(f"minerva_math_{name}_gold_bpb_0shot" for name in _MINERVA.split()))
CODE = (
    "codex_humaneval_gold_bpb_3shot",
    "codex_mbpp_gold_bpb_3shot",
    *(f"mt_mbpp_{name}_gold_bpb_3shot" for name in _LANGUAGES.split()),
)
QA = (
    "arc_challenge_test_rc_5shot",
    "arc_easy_test_rc_5shot",
    "hellaswag_rc_5shot",
    "winogrande_val_rc_5shot",
    "csqa_val_rc_5shot",
    "piqa_val_rc_5shot",
    "socialiqa_val_rc_5shot",
    *(f"mmlu_{name}_{split}_rc_5shot" for split in ("val", "test") for name in _MMLU.split()),
    "coqa_bpb_0shot",
    "drop_bpb_5shot",
    "jeopardy_bpb_5shot",
    "lambada_bpb_0shot",
    "naturalqs_bpb_5shot",
    "squad_bpb_5shot",
    *(f"basic_skills_{name}_rc_5shot" for name in _SKILLS.split()),
    "lab_bench_dbqa_rc_3shot",
    "lab_bench_protocolqa_rc_3shot",
    "medmcqa_rc_5shot",
    "medqa_en_rc_5shot",
    "qasper_yesno_rc_5shot",
    "sciriff_yesno_rc_5shot",
)

ALL = Tasks(names=(*MATH, *CODE, *QA), families={"math": MATH, "code": CODE, "qa": QA})
