"""Sums of products in mixed precision: operands rounded on their way in, sums in another format than what is stored.

`sum_of_products` is that of `refnet.rounding` for an implementation of one format. For any other it is a composition:
the factors are read, the sum is made in the format of the sums, and what comes out of it is stored. The derivations
are in ``spec/precision.md``.

>>> precision = Precision("bfloat16", accumulate="float32")
>>> x, w = Ball(np.array([[3.0, 1.0]]), np.zeros((1, 2))), Ball(np.array([[5.0], [0.25]]), np.zeros((2, 1)))
>>> ball = sum_of_products(x, w, precision=precision)
>>> ball.centre.item(), ball.radius.item()  # 15.25 has 6 bits, and bfloat16 has 8
(15.25, 0.0)
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from refnet import rounding
from refnet.formats import TF32, Format, Precision
from refnet.rounding import MARGIN, NO_FREEDOM, Ball, Floats, Freedom


def sum_of_products(x: Ball, w: Ball, *extras: Ball, precision: Precision, freedom: Freedom = NO_FREEDOM) -> Ball:
    """Enclose every evaluation of ``x @ w + sum(extras)`` in that precision, stored.

    The product may be stored before an extra is added, and so may each sum that follows, or nothing but the last one.
    Shapes, infinite radii, radius 0 and errors are those of `refnet.rounding.sum_of_products`.
    """
    if precision.is_native:
        return rounding.sum_of_products(x, w, *extras, fmt=precision.sums, freedom=freedom)
    total = rounding.sum_of_products(
        read(x, precision), read(w, precision), *extras, fmt=precision.sums, freedom=freedom
    )
    with np.errstate(all="ignore"):
        size = total.magnitude + _sum(*(extra.magnitude for extra in extras))
        product = total.centre - _sum(*(extra.centre for extra in extras))
        points = total.radius == 0
        for some in _choices(product, *(extra.centre for extra in extras)):
            points = points & _is_stored_exactly(_sum(*some), precision.stores, freedom)
    times = 1 + len(extras) + freedom.roundings
    return _stored(total, size, points & freedom.exact, times, 0, precision.stores, freedom)


def sum_of_squares(r: Ball, *, precision: Precision, freedom: Freedom = NO_FREEDOM) -> Ball:
    """Enclose every evaluation of the sum of the squares of all components, stored; each square may be stored before.

    The roundings of ``freedom`` may be those of stored numbers.
    """
    row = r.reshape(1, -1)
    if precision.is_native:
        return rounding.sum_of_products(row, row.T, fmt=precision.sums, freedom=freedom).reshape()
    row = read(row, precision)
    total = rounding.sum_of_products(row, row.T, fmt=precision.sums, freedom=freedom)
    with np.errstate(all="ignore"):
        squares = _is_stored_exactly(row.centre * row.centre, precision.stores, freedom).all()
        points = (total.radius == 0) & squares & _is_stored_exactly(total.centre, precision.stores, freedom)
        size = total.magnitude
    times, squared = 2 + freedom.roundings, row.centre.size
    return _stored(total, size, points & freedom.exact, times, squared, precision.stores, freedom).reshape()


def read(ball: Ball, precision: Precision) -> Ball:
    """Enclose what is read of a stored number: itself, or that number rounded to the format of the operands."""
    fmt = precision.reads
    if fmt.holds(precision.stores):
        return ball
    with np.errstate(all="ignore"):
        # Hardware that reads 19 bits of a float32 may round, or leave the other 13 out: twice the unit roundoff.
        unit = fmt.unit_roundoff * (2 if fmt == TF32 else 1)
        size = ball.magnitude
        near_zero = np.abs(ball.centre) - ball.radius < fmt.smallest_normal
        lost = np.where(near_zero, np.minimum(size, fmt.smallest_normal), 0.0)
        radius = (ball.radius + unit * size + lost) * MARGIN
        kept = (ball.radius == 0) & _is_stored_exactly(ball.centre, fmt, NO_FREEDOM)
        inside = size * (1 + unit) <= fmt.largest
        return Ball(ball.centre, np.where(inside, np.where(kept, 0.0, radius), np.inf))


def _stored(
    total: Ball, size: Floats, points: NDArray[np.bool_], times: int, squared: int, fmt: Format, freedom: Freedom
) -> Ball:
    """Enclose the total after it and what leads to it were stored, ``times`` in all, and ``squared`` terms of it.

    ``size`` bounds each number that is stored on the way.
    """
    with np.errstate(all="ignore"):
        more = (1 + fmt.unit_roundoff) ** times
        lost = (times + squared) * fmt.smallest_normal * freedom.scale * more
        nothing = (total.centre == 0) & (size == 0)
        radius = np.where(points | nothing, 0.0, (total.radius + (more - 1) * size + lost) * MARGIN)
        inside = 2 * freedom.growth * (size + radius) <= fmt.largest
        return Ball(total.centre, np.where(inside, radius, np.inf))


def _is_stored_exactly(numbers: Floats, fmt: Format, freedom: Freedom) -> NDArray[np.bool_]:
    """Return which numbers are normal numbers of the format, or 0, divided by the freedom's scale as well."""
    significand, _ = np.frexp(numbers)
    digits = np.ldexp(significand, fmt.precision)
    normal = np.abs(numbers) >= fmt.smallest_normal * freedom.scale
    is_stored: NDArray[np.bool_] = (digits == np.rint(digits)) & (normal | (numbers == 0))
    return is_stored


def _sum(*arrays: Floats) -> Floats:
    return sum(arrays, start=np.zeros(()))


def _choices(*parts: Floats) -> Iterator[tuple[Floats, ...]]:
    """Yield every choice of some of the parts: the sum of each may be stored."""
    for count in range(1, len(parts) + 1):
        yield from combinations(parts, count)
