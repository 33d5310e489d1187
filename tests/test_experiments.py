"""The repository's own experiments are what their goldens say (their layers are reviewed by `make check`)."""

import pathlib

from olmix.config import goldens

GOLDENS = pathlib.Path(__file__).parent / "goldens"


def test_every_experiment_is_as_its_golden_says() -> None:
    problems = goldens.check(GOLDENS)
    assert not problems, "\n".join(problems)
