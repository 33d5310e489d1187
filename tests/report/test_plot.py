import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from olmix.report import plot

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(FINITE, min_size=1, max_size=20), st.integers(2, 7))
def test_an_axis_shows_every_value_and_at_least_two_round_ticks(values, count):
    spread = max(values) - min(values)
    assume(spread == 0 or spread > 1e-6 * max(map(abs, values)))
    axis = plot.axis(values, count=count)
    assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in values)
    assert 2 <= len(axis.ticks) <= 2 * count + 4
    assert all(axis.low - 1e-9 <= value <= axis.high + 1e-9 * max(abs(axis.high), 1) for value, _ in axis.ticks)
    assert len({words for _, words in axis.ticks}) == len(axis.ticks)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20))
def test_a_log_axis_shows_every_value(values):
    axis = plot.log_axis(values)
    assert all(0 <= axis.at(value) <= 1 for value in values)


@pytest.mark.parametrize(("rough", "nice"), [(0.9, 1), (1.0, 1), (1.1, 2), (2.2, 2.5), (3, 5), (7, 10), (0.03, 0.05)])
def test_nice_steps(rough, nice):
    assert plot.nice_step(rough) == pytest.approx(nice)


def test_a_panel_is_well_formed_and_says_what_it_shows():
    axis = plot.axis([0.0, 1.0])
    marks = [plot.stretched(plot.line([(0, 0), (1, 1)], class_="main"), plot.cloud([(0.5, 0.25)], class_="cloud"))]
    drawn = plot.panel(
        axis, axis, *marks, plot.dot(0.5, 0.25, class_="x", title="<&>"), alt='a "b"', x_label="x", y_label="y"
    )
    root = ET.fromstring(drawn)
    image = root.find(".//svg[@role='img']")
    assert image is not None
    assert image.get("aria-label") == 'a "b"'
    circle = root.find(".//circle")
    assert circle is not None
    assert (circle.get("cx"), circle.get("cy")) == ("50%", "75%")
    assert "M5000 7500h0" in drawn
    assert not re.search(r"nan|inf", drawn)
