"""The answer: is the proposal better, by how much, and is that more than noise? In two sentences.

What was trained outranks what was predicted. A gain counts as real when it is larger than Student's t says that chance
makes it in one case of twenty (measured: 4.3 standard errors of the difference with two seeds each, 2.8 with three, 2.3 with
five), or when its whole 90 % interval is positive (predicted); otherwise the first thing that the report says is that it is
noise.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from olmix.report.findings import Findings, Gain, Leaf
from olmix.report.words import count, fixed, listing, number, percent, places_for, plural
from olmix.train.noise import needed

Kind = Literal["better", "noise", "worse", "predicted", "predicted noise", "counterfactual", "unknown"]

LABELS: dict[Kind, str] = {
    "better": "Better than the prior, measured",
    "noise": "Within the noise",
    "worse": "Worse than the prior, measured",
    "predicted": "Better by prediction, not yet trained",
    "predicted noise": "Within the noise, by prediction",
    "counterfactual": "A counterfactual: the worst mixture",
    "unknown": "Not enough runs to say",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """`label` names it in a few words, `answer` says what came out and `change` what the proposal changes."""

    kind: Kind
    label: str
    answer: str
    change: str


def verdict(findings: Findings) -> Verdict:
    """The verdict on the proposal against the prior."""
    measured, predicted = findings.gain("prior", True), findings.gain("prior", False)
    kind: Kind
    if findings.worst:
        kind, answer = "counterfactual", _counterfactual(findings, measured or predicted)
    elif measured is not None:
        kind, answer = _measured(findings, measured)
    elif predicted is not None:
        kind, answer = _predicted(findings, predicted)
    else:
        kind, answer = "unknown", "The laws gave no estimate of the gain, so nothing can be said about it."
    return Verdict(kind=kind, label=LABELS[kind], answer=answer, change=change_sentence(findings))


def _counterfactual(findings: Findings, gain: Gain | None) -> str:
    what = findings.objective_words or findings.objective.name
    size = "an unknown amount" if gain is None else f"{number(-gain.value, 3)}{_relative(gain)}"
    how = "measured" if gain is not None and gain.measured else "predicted"
    return (
        "This is the worst mixture that the limits allow, asked for as a counterfactual: "
        f"{how} to be worse than {findings.prior_words} by {size} in {what}."
    )


def _measured(findings: Findings, gain: Gain) -> tuple[Kind, str]:
    what = findings.objective_words or findings.objective.name
    seeds = f"{plural(gain.seeds or 0, 'seed')} each"
    if gain.standard_error is None:
        return "unknown", (
            "Nothing can be said about noise with one seed: trained once, the proposal's gain over "
            f"{findings.prior_words} in {what} is {number(gain.value, 3)}{_relative(gain)}."
        )
    places = places_for(gain.standard_error)
    unit = f" {findings.unit}" if findings.unit else ""
    size = f"{fixed(abs(gain.value), places)} ± {fixed(gain.standard_error, places)}{unit}"
    ratio = abs(gain.value) / gain.standard_error if gain.standard_error else math.inf
    errors = "all seeds agree exactly" if math.isinf(ratio) else f"{ratio:.1f} standard errors"
    better = _direction(findings)
    sign = _sure_sign(gain)
    if sign > 0:
        return "better", (
            f"The proposed mixture {better} {what} by {size}{_relative(gain)} against {findings.prior_words} when both "
            f"are trained anew with {seeds}: {errors}, so more than noise{_against_best(findings)}."
        )
    if sign < 0:
        worse = "lowers" if findings.objective.maximise else "raises"
        return "worse", (
            f"The proposed mixture is worse: trained anew with {seeds} it {worse} {what} by {size}{_relative(gain)} against "
            f"{findings.prior_words}, {errors}{_expected(findings)}."
        )
    shown = "a gain" if gain.value >= 0 else "a loss"
    return "noise", (
        f"The difference is within the noise: trained anew with {seeds}, the proposal shows {shown} of {size} in {what} against "
        f"{findings.prior_words}, {errors} where {needed(gain.seeds or 2):.1f} would tell it from chance{_expected(findings)}."
    )


def _sure_sign(gain: Gain) -> int:
    """1 or -1 for a measured gain or loss that is more than noise, else 0."""
    if gain.standard_error is None or abs(gain.value) <= needed(gain.seeds or 2) * gain.standard_error:
        return 0
    return 1 if gain.value > 0 else -1


def _predicted(findings: Findings, gain: Gain) -> tuple[Kind, str]:
    what = findings.objective_words or findings.objective.name
    if gain.interval is None:
        return "unknown", (
            f"The laws expect the proposal to gain {number(gain.value, 3)}{_relative(gain)} in {what} over "
            f"{findings.prior_words}, and without an interval nobody can say whether that is noise."
        )
    low, high = gain.interval
    places = places_for(max(high - low, 1e-12) / 3)
    unit = f" {findings.unit}" if findings.unit else ""
    relative = f", or {percent(abs(gain.value / gain.reference), 1)}" if gain.reference else ""
    span = f"{fixed(gain.value, places)}{unit}{relative} (90 % interval {fixed(low, places)} to {fixed(high, places)})"
    chance = "" if gain.probability is None else f", with a gain in {percent(gain.probability, 0)} of the refits"
    basis = f"a law fitted on {plural(findings.runs, 'run')}"
    if low > 0:
        return "predicted", (
            f"By {basis}, the proposed mixture {_direction(findings)} {what} by {span} against {findings.prior_words}{chance}; "
            "nobody has trained it yet."
        )
    return "predicted noise", (
        f"The expected gain is within the noise: {basis} puts it at {span} in {what} against {findings.prior_words}{chance}."
    )


def _direction(findings: Findings) -> str:
    return "raises" if findings.objective.maximise else "lowers"


def _relative(gain: Gain) -> str:
    return f" ({percent(abs(gain.value / gain.reference), 1)})" if gain.reference else ""


def _expected(findings: Findings) -> str:
    predicted = findings.gain("prior", False)
    return "" if predicted is None else f" (the laws expected a gain of {number(predicted.value, 3)})"


def _against_best(findings: Findings) -> str:
    best = findings.gain("best", True)
    if best is None or best.standard_error is None:
        return ""
    sign = _sure_sign(best)
    if sign > 0:
        return ", and it also beats the best variant of the swarm"
    if sign < 0:
        return "; but the best variant of the swarm, trained again, is better still"
    return "; against the best variant of the swarm, trained again, the difference is within the noise"


def change_sentence(findings: Findings, most: int = 2) -> str:
    """What the proposal changes: the leaves that move most, and which caps hold it back."""
    moved = sorted(findings.leaves, key=lambda leaf: -abs(leaf.proposed - leaf.prior))
    up = [leaf for leaf in moved if leaf.proposed - leaf.prior > 0.005][:most]
    down = [leaf for leaf in moved if leaf.prior - leaf.proposed > 0.005][:most]
    if not up and not down:
        return "It is the prior but for shifts of less than half a percent per leaf."
    parts = []
    if up:
        parts.append(f"raises {listing([_shift(leaf) for leaf in up])}")
    if down:
        parts.append(f"lowers {listing([_shift(leaf) for leaf in down])}")
    held = [leaf for leaf in findings.leaves if leaf.at_cap]
    shown = listing([leaf.shown for leaf in sorted(held, key=lambda leaf: -leaf.proposed)], 3)
    caps = ""
    if held:
        whose = f"{plural(len(held), 'leaf', 'leaves')} at {'its' if len(held) == 1 else 'their'} cap"
        run = f" for a run of {count(findings.target_tokens)} tokens" if findings.target_tokens else ""
        caps = f"; {whose}{run} ({shown})"
    return f"It {' and '.join(parts)}{caps}."


def _shift(leaf: Leaf) -> str:
    return f"{leaf.shown} from {percent(leaf.prior)} to {percent(leaf.proposed)}"
