import fiddle as fdl
import pytest

from olmix.data import QualityBucket, Source, Topic, Tree, tree_edits
from olmix.errors import UserError


@pytest.fixture
def tree():
    def buckets():
        return [fdl.Config(QualityBucket, name=name, paths=[f"/{name}"]) for name in ("high", "low")]

    return fdl.Config(
        Tree,
        sources=[
            fdl.Config(
                Source,
                name="web",
                topics=[fdl.Config(Topic, name=name, quality=buckets()) for name in ("software", "dclm:politics")],
            ),
            fdl.Config(Source, name="wiki", paths=["/wiki"]),
        ],
    )


def test_weights_by_name(tree):
    tree_edits.set_weights(tree, {"software": 3, "dclm:politics": 1}, under="web")
    tree_edits.set_weights(tree, {"high": 1}, under="web:dclm:politics", others=0)
    tree_edits.set_repetition_limit(tree, "wiki", 2.0)
    built = fdl.build(tree)
    assert built.mixture(
        {"web:software:high": 1, "web:software:low": 1, "web:dclm:politics:high": 2, "wiki": 4}
    ) == pytest.approx(
        {"web:software:high": 0.1875, "web:software:low": 0.1875, "web:dclm:politics:high": 0.125, "wiki": 0.5}
    )
    assert built.repetition_limits()["wiki"] == 2.0


def test_leaves_and_nodes(tree):
    assert [name for name, _ in tree_edits.leaves(tree)] == [leaf.name for leaf in fdl.build(tree).leaves()]
    for name, leaf in tree_edits.leaves(tree):
        assert tree_edits.find(tree, name) is leaf
    assert tree_edits.find(tree, "") is tree


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            lambda tree: tree_edits.find(tree, "web:sofware:high"),
            r"no 'sofware' under web \(nearest: software\); it has software",
        ),
        (lambda tree: tree_edits.find(tree, "wiki:en"), "no 'en' under wiki; it has no nodes below"),
        (
            lambda tree: tree_edits.set_weights(tree, {"wki": 1, "web": 1}),
            r"no 'wki' under the data tree \(nearest: wiki\)",
        ),
        (lambda tree: tree_edits.set_weights(tree, {"wiki": 1}), "No weight is given for web under the data tree"),
    ],
)
def test_a_misspelt_name_gets_the_nearest(tree, edit, says):
    with pytest.raises(UserError, match=says):
        edit(tree)
