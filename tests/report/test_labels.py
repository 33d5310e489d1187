import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.report.labels import breakable, labels, left_out, shared


@pytest.mark.parametrize(
    ("names", "expected", "words"),
    [
        (["train_the_pile_arxiv", "train_the_pile_github"], ["arxiv", "github"], "“train_the_pile_”"),
        (["metric/the_a_val_loss", "metric/the_b_c_val_loss"], ["a", "b_c"], "“metric/the_”, “_val_loss”"),
        (["bpb/web:news", "bpb/web:blogs", "bpb/code"], ["web:news", "web:blogs", "code"], "“bpb/”"),
        (["web:news", "web:blogs"], ["web:news", "web:blogs"], ""),
        (["web:news", "web:news_old"], ["web:news", "web:news_old"], ""),
        (["a_x", "a_x_b"], ["x", "x_b"], "“a_”"),
        (["only_one"], ["only_one"], ""),
        ([], [], ""),
    ],
)
def test_what_all_names_share_is_left_out(names, expected, words):
    assert list(labels(names).values()) == expected
    assert left_out(names) == words


@given(st.lists(st.text(alphabet="ab_/:-.", min_size=1, max_size=12), min_size=1, max_size=6, unique=True))
def test_labels_are_never_empty_nor_ambiguous_and_give_the_name_back(names):
    short = labels(names)
    assert all(short.values())
    assert len(set(short.values())) == len(names)
    start, end = shared(names)
    assert [start + short[name] + end for name in names] == names


def test_breaks_are_invisible():
    assert breakable("web:code_old/x").replace("\u200b", "") == "web:code_old/x"
    assert breakable("a:b") == "a:\u200bb"
