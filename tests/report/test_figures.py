"""The figures as files: those that there is something for, readable and of a sane size."""

from __future__ import annotations

import dataclasses
import struct

import pytest

from olmix.report import figures
from tests.report.samples import sample


def size(file) -> tuple[int, int]:
    """Width and height of a PNG."""
    data = file.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_all_figures_of_a_whole_search(tmp_path) -> None:
    names = figures.write(sample(), tmp_path)
    assert names == ("mixture.png", "predictions.png", "sensitivity.png", "learning.png")
    for name in names:
        width, height = size(tmp_path / name)
        assert 400 < width < 4000
        assert 200 < height < 4000


def test_what_is_not_there_is_not_drawn(tmp_path) -> None:
    little = dataclasses.replace(sample(), scatters=(), sensitivity=None, learning=())
    assert figures.write(little, tmp_path) == ("mixture.png",)


@pytest.mark.parametrize("copies", [1, 12])
def test_one_metric_and_many(copies) -> None:
    findings = sample(copies=copies)
    one = dataclasses.replace(findings, scatters=findings.scatters[:1])
    for shown in (findings, one):
        drawn = figures.predictions(shown)
        assert len([axes for axes in drawn.axes if axes.get_visible()]) == min(len(shown.scatters), 16)
        assert max(drawn.get_size_inches()) < 15


def test_bars_and_intervals_are_the_numbers_of_the_proposal() -> None:
    findings = sample()
    (axes,) = figures.mixture(findings).axes
    leaves = sorted(findings.leaves, key=lambda leaf: leaf.proposed)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([100 * leaf.proposed for leaf in leaves])
    ends = axes.containers[1].lines[2][0].get_segments()
    assert [tuple(segment[:, 0]) for segment in ends] == [
        pytest.approx(tuple(100 * end for end in leaf.interval)) for leaf in leaves
    ]
    assert "reference ?" in [label.get_text() for label in axes.get_yticklabels()]
