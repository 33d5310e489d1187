import pytest

from olmix.data import QualityBucket, Source, Topic, Tree, percentiles
from olmix.errors import UserError


def bucket(name, weight=None, **more):
    return QualityBucket(name=name, paths=(f"/{name}/*.npy",), weight=weight, **more)


def source(name, weight=None, **more):
    return Source(name=name, paths=(f"/{name}/*.npy",), weight=weight, **more)


def test_leaf_names_join_the_levels_with_colons():
    tree = Tree(
        sources=(
            Source(
                name="web",
                topics=(
                    Topic(name="code", quality=(bucket("high"), bucket("low"))),
                    Topic(name="art", paths=("/art",)),
                ),
            ),
            Source(name="books", quality=(bucket("good"),)),
            source("wiki"),
        )
    )
    assert [leaf.name for leaf in tree.leaves()] == ["web:code:high", "web:code:low", "web:art", "books:good", "wiki"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Source(name="a"), "none of them"),
        (lambda: Source(name="a", paths=("x",), quality=(bucket("b"),)), "it has paths and quality"),
        (lambda: Topic(name="a", paths=("x",), quality=(bucket("b"),)), "Topic 'a' must have exactly one of paths, quality"),
        (lambda: Source(name="a", paths="x"), r"write \['x'\]"),
        (lambda: QualityBucket(name="a"), "exactly one of paths; it has none"),
        (lambda: source("a", weight=-1), "0 or more"),
        (lambda: source("a", weight=float("nan")), "0 or more"),
        (lambda: source("a", repetition_limit=0), "more than 0"),
        (lambda: source(" a"), "without spaces"),
        (lambda: Tree(sources=()), "no sources"),
        (lambda: Tree(sources=(source("a"), source("a"))), "one name"),
        (lambda: Tree(sources=(source("a", 1), source("b"))), r"some have not \(b\)"),
        (lambda: Tree(sources=(source("a", 0), source("b", 0))), "weight 0"),
        (
            lambda: Tree(sources=(Source(name="a", topics=(Topic(name="b:c", paths=("x",)),)),
                                  Source(name="a:b", topics=(Topic(name="c", paths=("x",)),)))),
            "same name: a:b:c",
        ),
    ],
)  # fmt: skip
def test_a_malformed_tree_is_an_error_that_names_the_node(make, says):
    with pytest.raises(UserError, match=says):
        make()


def test_weights_are_relative_among_siblings():
    tree = Tree(sources=(source("a", 70), source("b", 30)))
    assert tree.mixture({"a": 1, "b": 1}) == pytest.approx({"a": 0.7, "b": 0.3})


def test_siblings_without_weights_share_by_tokens():
    tree = Tree(
        sources=(
            Source(name="web", weight=0.5, quality=(bucket("high"), bucket("low"))),
            Source(name="code", weight=0.5, quality=(bucket("high", 3), bucket("low", 1))),
        )
    )
    tokens = {"web:high": 10, "web:low": 30, "code:high": 1, "code:low": 99}
    assert tree.mixture(tokens) == pytest.approx(
        {"web:high": 0.125, "web:low": 0.375, "code:high": 0.375, "code:low": 0.125}
    )


def test_weight_zero_keeps_a_leaf_in_the_config_and_out_of_the_run():
    tree = Tree(sources=(source("a", 1), source("b", 0)))
    assert [leaf.name for leaf in tree.leaves()] == ["a"]
    assert [leaf.name for leaf in tree.leaves(with_zero=True)] == ["a", "b"]
    assert tree.mixture({"a": 5}) == {"a": 1.0}


def test_repetition_limits_are_inherited_downwards():
    tree = Tree(
        sources=(
            Source(
                name="web",
                repetition_limit=2,
                topics=(
                    Topic(name="a", quality=(bucket("x"), bucket("y", repetition_limit=4))),
                    Topic(name="b", paths=("/b",), repetition_limit=3),
                ),
            ),
            source("wiki"),
        )
    )
    assert tree.repetition_limits() == {"web:a:x": 2, "web:a:y": 4, "web:b": 3, "wiki": 1}


def test_two_spellings_of_one_mixture_mean_the_same():
    left = Tree(sources=(source("a", 70), source("b", 30), source("c", 0)))
    right = Tree(sources=(source("b", 0.3, repetition_limit=1.0), source("a", 0.7)))
    assert left.canonical_meaning() == right.canonical_meaning()


def test_a_silent_shift_is_another_meaning():
    left = Tree(sources=(source("a", 70), source("b", 30)))
    right = Tree(sources=(source("a", 70), source("b", 31)))
    assert left.canonical_meaning() != right.canonical_meaning()


def test_meaning_knows_where_tokens_decide():
    nested = Tree(sources=(Source(name="s", quality=(bucket("x"), bucket("y"))), source("z")))
    assert {leaf: part["by_tokens_within"] for leaf, part in nested.canonical_meaning().items()} == {
        "s:x": ("",),
        "s:y": ("",),
        "z": ("",),
    }
    weighted = Tree(sources=(Source(name="s", weight=1, quality=(bucket("x"), bucket("y"))), source("z", 1)))
    meaning = weighted.canonical_meaning()
    assert meaning["s:x"]["by_tokens_within"] == ("s",)
    assert meaning["s:x"]["share"] == 0.5
    assert meaning["z"]["by_tokens_within"] == ()


def test_percentile_groups_of_the_reference_data():
    assert percentiles.groups() == {
        "top10pct": (18, 20),
        "top10to30pct": (15, 16, 17),
        "top30to50pct": (11, 12, 13, 14),
        "top50to70pct": (7, 8, 9, 10),
    }
    assert percentiles.top(30) == (15, 16, 17, 18, 20)
    assert percentiles.vigintile_name(20) == "vigintile_0020"


def test_percentile_groups_of_all_twenty():
    assert percentiles.top(10, range(1, 21)) == (19, 20)
    assert percentiles.between(10, 30, range(1, 21)) == (15, 16, 17, 18)
    assert percentiles.top(100, range(1, 21)) == tuple(range(1, 21))


def test_percentile_group_without_a_bucket():
    with pytest.raises(UserError, match="No vigintile"):
        percentiles.between(10, 15, (20, 18, 10))
    with pytest.raises(UserError, match="numbered from 1 to 20"):
        percentiles.top(10, (0, 21))
