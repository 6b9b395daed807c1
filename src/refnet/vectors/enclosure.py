"""The network's enclosure in exact arithmetic, and its ends as numbers of the format.

Each function of balls is its namesake in `refnet.enclosure`, and ``spec/arithmetic.md``, section 5, proves both. Every
number between the ends of a component, and no other number of the format, is what a correct implementation may return.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.exact import Dyadic
from refnet.network import Activation, Grads, Params
from refnet.rounding import Format, format_of
from refnet.vectors.balls import (
    ZERO,
    Ball,
    Freedom,
    above,
    check_range,
    constant,
    fits,
    gamma,
    is_zero,
    lowest_bit,
    stored,
    sum_of_products,
    times,
    total,
    unit_roundoff,
    upper,
    where,
)

Array = NDArray[Any]  # float32 or float64

_RESCALING_ROUNDINGS = 3


class Balls(NamedTuple):
    """One ball for each parameter, or for its gradient, in the parameter's shape."""

    w1: Ball
    b1: Ball
    w2: Ball
    b2: Ball


class Branches(NamedTuple):
    """Where the ReLU is certainly on, and where it is certainly off; elsewhere either is legal."""

    on: NDArray[np.bool_]
    off: NDArray[np.bool_]


class Ends(NamedTuple):
    """The least and the greatest number of the format in each interval."""

    low: Array
    high: Array


def forward(params: Params[Any], x: Array, *, activation: Activation, points: bool) -> Ball:
    """Enclose the prediction. Raises OutOfRangeError where a sum might overflow, as every function here does."""
    fmt = format_of(x.dtype)
    a, _ = _hidden(params, x, activation, fmt, points)
    return _output(params, a, fmt=fmt, points=points)


def loss(params: Params[Any], x: Array, y: Array, *, activation: Activation, points: bool) -> Ball:
    """Enclose the loss, a ball of shape ()."""
    fmt = format_of(x.dtype)
    a, _ = _hidden(params, x, activation, fmt, points)
    r = _output(params, a, -stored(y, fmt), fmt=fmt, points=points).reshape(1, -1)
    return sum_of_products(r, r.T, fmt=fmt, freedom=_freedom(y.size, points)).reshape()


def grads(params: Params[Any], x: Array, y: Array, *, activation: Activation, points: bool) -> Balls:
    """Enclose the gradient, a ball for each parameter."""
    return _backward(params, x, y, activation, points, _freedom(y.size, points))


def update(params: Params[Any], grads: Grads[Any], lr: float, *, points: bool) -> Balls:
    """Enclose the update, a ball for each parameter."""
    fmt = format_of(params.w1.dtype)
    freedom = Freedom(exact=points)
    return Balls(*(_descended(p, stored(g, fmt), lr, fmt, freedom) for p, g in zip(params, grads, strict=True)))


def step(params: Params[Any], x: Array, y: Array, lr: float, *, activation: Activation, points: bool) -> Balls:
    """Enclose a step, a ball for each parameter."""
    fmt = format_of(params.w1.dtype)
    rate = abs(Fraction(lr))
    freedom = _freedom(y.size, points)
    if 0 < rate < 1:
        freedom = freedom._replace(scale=freedom.scale / rate)
    power_of_two = abs(np.frexp(lr)[0]) in (0.0, 0.5)
    freedom = freedom._replace(growth=max(Fraction(1), rate), exact=freedom.exact and power_of_two)
    gradients = _backward(params, x, y, activation, points, freedom)
    return Balls(*(_descended(p, g, lr, fmt, freedom) for p, g in zip(params, gradients, strict=True)))


def ends(ball: Ball, dtype: np.dtype[Any]) -> Ends:
    """Return the ends of each interval, rounded inwards: no number of the format is lost by that.

    >>> third = Ball(constant(0.5), constant(0.25 + 2.0**-60))
    >>> [end.item() for end in ends(third, np.dtype(np.float32))]
    [0.25, 0.75]
    """
    fmt = format_of(dtype)
    low, high = total(ball.centre, times(ball.radius, constant(-1))), total(ball.centre, ball.radius)
    return Ends(*(_inwards(end, fmt, sign).astype(dtype) for end, sign in ((low, 1), (high, -1))))


def _inwards(ends: Dyadic, fmt: Format, sign: int) -> NDArray[np.float64]:
    """Return the next number of the format: upwards for sign 1, downwards for sign -1."""

    def end(n: int) -> float:
        leading = max(ends.exponent + n.bit_length() - 1, fmt.emin)
        drop = max(leading - fmt.precision + 1 - ends.exponent, 0)
        return float(np.ldexp(float(-sign * (-sign * n >> drop)), ends.exponent + drop))

    return np.array([end(n) for n in ends.integers.ravel().tolist()], np.float64).reshape(ends.integers.shape)


def _hidden(
    params: Params[Any], x: Array, activation: Activation, fmt: Format, points: bool
) -> tuple[Ball, Branches | None]:
    """Return a, and the branches of the ReLU if there is one."""
    b1 = stored(params.b1, fmt).reshape(1, -1)
    h = sum_of_products(stored(x, fmt), stored(params.w1, fmt), b1, fmt=fmt, freedom=Freedom(exact=points))
    if activation == "identity":
        return h, None
    minus = times(h.centre, constant(-1))
    on, off = above(h.centre, h.radius), above(minus, h.radius)
    a = Ball(where(above(h.centre, ZERO), h.centre, ZERO), where(off, ZERO, h.radius))
    return a, Branches(on, off)


def _output(params: Params[Any], a: Ball, *extras: Ball, fmt: Format, points: bool) -> Ball:
    b2 = stored(params.b2, fmt).reshape(1, -1)
    return sum_of_products(a, stored(params.w2, fmt), b2, *extras, fmt=fmt, freedom=Freedom(exact=points))


def _backward(params: Params[Any], x: Array, y: Array, activation: Activation, points: bool, freedom: Freedom) -> Balls:
    fmt = format_of(x.dtype)
    a, branches = _hidden(params, x, activation, fmt, points)
    r = _output(params, a, -stored(y, fmt), fmt=fmt, points=points)
    g = _doubled(r, fmt, freedom)
    later = freedom._replace(roundings=0)  # the roundings of a rescaling are met once, and counted in g
    ga = sum_of_products(g, stored(params.w2, fmt).T, fmt=fmt, freedom=later)
    gh = ga if branches is None else _gated(ga, branches, fmt, freedom)
    ones = stored(np.ones((1, x.shape[0])), fmt)
    return Balls(
        w1=sum_of_products(stored(x, fmt).T, gh, fmt=fmt, freedom=later),
        b1=sum_of_products(ones, gh, fmt=fmt, freedom=later).reshape(*params.b1.shape),
        w2=sum_of_products(a.T, g, fmt=fmt, freedom=later),
        b2=sum_of_products(ones, g, fmt=fmt, freedom=later).reshape(*params.b2.shape),
    )


def _doubled(r: Ball, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``g = 2 r``."""
    two = constant(2)
    centre = times(r.centre, two)
    rescaling = gamma(freedom.roundings, fmt)
    size = times(Ball(r.centre, ZERO).size, two)
    lost = 2 * Fraction(fmt.smallest_normal) * freedom.scale
    radius = total(times(r.radius, upper(2 * (1 + rescaling))), times(size, upper(rescaling)), upper(lost))
    if freedom.exact:
        points = is_zero(r.radius) & fits(ZERO, lowest_bit(r.centre), fmt, freedom)
        radius = where(points, ZERO, radius)
    check_range(times(total(size, radius), constant(freedom.growth / 2)), fmt)
    return Ball(centre, radius)


def _gated(ga: Ball, branches: Branches, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``slope * ga``: slope 1 where h is certainly positive, 0 where negative, any in [0, 1] elsewhere."""
    on, off = branches
    half = constant(0.5)
    centre = where(on, ga.centre, where(off, ZERO, times(ga.centre, half)))
    product = total(times(ga.size, upper(unit_roundoff(fmt))), upper(Fraction(fmt.smallest_normal) * freedom.scale))
    either = total(times(Ball(ga.centre, ZERO).size, half), ga.radius, product)
    return Ball(centre, where(on, ga.radius, where(off, ZERO, either)))


def _descended(p: Array, g: Ball, lr: float, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose ``p - lr * g``."""
    w = stored(p, fmt)
    minus, rate = constant(-lr), constant(abs(lr))
    u, tiny = upper(unit_roundoff(fmt)), Fraction(fmt.smallest_normal)
    centre = total(w.centre, times(minus, g.centre))
    size = times(Ball(g.centre, ZERO).size, rate)
    product = gamma(2, fmt)
    moved = total(
        times(g.radius, rate, upper(1 + product)),
        times(size, upper(product)),
        upper(tiny * (2 + freedom.scale * abs(Fraction(lr)))),
    )
    reach = total(Ball(centre, ZERO).size, moved)
    radius = total(moved, times(u, total(moved, reach)), constant(tiny))
    untouched = np.asarray((lr == 0) | (is_zero(g.centre) & is_zero(g.radius)))
    radius = total(where(untouched, ZERO, radius), w.radius)
    terms = total(Ball(w.centre, ZERO).size, size)
    if freedom.exact:
        quantum = min(lowest_bit(w.centre), lowest_bit(constant(lr)) + lowest_bit(g.centre))
        points = is_zero(g.radius) & is_zero(w.radius) & fits(terms, quantum, fmt, freedom)
        radius = where(points, ZERO, radius)
    check_range(total(terms, times(rate, g.radius)), fmt)
    if 0 < abs(lr) < fmt.smallest_normal or abs(lr) > fmt.largest:
        raise ValueError(f"lr is {lr!r}, expected 0 or a normal number of {fmt.name}: its digits would be lost")
    return Ball(centre, radius)


def _freedom(terms: int, points: bool) -> Freedom:
    """Return what an implementation may do that averages over ``terms`` and multiplies back."""
    power_of_two = terms & (terms - 1) == 0
    return Freedom(_RESCALING_ROUNDINGS, Fraction(2 * max(1, terms)), exact=points and power_of_two)
