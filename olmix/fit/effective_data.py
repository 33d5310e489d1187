"""EffectiveData: y = E + (eps + sum_j s_j w_j^beta)^(-alpha). The law to beat.

A metric falls as a power of the *effective data* that the mixture holds for it: every leaf j is worth s_j >=
0, with diminishing returns (beta < 1), on top of what the model learns from anything at all (eps). E is the
floor that no data would break. With s >= 0, alpha > 0 and beta <= 1 the inner sum is concave and the outer
power decreasing and convex, so y is convex in the mixture, and an optimum is certain. A factor A before the
power would only rescale eps and s.

What makes it accurate with 30 runs as with 500:
* Positivity by s = exp(u), with a ridge on the differences between the u_j chosen by leave-one-out residuals.
* beta is hardly identified by few runs, so it is not chosen but averaged over a grid, each exponent weighted
  by its
  leave-one-out loss. A weighted mean of convex laws is convex.
* Huber's loss in units of each metric's own residuals.

A metric that grows with data (an accuracy) is fitted upside down, y = C - (...)^(-alpha), which is concave,
where that predicts clearly better; a warning names it.

Sources: the power of effective data follows "Scaling laws for data mixtures" in the wide sense (BiMix,
AutoScale, Data Mixing Laws); w^beta with a common exponent and the averaging over it are ours.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from olmix.fit import anchors, levenberg
from olmix.fit.checks import Index
from olmix.fit.effective_data_surface import HEAD, PowerSurface, centre, features, features_slope, penalty
from olmix.fit.law import Array, Law, Shape
from olmix.fit.regressions import Regressions, choose_ridge, first_corner, ridge_path
from olmix.fit.scaling import HUBER, Scaled

EXPONENTS = (0.28, 0.36, 0.45, 0.55, 0.65, 0.8, 1.0)
#: Ridges tried, in units of the metric's variance: a difference of d between two log-utilities costs ridge *
#: d^2 / 2.
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_PILOT_EXPONENT, _PILOT_RIDGE, _PILOT_DOUBT = 0.55, 1e-2, 0.05
#: Leave-one-out losses of neighbouring exponents share their noise, so a likelihood would be too sure of the
#: best one.
_TEMPER = 0.3
#: Exponents with less than this share are dropped.
_SMALLEST_SHARE = 0.02
#: How much better upside down must predict before a metric is called rising.
_RISING = 0.8
#: Where the ridge is weak, the uncertainty of a log-utility is that of this prior: nobody believes in a
#: factor of e^6.
_PRIOR_DEVIATION = 1.5
#: Problems refitted together: their matrices should stay in the cache.
_BATCH = 400
#: Of a refit: it starts near its solution, and then creeps along valleys that hardly change a prediction.
_REFIT_STEPS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectiveData(Law):
    """A weighted mean over exponents q of y = shift + sign * (E_q + (eps_q + sum_j s_qj g(w_j))^(-alpha_q)).

    g(w) = (w + offset)^beta - offset^beta is w^beta with a finite slope at an absent leaf.

    Settings:
      exponents: the betas averaged over.
      ridge: penalty on differences between log-utilities, in units of the metric's variance; None chooses it.
      huber: where the loss turns linear, in robust standard deviations of the leave-one-out residuals.
      offset: the weight below which a leaf counts as nearly absent.

    Learned, for k metrics, q exponents, m leaves: `share_[k, q]` (summing to 1, zeros allowed), `exponent_[k,
    q]` (beta), `floor_[k, q]` (E), `base_[k, q]` (eps), `utility_[k, q, m]` (s), `power_[k, q]` (alpha),
    `scale_[k]` (the power term is in these units), `shift_[k]`, `sign_[k]` (-1 for rising metrics),
    `ridge_[k, q]`, `noise_[k]`, `huber_delta_[k]`, `doubt_[k]` (how badly left-out runs are predicted, 0 to
    1), and `covariance_[k, 3+m, 3+m]` of the leading exponent's internal parameters.
    """

    exponents: tuple[float, ...] = EXPONENTS
    ridge: float | None = None
    huber: float = HUBER
    offset: float = 1e-4

    learned: ClassVar[tuple[str, ...]] = (
        "share_",
        "exponent_",
        "floor_",
        "base_",
        "utility_",
        "power_",
        "scale_",
        "shift_",
        "sign_",
        "ridge_",
        "noise_",
        "huber_delta_",
        "doubt_",
        "covariance_",
    )
    share_: ClassVar[Array]
    exponent_: ClassVar[Array]
    floor_: ClassVar[Array]
    base_: ClassVar[Array]
    utility_: ClassVar[Array]
    power_: ClassVar[Array]
    scale_: ClassVar[Array]
    shift_: ClassVar[Array]
    sign_: ClassVar[Array]
    ridge_: ClassVar[Array]
    huber_delta_: ClassVar[Array]
    doubt_: ClassVar[Array]
    covariance_: ClassVar[Array]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Convex; concave for rising metrics."""
        self._require_fitted()
        signs = self.sign_.reshape(-1, self.metric_count_)[0]
        return tuple("convex" if sign > 0 else "concave" for sign in signs)

    def gradient(self, w: ArrayLike) -> Array:
        """-sign * A * alpha * z^(-alpha-1) * s_j g'(w_j), averaged over exponents."""
        point = self._check_points(np.atleast_2d(w))[0]
        utility = self.utility_.reshape(-1, self.leaf_count_)
        total = np.empty_like(utility)
        for exponent, here in self._by_exponent():
            data = self.base_.ravel()[here] + utility[here] @ features(point, exponent, self.offset)
            power = self.power_.ravel()[here]
            steep = -power * np.exp(-(power + 1) * np.log(data))
            total[here] = steep[:, None] * utility[here] * features_slope(point, exponent, self.offset)
        mean = np.einsum("...q,...qm->...m", self.share_, total.reshape(self.utility_.shape))
        return (self.sign_ * self.scale_)[..., None] * mean

    def _by_exponent(self) -> list[tuple[float, Index]]:
        """Positions in the flattened `[..., k, q]` arrays, grouped by exponent."""
        exponents = self.exponent_.ravel()
        return [(float(beta), np.flatnonzero(exponents == beta)) for beta in np.unique(exponents)]

    def _components(self, w: Array) -> Array:
        """`[..., k, q, n]`: E + z^(-alpha) of every exponent."""
        utility = self.utility_.reshape(-1, self.leaf_count_)
        total = np.empty((len(utility), len(w)))
        for exponent, here in self._by_exponent():
            data = self.base_.ravel()[here, None] + utility[here] @ features(w, exponent, self.offset).T
            total[here] = np.exp(-self.power_.ravel()[here, None] * np.log(data))
        return total.reshape(*self.share_.shape, len(w)) + self.floor_[..., None]

    def _mean(self, w: Array) -> Array:
        mean = np.einsum("...kq,...kqn->...nk", self.share_, self._components(w))
        return (self.sign_ * self.scale_)[..., None, :] * mean + self.shift_[..., None, :]

    def _std(self, w: Array) -> Array:
        components = self._components(w)  # [k, q, n]
        mean = np.einsum("kq,kqn->kn", self.share_, components)
        between = np.einsum("kq,kqn->kn", self.share_, (components - mean[:, None]) ** 2)
        within = np.empty_like(mean)
        leading = np.argmax(self.share_, axis=1)
        for k, q in enumerate(leading):
            surface = PowerSurface(w, float(self.exponent_[k, q]), self.offset)
            floor = self.floor_[k, q]
            head = [np.log(floor / (1 - floor)), np.log(self.power_[k, q]), np.log(self.base_[k, q])]
            jacobian = surface.jacobian(np.concatenate([head, np.log(self.utility_[k, q])])[None])[0]
            within[k] = np.einsum("ni,ij,nj->n", jacobian, self.covariance_[k], jacobian)
        return np.sqrt((np.maximum(within, 0) + between).T * self.scale_**2 + self.noise_**2)

    def _fit(self, w: Array, y: Array, omega: Array) -> None:
        falling = Scaled.of(y, omega, np.ones(y.shape[1]))
        rising = Scaled.of(y, omega, -np.ones(y.shape[1]))
        swarm = _Swarm.of(w, omega, self.offset)
        delta, doubt, loss, begin = _pilot(swarm, falling, self.huber)
        delta_up, doubt_up, loss_up, begin_up = _pilot(swarm, rising, self.huber)
        up = loss_up < _RISING * loss
        if np.any(up):  # perhaps only because of the pilot's exponent: ask again with another
            other = np.minimum(loss, _pilot(swarm, falling, self.huber, 1.0)[2])
            up &= np.minimum(loss_up, _pilot(swarm, rising, self.huber, 1.0)[2]) < _RISING * other
        if np.any(up):
            self._warn(f"rising-metric: metrics {np.flatnonzero(up).tolist()} grow with data; fitted upside down")
        data = Scaled.of(y, omega, np.where(up, -1.0, 1.0))
        delta, doubt = np.where(up, delta_up, delta), np.where(up, doubt_up, doubt)
        begin = np.where(np.tile(up, len(begin) // len(up))[:, None], begin_up, begin)
        if np.any((data.shift != 0) & ~up):
            named = np.flatnonzero((data.shift != 0) & ~up).tolist()
            self._warn(f"shifted-metric: metrics {named} are not positive everywhere")

        def by_ridge(strength: float) -> Array:
            return penalty(np.full(len(delta), strength), data.deviation**2, doubt, w.shape[1])

        ridges = RIDGES if self.ridge is None else (self.ridge,)
        found = []
        for beta in self.exponents:
            task = swarm.task(data, beta, delta, doubt)
            found.append(choose_ridge(task, begin, ridges, by_ridge))
        ridge, theta, loss = (np.stack(part, axis=1) for part in zip(*found, strict=True))  # [k, q, ...]
        self._describe(data, swarm, _shares(loss, omega.sum()), ridge, theta, delta, doubt)

    def _describe(
        self,
        data: Scaled,
        swarm: _Swarm,
        share: Array,
        ridge: Array,
        theta: Array,
        delta: Array,
        doubt: Array,
    ) -> None:
        count, size = len(theta), theta.shape[2]
        covariance, noise = np.empty((count, size, size)), np.zeros(count)
        theta = theta.copy()
        for q, beta in enumerate(self.exponents):
            used = np.flatnonzero(share[:, q] > 0)
            if not used.size:
                continue
            task = swarm.task(data.take(used), beta, delta[used], doubt[used], ridge[used, q])
            theta[used, q], _ = task.solve(theta[used, q][None], tolerance=1e-6, steps=25)
            own = task.noise(theta[used, q])
            noise[used] += share[used, q] * own
            # For the uncertainty only: no weaker a ridge than a believable prior.
            believed = np.maximum(ridge[used, q], doubt[used] / _PRIOR_DEVIATION**2)
            spread_of = swarm.task(data.take(used), beta, delta[used], doubt[used], believed).inverse(theta[used, q])
            leads = np.argmax(share[used], axis=1) == q
            covariance[used[leads]] = (spread_of * own[:, None, None] ** 2)[leads]
        exponent = np.broadcast_to(np.array(self.exponents), share.shape)
        self._learn(
            share_=share,
            exponent_=exponent.copy(),
            **_parameters(theta),
            scale_=data.unit,
            shift_=data.sign * data.shift,
            sign_=data.sign,
            ridge_=ridge,
            noise_=noise * data.unit,
            huber_delta_=delta * data.unit,
            doubt_=doubt,
            covariance_=covariance,
        )

    def _refit(self, w: Array, y: Array, omega: Array) -> dict[str, Any]:
        """One exponent per refit and metric, drawn by its share: the bootstrap then carries the doubt about
        it too.
        """
        data = Scaled.of(y, np.ones(len(y)), self.sign_)
        draws, metrics = len(omega), len(self.sign_)
        rng = np.random.default_rng(0)
        chosen = np.stack([rng.choice(share.size, size=draws, p=share) for share in self.share_], axis=1)  # [B, k]
        delta = self.huber_delta_ / data.unit
        floor = self.floor_
        head = np.stack([np.log(floor / (1 - floor)), np.log(self.power_), np.log(self.base_)], axis=-1)
        start = np.concatenate([head, np.log(self.utility_)], axis=-1)  # [k, q, 3+m]
        theta = np.empty((draws, metrics, start.shape[-1]))
        swarm = _Swarm.of(w, np.ones(len(w)), self.offset)
        for q, beta in enumerate(self.exponents):
            b, k = np.nonzero(chosen == q)
            for begin in range(0, len(b), _BATCH):
                at = b[begin : begin + _BATCH], k[begin : begin + _BATCH]
                batch = dataclasses.replace(data.take(at[1]), omega=omega[at[0]])
                task = swarm.task(batch, beta, delta[at[1]], self.doubt_[at[1]], self.ridge_[at[1], q])
                theta[at], _ = task.solve(start[at[1], q][None], tolerance=1e-4, steps=_REFIT_STEPS)
        picked = np.arange(metrics), chosen
        one = {name: value[:, :, None] for name, value in _parameters(theta).items()}
        return {
            **self._repeated(draws),
            **one,
            "share_": np.ones((draws, metrics, 1)),
            "exponent_": self.exponent_[picked][:, :, None],
            "ridge_": self.ridge_[picked][:, :, None],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Swarm:
    """The runs `w[n, m]`, and what makes regressions of them."""

    w: Array
    reach: Array
    offset: float

    @staticmethod
    def of(w: Array, omega: Array, offset: float) -> _Swarm:
        return _Swarm(w=w, reach=anchors.reach(w, omega), offset=offset)

    def surface(self, beta: float) -> PowerSurface:
        return PowerSurface(anchors.corners(self.w), beta, self.offset)

    def task(self, data: Scaled, beta: float, delta: Array, doubt: Array, ridge: Array | None = None) -> Regressions:
        count, leaves = len(data.target), self.w.shape[1]
        ridge = np.full(count, _PILOT_RIDGE) if ridge is None else ridge
        target, omega = anchors.anchored(data.target, data.omega, delta, doubt, self.reach)
        problems = levenberg.Problems(
            target=target,
            omega=omega,
            delta=delta,
            ridge=penalty(ridge, data.deviation**2, doubt, leaves),
            centre=centre(count, leaves),
        )
        return Regressions(surface=self.surface(beta), problems=problems, anchors=leaves)


def _pilot(
    swarm: _Swarm, data: Scaled, huber: float, beta: float = _PILOT_EXPONENT
) -> tuple[Array, Array, Array, Array]:
    """A first look, per metric: Huber's corner, the doubt, and the left-out loss in units of the metric's variance.

    The doubt is the left-out variance as a share of the metric's: the noise, and what the law does not know.
    """
    doubt = np.full(len(data.target), _PILOT_DOUBT)
    task = swarm.task(data, beta, first_corner(data.target, data.omega), doubt)
    _, first = next(ridge_path(task, swarm.surface(beta).starts, (_PILOT_RIDGE,), lambda _: task.problems.ridge))
    corner = first.corner(task.problems, huber, 1e-6 * data.deviation)
    doubt = np.minimum((corner / huber / data.deviation) ** 2, 1.0)
    loss = first.loss(task.replace(delta=corner).problems) / data.deviation**2
    return corner, doubt, loss, first.every


def _shares(loss: Array, runs: float) -> Array:
    """`[k, q]`: how much each exponent counts, from leave-one-out losses `[k, q]`."""
    floor = np.maximum(loss.min(axis=1, keepdims=True), 1e-300)
    share = np.maximum(loss / floor, 1.0) ** (-0.5 * runs * _TEMPER)
    share /= share.sum(axis=1, keepdims=True)
    share = np.where(share < _SMALLEST_SHARE, 0.0, share)
    return share / share.sum(axis=1, keepdims=True)


def _parameters(theta: Array) -> dict[str, Array]:
    """The public names of `theta[..., 3+m]`."""
    return {
        "floor_": 1 / (1 + np.exp(-theta[..., 0])),
        "power_": np.exp(theta[..., 1]),
        "base_": np.exp(theta[..., 2]),
        "utility_": np.exp(theta[..., HEAD:]),
    }
