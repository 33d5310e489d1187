"""A proposal as text: a table for people, JSON for programs, and a Python overlay to commit."""

from __future__ import annotations

import json

import msgspec

from olmix.fit.propose_result import ProposalResult


def to_json(result: ProposalResult) -> str:
    """The whole result, with the mixtures as leaf -> weight first."""
    plain = msgspec.to_builtins(result)
    return json.dumps(
        {"mixture": result.mixture(), "prior": result.prior_mixture(), **plain}, indent=1, allow_nan=False
    )


def to_table(result: ProposalResult) -> str:
    """The verdict, the mixture against the prior, and the metrics."""
    wide = max([len(row.leaf) for row in result.leaves] + [len(row.metric) for row in result.metrics] + [6])
    lines = [result.verdict, ""]
    lines.append(f"{'leaf':<{wide}}   prior  proposal  90 % interval       cap  repetitions")
    for leaf in sorted(result.leaves, key=lambda row: -row.weight):
        repeats = "" if leaf.repetitions is None else f"{leaf.repetitions:12.2f}"
        interval = f"{leaf.low:.4f} to {leaf.high:.4f}"
        lines.append(
            f"{leaf.leaf:<{wide}}  {leaf.prior:.4f}    {leaf.weight:.4f}  {interval}  {leaf.cap:8.4f} {repeats}"
        )
    best = f"  {result.best_run} (observed)" if result.best_run else ""
    lines += ["", f"{'metric':<{wide}}  prior              proposal         {best}"]
    for row in result.metrics:
        seen = "" if row.observed is None else f"  {row.observed:.4f}"
        lines.append(
            f"{row.metric:<{wide}}  {row.prior[0]:.4f} ± {row.prior[1]:.4f}  {row.proposal[0]:.4f} ± {row.proposal[1]:.4f}{seen}"
        )
    certificate = "" if result.gap is None else f", duality gap {result.gap:.1e}"
    lines += ["", f"Found by: {result.method}{certificate}; {result.refits} bootstrap refits; kl = {result.kl:g}."]
    lines += [f"Warning: {warning}" for warning in result.warnings]
    names = [row.leaf for row in result.leaves]
    if result.path:
        lines += ["", "strength of KL  objective  KL to the prior"]
        lines += [f"{point.kl:14.4g}  {point.objective:9.4f}  {point.divergence:15.4f}" for point in result.path]
    if result.front:
        lines += ["", "front: first  second"]
        lines += [f"{point.first:12.4f}  {point.second:6.4f}" for point in result.front]
    for number, run in enumerate(result.next_runs, 1):
        most = sorted(zip(run.weights, names, strict=True), reverse=True)[:5]
        mixture = ", ".join(f"{name} {weight:.3f}" for weight, name in most)
        lines.append(f"Next run {number}: leaves {run.remaining:.0%} of the doubt about the proposal; {mixture}, ...")
    return "\n".join(lines) + "\n"


def to_overlay(result: ProposalResult, *, experiment: str, field: str = "plan.mixture") -> str:
    """A Python module with an overlay that sets `field` (a dotted path) of a config to the proposed mixture.

    Weights are written with all digits, so that the module reproduces the mixture exactly; it is formatted as the rest of the
    code is, to be committed as it stands.
    """
    gain = result.over_prior
    known = {row.leaf: f"prior {row.prior:.4f}, 90 % interval {row.low:.4f} to {row.high:.4f}" for row in result.leaves}
    rows = []
    for leaf, weight in result.mixture().items():
        row, remark = f"    {_quoted(leaf)}: {weight!r},", known.get(leaf, "")
        fits = len(row) + len(remark) + 4 <= _WIDTH
        rows.append((f"{row}  # {remark}" if remark else row) if fits else f"    # {remark}\n{row}")
    kind = "worst mixture (a counterfactual)" if result.worst else "proposed mixture"
    return (
        f'"""The {kind} of a search.\n\n'
        f"Search: {_plain(experiment)}.\n"
        f"Gain over the prior: {gain.expected:.4g} (90 % interval {gain.low:.4g} to {gain.high:.4g}).\n"
        f'"""\n\n'
        "from __future__ import annotations\n\n"
        "from typing import Any\n\n"
        "import fiddle as fdl\n\n"
        "MIXTURE = {\n" + "\n".join(rows) + "\n}\n\n\n"
        "def proposed_mixture(cfg: fdl.Config[Any]) -> None:\n"
        f'    """Trains on the {kind}."""\n'
        f"    cfg.{field} = dict(MIXTURE)\n"
    )


#: Columns of the code that is written here.
_WIDTH = 120


def _quoted(text: str) -> str:
    """A string literal in the quotes that the formatter would choose."""
    return json.dumps(text) if '"' not in text else repr(text)


def _plain(text: str) -> str:
    """Text that cannot end a docstring."""
    return text.replace("\\", "/").replace('"', "'")
