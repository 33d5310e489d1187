"""Draws of one exchange: a shift of weight between two parts whose density is a product of two powers.

The density x^(a-1) z^(b-1) with x + z fixed is a Beta density, truncated to an interval. Powers above 0 become slices
(Damien and Walker, 2001), a single power below 0 is a truncated power law with a closed inverse, and two powers below 0
take one independence Metropolis step. All in logarithms, with the fast exp and log of numpy, because a design makes a
hundred thousand of these draws.
"""

from __future__ import annotations

import numpy as np

from olmix.mix.feasible import Array


def truncated_beta(
    x: Array, z: Array, a: Array, b: Array, low: Array, high: Array, generator: np.random.Generator
) -> Array:
    """A change t in [low, high] that leaves the density (x + t)^(a - 1) (z - t)^(b - 1) invariant."""
    shape = x.shape
    uniform, pick = generator.random((2, *shape))
    noise_x, noise_z = generator.standard_exponential((2, *shape))
    flat_x, flat_z = a >= 1, b >= 1
    low, high = low.copy(), high.copy()
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        # Slices: a power above 0 bounds its variable from below.
        if flat_x.any():
            low[flat_x] = np.maximum(low[flat_x], x[flat_x] * (np.exp(-noise_x[flat_x] / (a[flat_x] - 1)) - 1))
        if flat_z.any():
            high[flat_z] = np.minimum(high[flat_z], -z[flat_z] * (np.exp(-noise_z[flat_z] / (b[flat_z] - 1)) - 1))
        one, two, both = ~flat_x & flat_z, flat_x & ~flat_z, ~(flat_x | flat_z)
        inputs = (x, z, a, b, low, high, uniform, pick, noise_x)
        if 2 * np.count_nonzero(both) > both.size:
            # Where it does not apply it is overwritten: cheaper than picking the entries out.
            t = np.where(both, _two_sided(*inputs), low + uniform * (high - low))
        else:
            t = low + uniform * (high - low)
            if both.any():
                t[both] = _two_sided(*(part[both] for part in inputs))
        if one.any():
            t[one] = _power_law(a[one], x[one] + low[one], x[one] + high[one], uniform[one]) - x[one]
        if two.any():
            t[two] = z[two] - _power_law(b[two], z[two] - high[two], z[two] - low[two], uniform[two])
        return np.where((a > 0) & (b > 0) & (high > low), np.minimum(np.maximum(t, low), high), 0.0)


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
