"""The interval of every correct result: a ball that holds whatever a correct implementation can return.

Each function takes the arguments of its namesake in `refnet.network`, float32 or float64, and returns balls that
hold the result of every implementation of ``spec/arithmetic.md``, section 1, that computes in that dtype or better:
any order of summation, FMA, gradual underflow or flush to zero, any slope in [0, 1] where h is within its own rounding
error of 0. Where a radius is infinite (a sum might overflow; the data are NaN or infinite) nothing is claimed.

Two keywords narrow what is assumed. ``rescaled=False``: no mean in place of a sum, multiplied back. ``points=False``:
no radius becomes 0 because the data are on a lattice, so that an inexact sum is within its bound there too.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.network import Activation, Params
from refnet.rounding import (
    FLOAT64,
    MARGIN,
    Ball,
    Format,
    Freedom,
    fits,
    format_of,
    gamma,
    lowest_bit,
    stored,
    sum_of_products,
)

Float = TypeVar("Float", np.float32, np.float64)

# A mean in place of a sum divides each term, and a factor brings it back: with the factor's own error, 3 roundings.
_RESCALING_ROUNDINGS = 3


class Balls(NamedTuple):
    """One ball for each parameter, or for its gradient, in the parameter's shape."""

    w1: Ball
    b1: Ball
    w2: Ball
    b2: Ball


class Layers(NamedTuple):
    """The forward pass: ``h`` and ``a`` (N, H), the prediction ``p`` and the residual ``r`` (N, O).

    ``uncertain`` (N, H) marks the units of which either branch of the ReLU is legal.
    """

    h: Ball
    a: Ball
    p: Ball
    r: Ball
    uncertain: NDArray[np.bool_]


def forward(params: Params[Float], x: NDArray[Float], *, activation: Activation = "relu", points: bool = True) -> Ball:
    """Enclose the prediction, (N, O). Raises as `refnet.forward` does, and ArgumentTypeError for exact numbers."""
    params, x = network.checked(params, x, activation)
    fmt = format_of(params.w1.dtype)
    _, a, _ = _hidden(params, x, activation, fmt, points)
    return _output(params, a, fmt=fmt, points=points)


def layers(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    points: bool = True,
) -> Layers:
    """Enclose every stage of the forward pass, with the residual. Raises as `forward` does."""
    params, x, y = network.checked_pair(params, x, y, activation)
    fmt = format_of(params.w1.dtype)
    h, a, uncertain = _hidden(params, x, activation, fmt, points)
    p = _output(params, a, fmt=fmt, points=points)
    r = _output(params, a, -stored(y, fmt), fmt=fmt, points=points)
    return Layers(h, a, p, r, uncertain)


def loss(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    points: bool = True,
    rescaled: bool = True,
) -> Ball:
    """Enclose the loss, a ball of shape (). Raises as `forward` does."""
    params, x, y = network.checked_pair(params, x, y, activation)
    fmt = format_of(params.w1.dtype)
    _, a, _ = _hidden(params, x, activation, fmt, points)
    r = _output(params, a, -stored(y, fmt), fmt=fmt, points=points).reshape(1, -1)
    return sum_of_products(r, r.T, fmt=fmt, freedom=_freedom(y.size, points, rescaled)).reshape()


def grads(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    points: bool = True,
    rescaled: bool = True,
) -> Balls:
    """Enclose the gradient of the loss. Raises as `forward` does."""
    params, x, y = network.checked_pair(params, x, y, activation)
    return _backward(params, x, y, activation, points, _freedom(y.size, points, rescaled))


def update(params: Params[Float], grads: network.Grads[Float], lr: float, *, points: bool = True) -> Balls:
    """Enclose ``p - lr * g`` for each parameter. Raises as `refnet.update` does, and as `forward` does."""
    params, grads, lr = network.checked_update(params, grads, lr)
    fmt = format_of(params.w1.dtype)
    freedom = Freedom(exact=points)
    return Balls(*(_descended(p, stored(g, fmt), lr, fmt, freedom) for p, g in zip(params, grads, strict=True)))


def step(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    lr: float,
    *,
    activation: Activation = "relu",
    points: bool = True,
    rescaled: bool = True,
) -> Balls:
    """Enclose ``update(params, grads(params, x, y), lr)``. Raises as `refnet.update` does, and as `forward` does.

    The rate may be multiplied into the backward pass anywhere: underflow there may count by its reciprocal, overflow
    may come nearer by it, and the sums are then exact on a lattice only where the rate is a power of two.
    """
    params, x, y = network.checked_pair(params, x, y, activation)
    lr = network.checked_rate(lr, params.w1.dtype)
    fmt = format_of(params.w1.dtype)
    freedom = _freedom(y.size, points, rescaled)
    if 0 < abs(lr) < 1:
        freedom = freedom._replace(scale=freedom.scale / abs(lr))
    power_of_two = abs(math.frexp(lr)[0]) in (0.0, 0.5)
    freedom = freedom._replace(growth=max(1.0, abs(lr)), exact=freedom.exact and power_of_two)
    gradients = _backward(params, x, y, activation, points, freedom)
    return Balls(*(_descended(p, g, lr, fmt, freedom) for p, g in zip(params, gradients, strict=True)))


def _hidden(
    params: Params[Float], x: NDArray[Float], activation: Activation, fmt: Format, points: bool
) -> tuple[Ball, Ball, NDArray[np.bool_]]:
    freedom = Freedom(exact=points)
    h = sum_of_products(stored(x, fmt), stored(params.w1, fmt), _row(stored(params.b1, fmt)), fmt=fmt, freedom=freedom)
    if activation == "identity":
        return h, h, np.zeros(h.centre.shape, np.bool_)
    off = h.centre < -h.radius
    uncertain = ~(off | (h.centre > h.radius))
    # max(h, 0) moves no further than h does, and not at all where h is certainly negative.
    return h, Ball(np.maximum(h.centre, 0.0), np.where(off, 0.0, h.radius)), uncertain


def _output(params: Params[Float], a: Ball, *extras: Ball, fmt: Format, points: bool) -> Ball:
    """Enclose ``a @ w2 + b2 + sum(extras)``: the prediction, or with -y the residual."""
    w2, b2 = stored(params.w2, fmt), _row(stored(params.b2, fmt))
    return sum_of_products(a, w2, b2, *extras, fmt=fmt, freedom=Freedom(exact=points))


def _backward(
    params: Params[Float], x: NDArray[Float], y: NDArray[Float], activation: Activation, points: bool, freedom: Freedom
) -> Balls:
    fmt = format_of(params.w1.dtype)
    h, a, uncertain = _hidden(params, x, activation, fmt, points)
    r = _output(params, a, -stored(y, fmt), fmt=fmt, points=points)
    g = _doubled(r, fmt, freedom)
    ga = sum_of_products(g, stored(params.w2, fmt).T, fmt=fmt, freedom=freedom._replace(roundings=0))
    gh = ga if activation == "identity" else _gated(h, ga, uncertain, fmt, freedom)
    ones = stored(np.ones((1, x.shape[0])), fmt)
    later = freedom._replace(roundings=0)  # the roundings of a rescaling are met once, and counted in g
    return Balls(
        w1=sum_of_products(stored(x, fmt).T, gh, fmt=fmt, freedom=later),
        b1=sum_of_products(ones, gh, fmt=fmt, freedom=later).reshape(*params.b1.shape),
        w2=sum_of_products(a.T, g, fmt=fmt, freedom=later),
        b2=sum_of_products(ones, g, fmt=fmt, freedom=later).reshape(*params.b2.shape),
    )


def _doubled(r: Ball, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``g = 2 r``: doubling is exact, but for the roundings of a rescaling and for underflow."""
    with np.errstate(all="ignore"):
        centre = 2 * r.centre
        rescaling, underflow = gamma(freedom.roundings, fmt), 2 * fmt.smallest_normal * freedom.scale
        radius = 2 * r.radius * (1 + rescaling) + rescaling * np.abs(centre) + underflow
        if freedom.exact and lowest_bit(r.centre) - math.log2(freedom.scale) >= fmt.emin:
            radius = np.where(r.radius == 0, 0.0, radius)
        inside = 2 * freedom.growth * (np.abs(centre) + radius) <= fmt.largest
        return Ball(centre, np.where(inside, radius * MARGIN, np.inf))


def _gated(h: Ball, ga: Ball, uncertain: NDArray[np.bool_], fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``slope * ga``: slope 1 where h is certainly positive, 0 where negative, any in [0, 1] elsewhere."""
    with np.errstate(all="ignore"):
        on = h.centre > h.radius
        centre = np.where(on, ga.centre, np.where(uncertain, 0.5 * ga.centre, 0.0))
        product = fmt.unit_roundoff * ga.magnitude + fmt.smallest_normal * freedom.scale
        either = 0.5 * np.abs(ga.centre) + ga.radius + product
        radius = np.where(on, ga.radius, np.where(uncertain, either * MARGIN, 0.0))
        return Ball(centre, np.where(np.isfinite(ga.radius), radius, np.inf))


def _descended(p: NDArray[Float], g: Ball, lr: float, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``p - lr * g``: the rate is rounded to the format, the product and the difference are rounded once."""
    with np.errstate(all="ignore"):
        w = stored(p, fmt)
        u, v, rate = fmt.unit_roundoff, FLOAT64.unit_roundoff, abs(lr)
        centre = w.centre - lr * g.centre
        size = rate * np.abs(g.centre)
        product = gamma(2, fmt)  # the rate's rounding and the product's
        moved = rate * g.radius * (1 + product) + product * size + fmt.smallest_normal * (2 + freedom.scale * rate)
        radius = moved * (1 + u) + (u + 4 * v) * (np.abs(centre) + moved) + 2 * v * size + fmt.smallest_normal
        untouched = (lr == 0) | ((g.centre == 0) & (g.radius == 0))
        radius = np.where(untouched, 0.0, radius) * MARGIN + w.radius
        if freedom.exact:
            quantum = min(lowest_bit(w.centre), lowest_bit(np.asarray(lr)) + lowest_bit(g.centre))
            point = (g.radius == 0) & (w.radius == 0) & fits(np.abs(w.centre) + size, quantum, fmt, freedom.scale)
            radius = np.where(point, 0.0, radius)
        inside = 4 * (np.abs(w.centre) + size + rate * g.radius) <= fmt.largest
        if 0 < rate < fmt.smallest_normal or rate > fmt.largest:
            inside = np.zeros_like(inside)  # the rate itself would lose its digits
        return Ball(centre, np.where(inside, radius, np.inf))


def _freedom(terms: int, points: bool, rescaled: bool) -> Freedom:
    """Return what an implementation may do that averages over ``terms`` and multiplies back, or that does not.

    The factor 2 of the gradient may come last, too, so an intermediate may be smaller by twice the number of terms.
    """
    if not rescaled:
        return Freedom(scale=2.0, exact=points)
    power_of_two = terms & (terms - 1) == 0
    return Freedom(_RESCALING_ROUNDINGS, 2.0 * max(1, terms), exact=points and power_of_two)


def _row(ball: Ball) -> Ball:
    return ball.reshape(1, -1)
