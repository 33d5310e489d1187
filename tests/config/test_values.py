from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import fiddle as fdl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.config import canonical, paths, values
from olmix.config.tags import Schedule
from olmix.errors import UserError
from olmix.fit import Law, LogLinear
from olmix.graph import FanOut, Step
from olmix.train.steps import Swarm
from tests.config import build, targets


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("3", int, 3),
        ("10_000", int, 10_000),
        ("3", float, 3.0),
        ("1e-3", float, 1e-3),
        ("inf", float, float("inf")),
        ("3", str, "3"),
        ("a b", str, "a b"),
        ("'a b'", str, "a b"),
        ("None", str, "None"),
        ("None", str | None, None),
        ("none", float | None, None),
        ("x=y", str, "x=y"),
        ("it's", str, "it's"),
        ("true", bool, True),
        ("False", bool, False),
        ("[1,2]", tuple[int, ...], (1, 2)),
        ("1,2", tuple[int, ...], (1, 2)),
        ("(1, 2,)", list[int], [1, 2]),
        ("[]", tuple[int, ...], ()),
        ("[web, 'a, b']", tuple[str, ...], ("web", "a, b")),
        ("[[1,2],[3]]", tuple[tuple[int, ...], ...], ((1, 2), (3,))),
        ("(a, 1)", tuple[str, int], ("a", 1)),
        ("{a, b}", frozenset[str], frozenset({"a", "b"})),
        ("{web: 1, 'web:code': 0.5}", dict[str, float], {"web": 1.0, "web:code": 0.5}),
        ("{web:code: 0.5}", dict[str, float], {"web:code": 0.5}),
        ("LINEAR", targets.Kind, targets.Kind.LINEAR),
        ("linear", targets.Kind, targets.Kind.LINEAR),
        ("fp16", Literal["fp16", "bf16"], "fp16"),
        ("5", Annotated[int | None, Schedule], 5),
        ("5", int | str, 5),
        ("5x", int | str, "5x"),
        ("1e-3", Any, 1e-3),
        ("true", Any, True),
        ("[a, 1, 2.0, {k: v}]", Any, ("a", 1, 2.0, {"k": "v"})),
    ],
)
def test_texts_are_read_as_the_declared_type(text: str, hint: Any, expected: object) -> None:
    value = values.parse(text, hint, "x")
    assert value == expected
    assert canonical.value_text(value) == canonical.value_text(expected)
    assert values.fits(value, hint)


@pytest.mark.parametrize(
    ("text", "hint", "words"),
    [
        ("1.5", int, "an int: '1.5' is not a whole number"),
        ("nan", float, "a float: 'nan' is not a number"),
        ("1e3", int, "write 1000"),
        ("abc", float, "a float: 'abc' is not a number"),
        ("1", bool, "neither true nor false"),
        ("[1, b]", tuple[int, ...], "'b' is not a whole number"),
        ("[1, 2", tuple[int, ...], "no closing bracket"),
        ("(a,)", tuple[str, int], "has 1 items, not 2"),
        ("linaer", targets.Kind, "nearest: linear"),
        ("fp61", Literal["fp16", "bf16"], "nearest: fp16"),
        ("abc", int | None, "an int or None"),
        ("x", targets.Needs, "set its fields one by one"),
        ("web=1", dict[str, float], "{key: value}"),
    ],
)
def test_wrong_texts_say_what_would_be_right(text: str, hint: Any, words: str) -> None:
    with pytest.raises(UserError, match=r"^here is") as caught:
        values.parse(text, hint, "here")
    assert words in str(caught.value)


def test_another_kind_of_a_node_is_set_by_its_name() -> None:
    class Mine(LogLinear):
        """A user's own law, which leaves the one that it is derived from a choice."""

    found = values.parse("LogLinear", Law, "laws.law")
    assert isinstance(found, fdl.Config)
    assert fdl.build(found) == LogLinear()
    with pytest.raises(
        UserError, match=r"laws.law is a Law.*\(nearest: .*LogLinear.*\): .*EffectiveData, GaussianProcess"
    ):
        values.parse("LogLiner", Law, "laws.law")
    with pytest.raises(UserError, match="or replace it in an overlay"):
        values.parse("FanOut", Step, "scan")
    assert issubclass(Swarm, FanOut)  # Others build upon it, so it is no choice.


@given(st.recursive(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none(), st.lists))
def test_what_is_printed_can_be_typed(value: Any) -> None:
    spelled = canonical.value_text(value)
    assert canonical.value_text(values.parse(spelled, Any, "x")) == spelled


@pytest.mark.parametrize(
    ("value", "hint", "good"),
    [
        (1, float, True),
        (True, int, False),
        (1.0, int, False),
        ("a", str | None, True),
        ([1], tuple[int, ...], True),
        ((1, "a"), tuple[int, str], True),
        ((1, "a"), tuple[int, ...], False),
        ({"a": 1}, dict[str, float], True),
        ({"a": "b"}, dict[str, float], False),
        (frozenset({1}), frozenset[str], False),
        (build.box(1), targets.Box, True),
        (targets.Needs(), targets.Box | None, False),
        (targets.Kind.LINEAR, targets.Kind, True),
        ("linear", targets.Kind, False),
        ("bf16", Literal["bf16"], True),
        (object(), Any, True),
    ],
)
def test_fits(value: object, hint: Any, good: bool) -> None:
    assert values.fits(value, hint) is good


@pytest.mark.parametrize("key", ["web", "web:code", "it's", 'a "b"', "a\\", "[x]", "ü\n", "3", "a]b", " x "])
def test_a_path_that_is_printed_can_be_parsed(key: str) -> None:
    text = f"swarm.limits{canonical.key_element(key)}[3].x"
    elements = paths.parse(text)
    assert elements == (("field", "swarm"), ("field", "limits"), ("item", key), ("item", 3), ("field", "x"))
    assert paths.show(elements) == text


def test_keys_need_no_quotes() -> None:
    assert paths.parse("limits[web:code]") == (("field", "limits"), ("item", "web:code"))


@pytest.mark.parametrize("text", ["", ".", "a..b", "a[", "a[]", "a b", "a.[0]", "1a", "a.b.", "a]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not a path"):
        paths.parse(text)


def test_a_hint_says_what_may_lie_below() -> None:
    assert values.below(dict[str, float] | None, {"a": 1}) is float
    assert values.below(tuple[str, ...] | None, ("a",)) is str
    assert values.node_type(targets.Needs | None) is targets.Needs
    assert values.node_type(targets.Needs | targets.Box) is None
    assert dataclasses.is_dataclass(values.node_type(targets.EMA))
