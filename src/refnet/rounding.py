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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.formats import FLOAT32 as FLOAT32
from refnet.formats import FLOAT64 as FLOAT64
from refnet.formats import Format as Format
from refnet.formats import format_of as format_of
from refnet.network import ShapeError

Floats = NDArray[np.float64]


# Every radius is a sum of nonnegative terms evaluated in float64: for n terms in a row its relative error is below
# (n + 16) 2**-53, which is 2**-12 at most up to 2**40 terms, more than fit in a memory. The margin covers that, the
# final comparison, and double rounding, which is worth 2**-11 (spec/arithmetic.md, section 3).
MARGIN = 1.0 + 2.0**-10

# Radii of normal numbers are lifted by this before they meet the other factor of a product, so that none underflows.
_LIFT = 2.0**64


class Ball(NamedTuple):
    """All values within ``radius`` of ``centre``, per component; an infinite radius says nothing, 0 says equality."""

    centre: Floats
    radius: Floats

    @property
    def magnitude(self) -> Floats:
        """An upper bound of the absolute value."""
        magnitude: Floats = np.abs(self.centre) + self.radius
        return magnitude

    @property
    def T(self) -> "Ball":
        """The transpose."""
        return Ball(self.centre.T, self.radius.T)

    def reshape(self, *shape: int) -> "Ball":
        """Return the same components in another shape."""
        return Ball(self.centre.reshape(shape), self.radius.reshape(shape))

    def __neg__(self) -> "Ball":
        """Return the negated ball: exact, as negation is in every format."""
        return Ball(-self.centre, self.radius)


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


def gamma(n: int | NDArray[np.intp], fmt: Format) -> Floats:
    """Return ``n u / (1 - n u)``, the bound for a product of n roundings (Higham, Lemma 3.1); inf where n u >= 1.

    >>> float(gamma(1, FLOAT32)) * 2**24
    1.0000000596046483
    """
    nu = np.asarray(n, np.float64) * fmt.unit_roundoff
    bound: Floats = np.divide(nu, 1.0 - nu, out=np.full_like(nu, np.inf), where=nu < 1.0)
    return bound


def subnormals_work() -> bool:
    """Return whether this thread keeps subnormal numbers: a library built for speed may have switched them off."""
    return bool(np.float64(2.0**-1022) * np.float64(2.0**-52) != 0.0)


def stored(array: NDArray[Any], fmt: Format) -> Ball:
    """Return the ball of a number as read from memory: a point, but that a subnormal may be read as 0.

    A number that the format does not hold is within its rounding error, and beyond its range nothing is known.
    """
    centre = np.asarray(array, np.float64)
    magnitude = np.abs(centre)
    radius = np.where(magnitude < fmt.smallest_normal, magnitude, 0.0)
    if np.asarray(array).dtype != fmt.name:
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
        size_x, size_w = x.magnitude, w.magnitude
        sharp_x, sharp_w = not x.radius.any(), not w.radius.any()
        centre = x.centre @ w.centre
        size_e, radius_e = np.zeros(()), np.zeros(())
        for extra in extras:
            centre = centre + extra.centre
            size_e = size_e + extra.magnitude
            radius_e = radius_e + extra.radius

        # Adding an exact 0 is exact, so only nonzero products count; they are counted by row of x or by column of w.
        by_row = sharp_w or not sharp_x
        products = np.count_nonzero(size_x, axis=1)[:, None] if by_row else np.count_nonzero(size_w, axis=0)[None, :]
        leaves = products + (len(extras) + freedom.roundings)
        rounding = gamma(leaves, fmt) + gamma(leaves, FLOAT64)  # the second term is the error of the centre itself

        terms: Floats | None = None
        if sharp_x and sharp_w:
            terms = size_x @ size_w
            spread = rounding * terms
        elif by_row:
            spread = (x.radius * _LIFT + (rounding * _LIFT) * size_x) @ size_w / _LIFT
            if not sharp_w:
                spread = spread + np.abs(x.centre) @ (w.radius * _LIFT) / _LIFT
        else:
            spread = size_x @ (w.radius * _LIFT + (rounding * _LIFT) * size_w) / _LIFT
        # Each operation, and one reading of the result, may lose what lies below the smallest normal number.
        lost = fmt.smallest_normal * freedom.scale * (1.0 + gamma(2 * leaves + 4, fmt)) + 3 * 2.0**-1022
        radius = spread + rounding * size_e + radius_e + (products + leaves + 1) * lost
        radius = np.where((products == 0) & (size_e == 0), 0.0, radius * MARGIN)

        most = _most(size_x, size_w, size_e)
        if freedom.exact:
            radius = np.where(_exact(x, w, extras, terms, most, fmt, freedom), 0.0, radius)
        limit = fmt.largest / (4 * freedom.growth)
        if not most <= limit:
            terms = size_x @ size_w if terms is None else terms
            radius = np.where(terms + size_e <= limit, radius, np.inf)
        return Ball(centre, np.where(radius >= 0, radius, np.inf))  # NaN says nothing, as infinity does


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
    x: Ball, w: Ball, extras: tuple[Ball, ...], terms: Floats | None, most: float, fmt: Format, freedom: Freedom
) -> NDArray[np.bool_]:
    """Return the components of which every partial sum is representable, whatever the order of summation."""
    points: NDArray[np.bool_] = np.all(x.radius == 0, axis=1, keepdims=True) & np.all(w.radius == 0, axis=0)
    for extra in extras:
        points = points & (extra.radius == 0)
    if not points.any() or not _may_be_exact(x, w, fmt):
        return np.zeros_like(points)
    quantum = min([lowest_bit(x.centre) + lowest_bit(w.centre), *(lowest_bit(e.centre) for e in extras)])
    if fits(most, quantum, fmt, freedom.scale):
        return points
    total = x.magnitude @ w.magnitude if terms is None else terms
    for extra in extras:
        total = total + extra.magnitude
    return points & fits(total, quantum, fmt, freedom.scale)


def _may_be_exact(x: Ball, w: Ball, fmt: Format) -> bool:
    """Return False where a few numbers show already that the data are on no lattice: the whole scan would be dear."""
    row, column = x.centre[0], w.centre[:, 0]
    quantum = lowest_bit(row[:16]) + lowest_bit(column[:16])
    return bool(fits(np.abs(row) @ np.abs(column), quantum, fmt))


def _most(size_x: Floats, size_w: Floats, size_e: Floats) -> float:
    """Return an upper bound of ``size_x @ size_w + size_e`` without the product (Hölder's inequality)."""
    if not size_x.size or not size_w.size:
        return float(size_e.max(initial=0.0))
    by_row = size_x.sum(axis=1).max() * size_w.max()
    by_column = size_x.max() * size_w.sum(axis=0).max()
    return float(min(by_row, by_column) + size_e.max(initial=0.0))
