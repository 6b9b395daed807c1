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
"""

import math
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
    _, a, _ = _hidden(params, stored(x, precision.stores), activation, precision, points)
    return _output(params, a, precision=precision, points=points)


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
    h, a, uncertain = _hidden(params, stored(x, precision.stores), activation, precision, points)
    p = _output(params, a, precision=precision, points=points)
    r = _output(params, a, -stored(y, precision.stores), precision=precision, points=points)
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
) -> Ball:
    """Enclose the loss, a ball of shape (). Raises as `forward` does."""
    params, x, y, precision = _opened(params, x, y, activation, precision)
    _, a, _ = _hidden(params, stored(x, precision.stores), activation, precision, points)
    r = _output(params, a, -stored(y, precision.stores), precision=precision, points=points)
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
) -> Balls:
    """Enclose the gradient of the loss. Raises as `forward` does."""
    params, x, y, precision = _opened(params, x, y, activation, precision)
    return _backward(params, x, y, activation, precision, points, _freedom(y.size, points, rescaled))


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
    gradients = _backward(params, x, y, activation, precision, points, freedom)
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
    arrays = [array for one in given for array in (one if isinstance(one, tuple) else (one,))]
    different = dict.fromkeys(array.dtype for array in arrays if isinstance(array, np.ndarray))
    dtypes = {dtype.name: dtype for dtype in different}
    narrow = [dtype for name, dtype in dtypes.items() if name in STORAGE and STORAGE[name].is_narrow]
    if narrow and len(dtypes) > 1:
        remedy = f"write .astype({narrow[0].name!r}) for the others"
        raise ArgumentTypeError(f"the arrays are {' and '.join(dtypes)}, expected one dtype: {remedy}")
    return narrow[0] if narrow else None


def _widened(given: Given) -> Given:
    """Return narrow arrays as float32, which holds their numbers, and anything else as it is."""
    if isinstance(given, (Params, network.Grads)):
        return type(given)(*map(_widened, given))
    if isinstance(given, np.ndarray) and _narrow(given) is not None:
        return given.astype(np.float32)  # type: ignore[return-value]  # an array for an array: only its dtype is another
    return given


def _hidden(
    params: Params[Float], inputs: Ball, activation: Activation, precision: Precision, points: bool
) -> tuple[Ball, Ball, NDArray[np.bool_]]:
    w1, b1 = (stored(array, precision.stores) for array in (params.w1, params.b1))
    h = sum_of_products(inputs, w1, _row(b1), precision=precision, freedom=Freedom(exact=points))
    if activation == "identity":
        return h, h, np.zeros(h.centre.shape, np.bool_)
    on = h.centre > h.radius
    off = h.centre < -h.radius
    # max(h, 0) moves no further than h does, and not at all where h is certainly negative.
    return h, Ball(np.maximum(h.centre, 0.0), np.where(off, 0.0, h.radius)), ~(on | off)


def _output(params: Params[Float], a: Ball, *extras: Ball, precision: Precision, points: bool) -> Ball:
    """Enclose ``a @ w2 + b2 + sum(extras)``: the prediction, or with -y the residual."""
    w2, b2 = stored(params.w2, precision.stores), _row(stored(params.b2, precision.stores))
    return sum_of_products(a, w2, b2, *extras, precision=precision, freedom=Freedom(exact=points))


def _backward(
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    activation: Activation,
    precision: Precision,
    points: bool,
    freedom: Freedom,
) -> Balls:
    later = freedom._replace(roundings=0)  # the roundings of a rescaling are met once, and counted in g

    def product(left: Ball, right: Ball) -> Ball:
        return sum_of_products(left, right, precision=precision, freedom=later)

    inputs, w2, targets = (stored(array, precision.stores) for array in (x, params.w2, y))
    h, a, uncertain = _hidden(params, inputs, activation, precision, points)
    g = _doubled(_output(params, a, -targets, precision=precision, points=points), precision.stores, freedom)
    ga = product(g, w2.T)
    gh = ga if activation == "identity" else _gated(h, ga, uncertain, precision.stores, freedom)
    ones = stored(np.ones((1, x.shape[0]), x.dtype), format_of(x.dtype))
    return Balls(
        w1=product(inputs.T, gh),
        b1=product(ones, gh).reshape(*params.b1.shape),
        w2=product(a.T, g),
        b2=product(ones, g).reshape(*params.b2.shape),
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
        centre, radius = np.where(on, ga.centre, 0.0), np.where(on, ga.radius, 0.0)
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
