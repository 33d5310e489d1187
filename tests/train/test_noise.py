"""Two arms of a few seeds each differ by more than noise no more often than chance is allowed to."""

import numpy as np
import pytest

from olmix.train.noise import needed
from olmix.train.results import Arm, compare, in_words, mean_and_error


def arm(name, values):
    mean, error = mean_and_error(values)
    return Arm(name=name, mixture={}, seeds=tuple(range(len(values))), objectives=tuple(values), mean=mean,
               standard_error=error, metrics={}, failed={})  # fmt: skip


@pytest.mark.parametrize(("seeds", "table"), [(2, 4.303), (3, 2.776), (5, 2.306), (31, 2.000)])
def test_as_in_the_tables_of_students_t(seeds, table):
    assert needed(seeds) == pytest.approx(table, abs=1e-3)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_arms_that_are_alike_are_told_apart_by_chance_only(seeds):
    draws = np.random.default_rng(0).normal(size=(4000, 2, seeds))
    better = [compare(arm("proposal", a), arm("prior", b)).beyond_noise for a, b in draws.tolist()]
    assert np.mean(better) == pytest.approx(0.025, abs=0.01)


def test_the_sentence_says_what_would_have_been_enough():
    found = compare(arm("proposal", [1.0, 1.1, 1.2]), arm("prior", [1.3, 1.4, 1.5]))
    assert found.standard_error == pytest.approx(0.0816, abs=1e-4)
    assert in_words(found).endswith("more than 2.8 standard errors, so better than noise.")
    worse = compare(arm("proposal", [1.3, 1.4, 1.5]), arm("prior", [1.0, 1.1, 1.2]))
    assert in_words(worse).endswith("in the wrong direction: it is worse.")
    two = compare(arm("proposal", [1.05, 1.15]), arm("prior", [1.2, 1.3]))
    assert in_words(two).endswith("within 4.3 standard errors, so no more than noise.")
