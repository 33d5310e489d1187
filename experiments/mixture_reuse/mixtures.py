"""The mixtures that the stages of the case study came to, as published: leaf -> share of all tokens.

Each stage keeps the shares within the one before and finds those of what is new, so only the new ones are numbers here.
"""

from __future__ import annotations

from collections.abc import Mapping


def grown(old: Mapping[str, float], new: Mapping[str, float]) -> dict[str, float]:
    """The old mixture beside new leaves: `new` are shares of all tokens, the rest is shared as before."""
    rest = (1.0 - sum(new.values())) / sum(old.values())
    return {**{leaf: rest * share for leaf, share in old.items()}, **new}


def without(old: Mapping[str, float], *leaves: str) -> dict[str, float]:
    """The old mixture after leaves were removed: no new swarm is needed for that."""
    return grown({leaf: share for leaf, share in old.items() if leaf not in leaves}, {})


#: Web text by topic, from the first swarm.
DCLM = {
    "dclm:adult_content": 0.0088960557741385,
    "dclm:art_and_design": 0.01778366638911771,
    "dclm:crime_and_law": 0.012074312486244524,
    "dclm:education_and_jobs": 0.01949076114426667,
    "dclm:electronics_and_hardware": 0.00737968922426157,
    "dclm:entertainment": 0.04746162999879457,
    "dclm:fashion_and_beauty": 0.0016879680985474822,
    "dclm:finance_and_business": 0.02173596467110252,
    "dclm:food_and_dining": 0.008312693806334027,
    "dclm:games": 0.02892978165307494,
    "dclm:health": 0.11072619446075771,
    "dclm:history_and_geography": 0.019755122073850388,
    "dclm:home_and_hobbies": 0.012331045949825693,
    "dclm:industrial": 0.01703444087073943,
    "dclm:literature": 0.05874382835438378,
    "dclm:politics": 0.025593032630799383,
    "dclm:religion": 0.01319134331721247,
    "dclm:science_math_and_technology": 0.19491468388429878,
    "dclm:social_life": 0.02436836267183369,
    "dclm:software": 0.005854489619329392,
    "dclm:software_development": 0.31774061939010495,
    "dclm:sports_and_fitness": 0.014312193909831518,
    "dclm:transportation": 0.007719228898909592,
    "dclm:travel_and_tourism": 0.0039628907166649125,
}

WITH_STACK_EDU = grown(
    DCLM,
    {
        "stack-edu:C": 0.004136368153583349,
        "stack-edu:CSharp": 0.020942646277549125,
        "stack-edu:Cpp": 0.05012178296391405,
        "stack-edu:Go": 0.005594380453454627,
        "stack-edu:Java": 0.034419635873733936,
        "stack-edu:JavaScript": 0.03554788941685927,
        "stack-edu:Markdown": 0.04007529447834431,
        "stack-edu:PHP": 0.01313328116459439,
        "stack-edu:Python": 0.07207133022337672,
        "stack-edu:Ruby": 0.005261941891934087,
        "stack-edu:Rust": 0.0056737885040677605,
        "stack-edu:Shell": 0.010170551477914095,
        "stack-edu:SQL": 0.007560894657071142,
        "stack-edu:Swift": 0.006040076097202023,
        "stack-edu:TypeScript": 0.0016397096981495077,
    },
)

#: The swarm of this stage left nothing to the PDFs as they were then.
WITH_SOURCES = grown(
    WITH_STACK_EDU,
    {
        "algebraicstack": 0.020601879388687547,
        "arxiv": 0.016333752897668686,
        "finemath-3plus": 0.13974017958785154,
        "pes2o": 0.0081512109260546,
        "wikipedia": 0.004557936342070835,
    },
)

WITHOUT_ALGEBRAICSTACK = without(WITH_SOURCES, "algebraicstack")
