import numpy as np
import pytest

from olmix.data import quality
from olmix.errors import UserError

PROSE = (
    "The committee has considered the proposal and is of the opinion that it should be accepted. There are three "
    "reasons for this, of which the first is by far the most important: it would save all of us a great deal of time.\n"
)


def test_the_scorer_prefers_running_text():
    junk = ["click here\n" * 40, "0x3f 17 22 98 == ++ 7 [] {}\n", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " * 20]
    assert all(quality.prose(text) < quality.prose(PROSE) - 0.1 for text in junk)
    assert all(0 <= quality.prose(text) <= 1 for text in (*junk, PROSE))


def test_the_scorer_prefers_code_that_explains_itself():
    bare = "\n".join(f"x{i}=f{i}(a{i},b{i})[{i}]" for i in range(40))
    comment = "# The offset of the part number {} in the file, if it is known."
    explained = "\n".join(f"{comment.format(i)}\noffset{i} = find(part{i})" for i in range(20))
    assert quality.prose(explained) > quality.prose(bare)


def test_names():
    assert quality.bucket_names(20)[-1] == "vigintile_0020"
    assert quality.bucket_names(2) == ("low", "high")
    assert len(quality.bucket_names(10)) == 10
    with pytest.raises(UserError, match="2, 3, 4, 5, 10, 20 buckets; got 7"):
        quality.bucket_names(7)
    with pytest.raises(UserError, match=r"no quality scorer 'pros'.*prose"):
        quality.scorer("pros")


def test_buckets_hold_equal_parts_of_the_text():
    rng = np.random.default_rng(0)
    scores, sizes = rng.normal(size=5000), rng.integers(1, 100, size=5000)
    buckets = quality.percentile_buckets(scores, sizes, 20)
    held = np.bincount(buckets, weights=sizes, minlength=20) / sizes.sum()
    assert np.abs(held - 0.05).max() < 0.002
    for lower, upper in zip(range(19), range(1, 20), strict=True):
        assert scores[buckets == lower].max() <= scores[buckets == upper].min()


def test_equal_scores_stay_together():
    assert set(quality.percentile_buckets([1.0] * 10, [1] * 10, 5).tolist()) == {2}
    assert quality.percentile_buckets([0, 0, 0, 1], [1, 1, 1, 1], 2).tolist() == [0, 0, 0, 1]
    assert quality.percentile_buckets([3.0], [5], 4).tolist() == [2]
