"""Numerical gradients without truncation error, and how far a step may go before it meets a kink.

They evaluate ``refnet.loss`` and nothing else of the network, so they owe nothing to the formulas of the backward pass.
Move the parameters by t times a direction (dw1, db1, dw2, db2): each h moves in a straight line, by t times
``x @ dw1 + db1``, and the first unit meets the kink of its ReLU where |t| is the least |h / (x @ dw1 + db1)|. Up to
there the loss is a polynomial in t:

- of degree 2 along a single parameter, and along any direction inside one layer, as each layer is linear in its own
  parameters. The central difference (L(e) - L(-e)) / 2e is then the derivative itself, whatever the size of e;
- of degree 4 along a direction that moves both layers, whose product is quadratic in t. The central difference is then
  off by the cubic term, and (L(-2e) - 8 L(-e) + 8 L(e) - L(2e)) / 12e is the derivative: terms of even degree cancel by
  symmetry, the cubic one by the weights.

Exact data (object arrays of int or Fraction) are computed with Fractions: the result equals ``refnet.grads``, with no
tolerance. Float data, float32 too, are computed in float64: rounding is all the error there is. It grows as the step
shrinks, so the largest step is the best one; where a unit is very near its kink, exact data are the remedy. NaN stands
where there is no such derivative, because a unit that the step moves sits at its kink, and where a step that short is
lost: the parameter plus the step rounds to the parameter.

All functions raise what ``refnet.loss`` raises for arguments that do not fit; a direction is held against ``params``.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.network import Activation, ArgumentTypeError, Grads, Params, Scalar

Number: TypeAlias = float | Fraction
Numbers: TypeAlias = NDArray[Any]  # float64, or object arrays of Fraction


def step_limits(params: Params[Scalar], x: NDArray[Scalar], *, activation: Activation = "relu") -> Params[Any]:
    """Return how far each parameter may move, alone, up or down, before a unit meets its kink.

    Four arrays in the shapes of the parameters: the least |h[n, j] / x[n, d]| over the batch for w1[d, j], the least
    |h[n, j]| for b1[j]; infinity where no unit ever does, as for w2 and b2. Zero: a unit that moves sits at its kink.

    >>> params = Params(*map(np.array, ([[2, 0]], [3, 0], [[1], [1]], [0])))
    >>> step_limits(params, np.array([[4], [-4]])).w1
    array([[1.25, 0.  ]])
    """
    params, x = network.checked(params, x, activation)
    return _limits(_wide_params(params), _wide(x), activation, side=0)


def direction_limit(
    params: Params[Scalar], x: NDArray[Scalar], direction: Params[Scalar], *, activation: Activation = "relu"
) -> Number:
    """Return how many times ``direction``, either way, the parameters may move before a unit meets its kink.

    A float, or a Fraction for exact data; infinity where no unit ever does.
    """
    params, x = network.checked(params, x, activation)
    direction = _wide_params(_checked_direction(params, direction))
    if activation == "identity":
        return math.inf
    params, x = _wide_params(params), _wide(x)
    h, rate = x @ params.w1 + params.b1, x @ direction.w1 + direction.b1
    moving = rate != 0
    with np.errstate(over="ignore"):
        limit: Number = np.min(np.abs(h[moving] / rate[moving]), initial=math.inf)
    return limit


def grads(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], *, activation: Activation = "relu"
) -> Grads[Any]:
    """Return the central difference of the loss by every parameter, in its shape: two losses a parameter.

    With exact data the step goes all the way to the kink, or is 1 where there is none. With float data it is the
    largest power of two that is at most 0.999 of the way, as that is rounded too, and at most max(1, |parameter|).

    >>> params = Params(*(np.array(p, dtype=object) for p in ([[1]], [2], [[3]], [4])))
    >>> x, y = np.array([[5]], dtype=object), np.array([[6]], dtype=object)
    >>> (grads(params, x, y).w1 == network.grads(params, x, y).w1).all()
    np.True_
    """
    params, x, y = _wide_data(params, x, y, activation)
    loss = partial(network.loss, params, x, y, activation=activation)

    def central(p: Numbers, i: tuple[int, ...], limit: Any) -> Number:
        e = _step(limit, p[i])
        up, above = _moved(p, i, e, loss)
        down, below = _moved(p, i, -e, loss)
        return (above - below) / (up - down) if up != down else math.nan

    return _by_parameter(params, _limits(params, x, activation, side=0), central)


def one_sided(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], *, activation: Activation = "relu"
) -> tuple[Grads[Any], Grads[Any]]:
    """Return the derivatives of the loss by every parameter from below and from above: at a kink they differ.

    By three points on one side, (-3 L(0) + 4 L(e) - L(2e)) / 2e, with 2e at most the way to the next kink on that side.
    They are NOT the ends of the interval of legal gradients, where each unit at its kink has any slope in [0, 1]: as
    one parameter grows, some of these units turn on, and the others off.
    """
    params, x, y = _wide_data(params, x, y, activation)
    loss = partial(network.loss, params, x, y, activation=activation)
    here = loss()

    def towards(side: int, p: Numbers, i: tuple[int, ...], limit: Any) -> Number:
        e = side * _step(limit / 2, p[i])
        t, near = _moved(p, i, e, loss)
        s, far = _moved(p, i, 2 * e, loss)
        # The formula above for s = 2t, and as right where rounding has moved the points.
        return ((near - here) * s / t - (far - here) * t / s) / (s - t) if t not in (0, s) else math.nan

    below, above = (
        _by_parameter(params, _limits(params, x, activation, side), partial(towards, side)) for side in (-1, 1)
    )
    return below, above


def directional(
    params: Params[Scalar],
    x: NDArray[Scalar],
    y: NDArray[Scalar],
    direction: Params[Scalar],
    *,
    activation: Activation = "relu",
) -> Number:
    """Return the derivative of the loss along ``direction``, which may move both layers: four losses.

    It is the sum of ``direction`` times the gradient. With exact data the outer points of the stencil lie at the kink,
    or at twice ``direction`` where there is none; with float data the step is as in ``grads``, and at most 1.
    """
    limit = direction_limit(params, x, direction, activation=activation)
    direction = _wide_params(_checked_direction(network.checked_params(params), direction))
    params, x, y = _wide_data(params, x, y, activation)
    e = _step(limit / 2, Fraction(1) if x.dtype == np.object_ else 1.0)

    def at(t: Any) -> Any:
        moved = Params(*(p + t * d for p, d in zip(params, direction, strict=True)))
        return network.loss(moved, x, y, activation=activation)

    stays = all(np.array_equal(p + e * d, p) for p, d in zip(params, direction, strict=True))
    if stays and any(d.any() for d in direction):
        return math.nan
    slope: Number = (at(-2 * e) - 8 * at(-e) + 8 * at(e) - at(2 * e)) / (12 * e)
    return slope


def _by_parameter(
    params: Params[Any], limits: Params[Any], derivative: Callable[[Numbers, tuple[int, ...], Any], Number]
) -> Grads[Any]:
    result = Grads(*map(np.empty_like, params))
    for p, limit, out in zip(params, limits, result, strict=True):
        for i in np.ndindex(p.shape):
            out[i] = derivative(p, i, limit[i])
    return result


def _moved(p: Numbers, i: tuple[int, ...], t: Number, loss: Callable[[], Any]) -> tuple[Any, Any]:
    # How far p[i] has moved, which is t as rounded, and the loss there.
    here = p[i]
    p[i] = here + t
    moved, value = p[i] - here, loss()
    p[i] = here
    return moved, value


def _step(limit: Any, here: Any) -> Any:
    if isinstance(here, Fraction):
        return limit if limit < math.inf else Fraction(1)
    _, exponent = math.frexp(min(0.999 * limit, max(1.0, abs(here))))
    return math.ldexp(0.5, exponent) if limit > 0 else 0.0


def _limits(params: Params[Any], x: Numbers, activation: Activation, side: int) -> Params[Any]:
    # side 0: the nearest kink on either side. side 1 or -1: the next one up or down, not the one a unit sits at.
    limits = Params(*(np.full(p.shape, math.inf, dtype=p.dtype) for p in params))
    if activation == "relu":
        h = x @ params.w1 + params.b1
        one = np.ones(1, dtype=x.dtype)
        for h_n, x_n in zip(h, x, strict=True):
            _lower(limits.w1, h_n, x_n, side)
            _lower(limits.b1.reshape(1, -1), h_n, one, side)
    return limits


def _lower(limits: Numbers, h: Numbers, x: Numbers, side: int) -> None:
    moving = x != 0
    rate = x[moving, np.newaxis]
    with np.errstate(over="ignore"):
        way = np.abs(h / rate)
        if side:
            way[side * np.sign(h) * np.sign(rate) >= 0] = math.inf
    limits[moving] = np.minimum(limits[moving], way)


def _wide_data(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], activation: Activation
) -> tuple[Params[Any], Numbers, Numbers]:
    params, x, y = network.checked_pair(params, x, y, activation)
    return _wide_params(params), _wide(x), _wide(y)


def _wide_params(params: Params[Scalar]) -> Params[Any]:
    return Params(*map(_wide, params))


def _wide(array: NDArray[Any]) -> Numbers:
    # A copy, which the callers may change; Fractions also for ints, whose quotients would be floats.
    if array.dtype == np.object_:
        fractions: Numbers = np.frompyfunc(Fraction, 1, 1)(array)
        return fractions
    return array.astype(np.float64)


def _checked_direction(params: Params[Scalar], direction: Params[Scalar]) -> Params[Scalar]:
    if not isinstance(direction, Params):
        kind = type(direction).__name__
        raise ArgumentTypeError(f"direction is a {kind}, expected refnet.Params: write Params(w1, b1, w2, b2)")
    return Params(*network.checked_four("direction", direction, params))
