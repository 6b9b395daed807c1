"""Balls in exact arithmetic: what `refnet.rounding` computes in float64, computed in integers.

The formulas are those of ``spec/arithmetic.md``, sections 2 to 4, without what is there for the rounding of the centre
and of the radius, the MARGIN: here the centre has none, and radii are rounded upwards where they are rounded at all.
What the MARGIN covers besides, double rounding, is in the unit roundoff. No floating-point operation decides anything,
so a ball is the same on every machine, to the last bit.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.exact import Dyadic
from refnet.rounding import Format

Counts = NDArray[np.int64]

_KEPT = 72  # bits of a radius that survive its rounding upwards: it then grows by 2**-71 of itself at most
_DOUBLE_ROUNDING = 1 + Fraction(1, 2**10)  # (1 + 2**-64) (1 + 2**-53) - 1 is less than 2**-53 times this


class OutOfRangeError(ValueError):
    """A sum might overflow in some order, so that nothing can be claimed of its result."""


class Ball(NamedTuple):
    """All numbers within ``radius`` of ``centre``, per component, both exact."""

    centre: Dyadic
    radius: Dyadic

    @property
    def size(self) -> Dyadic:
        """The largest absolute value, rounded upwards."""
        return _rounded_up(total(_absolute(self.centre), self.radius))

    @property
    def T(self) -> "Ball":
        """The transpose."""
        return self.reordered(np.transpose)

    def reshape(self, *shape: int) -> "Ball":
        """Return the same components in another shape."""
        return self.reordered(lambda integers: integers.reshape(shape))

    def reordered(self, order: Any) -> "Ball":
        """Return the ball with ``order``, a function of arrays, applied to both its arrays."""
        return Ball(*(Dyadic(order(part.integers), part.exponent) for part in self))

    def __neg__(self) -> "Ball":
        """Return the negated ball."""
        return Ball(times(self.centre, constant(-1)), self.radius)


class Freedom(NamedTuple):
    """What `refnet.rounding.Freedom` is, in exact numbers."""

    roundings: int = 0
    scale: Fraction = Fraction(1)
    growth: Fraction = Fraction(1)
    exact: bool = True


# Arithmetic of Dyadic arrays, which broadcast as NumPy's do.


def total(*terms: Dyadic) -> Dyadic:
    """Return the sum."""
    least = min(term.exponent for term in terms)
    return Dyadic(np.asarray(sum(term.over(least) for term in terms), np.object_), least)


def times(*factors: Dyadic) -> Dyadic:
    """Return the product, component by component."""
    product = reduce(lambda one, two: np.asarray(one * two, np.object_), (factor.integers for factor in factors))
    return Dyadic(product, sum(factor.exponent for factor in factors))


def matmul(one: Dyadic, two: Dyadic) -> Dyadic:
    """Return the product of two matrices."""
    return Dyadic(one.integers @ two.integers, one.exponent + two.exponent)


def constant(number: float | Fraction) -> Dyadic:
    """Return a float, or another number whose denominator is a power of two, as an array of shape ()."""
    ratio = Fraction(number)
    return Dyadic(np.array(ratio.numerator, np.object_), 1 - ratio.denominator.bit_length())


def where(condition: NDArray[np.bool_], one: Dyadic, other: Dyadic) -> Dyadic:
    """Return ``one`` where the condition holds, the other elsewhere."""
    least = min(one.exponent, other.exponent)
    return Dyadic(np.where(condition, one.over(least), other.over(least)), least)


def above(one: Dyadic, other: Dyadic) -> NDArray[np.bool_]:
    """Return where ``one > other``."""
    least = min(one.exponent, other.exponent)
    return np.asarray(one.over(least) > other.over(least), np.bool_)


def is_zero(number: Dyadic) -> NDArray[np.bool_]:
    """Return where the number is 0."""
    return np.asarray(number.integers == 0, np.bool_)


ZERO = constant(0)


# The algebra of balls.


def unit_roundoff(fmt: Format) -> Fraction:
    """Return the largest relative error of an operation, one that is rounded twice included."""
    return Fraction(fmt.unit_roundoff) * _DOUBLE_ROUNDING


def gamma(n: int, fmt: Format) -> Fraction:
    """Return ``n u / (1 - n u)`` (Higham, Lemma 3.1). Raises OutOfRangeError where ``n u >= 1``."""
    nu = n * unit_roundoff(fmt)
    if nu >= 1:
        raise OutOfRangeError(f"a sum of {n} terms in {fmt.name} has no bound: take a smaller shape")
    return nu / (1 - nu)


def upper(number: Fraction) -> Dyadic:
    """Return an upper bound of a nonnegative number, as an array of shape ()."""
    return _each(np.zeros((), np.int64), lambda _: number)


def stored(array: NDArray[Any], fmt: Format) -> Ball:
    """Return the ball of numbers as read from memory: points, but that a subnormal number may be read as 0."""
    centre: Dyadic = Dyadic.of(array)
    size = _absolute(centre)
    return Ball(centre, where(above(constant(fmt.smallest_normal), size), size, ZERO))


def sum_of_products(x: Ball, w: Ball, *extras: Ball, fmt: Format, freedom: Freedom) -> Ball:
    """Enclose every evaluation of ``x @ w + sum(extras)``: `refnet.rounding.sum_of_products`, exactly.

    ``n``, the number of products that are not 0, is counted for each component. Raises OutOfRangeError where a sum
    might overflow. Source: ``spec/arithmetic.md``, sections 2 to 4.
    """
    size_x, size_w = x.size, w.size
    centre = total(matmul(x.centre, w.centre), *(extra.centre for extra in extras))
    products = matmul(size_x, size_w)
    terms = total(products, *(extra.size for extra in extras))
    check_range(times(terms, constant(freedom.growth)), fmt)

    n = (~is_zero(size_x)).astype(np.int64) @ (~is_zero(size_w)).astype(np.int64)
    others = len(extras) + freedom.roundings
    parts = [times(_each(n, lambda n: gamma(n + others, fmt)), terms), *(extra.radius for extra in extras)]
    if not is_zero(w.radius).all():
        parts.append(matmul(_absolute(x.centre), w.radius))
    if not is_zero(x.radius).all():
        parts.append(matmul(x.radius, size_w))
    lost = Fraction(fmt.smallest_normal) * freedom.scale
    parts.append(_each(n, lambda n: (2 * n + others + 1) * lost * (1 + gamma(2 * (n + others) + 4, fmt))))
    radius = _rounded_up(total(*parts))
    radius = where(is_zero(terms), ZERO, radius)
    if freedom.exact:
        radius = where(_exact(x, w, extras, terms, fmt, freedom), ZERO, radius)
    return Ball(centre, radius)


def fits(terms: Dyadic, quantum: float, fmt: Format, freedom: Freedom) -> NDArray[np.bool_]:
    """Return where every sum of multiples of ``2**quantum``, of total magnitude ``terms``, is exact in any order."""
    shape = terms.integers.shape
    if quantum == np.inf:
        return np.ones(shape, np.bool_)  # there are only zeros
    unit = Fraction(2) ** int(quantum)
    if not _is_power_of_two(freedom.scale) or unit < freedom.scale * Fraction(fmt.smallest_normal):
        return np.zeros(shape, np.bool_)
    return above(constant(unit * 2**fmt.precision), terms)


def lowest_bit(number: Dyadic) -> float:
    """Return the exponent of the lowest set bit over the array, infinity where all is 0."""
    bits: int = reduce(or_, number.integers.ravel().tolist(), 0)
    return (bits & -bits).bit_length() - 1 + number.exponent if bits else np.inf


def check_range(terms: Dyadic, fmt: Format) -> None:
    """Raise OutOfRangeError where ``4 * terms`` is above the largest number of the format."""
    if above(times(terms, constant(4)), constant(fmt.largest)).any():
        raise OutOfRangeError(f"a sum may leave the range of {fmt.name}: take smaller numbers")


def _exact(
    x: Ball, w: Ball, extras: tuple[Ball, ...], terms: Dyadic, fmt: Format, freedom: Freedom
) -> NDArray[np.bool_]:
    points: NDArray[np.bool_] = np.all(is_zero(x.radius), axis=1, keepdims=True) & np.all(is_zero(w.radius), axis=0)
    for extra in extras:
        points = points & is_zero(extra.radius)
    if not points.any():
        return points
    quantum = min([lowest_bit(x.centre) + lowest_bit(w.centre), *(lowest_bit(extra.centre) for extra in extras)])
    return np.asarray(points & fits(terms, quantum, fmt, freedom))


def _is_power_of_two(number: Fraction) -> bool:
    return all(part & (part - 1) == 0 for part in (number.numerator, number.denominator))


def _absolute(number: Dyadic) -> Dyadic:
    return Dyadic(np.asarray(np.abs(number.integers), np.object_), number.exponent)


def _rounded_up(number: Dyadic) -> Dyadic:
    """Return the nonnegative numbers, rounded upwards to a multiple that keeps 72 bits of the least of them."""
    lengths = [n.bit_length() for n in number.integers.ravel().tolist() if n]
    drop = min(lengths, default=0) - _KEPT
    if drop <= 0:
        return number
    return Dyadic(np.asarray(-(-number.integers >> drop), np.object_), number.exponent + drop)


def _each(counts: Counts, value: Callable[[int], Fraction]) -> Dyadic:
    """Return an upper bound of ``value`` of each count, as an array of their shape."""
    numbers = {count: value(count) for count in np.unique(counts).tolist()}
    exponent = min((_magnitude(number) for number in numbers.values() if number), default=0) - _KEPT
    unit = Fraction(2) ** exponent
    upper = {count: -(-number // unit) for count, number in numbers.items()}
    bounds = np.empty(counts.size, np.object_)
    bounds[:] = [upper[count] for count in counts.ravel().tolist()]
    return Dyadic(bounds.reshape(counts.shape), exponent)


def _magnitude(number: Fraction) -> int:
    return number.numerator.bit_length() - number.denominator.bit_length()
