"""The primitives of the error analysis: formats, gamma, and the ball that holds every rounding of a sum of products.

A `Ball` is a centre and a radius, per component. The one theorem here is `sum_of_products`: whatever order an
implementation sums in, with or without FMA, with gradual underflow or flush to zero, its result lies in the ball
returned. A bound for any network of affine layers is a composition of these functions; `refnet.enclosure` is the one
for refnet's. The derivations are in ``spec/arithmetic.md``; "Higham" is N. J. Higham, Accuracy and Stability of
Numerical Algorithms, 2nd edition.

>>> x = stored(np.array([[1.0, 2.0]]), FLOAT32)
>>> w = stored(np.array([[0.1], [0.2]], np.float32), FLOAT32)
>>> ball = sum_of_products(x, w, fmt=FLOAT32)
>>> bool(abs(np.float32(0.1) + np.float32(2) * np.float32(0.2) - ball.centre[0, 0]) <= ball.radius[0, 0])
True
"""

import math
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from refnet.formats import FLOAT32 as FLOAT32
from refnet.formats import FLOAT64 as FLOAT64
from refnet.formats import Format as Format
from refnet.formats import format_of as format_of
from refnet.network import ShapeError

Floats = NDArray[np.float64]
Sizes = NDArray[np.float32] | NDArray[np.float64]


# Every radius is a sum of nonnegative terms evaluated in float64: for n terms in a row its relative error is below
# (n + 16) 2**-53, which is 2**-12 at most up to 2**40 terms, more than fit in a memory; in float32, of few terms, it is
# little more (`_product_of_sizes`). The margin covers that, the
# final comparison, and double rounding, which is worth 2**-11 (spec/arithmetic.md, section 3).
MARGIN = 1.0 + 2.0**-10

# Radii of normal numbers are lifted by this before they meet the other factor of a product, so that none underflows.
_LIFT = 2.0**64

# The most terms of a sum for a radius in float32: its relative error is then little above 2**-12.
_FEW = 2**12

# Up to so many terms, what a sum may lose is looked up. A table has a power of two of entries, so there are few tables.
_TABULATED = 2**12

# From so many numbers on, a look at their range costs less than a product in float32 in place of float64 gains.
_MANY = 2**12

_ZERO, _NOTHING = np.zeros(1), np.zeros(())
_ZERO.flags.writeable = _NOTHING.flags.writeable = False


class _Components(NamedTuple):
    centre: Floats
    radius: Floats


class Ball(_Components):
    """All values within ``radius`` of ``centre``, per component; an infinite radius says nothing, 0 says equality.

    Neither array may be changed once the ball is there: what is found out about them is remembered.
    """

    @staticmethod
    def point(centre: Floats, size: Sizes) -> "Ball":
        """Return the ball of radius 0 around numbers as read, with their size in the dtype they were stored in.

        The radius is one 0 in memory, so there is nothing to fill.
        """
        point = Ball(centre, np.ndarray(centre.shape, np.float64, _ZERO, strides=(0,) * centre.ndim))
        point.__dict__.update(size=size, is_point=True)
        return point

    @property
    def magnitude(self) -> Floats:
        """An upper bound of the absolute value."""
        magnitude: Floats = np.abs(self.centre)
        magnitude += self.radius
        return magnitude

    @cached_property
    def size(self) -> Sizes:
        """The magnitude, as a factor of products alone: in float32 where that is exact."""
        return self.magnitude

    @cached_property
    def is_point(self) -> bool:
        """Whether every radius is 0."""
        return not self.radius.any()

    @cached_property
    def largest(self) -> float:
        """The largest size, 0 where there is none."""
        return _largest(self.size)

    @cached_property
    def least(self) -> float:
        """The smallest size that is not 0, infinity where there is none."""
        return _least(self.size) if self.has_zeros else self._smallest

    @cached_property
    def widest(self) -> float:
        """The largest radius, 0 where there is none."""
        return 0.0 if self.is_point else _largest(self.radius)

    @cached_property
    def furthest(self) -> float:
        """The largest absolute value of a centre, 0 where there is none."""
        return max(float(self.centre.max(initial=0.0)), -float(self.centre.min(initial=0.0)))

    @cached_property
    def lowest_bit(self) -> float:
        """The exponent of the lowest set bit over all centres, as the function of that name has it."""
        return lowest_bit(self.centre)

    @cached_property
    def has_zeros(self) -> bool:
        """Whether some size is 0, or NaN."""
        return not self._smallest > 0  # so written that NaN counts

    @cached_property
    def _smallest(self) -> float:
        return float(self.size.min(initial=math.inf))

    @property
    def T(self) -> "Ball":
        """The transpose, of which the same is known."""
        turned = Ball(self.centre.T, self.radius.T)
        turned.__dict__.update(self.__dict__)
        if "size" in turned.__dict__:
            turned.__dict__["size"] = self.size.T
        return turned

    def reshape(self, *shape: int) -> "Ball":
        """Return the same components in another shape."""
        return Ball(self.centre.reshape(shape), self.radius.reshape(shape))

    def __neg__(self) -> "Ball":
        """Return the negated ball, of which the same is known: negation is exact in every format."""
        negated = Ball(-self.centre, self.radius)
        negated.__dict__.update(self.__dict__)
        return negated


class Freedom(NamedTuple):
    """What an implementation may do between two stored results beyond one sum of products.

    ``roundings``: how many extra roundings each term may meet (a mean in place of a sum, multiplied back: 3).
    ``scale``: the largest factor by which an intermediate may be smaller than the value it stands for (the same mean:
    the number of its terms), which magnifies underflow. ``growth``: the same for larger, which brings overflow nearer.
    ``exact``: whether such rescaling is itself exact, so that the radius may become 0 on data where all partial sums
    are representable.
    """

    roundings: int = 0
    scale: float = 1.0
    growth: float = 1.0
    exact: bool = True


NO_FREEDOM = Freedom()


@overload
def gamma(n: int, fmt: Format) -> float: ...
@overload
def gamma(n: NDArray[np.intp], fmt: Format) -> Floats: ...
def gamma(n: int | NDArray[np.intp], fmt: Format) -> float | Floats:
    """Return ``n u / (1 - n u)``, the bound for a product of n roundings (Higham, Lemma 3.1); inf where n u >= 1.

    >>> gamma(1, FLOAT32) * 2**24
    1.0000000596046483
    """
    nu = n * fmt.unit_roundoff
    if isinstance(nu, float):
        return nu / (1.0 - nu) if nu < 1.0 else math.inf
    with np.errstate(divide="ignore"):
        bound: Floats = nu / np.maximum(1.0 - nu, 0.0)
    return bound


def subnormals_work() -> bool:
    """Return whether this thread keeps subnormal numbers: a library built for speed may have switched them off."""
    return bool(np.float64(2.0**-1022) * np.float64(2.0**-52) != 0.0)


def stored(array: NDArray[Any], fmt: Format) -> Ball:
    """Return the ball of a number as read from memory: a point, but that a subnormal may be read as 0.

    A number that the format does not hold is within its rounding error, and beyond its range nothing is known.
    """
    array = np.asarray(array)
    centre = array.astype(np.float64, copy=False)
    size = np.abs(array)
    if array.dtype == fmt.name and (point := Ball.point(centre, size)).least >= fmt.smallest_normal:
        return point
    magnitude = np.abs(centre)
    radius = np.where(magnitude < fmt.smallest_normal, magnitude, 0.0)
    if array.dtype != fmt.name:
        with np.errstate(all="ignore"):
            significand, exponent = np.frexp(centre)
            rounded = np.ldexp(np.rint(np.ldexp(significand, fmt.precision)), exponent - fmt.precision)
            held = np.abs(rounded) <= fmt.largest
            radius = np.maximum(radius, np.where(held, np.abs(rounded - centre), np.inf))
    return Ball(centre, radius)


def sum_of_products(x: Ball, w: Ball, *extras: Ball, fmt: Format, freedom: Freedom = NO_FREEDOM) -> Ball:
    """Enclose every evaluation of ``x @ w + sum(extras)`` in ``fmt``: any order, FMA, extras anywhere in the tree.

    ``x`` (I, J), ``w`` (J, K), each extra broadcast to (I, K). A component has an infinite radius where a sum might
    overflow, and radius 0 where all its terms are points and every partial sum is representable. Raises ShapeError for
    shapes that do not fit. Source: ``spec/arithmetic.md``, sections 2 to 4.
    """
    _check_shapes(x.centre.shape, w.centre.shape, [extra.centre.shape for extra in extras])
    with np.errstate(all="ignore"):
        centre = x.centre @ w.centre
        size_e = radius_e = _NOTHING
        for extra in extras:
            centre += extra.centre
            size_e = size_e + extra.size
            if not extra.is_point:
                radius_e = radius_e + extra.radius

        # Adding an exact 0 is exact, so only nonzero products count; they are counted by row of x or by column of w.
        by_row = w.is_point or not x.is_point
        terms = x.centre.shape[1]
        products = _count(x, terms, axis=1) if by_row else _count(w, terms, axis=0)
        more = len(extras) + freedom.roundings
        leaves = products + more
        rounding, grown = _errors(leaves, terms + more, fmt)

        if x.is_point and w.is_point:
            radius = _product_of_sizes(x.size, w.size, rounding * MARGIN, x, w)
        elif by_row:
            radius = _product_of_sizes(_weighted(x, rounding), w.size, MARGIN / _LIFT, right_of=w)
            if not w.is_point:
                radius += _product_of_sizes(np.abs(x.centre), w.radius * _LIFT, MARGIN / _LIFT)
        else:
            radius = _product_of_sizes(x.size, _weighted(w, rounding), MARGIN / _LIFT, left_of=x)
        # Each operation, and one reading of the result, may lose what lies below the smallest normal number.
        lost = fmt.smallest_normal * freedom.scale * grown + 3 * 2.0**-1022
        beside = (products + leaves + 1) * lost
        if extras:
            beside = rounding * size_e + radius_e + beside
        radius += beside * MARGIN
        if not (products if isinstance(products, int) else products.all()):
            np.copyto(radius, 0.0, where=(products == 0) & (size_e == 0))

        most = terms * x.largest * w.largest + (_largest(size_e) if extras else 0.0)  # Hölder's inequality
        if freedom.exact:
            radius[_exact(centre, x, w, extras, most, fmt, freedom)] = 0.0
        limit = fmt.largest / (4 * freedom.growth)
        if not most <= limit:
            total = np.matmul(x.size, w.size, dtype=np.float64)
            radius[~(total + size_e <= limit)] = np.inf
        if not _largest(radius) < np.inf:
            radius[np.isnan(radius)] = np.inf  # NaN says nothing, as infinity does
        return Ball(centre, radius)


def _errors(leaves: Any, most: int, fmt: Format) -> tuple[Any, Any]:
    """Return for so many roundings, one number or an array of numbers up to ``most``, what a sum meets.

    That is the relative error of its terms, the centre's own included, and by how much a loss may grow.
    """
    if most < _TABULATED:
        rounding, grown = _table(1 << most.bit_length(), fmt)
        return rounding[leaves], grown[leaves]
    return gamma(leaves, fmt) + gamma(leaves, FLOAT64), 1.0 + gamma(2 * leaves + 4, fmt)


@lru_cache(maxsize=64)
def _table(count: int, fmt: Format) -> tuple[Floats, Floats]:
    leaves = np.arange(count)
    return gamma(leaves, fmt) + gamma(leaves, FLOAT64), 1.0 + gamma(2 * leaves + 4, fmt)


def _weighted(ball: Ball, rounding: float | Floats) -> Floats:
    """Return ``radius + rounding * size``, lifted."""
    weighted: Floats = np.multiply(ball.size, rounding * _LIFT, dtype=np.float64)
    weighted += ball.radius * _LIFT
    return weighted


def _largest(sizes: Sizes) -> float:
    return float(sizes.max(initial=0.0))


def _least(sizes: Sizes) -> float:
    """Return the smallest size that is not 0, infinity where there is none."""
    least = float(sizes.min(initial=math.inf))
    return least if least > 0 else float(np.where(sizes > 0, sizes, math.inf).min(initial=math.inf))


def _count(ball: Ball, terms: int, axis: int) -> int | NDArray[np.intp]:
    """Return how many sizes are not 0 along the axis; one number, that of the terms, where no size is."""
    if not ball.has_zeros:
        return terms
    return np.add.reduce(ball.size != 0, axis=axis, keepdims=True, dtype=np.intp)


def _product_of_sizes(
    left: Sizes,
    right: Sizes,
    factor: float | Floats,
    left_of: Ball | None = None,
    right_of: Ball | None = None,
) -> Floats:
    """Return ``left @ right * factor`` for a radius, with the product in float32 where MARGIN has room for its errors.

    Nothing may leave the range of float32; the look at it is worth its time where the larger array is float32 already,
    and large. Where a factor is the size of a ball, that has its range. Source: ``spec/arithmetic.md``, section 3.
    """
    inner = left.shape[1]
    larger = left if left.size >= right.size else right
    if larger.dtype == np.float32 and larger.size >= _MANY and inner <= _FEW:
        (low, high), (least, most) = _range(left, left_of), _range(right, right_of)
        above = all(size >= FLOAT32.smallest_normal for size in (low, least, low * least))
        if above and all(size <= FLOAT32.largest for size in (high, most, 2 * inner * high * most)):  # NaN fails
            narrow = left.astype(np.float32, copy=False) @ right.astype(np.float32, copy=False)
            return np.multiply(narrow, factor, dtype=np.float64)
    product: Floats = np.matmul(left, right, dtype=np.float64)
    product *= factor
    return product


def _range(sizes: Sizes, ball: Ball | None) -> tuple[float, float]:
    return (ball.least, ball.largest) if ball is not None else (_least(sizes), _largest(sizes))


def _check_shapes(x: tuple[int, ...], w: tuple[int, ...], extras: list[tuple[int, ...]]) -> None:
    if len(x) != 2 or len(w) != 2 or x[1] != w[0]:
        raise ShapeError(f"x has shape {x} and w has shape {w}, expected (I, J) and (J, K): transpose or reshape one")
    whole = (x[0], w[1])
    for extra in extras:
        if len(extra) > 2 or not all(n in (1, most) for n, most in zip(extra[::-1], whole[::-1], strict=False)):
            raise ShapeError(
                f"an extra has shape {extra}, expected {whole}, as x @ w, or what broadcasts to it: reshape it"
            )


def lowest_bit(array: Floats) -> float:
    """Return the exponent of the lowest set bit over the array: all its values are multiples of ``2**`` that.

    Infinity where there is no nonzero value.

    >>> lowest_bit(np.array([0.0, 6.0, 0.75]))
    -2.0
    """
    significand, exponent = np.frexp(array[array != 0])
    if not significand.size:
        return math.inf
    if not np.isfinite(significand).all():
        return -math.inf
    whole = np.ldexp(significand, 53).astype(np.int64)
    _, position = np.frexp((whole & -whole).astype(np.float64))  # log2 is not exact in every build of NumPy
    return float(np.min(position + exponent)) - 54.0


def _lowest_bit(number: float) -> float:
    """Return what `lowest_bit` does of one number that is not 0."""
    if not math.isfinite(number):
        return -math.inf
    whole, unit = number.as_integer_ratio()
    return float((whole & -whole).bit_length() - unit.bit_length())


def fits(total: Floats | float, quantum: float, fmt: Format, scale: float = 1.0) -> NDArray[np.bool_]:
    """Return where every sum of multiples of ``2**quantum``, of total magnitude ``total``, is exact in any order.

    Each partial sum is then a multiple of ``2**quantum`` of at most ``precision`` bits, and stays one when it is
    divided by ``scale``, a power of two. ``total`` may itself be a float64 sum: one that was rounded is not below
    ``2**(53 + quantum)``.
    """
    if not quantum - math.log2(scale) >= fmt.emin:  # so written that NaN fails
        return np.zeros(np.shape(total), np.bool_)
    bits = fmt.precision + quantum
    return np.asarray(np.asarray(total) < (math.ldexp(1.0, int(bits)) if bits < 1024 else math.inf))


def _exact(
    centre: Floats, x: Ball, w: Ball, extras: tuple[Ball, ...], most: float, fmt: Format, freedom: Freedom
) -> NDArray[np.bool_] | slice:
    """Return where every partial sum is representable, whatever the order of summation, as an index."""
    nowhere = slice(0)
    if not centre.size or not _may_be_exact(x, w, fmt):
        return nowhere
    points: NDArray[np.bool_] = np.ones(centre.shape, np.bool_)
    if not x.is_point:
        points &= ~x.radius.any(axis=1, keepdims=True)
    if not w.is_point:
        points &= ~w.radius.any(axis=0)
    for extra in extras:
        if not extra.is_point:
            points &= extra.radius == 0
    if not points.any():
        return nowhere
    quantum = min([x.lowest_bit + w.lowest_bit, *(extra.lowest_bit for extra in extras)])
    if fits(most, quantum, fmt, freedom.scale):
        return points
    total = np.matmul(x.size, w.size, dtype=np.float64)
    for extra in extras:
        total += extra.magnitude
    points &= fits(total, quantum, fmt, freedom.scale)
    return points


def _may_be_exact(x: Ball, w: Ball, fmt: Format) -> bool:
    """Return False where a few numbers show already that the data are on no lattice: the whole scan would be dear."""
    row, column = x.centre[0, :16], w.centre[:16, 0]
    for one, other in zip(row.tolist(), column.tolist(), strict=True):
        if one and other:  # one product alone may show it, at a tenth of the time
            if not fits(abs(one * other), _lowest_bit(one) + _lowest_bit(other), fmt):
                return False
            break
    quantum = lowest_bit(row) + lowest_bit(column)
    return bool(fits(np.abs(row) @ np.abs(column), quantum, fmt))
