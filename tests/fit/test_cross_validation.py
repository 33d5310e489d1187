import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.cross_validation import cross_validate, partition
from olmix.fit.law import Law
from tests.fit.simulated import mixtures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory(Law):
    """Knows the runs it was fitted on by heart and predicts -1 for all others: leaks show at once."""

    learned: ClassVar[tuple[str, ...]] = ("w_", "y_")

    def gradient(self, w):
        return np.zeros((self.metric_count_, self.leaf_count_))

    def _fit(self, w, y, omega):
        self._learn(w_=w, y_=y)

    def _mean(self, w):
        match = (w[:, None] == self.w_[None]).all(axis=2)
        return np.where(match.any(axis=1)[:, None], self.y_[match.argmax(axis=1)], -1.0)

    def _std(self, w):
        return np.ones((len(w), self.metric_count_))


def test_no_run_is_predicted_by_a_law_that_saw_it_or_its_twin():
    w = mixtures(20, 4, seed=0)
    w = np.concatenate([w, w[:9]])
    y = np.random.default_rng(0).uniform(1, 2, (29, 2))
    assert (cross_validate(Memory(), w, y, folds=4, repeats=3).mean == -1).all()


def test_every_run_is_in_exactly_one_part_and_parts_are_even():
    w = mixtures(23, 4, seed=0)
    parts = partition(w, 5, np.random.default_rng(0))
    assert sorted(np.concatenate(parts)) == list(range(23))
    assert {len(part) for part in parts} <= {4, 5}


def test_the_same_seed_gives_the_same_parts_and_repeats_differ():
    w = mixtures(20, 4, seed=0)
    one = [partition(w, 5, np.random.default_rng(7)) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*one, strict=True))
    rng = np.random.default_rng(7)
    assert any(not np.array_equal(a, b) for a, b in zip(partition(w, 5, rng), partition(w, 5, rng), strict=True))


def test_too_few_mixtures_are_refused():
    with pytest.raises(UserError, match="at least 4 distinct"):
        partition(np.repeat(mixtures(3, 2, seed=0), 5, axis=0), 5, np.random.default_rng(0))
