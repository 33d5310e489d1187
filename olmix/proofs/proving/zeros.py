"""Where a form vanishes on the non-negative orthant: found in floats, kept only when exactly rational zeros.

Zeros steer the search for certificates (where to cut a cone, which face a Gram matrix lies on). A zero that
is missed costs a proof, never its soundness.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from olmix.proofs.proving.algebra import Poly, rational
from olmix.proofs.proving.tasks import terms_of


def rational_zeros(form: Poly, seed: int = 0, starts: int = 60, most: int = 12) -> list[tuple[Fraction, ...]]:
    """Zeros with small denominators on the simplex (coordinates >= 0 that sum to 1), interior ones first."""
    terms = terms_of(form)
    if not terms:
        return []
    size = len(terms[0][0])
    exponents = np.array([x for x, _ in terms], dtype=float)
    coefficients = np.array([float(c) for _, c in terms])
    rng = np.random.default_rng([seed, size, len(terms)])
    found: dict[tuple[Fraction, ...], None] = {}
    for point in _candidates(size):
        _keep(form, point, found)
    faces = [tuple(range(size))] if starts else []
    if size > 2 and starts >= 3:
        faces += [tuple(i for i in range(size) if i != j) for j in range(size)]
    for face in faces:
        for at in _minima(exponents, coefficients, face, size, rng, starts if len(face) == size else starts // 3):
            for bound in (12, 60, 400):
                if _keep(form, _ray(at, bound), found):
                    break
            if len(found) >= most:
                break
    ordered = sorted(found, key=lambda p: (sum(x == 0 for x in p), max(x.denominator for x in p)))
    return ordered[:most]


def lowest_point(form: Poly) -> tuple[Fraction, ...] | None:
    """A simple point with positive coordinates near where the form is smallest relative to its terms."""
    terms = terms_of(form)
    size = len(terms[0][0])
    exponents = np.array([x for x, _ in terms], dtype=float)
    coefficients = np.array([float(c) for _, c in terms])
    rng = np.random.default_rng([1, size, len(terms)])
    found = _minima(exponents, coefficients, tuple(range(size)), size, rng, 12, largest=np.inf)
    point = _ray(found[0], 12) if found else ()
    return point if point and all(point) else None


def _candidates(size: int) -> list[tuple[Fraction, ...]]:
    values = (0, 1, 2) if size <= 4 else (0, 1)
    out = []
    for raw in itertools.islice(itertools.product(values, repeat=size), 300):
        if any(raw) and np.gcd.reduce(raw) == 1:
            out.append(tuple(Fraction(v, sum(raw)) for v in raw))
    return out


def _ray(at: np.ndarray, bound: int) -> tuple[Fraction, ...]:
    """A nearby point whose coordinates are simple relative to the largest."""
    largest = float(at.max())
    raw = [Fraction(float(v) / largest).limit_denominator(bound) if v > 1e-7 * largest else Fraction(0) for v in at]
    total = sum(raw)
    return tuple(v / total for v in raw)


def _keep(form: Poly, point: Sequence[Fraction], found: dict[tuple[Fraction, ...], None]) -> bool:
    key = tuple(point)
    if key in found:
        return True
    if form(*[rational(v) for v in point]) == 0:
        found[key] = None
        return True
    return False


def _minima(
    exponents: np.ndarray,
    coefficients: np.ndarray,
    face: tuple[int, ...],
    size: int,
    rng: np.random.Generator,
    starts: int,
    largest: float = 1e-9,
) -> list[np.ndarray]:
    """Points of one face where the form is nearly zero relative to its terms: Newton-like descent in log
    coordinates.
    """
    live = np.all(exponents[:, [i for i in range(size) if i not in face]] == 0, axis=1)
    if not live.any():
        return []
    e, c = exponents[live][:, list(face)], coefficients[live]
    x = rng.normal(size=(starts, len(face))) * rng.choice([0.3, 1.0, 2.0], size=(starts, 1))
    value = _relative(x, e, c)
    scale = np.full(starts, 0.5)
    for _ in range(120):
        steps = rng.normal(size=(8, starts, len(face))) * scale[None, :, None]
        trial = x[None] + steps
        trial_value = _relative(trial.reshape(-1, len(face)), e, c).reshape(8, starts)
        best = trial_value.argmin(axis=0)
        better = trial_value[best, np.arange(starts)] < value
        x = np.where(better[:, None], trial[best, np.arange(starts)], x)
        value = np.where(better, trial_value[best, np.arange(starts)], value)
        scale = np.where(better, scale * 1.4, scale * 0.65)
    out: list[np.ndarray] = []
    for i in np.argsort(value, kind="stable"):
        if value[i] > largest:
            break
        point = np.zeros(size)
        point[list(face)] = np.exp(x[i] - x[i].max())
        point /= point.sum()
        if all(np.abs(point - other).max() > 1e-4 for other in out):
            out.append(point)
    return out


def _relative(x: np.ndarray, exponents: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    logs = x @ exponents.T
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    return (values @ coefficients) / (values @ np.abs(coefficients))
