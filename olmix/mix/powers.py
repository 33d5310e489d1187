"""Draws of one exchange: a shift of weight between two parts whose density is a product of two powers.

The density x^(a-1) z^(b-1) with x + z fixed is a Beta density, truncated to an interval. Powers above 0 become slices
(Damien and Walker, 2001), a single power below 0 is a truncated power law with a closed inverse, and two powers below 0
take one independence Metropolis step. All in logarithms, with the fast exp and log of numpy, because a design makes a
hundred thousand of these draws.
"""

from __future__ import annotations

import numpy as np

from olmix.mix.arrays import Array


def truncated_beta(
    x: Array, z: Array, a: Array, b: Array, low: Array, high: Array, generator: np.random.Generator
) -> Array:
    """A change t in [low, high] that leaves the density (x + t)^(a - 1) (z - t)^(b - 1) invariant."""
    shape = x.shape
    x, z, a, b, low, high = (part.ravel() for part in (x, z, a, b, low.copy(), high.copy()))
    uniform, pick = generator.random((2, x.size))
    noise, other = generator.standard_exponential((2, x.size))
    flat_x, flat_z = a >= 1, b >= 1
    inputs = (x, z, a, b, low, high, uniform, pick, noise)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        # Slices: a power above 0 bounds its variable from below.
        for where, value, power, exponential, bound, sign in (
            (flat_x, x, a, noise, low, 1.0),
            (flat_z, z, b, other, high, -1.0),
        ):
            at = np.flatnonzero(where)
            reach = sign * value[at] * (np.exp(-exponential[at] / (power[at] - 1)) - 1)
            bound[at] = sign * np.maximum(sign * bound[at], sign * reach)
        at = np.flatnonzero(~(flat_x | flat_z))
        if 2 * len(at) > x.size:
            # Where it does not apply it is overwritten: cheaper than picking the entries out.
            t = _two_sided(*inputs)
            some = np.flatnonzero(flat_x & flat_z)
            t[some] = low[some] + uniform[some] * (high[some] - low[some])
        else:
            t = low + uniform * (high - low)
            t[at] = _two_sided(*(part[at] for part in inputs))
        at = np.flatnonzero(~flat_x & flat_z)
        t[at] = _power_law(a[at], x[at] + low[at], x[at] + high[at], uniform[at]) - x[at]
        at = np.flatnonzero(flat_x & ~flat_z)
        t[at] = z[at] - _power_law(b[at], z[at] - high[at], z[at] - low[at], uniform[at])
        moves = (a > 0) & (b > 0) & (high > low)
        return np.where(moves, np.minimum(np.maximum(t, low), high), 0.0).reshape(shape)


def _power_law(a: Array, low: Array, high: Array, uniform: Array) -> Array:
    """Draws from y^(a-1) on [low, high] by its inverse, stable for tiny `a` and for low = 0."""
    return _inverse(a, np.log(np.maximum(low, 0.0)), np.log(high), uniform)


def _inverse(a: Array, log_low: Array, log_high: Array, uniform: Array) -> Array:
    ratio = np.exp(a * (log_low - log_high))  # (low / high)^a
    return np.exp(log_high + np.log(ratio + uniform * (1 - ratio)) / a)


def _two_sided(
    x: Array, z: Array, a: Array, b: Array, low: Array, high: Array, uniform: Array, pick: Array, noise: Array
) -> Array:
    """One independence Metropolis step for two powers below 0: a power law at each end, met in the middle.

    `uniform` and `pick` are uniform, `noise` is exponential.
    """
    total = x + z
    middle = 0.5 * total
    log_middle = np.log(middle)
    # y = weight of the first leaf on the left; total - y, small at the other end, on the right.
    left_low, left_high = np.log(np.maximum(x + low, 0.0)), np.minimum(np.log(x + high), log_middle)
    right_low, right_high = np.log(np.maximum(z - high, 0.0)), np.minimum(np.log(z - low), log_middle)
    left = np.exp((b - 1) * log_middle) * (np.exp(a * left_high) - np.exp(a * left_low)) / a
    right = np.exp((a - 1) * log_middle) * (np.exp(b * right_high) - np.exp(b * right_low)) / b
    left, right = np.maximum(left, 0.0), np.maximum(right, 0.0)
    go_left = pick * (left + right) < left
    near = _inverse(
        np.where(go_left, a, b),
        np.where(go_left, left_low, right_low),
        np.where(go_left, left_high, right_high),
        uniform,
    )
    far = total - near
    # Target over envelope: at most 1 and at least 2^(power - 1) on either side.
    was_left = x < middle
    new = np.where(go_left, b - 1, a - 1) * (np.log(far) - log_middle)
    old = np.where(was_left, b - 1, a - 1) * (np.log(np.where(was_left, z, x)) - log_middle)
    return np.where(-noise < new - old, np.where(go_left, near, far) - x, 0.0)
