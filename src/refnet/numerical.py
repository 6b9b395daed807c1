"""Numerical gradients without truncation error, and how far a step may go before it meets a kink.

They evaluate the forward pass and the loss and nothing else of the network, so they owe nothing to the formulas of the
backward pass. Move the parameters by t times a direction (dw1, db1, dw2, db2): each h moves in a straight line, by t
times ``x @ dw1 + db1``, and the first unit meets the kink of its ReLU where |t| is the least
|h / (x @ dw1 + db1)|. Up to there the loss is a polynomial in t:

- of degree 2 along a single parameter, and along any direction inside one layer, as each layer is linear in its own
  parameters. The central difference (L(e) - L(-e)) / 2e is then the derivative itself, whatever the size of e;
- of degree 4 along a direction that moves both layers, whose product is quadratic in t. The central difference is then
  off by the cubic term, and (L(-2e) - 8 L(-e) + 8 L(e) - L(2e)) / 12e is the derivative: terms of even degree cancel by
  symmetry, the cubic one by the weights.

A parameter that moves alone changes one unit or one output, so all else is computed once for all parameters. And where
the residuals are r + c at one end and r + d at the other, L differs by sum((c - d) (2 r + c + d)): the difference of
two large losses is never taken, and its rounding not made.

Exact data (object arrays of int or Fraction) are computed with Fractions: the result equals ``refnet.grads``, with no
tolerance. Float data, float32 too, are computed in float64: rounding is all the error there is. Along a direction it
grows as the step shrinks, so the largest step is the best one; where a unit is very near its kink, exact data are the
remedy. NaN stands where there is no such derivative, because a unit that the step moves sits at its kink, and where a
step that short is lost: the parameter plus the step rounds to the parameter.

All functions raise what ``refnet.loss`` raises for arguments that do not fit; a direction is held against ``params``.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.network import Activation, ArgumentTypeError, Grads, Params, Scalar

Number: TypeAlias = float | Fraction
Numbers: TypeAlias = NDArray[Any]  # float64, or object arrays of Fraction
_Rise: TypeAlias = Callable[[Numbers, Numbers], Numbers]

_BLOCK = 2**16  # numbers in the largest array that is at work: half a MiB of float64, which a cache holds


def step_limits(params: Params[Scalar], x: NDArray[Scalar], *, activation: Activation = "relu") -> Params[Any]:
    """Return how far each parameter may move, alone, up or down, before a unit meets its kink.

    Four arrays in the shapes of the parameters: the least |h[n, j] / x[n, d]| over the batch for w1[d, j], the least
    |h[n, j]| for b1[j]; infinity where no unit ever does, as for w2 and b2. Zero: a unit that moves sits at its kink.

    >>> params = Params(*map(np.array, ([[2, 0]], [3, 0], [[1], [1]], [0])))
    >>> step_limits(params, np.array([[4], [-4]])).w1
    array([[1.25, 0.  ]])
    """
    params, x = network.checked(params, x, activation)
    params, x = _wide_params(params), _wide(x)
    first, second = (np.full((len(w) + 1, w.shape[1]), math.inf, dtype=x.dtype) for w in (params.w1, params.w2))
    if activation == "relu":
        first = _limits(_inputs(x), (x @ params.w1 + params.b1).T, side=0)
    return Params(*_apart(params, first, second))


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
    """Return the central difference of the loss by every parameter, in its shape.

    With exact data the step goes all the way to the kink, or is 1 where there is none. With float data it is the
    largest power of two that is at most 0.999 of the way, as that is rounded too, and at most max(1, |parameter|).

    Multiplies about twice N O times a parameter, in blocks: beside arrays in the shapes of the arguments, h and the
    result, at most a few MiB are allocated.

    >>> params = Params(*(np.array(p, dtype=object) for p in ([[1]], [2], [[3]], [4])))
    >>> x, y = np.array([[5]], dtype=object), np.array([[6]], dtype=object)
    >>> (grads(params, x, y).w1 == network.grads(params, x, y).w1).all()
    np.True_
    """
    params, x, y = _wide_data(params, x, y, activation)
    here = _here(params, x, y, activation)

    def central(weights: Numbers, limits: Numbers, rise: _Rise) -> Numbers:
        e = _step(limits, weights)
        return _quotient(rise(-e, e), 2 * e)

    return _by_parameter(params, here, 0, central)


def one_sided(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], *, activation: Activation = "relu"
) -> tuple[Grads[Any], Grads[Any]]:
    """Return the derivatives of the loss by every parameter from below and from above: at a kink they differ.

    By three points on one side, (-3 L(0) + 4 L(e) - L(2e)) / 2e, with 2e at most the way to the next kink on that side.
    They are NOT the ends of the interval of legal gradients, where each unit at its kink has any slope in [0, 1]: as
    one parameter grows, some of these units turn on, and the others off.
    """
    params, x, y = _wide_data(params, x, y, activation)
    here = _here(params, x, y, activation)

    def towards(side: int, weights: Numbers, limits: Numbers, rise: _Rise) -> Numbers:
        e = side * _step(limits / 2, weights)
        return _quotient(4 * rise(0 * e, e) - rise(0 * e, 2 * e), 2 * e)

    below, above = (_by_parameter(params, here, side, partial(towards, side)) for side in (-1, 1))
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
    e = _step(np.array(limit / 2, dtype=x.dtype), np.ones((), dtype=x.dtype)).item()

    def at(t: Any) -> Any:
        moved = Params(*(p + t * d for p, d in zip(params, direction, strict=True)))
        return network.loss(moved, x, y, activation=activation)

    stays = all(np.array_equal(p + e * d, p) for p, d in zip(params, direction, strict=True))
    if stays and any(d.any() for d in direction):
        return math.nan
    slope: Number = (at(-2 * e) - 8 * at(-e) + 8 * at(e) - at(2 * e)) / (12 * e)
    return slope


class _Here(NamedTuple):
    """The network at the parameters, a column a sample. A bias is the weight of one input more, which is always 1."""

    inputs: Numbers  # (D + 1, N)
    first: Numbers  # (D + 1, H)
    h: Numbers  # (H, N)
    hidden: Numbers  # (H + 1, N)
    second: Numbers  # (H + 1, O)
    r: Numbers  # (O, N)
    relu: bool


def _here(params: Params[Any], x: Numbers, y: Numbers, activation: Activation) -> _Here:
    w1, b1, w2, b2 = params
    h = network._first_layer(params, x)
    columns = h.T.copy()
    a = network._activated(h, activation)  # in the room of h
    r = np.ascontiguousarray((network._second_layer(params, a) - y).T)
    return _Here(_inputs(x), _rows(w1, b1), columns, _inputs(a), _rows(w2, b2), r, activation == "relu")


def _inputs(x: Numbers) -> Numbers:
    inputs = np.ones((x.shape[1] + 1, len(x)), dtype=x.dtype)
    inputs[:-1] = x.T
    return inputs


def _rows(weights: Numbers, bias: Numbers) -> Numbers:
    return np.concatenate((weights, bias.reshape(1, -1)))


def _by_parameter(
    params: Params[Any], here: _Here, side: int, derivative: Callable[[Numbers, Numbers, _Rise], Numbers]
) -> Grads[Any]:
    limits = _limits(here.inputs, here.h, side) if here.relu else np.full_like(here.first, math.inf)
    first = derivative(here.first, limits, partial(_rise_first, here))
    second = derivative(here.second, np.full_like(here.second, math.inf), partial(_rise_second, here))
    return Grads(*_apart(params, first, second))


def _apart(params: Params[Any], first: Numbers, second: Numbers) -> Iterator[Numbers]:
    """Yield the weights and the biases of both layers, in their shapes."""
    for p, part in zip(params, (first[:-1], first[-1:], second[:-1], second[-1:]), strict=True):
        yield part.reshape(p.shape)


def _rise_first(here: _Here, low: Numbers, high: Numbers) -> Numbers:
    """Return L with each weight of the first layer moved by ``high``, less L with it moved by ``low``.

    A weight of unit j moves the hidden values of j, and the residuals by what these move times w2[j].
    """
    result = np.empty_like(here.first)
    r = 2 * here.r[:, np.newaxis]
    for rows, units in _blocks(here.first.shape, here.r.size):
        a, w = here.hidden[:-1][units, np.newaxis], here.second[:-1][units]
        below = here.h[units, np.newaxis] - a  # 0 where the unit is on
        moved = []  # max(h + t x, 0) - a, with no rounding but that of t x where the unit is on
        for t in (low, high):
            to = t.T[units, rows, np.newaxis] * here.inputs[rows] + below
            moved.append(np.maximum(to, -a) if here.relu else to)
        c, d = moved  # (units, rows, N)
        both = c + d
        if not both.any():  # as within reach of a kink, where one end is as far as the other: the same for all rows
            both = both[:, :1]
        sums = w[..., np.newaxis, np.newaxis] * both[:, np.newaxis]  # (units, O, rows, N)
        sums += r
        weighed = (w[:, np.newaxis] @ sums.reshape(*w.shape, -1)).reshape(both.shape)
        result[rows, units] = ((d - c) * weighed).sum(axis=-1).T
    return result


def _rise_second(here: _Here, low: Numbers, high: Numbers) -> Numbers:
    """Return the same for the second layer, where a weight of output o moves the residuals of o alone."""
    result = np.empty_like(here.second)
    for rows, outputs in _blocks(here.second.shape, here.r.shape[1]):
        c, d = (here.hidden[rows, np.newaxis] * t[rows, outputs, np.newaxis] for t in (low, high))
        result[rows, outputs] = ((d - c) * (2 * here.r[outputs] + c + d)).sum(axis=-1)
    return result


def _limits(inputs: Numbers, h: Numbers, side: int) -> Numbers:
    """Return how far each weight of the first layer may move before a unit meets its kink.

    Side 0: the nearest kink on either side. Side 1 or -1: the next one up or down, not the one that a unit sits at.
    """
    limits = np.empty((len(inputs), len(h)), dtype=h.dtype)
    for rows, units in _blocks(limits.shape, h.shape[1]):
        rates, hs = inputs[rows, np.newaxis], h[units]
        moving = rates != 0
        with np.errstate(over="ignore"):
            way = np.abs(hs) / np.abs(np.where(moving, rates, 1))
        if side:
            moving = moving & (side * np.sign(hs) * np.sign(rates) < 0)
        if not moving.all():
            way = np.where(moving, way, math.inf)
        limits[rows, units] = way.min(axis=-1, initial=math.inf)
    return limits


def _blocks(shape: tuple[int, ...], each: int) -> Iterator[tuple[slice, slice]]:
    """Cut a matrix into parts, for work on arrays of ``each`` numbers an element: whole columns, or rows of one."""
    rows, columns = shape
    most = max(1, _BLOCK // max(1, each))
    wide, high = max(1, most // rows), min(rows, most)
    for j in range(0, columns, wide):
        for i in range(0, rows, high):
            yield slice(i, i + high), slice(j, j + wide)


def _step(limit: Numbers, here: Numbers) -> Numbers:
    if limit.dtype == np.object_:
        step = limit.copy()
        step[limit == math.inf] = Fraction(1)
        return step
    _, exponent = np.frexp(np.minimum(0.999 * limit, np.maximum(1.0, np.abs(here))))
    step = np.where(limit > 0, np.ldexp(0.5, exponent), 0.0)
    step[here + step == here] = 0.0
    return step


def _quotient(over: Numbers, under: Numbers) -> Numbers:
    """Return over / under, and NaN where under is 0."""
    result = np.full_like(over, math.nan)
    legal = under != 0
    result[legal] = over[legal] / under[legal]
    return result


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
