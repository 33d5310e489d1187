import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.data import globs
from olmix.errors import UserError


def test_braces():
    assert globs.expand_braces("a/{x,y}/{01..03}") == ["a/x/01", "a/x/02", "a/x/03", "a/y/01", "a/y/02", "a/y/03"]
    assert globs.expand_braces("v_{0009..0011}") == ["v_0009", "v_0010", "v_0011"]
    assert globs.expand_braces("v_{9..11}") == ["v_9", "v_10", "v_11"]
    assert globs.expand_braces("a{,b}") == ["a", "ab"]
    assert sorted(globs.expand_braces("{a,{b,c}}")) == ["a", "b", "c"]


@pytest.mark.parametrize("pattern", ["a/{x", "a/x}", "a/{x}", "a/{1..b}"])
def test_bad_braces(pattern):
    with pytest.raises(UserError, match="pattern"):
        globs.expand_braces(pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/d/*.npy", "/d/a.npy", True),
        ("/d/*.npy", "/d/e/a.npy", False),
        ("/d/**/*.npy", "/d/a.npy", True),
        ("/d/**/*.npy", "/d/e/f/a.npy", True),
        ("/d/**", "/d/e/f/a.npy", True),
        ("/d/a?.npy", "/d/ab.npy", True),
        ("/d/a?.npy", "/d/a/.npy", False),
        ("/d/[!a]*.npy", "/d/ab.npy", False),
        ("/d/[ab]*.npy", "/d/bb.npy", True),
        ("/d/a.npy", "/d/axnpy", False),
    ],
)
def test_matching(pattern, path, matches):
    assert bool(globs.matcher(pattern).fullmatch(path)) is matches


@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", max_size=8))
def test_without_folders_it_is_fnmatch(pattern, name):
    pattern = pattern.replace("**", "*")
    assert bool(globs.matcher(pattern).fullmatch(name)) == fnmatch.fnmatchcase(name, pattern)


def test_narrowest_folder_and_depth():
    assert globs.literal_folder("/d/e/f_*/x/*.npy") == "/d/e"
    assert globs.depth_below("/d/e/f_*/x/*.npy") == 3
    assert globs.depth_below("/d/e/*.npy") == 1
    assert globs.depth_below("/d/**/*.npy") is None
    assert globs.literal_folder("/*.npy") == "/"
