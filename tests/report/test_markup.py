import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.report.markup import Markup, embedded_json, join, tag


def test_text_and_attributes_are_escaped_and_markup_is_not():
    assert tag("p", "a < b & c", title='"x"') == '<p title="&quot;x&quot;">a &lt; b &amp; c</p>'
    assert tag("p", tag("b", "x"), 3, None, ["y", ["z"]]) == "<p><b>x</b>3yz</p>"
    assert tag("br") == "<br>"
    assert (
        tag("input", disabled=True, hidden=False, data_key=1, class_="a") == '<input disabled data-key="1" class="a">'
    )


@given(st.text())
def test_no_text_can_open_a_tag_or_leave_an_attribute(text):
    assert "<" not in join(text)
    assert tag("a", href=text).count('"') == 2
    assert "<" not in tag("a", href=text)[1:].removesuffix("</a>")


@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_embedded_json_means_the_same_and_cannot_end_its_element(value):
    written = embedded_json(value)
    assert "<" not in written
    assert json.loads(written) == value


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="Out of range"):
        embedded_json(float("nan"))


def test_adding_a_string_to_markup_makes_text_of_it_again():
    assert join("a" + Markup("<b>")) == "a&lt;b&gt;"
