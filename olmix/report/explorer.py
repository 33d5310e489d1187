"""The explorer: sliders for the weights, and the fitted laws evaluated in the browser.

The laws are JSON, so the page can evaluate them itself (`laws.js`); before it shows anything it recomputes predictions
that Python made, and where one differs the explorer says so instead of showing numbers of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmix.report.findings import Findings
from olmix.report.labels import breakable
from olmix.report.markup import Markup, tag
from olmix.report.tables import section

#: What `laws.js` needs of every law that it can evaluate.
PORTABLE: dict[str, tuple[str, ...]] = {
    "Linear": ("coefficients_", "centre_", "intercept_"),
    "Quadratic": ("coefficients_", "centre_", "intercept_"),
    "LogLinear": ("shift_", "log_floor_", "slopes_"),
    "EffectiveData": ("share_", "exponent_", "floor_", "base_", "utility_", "power_", "scale_", "shift_", "sign_"),
    "GaussianProcess": ("theta_", "dual_", "inputs_", "shift_", "mean_", "deviation_"),
}


def portable(law: Mapping[str, Any]) -> dict[str, Any] | None:
    """A law's JSON cut down to what the page needs, without covariances; None if the page cannot evaluate it."""
    name = law["law"]
    if name not in PORTABLE:
        return None
    return {
        "law": name,
        "settings": law["settings"],
        "learned": {field: law["learned"][field] for field in PORTABLE[name]},
    }


def explorer_section(findings: Findings) -> Markup | None:
    """The empty stage that the script fills; without a script it says what is missing."""
    if findings.explorer is None:
        return None
    return section(
        "explorer",
        "Try a mixture",
        tag("noscript", tag("p", "This part needs JavaScript; everything else on the page does not.")),
        tag("div", id="stage", class_="stage"),
        lead="Move a leaf: the others give way in proportion, within their caps, and the fitted laws say what to expect. "
        "What they say of the proposal itself is a little too good, because it was chosen by them: the expected gain above "
        "is corrected for that.",
    )


def explorer_data(findings: Findings) -> dict[str, Any] | None:
    """What the script needs: leaves with their limits, the objective, the laws, and predictions to check itself by."""
    if findings.explorer is None:
        return None
    return {
        "leaves": [
            {
                "name": leaf.name,
                "label": breakable(leaf.shown),
                "prior": leaf.prior,
                "proposed": leaf.proposed,
                "low": leaf.minimum,
                "high": 1.0 if leaf.cap is None else leaf.cap,
            }
            for leaf in findings.leaves
        ],
        "metrics": [{"name": m.shown, "weight": m.coefficient, "maximise": m.maximise} for m in findings.metrics],
        "limits": [
            {
                "name": limit.name,
                "leaves": limit.leaves,
                "coefficients": limit.coefficients,
                "low": limit.low,
                "high": limit.high,
            }
            for limit in findings.explorer.limits
        ],
        "law": findings.explorer.law,
        "checks": findings.explorer.checks,
    }
