import random

import numpy as np

from olmix.data.dedup import duplicates, signature

WORDS = [f"word{number}" for number in range(2000)]


def text(seed, length=400):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def changed(original, share, seed=0):
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) if rng.random() < share else word for word in original.split())


def jaccard(one, other):
    sets = [{tuple(t.split()[i : i + 5]) for i in range(len(t.split()) - 4)} for t in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_exact_duplicates_ignore_case_and_punctuation():
    texts = ["One, two; three.", "other", "one two   THREE", "Other!", "one two four"]
    exact, near = duplicates([signature(text) for text in texts])
    assert (exact, near) == ([2, 3], [])


def test_near_duplicates_go_and_the_first_stays():
    original = text(1)
    texts = [text(2), original, changed(original, 0.01), text(3), changed(original, 0.01, seed=5)]
    assert jaccard(original, texts[2]) > 0.85
    assert duplicates([signature(text) for text in texts], 0.8) == ([], [2, 4])


def test_different_texts_and_short_ones_stay():
    texts = [text(seed) for seed in range(50)] + ["a b", "a c", "", "x"]
    assert duplicates([signature(text) for text in texts]) == ([], [])


def test_similar_but_not_enough_stays():
    original = text(1)
    other = changed(original, 0.15)
    assert jaccard(original, other) < 0.5
    assert duplicates([signature(original), signature(other)], 0.8) == ([], [])


def test_the_estimate_is_the_jaccard_similarity():
    errors = []
    for seed in range(60):
        original = text(seed, 300)
        other = changed(original, seed / 600, seed)
        estimate = (signature(original).near == signature(other).near).mean()
        errors.append(estimate - jaccard(original, other))
    # The standard error of 128 bins is below 0.045.
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.06


def test_without_near_duplicates():
    original = text(1)
    signatures = [signature(one, near=False) for one in (original, changed(original, 0.01), original)]
    assert duplicates(signatures) == ([2], [])


def test_many_copies_of_one_text_cost_no_squares():
    base = text(7)
    signatures = [signature(changed(base, 0.003, seed)) for seed in range(300)]
    exact, near = duplicates(signatures, 0.8)
    assert len(exact) + len(near) >= 298
