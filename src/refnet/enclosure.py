"""The interval of every correct result: a ball that holds whatever a correct implementation can return.

Each function takes the arguments of its namesake in `refnet.network`, and returns balls that hold the result of every
implementation of ``spec/arithmetic.md``, section 1, that computes in their dtype or better:
any order of summation, FMA, gradual underflow or flush to zero, any slope in [0, 1] where h is within its own rounding
error of 0. Where a radius is infinite (a sum might overflow; the data are NaN or infinite) nothing is claimed.

``precision`` says how the implementation computes, where that is not in the dtype of the arrays all along: with
bfloat16 products that are summed in float32, with TF32 operands (``spec/precision.md``). The arrays may be float16 or
bfloat16 too, or hold such numbers as float32.

Two keywords narrow what is assumed. ``rescaled=False``: no mean in place of a sum, multiplied back. ``points=False``:
no radius becomes 0 because the data are on a lattice, so that an inexact sum is within its bound there too.
``layers`` saves the forward pass where several operations are enclosed: what `layers` returned for the same arguments,
activation, precision and ``points`` among them.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.formats import FLOAT64, STORAGE, Format, Precision, format_of, precision_of
from refnet.mixed import sum_of_products, sum_of_squares
from refnet.network import Activation, ArgumentTypeError, Params
from refnet.rounding import MARGIN, Ball, Freedom, fits, gamma, lowest_bit, stored

Float = TypeVar("Float", np.float32, np.float64)
Given = TypeVar("Given")

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


def forward(
    params: Params[Float],
    x: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
    points: bool = True,
) -> Ball:
    """Enclose the prediction, (N, O). Raises as `refnet.forward` does, and ArgumentTypeError for exact numbers."""
    narrow = _narrow(params, x)
    params, x = network.checked(_widened(params), _widened(x), activation)
    precision = precision or precision_of(narrow or params.w1.dtype)
    weights = _stored(params, precision)
    _, a, _ = _hidden(weights, stored(x, precision.stores), activation, precision, points)
    return _output(weights, a, precision=precision, points=points)


def layers(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
    points: bool = True,
) -> Layers:
    """Enclose every stage of the forward pass, with the residual. Raises as `forward` does."""
    params, x, y, precision = _opened(params, x, y, activation, precision)
    weights = _stored(params, precision)
    h, a, uncertain = _hidden(weights, stored(x, precision.stores), activation, precision, points)
    p = _output(weights, a, precision=precision, points=points)
    r = _output(weights, a, -stored(y, precision.stores), precision=precision, points=points)
    return Layers(h, a, p, r, uncertain)


def loss(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
    points: bool = True,
    rescaled: bool = True,
    layers: Layers | None = None,
) -> Ball:
    """Enclose the loss, a ball of shape (). Raises as `forward` does."""
    params, x, y, precision = _opened(params, x, y, activation, precision)
    if layers is None:
        weights = _stored(params, precision)
        _, a, _ = _hidden(weights, stored(x, precision.stores), activation, precision, points)
        r = _output(weights, a, -stored(y, precision.stores), precision=precision, points=points)
    else:
        r = layers.r
    return sum_of_squares(r, precision=precision, freedom=_freedom(y.size, points, rescaled))


def grads(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
    points: bool = True,
    rescaled: bool = True,
    layers: Layers | None = None,
) -> Balls:
    """Enclose the gradient of the loss. Raises as `forward` does."""
    params, x, y, precision = _opened(params, x, y, activation, precision)
    return _backward(params, x, y, activation, precision, points, _freedom(y.size, points, rescaled), layers)


def update(
    params: Params[Float],
    grads: network.Grads[Float],
    lr: float,
    *,
    precision: Precision | None = None,
    points: bool = True,
) -> Balls:
    """Enclose ``p - lr * g`` for each parameter. Raises as `refnet.update` does, and as `forward` does."""
    narrow = _narrow(params, grads)
    params, grads, lr = network.checked_update(_widened(params), _widened(grads), lr)
    precision = precision or precision_of(narrow or params.w1.dtype)
    fmt, freedom = precision.stores, Freedom(exact=points)
    slopes = (stored(g, precision.stores) for g in grads)
    return Balls(*(_descended(p, g, lr, fmt, freedom) for p, g in zip(params, slopes, strict=True)))


def step(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    lr: float,
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
    points: bool = True,
    rescaled: bool = True,
    layers: Layers | None = None,
) -> Balls:
    """Enclose ``update(params, grads(params, x, y), lr)``. Raises as `refnet.update` does, and as `forward` does.

    The rate may be multiplied into the backward pass anywhere: underflow there may count by its reciprocal, overflow
    may come nearer by it, and the sums are then exact on a lattice only where the rate is a power of two.
    """
    params, x, y, precision = _opened(params, x, y, activation, precision)
    lr = network.checked_rate(lr, params.w1.dtype)
    freedom = _freedom(y.size, points, rescaled)
    if 0 < abs(lr) < 1:
        freedom = freedom._replace(scale=freedom.scale / abs(lr))
    power_of_two = abs(math.frexp(lr)[0]) in (0.0, 0.5)
    freedom = freedom._replace(growth=max(1.0, abs(lr)), exact=freedom.exact and power_of_two)
    gradients = _backward(params, x, y, activation, precision, points, freedom, layers)
    fmt = precision.stores
    return Balls(*(_descended(p, g, lr, fmt, freedom) for p, g in zip(params, gradients, strict=True)))


def _opened(
    params: Params[Float], x: NDArray[Float], y: NDArray[Float], activation: Activation, precision: Precision | None
) -> tuple[Params[Float], NDArray[Float], NDArray[Float], Precision]:
    narrow = _narrow(params, x, y)
    if narrow is not None:
        params, x, y = _widened(params), _widened(x), _widened(y)
    params, x, y = network.checked_pair(params, x, y, activation)
    return params, x, y, precision or precision_of(narrow or params.w1.dtype)


def native_precision(params: Params[Float]) -> Precision:
    """Return the precision in which all is in the dtype of the parameters. Raises as `forward` does."""
    return precision_of(_narrow(params) or network.checked_params(params).w1.dtype)


def _narrow(*given: object) -> np.dtype[Any] | None:
    """Return the narrow dtype of the arrays, None where they have none. Raises ArgumentTypeError for a mixture."""
    every = [array for one in given for array in (one if isinstance(one, tuple) else (one,))]
    dtypes = [array.dtype for array in every if isinstance(array, np.ndarray)]
    narrow = next(filter(_is_narrow, dtypes), None)
    if narrow is not None and len(names := dict.fromkeys(dtype.name for dtype in dtypes)) > 1:
        remedy = f"write .astype({narrow.name!r}) for the others"
        raise ArgumentTypeError(f"the arrays are {' and '.join(names)}, expected one dtype: {remedy}")
    return narrow


@lru_cache(maxsize=64)
def _is_narrow(dtype: np.dtype[Any]) -> bool:
    return dtype.name in STORAGE and STORAGE[dtype.name].is_narrow


def _widened(given: Given) -> Given:
    """Return narrow arrays as float32, which holds their numbers, and anything else as it is."""
    if isinstance(given, (Params, network.Grads)):
        return type(given)(*map(_widened, given))
    if isinstance(given, np.ndarray) and _narrow(given) is not None:
        return given.astype(np.float32)  # type: ignore[return-value]  # an array for an array: only its dtype is another
    return given


def _stored(params: Params[Float], precision: Precision) -> Balls:
    return Balls(*(stored(p, precision.stores) for p in params))


def _hidden(
    weights: Balls, inputs: Ball, activation: Activation, precision: Precision, points: bool
) -> tuple[Ball, Ball, NDArray[np.bool_]]:
    h = sum_of_products(inputs, weights.w1, _row(weights.b1), precision=precision, freedom=Freedom(exact=points))
    if activation == "identity":
        return h, h, np.zeros(h.centre.shape, np.bool_)
    on = h.centre > h.radius
    off = h.centre < -h.radius
    # max(h, 0) moves no further than h does, and not at all where h is certainly negative.
    a = Ball(np.maximum(h.centre, 0.0), network._zero_where(off, h.radius.copy()))
    return h, a, ~(on | off)


def _output(weights: Balls, a: Ball, *extras: Ball, precision: Precision, points: bool) -> Ball:
    """Enclose ``a @ w2 + b2 + sum(extras)``: the prediction, or with -y the residual."""
    return sum_of_products(a, weights.w2, _row(weights.b2), *extras, precision=precision, freedom=Freedom(exact=points))


def _backward(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    activation: Activation,
    precision: Precision,
    points: bool,
    freedom: Freedom,
    layers: Layers | None,
) -> Balls:
    later = freedom._replace(roundings=0)  # the roundings of a rescaling are met once, and counted in g

    def product(left: Ball, right: Ball) -> Ball:
        return sum_of_products(left, right, precision=precision, freedom=later)

    weights, inputs = _stored(params, precision), stored(x, precision.stores)
    if layers is None:
        h, a, uncertain = _hidden(weights, inputs, activation, precision, points)
        r = _output(weights, a, -stored(y, precision.stores), precision=precision, points=points)
    else:
        h, a, _, r, uncertain = layers
    g = _doubled(r, precision.stores, freedom)
    ga = product(g, weights.w2.T)
    gh = ga if activation == "identity" else _gated(h, ga, uncertain, precision.stores, freedom)
    ones = _ones(x.shape[0], x.dtype)
    return Balls(
        w1=product(inputs.T, gh),
        b1=product(ones, gh).reshape(*params.b1.shape),
        w2=product(a.T, g),
        b2=product(ones, g).reshape(*params.b2.shape),
    )


@lru_cache(maxsize=16)
def _ones(count: int, dtype: np.dtype[Any]) -> Ball:
    """Return a row of ones: the sum over the batch is a product with it."""
    return stored(np.ones((1, count), dtype), format_of(dtype))


def _doubled(r: Ball, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``g = 2 r``: doubling is exact, but for the roundings of a rescaling and for underflow."""
    with np.errstate(all="ignore"):
        centre = 2 * r.centre
        rescaling, underflow = gamma(freedom.roundings, fmt), 2 * fmt.smallest_normal * freedom.scale
        radius = 2 * r.radius * (1 + rescaling) + rescaling * np.abs(centre) + underflow
        if freedom.exact and not r.radius.all() and r.lowest_bit - math.log2(freedom.scale) >= fmt.emin:
            radius = np.where(r.radius == 0, 0.0, radius)
        inside = 2 * freedom.growth * (np.abs(centre) + radius) <= fmt.largest
        return Ball(centre, np.where(inside, radius * MARGIN, np.inf))


def _gated(h: Ball, ga: Ball, uncertain: NDArray[np.bool_], fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``slope * ga``: slope 1 where h is certainly positive, 0 where negative, any in [0, 1] elsewhere."""
    with np.errstate(all="ignore"):
        not_on = h.centre <= h.radius
        centre, radius = (network._zero_where(not_on, array.copy()) for array in ga)
        at = np.nonzero(uncertain)  # few units, and most of the work
        size, reach = np.abs(ga.centre[at]), ga.radius[at]
        product = fmt.unit_roundoff * (size + reach) + fmt.smallest_normal * freedom.scale
        centre[at], radius[at] = 0.5 * ga.centre[at], (0.5 * size + reach + product) * MARGIN
        if not ga.radius.max(initial=0.0) < np.inf:
            radius[~np.isfinite(ga.radius)] = np.inf
        return Ball(centre, radius)


def _descended(p: NDArray[Float], g: Ball, lr: float, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``p - lr * g``: the rate is rounded to the format, the product and the difference are rounded once."""
    with np.errstate(all="ignore"):
        w = stored(p, fmt)
        u, v, rate = fmt.unit_roundoff, FLOAT64.unit_roundoff, abs(lr)
        step = lr * g.centre
        centre = w.centre - step
        size = np.abs(step)
        product = gamma(2, fmt)  # the rate's rounding and the product's
        moved = rate * g.radius
        moved *= 1 + product
        moved += product * size
        moved += fmt.smallest_normal * (2 + freedom.scale * rate)
        radius = moved * (1 + u) + (u + 4 * v) * (np.abs(centre) + moved) + 2 * v * size + fmt.smallest_normal
        if lr == 0 or g.has_zeros:
            radius = np.where((lr == 0) | (g.size == 0), 0.0, radius)  # nothing is subtracted
        radius *= MARGIN
        radius += w.radius
        if freedom.exact and not g.radius.all():
            quantum = min(w.lowest_bit, lowest_bit(np.asarray(lr)) + g.lowest_bit)
            point = (g.radius == 0) & (w.radius == 0) & fits(np.abs(w.centre) + size, quantum, fmt, freedom.scale)
            radius[point] = 0.0
        if 0 < rate < fmt.smallest_normal or rate > fmt.largest:
            radius[...] = np.inf  # the rate itself would lose its digits
        elif not 4 * (w.largest + rate * g.largest) <= fmt.largest:
            radius[~(4 * (np.abs(w.centre) + size + rate * g.radius) <= fmt.largest)] = np.inf
        return Ball(centre, radius)


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
