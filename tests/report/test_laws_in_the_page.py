"""The laws in the page are the laws of Python, number for number."""

import json

import numpy as np
import pytest

import olmix.fit
from olmix.report.explorer import PORTABLE, portable
from olmix.report.markup import embedded_json
from olmix.report.page import asset
from tests.fit.simulated import log_linear_truth, mixtures
from tests.report.browser import look, needs_browser


def shipped():
    """Laws of the page that this version of olmix has."""
    return [name for name in PORTABLE if name in olmix.fit.__all__]


@needs_browser
@pytest.mark.parametrize("rising", [False, True], ids=["falling", "rising"])
def test_the_browser_computes_what_python_computes(tmp_path, rising):
    w = mixtures(40, 5, seed=0)
    w[:5] = np.eye(5)  # leaves that are absent, and alone
    y = log_linear_truth(5, 3, seed=1)(w) + np.random.default_rng(2).normal(0, 0.02, (40, 3))
    y = 3 - y if rising else y
    points = np.concatenate([mixtures(20, 5, seed=3), np.eye(5), [[0.2] * 5]])
    laws = {name: getattr(olmix.fit, name)().fit(w, y) for name in shipped()}
    assert laws
    slim = {name: portable(json.loads(law.to_json())) for name, law in laws.items()}
    file = tmp_path / "laws.html"
    told = embedded_json({"laws": slim, "points": points.tolist()})
    file.write_text(f"<script>{asset('laws.js')}\nconst told = {told};</script>")

    async def visit(page):
        ask = (
            "Object.fromEntries(Object.entries(told.laws).map(([n, l]) => [n, told.points.map((w) => predict(l, w))]))"
        )
        return await page.value(ask), page.problems

    found, problems = look(file, visit)
    assert problems == []
    for name, law in laws.items():
        np.testing.assert_allclose(found[name], law.predict(points), rtol=1e-9, err_msg=name)


def test_a_law_without_a_counterpart_is_left_out():
    assert portable({"law": "Horoscope", "settings": {}, "learned": {}}) is None


def test_what_the_page_does_not_need_stays_behind():
    w = mixtures(20, 3, seed=0)
    law = olmix.fit.LogLinear().fit(w, log_linear_truth(3, 2, seed=1)(w))
    slim = portable(json.loads(law.to_json()))
    assert set(slim["learned"]) == {"shift_", "log_floor_", "slopes_"}
