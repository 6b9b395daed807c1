"""The primitives hold every rounding, and no more than the analysis of spec/arithmetic.md allows them."""

import ctypes
import math
import platform
import re
from fractions import Fraction
from typing import Any

import evaluations
import numpy as np
import pytest
from evaluations import HAS_WIDER, Array, Float, Machine, Plan, ratio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refnet import ArgumentTypeError, ShapeError, rounding
from refnet.rounding import FLOAT32, FLOAT64, Ball, Format, Freedom, fits, gamma, lowest_bit, stored, sum_of_products

FORMATS: dict[Float, Format] = {np.float32: FLOAT32, np.float64: FLOAT64}
both_formats = pytest.mark.parametrize("dtype", [np.float32, np.float64])
seeds = st.integers(0, 2**32 - 1)

# A format that never rounds: its balls are left with the error of their centres, which are float64 and so no points.
EXACT = Format("exact", 1000, -1022)
INEXACT = Freedom(exact=False)

# Every radius is rounded up by MARGIN = 1 + 2**-10, and its own rounding errors are far smaller.
ROUNDED_UP = 1 + Fraction(1, 2**9)


def nothing(rows: int, columns: int) -> tuple[Ball, Ball]:
    """Return two balls with no products between them."""
    return stored(np.zeros((rows, 0)), FLOAT64), stored(np.zeros((0, columns)), FLOAT64)


def fractions(array: Array) -> NDArray[np.object_]:
    return np.array([Fraction(v) for v in array.ravel().tolist()], object).reshape(array.shape)


def exactly(x: Array, w: Array, *extras: Array) -> NDArray[np.object_]:
    total: NDArray[np.object_] = fractions(x) @ fractions(w)
    if not x.shape[1]:
        total = np.full(total.shape, Fraction(0), object)
    for e in extras:
        total = total + fractions(e)
    return total


def holds(ball: Ball, values: NDArray[np.object_]) -> bool:
    """Return whether exact values lie in a ball; where nothing is claimed, they do."""
    exact: list[Fraction] = np.broadcast_to(values, ball.centre.shape).ravel().tolist()
    parts = zip(exact, ball.centre.ravel().tolist(), ball.radius.ravel().tolist(), strict=True)
    return all(math.isinf(r) or abs(value - Fraction(c)) <= Fraction(r) for value, c, r in parts)


# Formats


@both_formats
def test_a_format_is_that_of_numpy(dtype: Float) -> None:
    fmt, info = FORMATS[dtype], np.finfo(dtype)
    assert rounding.format_of(np.dtype(dtype)) == fmt
    assert fmt.name == np.dtype(dtype).name
    assert fmt.unit_roundoff == info.eps / 2
    assert fmt.smallest_normal == info.smallest_normal
    assert fmt.largest == info.max


@pytest.mark.parametrize(
    ("fmt", "largest"), [(Format("float16", 11, -14), 65504.0), (Format("bfloat16", 8, -126), 0xFF * 2.0**120)]
)
def test_the_largest_number_of_other_formats(fmt: Format, largest: float) -> None:
    assert fmt.largest == largest


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.object_, np.complex128, np.longdouble])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    if np.dtype(dtype) == np.float64:
        pytest.skip("long double is float64 here")
    said = rf"^the arrays are {np.dtype(dtype)}, expected float16, bfloat16, float32 or float64, .*: convert"
    with pytest.raises(ArgumentTypeError, match=said) as caught:
        rounding.format_of(np.dtype(dtype))
    end = "compare them with ==" if dtype is np.object_ else "with .astype(np.float64)"
    assert str(caught.value).endswith(end)


@given(st.integers(0, 2**24), st.sampled_from([FLOAT32, FLOAT64, Format("bfloat16", 8, -126)]))
def test_gamma_is_the_bound_of_n_roundings(n: int, fmt: Format) -> None:
    nu = Fraction(n, 2**fmt.precision)
    if nu >= 1:
        assert gamma(n, fmt) == math.inf
    else:
        exact = nu / (1 - nu)
        assert abs(Fraction(float(gamma(n, fmt))) - exact) <= exact * Fraction(3, 2**53)


@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64, Format("narrow", 8, -126)])
@pytest.mark.parametrize("terms", [1, 7, 8, 2**12 - 2, 2**12 - 1, 2**12])
def test_what_is_looked_up_of_a_sum_is_what_gamma_says(terms: int, fmt: Format) -> None:
    x, w = np.zeros((2, terms)), np.ones((terms, 1))
    x[0], x[1, : terms // 2] = 1.0, 1.0  # as many products as there are terms, and half as many
    ball = sum_of_products(stored(x, FLOAT64), stored(w, FLOAT64), fmt=fmt, freedom=INEXACT)
    for (radius,), products in zip(ball.radius, (terms, terms // 2), strict=True):
        lost = fmt.smallest_normal * (1 + gamma(2 * products + 4, fmt)) + 3 * 2.0**-1022
        bound = (gamma(products, fmt) + gamma(products, FLOAT64)) * products + (2 * products + 1) * lost
        expected = rounding.MARGIN * bound if products else 0.0
        assert radius == expected or abs(radius - expected) <= 16 * 2.0**-53 * expected  # a dozen roundings


def test_gamma_of_an_array() -> None:
    assert gamma(np.array([[0, 1], [3, 2**24]]), FLOAT32).tolist() == [
        [0.0, float(gamma(1, FLOAT32))],
        [float(gamma(3, FLOAT32)), math.inf],
    ]


@given(st.integers(1, 40), seeds)
def test_gamma_bounds_every_product_of_roundings(n: int, seed: int) -> None:
    signs = np.random.default_rng(seed).choice([-1, 1], (3, n))
    u = Fraction(1, 2**24)
    for row in [*signs.tolist(), [1] * n, [-1] * n]:
        numerator = math.prod((1 + s * u for s in row), start=Fraction(1))
        assert abs(numerator - 1) <= n * u / (1 - n * u)
        assert abs(1 / numerator - 1) <= n * u / (1 - n * u)


def test_subnormal_numbers_work_here() -> None:
    assert rounding.subnormals_work()


@both_formats
def test_a_stored_subnormal_may_be_read_as_zero(dtype: Float) -> None:
    tiny, least = np.finfo(dtype).smallest_normal, np.finfo(dtype).smallest_subnormal
    below = np.nextafter(tiny, dtype(0))
    values = np.array([0.0, -0.0, tiny, -tiny, 1.0, below, -below, least, -least], dtype)
    ball = stored(values, FORMATS[dtype])
    assert ball.centre.dtype == np.float64
    assert ball.centre.tolist() == values.tolist()
    assert ball.radius.tolist() == [0, 0, 0, 0, 0, below, below, least, least]


def test_a_ball_is_negated_transposed_and_reshaped() -> None:
    ball = Ball(np.array([[1.0, -2.0]]), np.array([[0.5, 3.0]]))
    assert ball.magnitude.tolist() == [[1.5, 5.0]]
    assert [part.tolist() for part in -ball] == [[[-1.0, 2.0]], [[0.5, 3.0]]]
    assert [part.tolist() for part in ball.T] == [[[1.0], [-2.0]], [[0.5], [3.0]]]
    assert [part.tolist() for part in ball.reshape(2)] == [[1.0, -2.0], [0.5, 3.0]]


# Lattices


@pytest.mark.parametrize("kind", ["point", "fuzzy", "zeros", "empty"])
def test_what_is_remembered_of_a_ball_is_true_of_its_transpose_and_its_negation(kind: str) -> None:
    numbers: Array = np.random.default_rng(3).standard_normal((0 if kind == "empty" else 3, 4)).astype(np.float32)
    numbers[1:2] *= kind != "zeros"
    ball = stored(numbers, FLOAT32)
    ball = (
        Ball(*ball)
        if kind == "empty"
        else Ball(ball.centre, np.where(ball.centre > 0, 0.25, 0.0))
        if kind == "fuzzy"
        else ball
    )
    facts = ("is_point", "largest", "least", "widest", "furthest", "lowest_bit", "has_zeros")
    afresh = {fact: getattr(Ball(*ball), fact) for fact in facts}
    assert {fact: getattr(ball, fact) for fact in facts} == afresh  # and now they are remembered
    for other in (ball.T, -ball, -ball.T.T, (-ball).T):
        assert {fact: getattr(other, fact) for fact in facts} == afresh
        assert np.array_equal(other.size, Ball(*other).size)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6))
def test_lowest_bit_is_the_coarsest_lattice_of_all_values(values: list[float]) -> None:
    bit = lowest_bit(np.array(values))
    nonzero = [Fraction(v) for v in values if v]
    if not nonzero:
        assert bit == math.inf
    else:
        quantum = Fraction(2) ** int(bit)
        assert all((v / quantum).denominator == 1 for v in nonzero)
        assert any((v / quantum) % 2 == 1 for v in nonzero)


def test_lowest_bit_at_the_ends() -> None:
    powers = range(-1074, 1024)
    assert [lowest_bit(np.array([-math.ldexp(1, e)])) for e in powers] == list(powers)
    assert lowest_bit(np.array([[np.finfo(np.float64).max, 0.0]])) == 971
    assert lowest_bit(np.array([])) == math.inf
    assert lowest_bit(np.array([1.0, math.nan])) == lowest_bit(np.array([math.inf, 1.0])) == -math.inf


@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64])
def test_sums_fit_below_the_last_bit(fmt: Format) -> None:
    full = 2.0**fmt.precision
    assert fits(np.array([0.0, 1.0, full - 1, full, full + 2]), 0, fmt).tolist() == [True, True, True, False, False]
    assert fits(full - 1, 1, fmt)
    assert not fits(full - 1, -1, fmt)
    assert fits(0.0, math.inf, fmt)
    assert fits(1.0, 2000, fmt)  # beyond the format's range: the domain is another question
    assert not fits(1.0, -math.inf, fmt)
    assert not fits(1.0, math.nan, fmt)
    assert not fits(math.nan, 0, fmt)


@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64])
def test_sums_fit_above_the_smallest_normal_number(fmt: Format) -> None:
    assert fits(fmt.smallest_normal, fmt.emin, fmt)
    assert not fits(fmt.smallest_normal, fmt.emin - 1, fmt)
    assert fits(8 * fmt.smallest_normal, fmt.emin + 3, fmt, 8.0)
    assert not fits(8 * fmt.smallest_normal, fmt.emin + 2, fmt, 8.0)
    assert not fits(0.5, -1, fmt, math.inf)


# Sums of products: arguments


@pytest.mark.parametrize(
    ("x", "w"), [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 2, 3), (3, 2)), ((2, 0), (1, 2)), ((), (1, 1))]
)
def test_factors_that_do_not_fit_are_refused_with_both_shapes(x: tuple[int, ...], w: tuple[int, ...]) -> None:
    said = re.escape(f"x has shape {x} and w has shape {w}, expected (I, J) and (J, K): transpose or reshape one")
    with pytest.raises(ShapeError, match=f"^{said}$"):
        sum_of_products(stored(np.ones(x), FLOAT64), stored(np.ones(w), FLOAT64), fmt=FLOAT64)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (4, 1), (1, 2), (4, 2)])
def test_an_extra_is_broadcast(shape: tuple[int, ...]) -> None:
    x, w, extra = (stored(np.ones(s), FLOAT64) for s in ((4, 3), (3, 2), shape))
    assert sum_of_products(x, w, extra, fmt=FLOAT64).centre.tolist() == [[4.0, 4.0]] * 4


@pytest.mark.parametrize("shape", [(4,), (3,), (2, 4), (4, 2, 1), (1, 4, 2), (5, 4, 2), (0, 2)])
def test_an_extra_that_is_no_part_of_the_sum_is_refused(shape: tuple[int, ...]) -> None:
    x, w, one, extra = (stored(np.ones(s), FLOAT64) for s in ((4, 3), (3, 2), (2,), shape))
    with pytest.raises(ShapeError, match=rf"^an extra has shape {re.escape(str(shape))}, expected \(4, 2\), as x @ w"):
        sum_of_products(x, w, one, extra, fmt=FLOAT64)


# Sums of products: soundness


def balls(x: Array, rng: np.random.Generator) -> Ball:
    """Return a ball that holds x: x itself, or around a centre elsewhere."""
    if rng.integers(2):
        return stored(x, rounding.format_of(x.dtype))
    off = x * rng.standard_normal(x.shape) * 2.0 ** rng.integers(-30, 2)
    off[rng.random(x.shape) < 0.3] = 0
    off = np.where(rng.random(x.shape) < 0.2, -x, off)  # around 0
    around = stored(x, rounding.format_of(x.dtype))
    centre = around.centre + off
    return Ball(centre, np.abs(centre - around.centre) * (1 + 2.0**-50) + around.radius)


def draw_sum(dtype: Float, seed: int, inner: int, extras: int) -> tuple[np.random.Generator, list[Array], list[Ball]]:
    """Draw x, w and extras, with balls that hold them."""
    rng = np.random.default_rng(seed)
    kind = evaluations.KINDS[rng.integers(len(evaluations.KINDS))]
    shape = (int(rng.integers(1, 4)), inner, int(rng.integers(1, 4)), 1)
    params, x, _ = evaluations.problem(kind, shape, dtype, rng)
    more = [params.b1 * dtype(2.0 ** rng.integers(-3, 3)) for _ in range(extras)]
    arrays = [x, params.w1, *(np.where(rng.random(e.shape) < 0.2, dtype(0), e) for e in more)]
    return rng, arrays, [balls(a, rng) for a in arrays]


@both_formats
@given(seed=seeds, inner=st.integers(0, 12), extras=st.integers(0, 3))
def test_no_evaluation_of_a_sum_leaves_its_ball(dtype: Float, seed: int, inner: int, extras: int) -> None:
    rng, arrays, around = draw_sum(dtype, seed, inner, extras)
    fmt = FORMATS[dtype]
    ball = sum_of_products(*around, fmt=fmt)
    inexact = sum_of_products(*around, fmt=fmt, freedom=INEXACT)
    assert (inexact.radius >= ball.radius).all()
    for _ in range(3):
        m = evaluations.machine(dtype, rng)
        with np.errstate(all="ignore"):
            x, w, *more = (m.load(a, 8) for a in arrays)
            values = m.result(evaluations.sum_of_products(m, x, w, *(e[:, None] for e in more)))
        assert ratio(values, ball if m.exact_on_lattices else inexact) <= 1


@both_formats
@given(seed=seeds, inner=st.integers(0, 8), extras=st.integers(0, 3))
def test_the_exact_sum_is_in_its_ball_and_near_its_centre(dtype: Float, seed: int, inner: int, extras: int) -> None:
    _, arrays, around = draw_sum(dtype, seed, inner, extras)
    exact = exactly(*arrays)
    assert holds(sum_of_products(*around, fmt=FORMATS[dtype]), exact)
    points = [Ball(a.astype(np.float64), np.zeros(a.shape)) for a in arrays]
    assert holds(sum_of_products(*points, fmt=EXACT, freedom=INEXACT), exact)


@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64, Format("bfloat16", 8, -126)])
@given(seed=seeds, inner=st.integers(0, 8), extras=st.integers(0, 3))
def test_the_radius_is_that_of_the_page(fmt: Format, seed: int, inner: int, extras: int) -> None:
    rng, _, (x, w, *more) = draw_sum(np.float64 if fmt == FLOAT64 else np.float32, seed, inner, extras)
    freedom = Freedom(roundings=int(rng.integers(4)), scale=float(rng.integers(1, 9)), exact=False)
    ball = sum_of_products(x, w, *more, fmt=fmt, freedom=freedom)
    u, v, least = Fraction(fmt.unit_roundoff), Fraction(1, 2**53), Fraction(fmt.smallest_normal)

    def big_gamma(n: int, *units: Fraction) -> Fraction:
        return sum((n * e / (1 - n * e) for e in units), start=Fraction(0))

    xc, xr, wc, wr = (fractions(part) for part in (*x, *w))
    for i, k in np.ndindex(ball.radius.shape):
        if math.isinf(ball.radius[i, k]):
            continue  # the domain has a test of its own
        sizes = [Fraction(float(abs(e.centre[k]) + e.radius[k])) for e in more]
        by_row = not w.radius.any() or bool(x.radius.any())
        counted = x.magnitude[i] if by_row else w.magnitude[:, k]
        n = int(np.count_nonzero(counted))
        leaves = n + len(more) + freedom.roundings
        expected = sum((Fraction(float(e.radius[k])) for e in more), start=Fraction(0))
        expected += big_gamma(leaves, u, v) * sum(sizes, start=Fraction(0))
        for j in range(inner):
            size_x, size_w = abs(xc[i, j]) + xr[i, j], abs(wc[j, k]) + wr[j, k]
            expected += abs(xc[i, j]) * wr[j, k] + xr[i, j] * size_w + big_gamma(leaves, u, v) * size_x * size_w
        if n or any(sizes):
            lost = least * int(freedom.scale) * (1 + big_gamma(2 * leaves + 4, u)) + 3 * Fraction(1, 2**1022)
            expected += (n + leaves + 1) * lost
        assert expected <= Fraction(float(ball.radius[i, k])) <= expected * ROUNDED_UP


@pytest.mark.parametrize("inner", [1, 1000, 2**16])
@pytest.mark.parametrize("fuzzy", [False, True])
def test_the_margin_leaves_room_for_double_rounding_behind_the_errors_of_a_long_radius(inner: int, fuzzy: bool) -> None:
    rng = np.random.default_rng(inner)
    x, w = rng.standard_normal((1, inner)), rng.standard_normal((inner, 1))
    radius = np.abs(x) * 2.0**-20 * fuzzy
    ball = sum_of_products(Ball(x, radius), Ball(w, 0 * w), fmt=FLOAT64, freedom=INEXACT)
    gam = Fraction(inner, 2**53) / (1 - Fraction(inner, 2**53))
    magnitude, own = (exactly(np.abs(a), np.abs(w)).item() for a in (x, radius))
    exact = own + 2 * gam * (magnitude + own) + (2 * inner + 1) * Fraction(4, 2**1022)
    rounded = abs(Fraction(float(ball.radius.item())) / Fraction(rounding.MARGIN) / exact - 1)
    assert rounded <= (inner + 16) * Fraction(1, 2**53)
    assert ball.radius.item() >= exact * (1 + Fraction(1, 2**11))


# Sums of products: radii in float32


@pytest.mark.parametrize("fuzzy", [False, True])
@pytest.mark.parametrize(
    ("rows", "inner", "narrow"),
    [(2**12, 1, True), (2, 2**12, True), (2**12 - 1, 1, False), (2, 2**12 + 1, False), (2, 2**16, False)],
)
def test_a_radius_in_float32_leaves_room_for_double_rounding_too(
    rows: int, inner: int, narrow: bool, fuzzy: bool
) -> None:
    rng = np.random.default_rng(inner)
    x = stored(rng.standard_normal((rows, inner)).astype(np.float32), FLOAT32)
    w = stored(rng.standard_normal((inner, 2)).astype(np.float32), FLOAT32)
    w = Ball(w.centre, np.abs(w.centre) * 2.0**-20) if fuzzy else w
    radius = sum_of_products(x, w, fmt=FLOAT32, freedom=INEXACT).radius
    wide = sum_of_products(Ball(*x), Ball(*w), fmt=FLOAT32, freedom=INEXACT).radius  # the same balls in float64
    off = np.abs(radius / wide - 1)
    assert (off <= (inner + 3) * 2.0**-24).all()
    assert off.any() == narrow
    gam = Fraction(inner, 2**24 - inner) + Fraction(inner, 2**53 - inner)
    xs, ws, rs = (fractions(np.abs(part)) for part in (x.centre, w.centre, w.radius))
    lost = (2 * inner + 1) * (Fraction(2, 2**126) + Fraction(3, 2**1022))
    exact = xs @ rs + gam * (xs @ (ws + rs)) + lost
    assert all(Fraction(r) >= e * (1 + Fraction(1, 2**11)) for r, e in zip(radius.flat, exact.flat, strict=True))


@pytest.mark.parametrize("exponents", [(100, -216), (-60, 70), (-126, 126), (100, 0), (0, -149), (120, -300)])
def test_a_radius_beyond_the_range_of_float32_is_that_of_the_page(exponents: tuple[int, int]) -> None:
    size, reach = (2.0**e for e in exponents)
    x = stored(np.array([[size, 0, 0]], np.float32), FLOAT32)
    w = Ball(np.zeros((3, 1)), np.array([[reach], [0], [0]]))
    radius = float(sum_of_products(x, w, fmt=FLOAT32).radius.item())
    gam = Fraction(1, 2**24 - 1) + Fraction(1, 2**53 - 1)
    lost = Fraction(1, 2**126) * (1 + Fraction(6, 2**24 - 6)) + Fraction(3, 2**1022)
    expected = Fraction(size) * Fraction(reach) * (1 + gam) + 3 * lost
    assert expected <= Fraction(radius) <= expected * ROUNDED_UP


def test_what_is_stored_is_a_point_until_a_subnormal_number_is() -> None:
    ball = stored(np.array([[1.5, 0.0, -2.0]], np.float32), FLOAT32)
    for point in (ball, -ball, ball.T):
        assert point.is_point
        assert point.size.dtype == np.float32
        assert point.size.tolist() == point.magnitude.tolist() == np.abs(point.centre).tolist()
        assert point.radius.shape == point.centre.shape
        assert not point.radius.flags.writeable  # one number stands for all of them
    for other in (stored(np.array([1.0, 2.0**-149], np.float32), FLOAT32), stored(np.array([0.1]), FLOAT32)):
        assert not other.is_point
        assert other.size.dtype == np.float64


# Sums of products: tightness


@both_formats
def test_the_bound_of_a_sum_is_reached(dtype: Float) -> None:
    fmt = FORMATS[dtype]
    x = np.full((1, 1000), 0.999 * fmt.unit_roundoff, dtype)
    x[0, 0] = 1
    w = np.ones((1000, 1), dtype)
    m = Machine(dtype, np.random.default_rng(0), plan=Plan())
    value = evaluations.sum_of_products(m, m.load(x, 1), m.load(w, 1))
    assert value == 1  # 999 roundings, each of 0.999 units, all to the same side
    exact = exactly(x, w).item()
    error = abs(exact - 1)
    radius = float(sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt).radius.item())
    own = float(
        sum_of_products(stored(x, fmt), stored(w, fmt), fmt=EXACT, freedom=INEXACT).radius.item()
    )  # the error of the centre
    assert 0.99 < float(error) / (radius - own) < 1


@both_formats
@pytest.mark.parametrize("errors", ["grow", "shrink"])
def test_the_index_of_gamma_is_the_number_of_leaves(dtype: Float, errors: evaluations.Errors) -> None:
    if not HAS_WIDER[dtype]:
        pytest.skip("long double is float64 here")
    fmt = FORMATS[dtype]
    small = fmt.unit_roundoff * 2.0**-20  # it rounds the sum, and does not change it
    for inner, extras in [(1, 0), (1, 1), (2, 0), (3, 2), (9, 1)]:
        x, w = np.full((1, inner), small, dtype), np.ones((inner, 1), dtype)
        x[0, 0] = 1
        more = [np.full((1, 1), small, dtype)] * extras
        m = Machine(dtype, np.random.default_rng(0), errors=errors, plan=Plan(order="descending"))
        value = evaluations.sum_of_products(m, *(m.load(a, 1) for a in (x, w, *more)))
        ball = sum_of_products(*(stored(a, fmt) for a in (x, w, *more)), fmt=fmt, freedom=INEXACT)
        least = 0.998 if dtype is np.float32 else 0.498  # half of a float64 radius is the error of the centre
        assert least < ratio(value, ball) <= 1, (inner, extras)


@pytest.mark.skipif(not HAS_WIDER[np.float64], reason="long double is float64 here")
@pytest.mark.parametrize("terms", [10, 1000])
def test_the_error_of_a_float64_centre_counts(terms: int) -> None:
    u = FLOAT64.unit_roundoff
    # The centre adds the extras in turn, and loses each; an implementation may err as far to the other side.
    extras = [np.ones((1, 1))] + [np.full((1, 1), 0.999 * u)] * (terms - 1)
    ball = sum_of_products(*nothing(1, 1), *(stored(e, FLOAT64) for e in extras), fmt=FLOAT64)
    assert ball.centre == 1
    m = Machine(np.float64, np.random.default_rng(0), errors="grow", plan=Plan(order="descending"))
    empty = (np.zeros((1, 1, 0), m.inside), np.zeros((1, 0, 1), m.inside))
    value = evaluations.sum_of_products(m, *empty, *(m.load(e, 1) for e in extras))
    assert 0.89 < ratio(value, ball) <= 1


@both_formats
def test_underflow_counts_every_product_and_is_magnified_by_the_scale(dtype: Float) -> None:
    fmt = FORMATS[dtype]
    half = 2.0 ** (fmt.emin // 2)
    x, w = np.full((1, 50), half, dtype), np.full((50, 1), half * (1 - 2.0**-10), dtype)  # each product just below
    m = Machine(dtype, np.random.default_rng(0), flush="results")
    assert evaluations.sum_of_products(m, m.load(x, 1), m.load(w, 1)) == 0
    ball = sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt)
    assert ball.centre <= ball.radius < 9 * ball.centre  # a float64 centre may itself lose as much
    larger = sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt, freedom=Freedom(scale=64.0))
    assert 100 * 64 < larger.radius / fmt.smallest_normal < 102 * 68


def test_the_bound_of_tiny_products_does_not_underflow_itself() -> None:
    # One subnormal element makes the whole of x inexact; the bound of the others is a product of tiny factors.
    for significand in (1.2, 1.3, 1.7, 1.9):
        x = Ball(np.array([[significand * 2.0**-1022, 0.0]]), np.array([[0.0, 2.0**-1074]]))
        w = Ball(np.array([[2.0**900], [0.0]]), np.zeros((2, 1)))
        radius = float(sum_of_products(x, w, fmt=FLOAT64).radius.item())
        expected = significand * 2.0**-122 * 2 * float(gamma(2, FLOAT64)) * rounding.MARGIN
        assert abs(radius - expected) <= 2.0**-38 * expected


def test_zeros_are_exact() -> None:
    x = stored(np.array([[0.0, 0.0], [0.0, 0.1]], np.float32), FLOAT32)
    w = stored(np.array([[0.1], [0.3]], np.float32), FLOAT32)
    nil, some = sum_of_products(x, w, fmt=FLOAT32, freedom=INEXACT).radius[:, 0]
    assert nil == 0 < some
    for inner in (2, 1000):  # what is multiplied by zero does not count
        padded = stored(np.pad(np.array([[0.1]], np.float32), ((0, 0), (0, inner - 1))), FLOAT32)
        ball = sum_of_products(padded, stored(np.full((inner, 1), 0.3, np.float32), FLOAT32), fmt=FLOAT32)
        assert ball.radius < 1.01 * float(gamma(1, FLOAT32)) * 0.03


@both_formats
@given(seed=seeds)
def test_a_value_two_radii_off_is_outside(dtype: Float, seed: int) -> None:
    _, _, around = draw_sum(dtype, seed, 3, 1)
    ball = sum_of_products(*around, fmt=FORMATS[dtype])
    claimed = np.isfinite(ball.radius)
    if claimed.any():
        least = float(np.finfo(np.float64).smallest_subnormal)
        for side in (-2, 2):
            values = ball.centre + side * np.maximum(ball.radius, np.maximum(least, np.abs(ball.centre) * 2.0**-52))
            assert ratio(values[claimed], Ball(ball.centre[claimed], ball.radius[claimed])) > 1


# Sums of products: points


@both_formats
@given(seed=seeds, inner=st.integers(0, 12), extras=st.integers(0, 2))
def test_sums_on_a_lattice_are_points(dtype: Float, seed: int, inner: int, extras: int) -> None:
    rng, fmt = np.random.default_rng(seed), FORMATS[dtype]
    quantum = 2.0 ** rng.integers(fmt.emin // 2, -fmt.emin // 3)
    x = (rng.integers(-99, 100, (3, inner)) * quantum).astype(dtype)
    w = (rng.integers(-99, 100, (inner, 2)) * 2.0 ** rng.integers(0, 20, 2)).astype(dtype)
    more = [(rng.integers(-99, 100, (1, 2)) * quantum).astype(dtype) for _ in range(extras)]
    around = [stored(a, fmt) for a in (x, w, *more)]
    ball = sum_of_products(*around, fmt=fmt)
    exact = exactly(x, w, *more)
    assert (fractions(ball.centre) == exact).all()
    total = exactly(np.abs(x), np.abs(w), *(np.abs(e) for e in more))
    quantum_of_all = min(
        [lowest_bit(around[0].centre) + lowest_bit(around[1].centre), *(lowest_bit(e.centre) for e in around[2:])]
    )
    if quantum_of_all < math.inf:
        fitting = total < Fraction(2) ** int(quantum_of_all + fmt.precision)
        assert (fitting | (total == 0) | (ball.radius > 0)).all()
        assert not fitting.all() or not ball.radius.any()  # where not all fit, those that do need not be found
    for _ in range(3):
        m = evaluations.machine(dtype, rng, ieee=True)
        values = m.result(evaluations.sum_of_products(m, *(m.load(a, 4) for a in (x, w, *more))))
        assert (values == ball.centre)[:, ball.radius == 0].all()


@both_formats
def test_one_bit_more_is_no_point(dtype: Float) -> None:
    fmt = FORMATS[dtype]
    full = 2.0**fmt.precision

    def radius(*terms: float) -> float:
        x, w = np.ones((1, len(terms)), dtype), np.array([terms], dtype).T
        return float(sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt).radius.item())

    assert radius(full - 2, 1) == 0
    assert radius(full - 3, -1, 1) == 0
    assert radius(full, 1, 1) > 0  # 2**P + 1 on the way, and in float64 the total of the terms is itself rounded
    assert radius(full, -1, 1) > 0
    assert radius(full - 2, 0.5) > 0
    assert radius(full, 2, 4, full - 8) == 0
    x = np.ones((1, 3), dtype)
    w = np.array([[full], [1], [1]], dtype)
    orders = {float((w[i] + w[j] + w[k]).item()) for i, j, k in [(0, 1, 2), (1, 2, 0)]}
    assert len(orders) == 2
    centre = sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt)
    assert all(abs(value - centre.centre.item()) <= centre.radius.item() for value in orders)


@both_formats
def test_points_stay_above_underflow(dtype: Float) -> None:
    fmt = FORMATS[dtype]
    x, w = np.full((1, 2), 2.0 ** (fmt.emin + 4), dtype), np.full((2, 1), 2.0**-4, dtype)
    assert sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt).radius == 0
    assert sum_of_products(stored(x, fmt), stored(w / 2, fmt), fmt=fmt).radius > 0
    assert sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt, freedom=Freedom(scale=2.0)).radius > 0
    assert sum_of_products(stored(x, fmt), stored(8 * w, fmt), fmt=fmt, freedom=Freedom(scale=8.0)).radius == 0
    subnormal = np.full((1, 1), 2.0 ** (fmt.emin - 1), dtype)
    assert sum_of_products(stored(subnormal, fmt), stored(np.full((1, 1), 2.0**9), fmt), fmt=fmt).radius > 0


@both_formats
def test_points_need_points(dtype: Float) -> None:
    fmt = FORMATS[dtype]
    x, w = stored(np.array([[1.0, 2.0], [3.0, 4.0]]), fmt), stored(np.array([[1.0, 5.0], [1.0, 1.0]]), fmt)
    e = stored(np.array([[1.0, 2.0]]), fmt)
    assert not sum_of_products(x, w, e, fmt=fmt).radius.any()
    assert sum_of_products(x, w, e, fmt=fmt, freedom=INEXACT).radius.all()
    wide = np.array([[0.0, 0.0], [0.0, 1.0]])
    assert (sum_of_products(Ball(x.centre, wide), w, e, fmt=fmt).radius > 0).tolist() == [[False] * 2, [True] * 2]
    assert (sum_of_products(x, Ball(w.centre, wide), e, fmt=fmt).radius > 0).tolist() == [[False, True]] * 2
    assert (sum_of_products(x, w, Ball(e.centre, wide[1:]), fmt=fmt).radius > 0).tolist() == [[False, True]] * 2


# Sums of products: the domain


@both_formats
def test_nothing_is_claimed_beyond_a_quarter_of_the_range(dtype: Float) -> None:
    fmt, quarter = FORMATS[dtype], float(np.finfo(dtype).max) / 4
    beyond = float(np.nextafter(dtype(quarter), dtype(np.inf)))
    one = stored(np.ones((1, 1)), fmt)

    def finite(*values: float, growth: float = 1.0) -> bool:
        x, w = stored(np.ones((1, len(values) - 1)), fmt), stored(np.array([values[:-1]], dtype).T, fmt)
        extra = stored(np.array([[values[-1]]], dtype), fmt)
        ball = sum_of_products(x, w, extra, fmt=fmt, freedom=Freedom(growth=growth))
        return bool(np.isfinite(ball.radius.item()))

    assert finite(quarter, 0.0)
    assert finite(0.0, quarter)
    assert finite(quarter / 2, -quarter / 2)
    assert not finite(beyond, 0.0)
    assert not finite(0.0, beyond)
    assert not finite(quarter / 2, -quarter, 0.0)  # in some order it overflows, though the sum does not
    assert finite(quarter / 8, 0.0, growth=8.0)
    assert not finite(quarter / 4, 0.0, growth=8.0)
    spread = Ball(np.zeros((1, 1)), np.full((1, 1), 2 * quarter))
    assert np.isinf(sum_of_products(spread, one, fmt=fmt).radius)


@both_formats
def test_the_domain_is_that_of_each_component(dtype: Float) -> None:
    fmt, large = FORMATS[dtype], dtype(2.0) ** (-FORMATS[dtype].emin // 2)
    x = np.array([[large, large], [0, 1], [large, 0]], dtype)
    w = np.array([[large, 1], [-large, 1]], dtype)
    ball = sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt)
    assert np.isfinite(ball.radius).tolist() == [[False, True], [True, True], [False, True]]


@both_formats
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nothing_is_claimed_of_what_is_not_finite(dtype: Float, bad: float) -> None:
    fmt = FORMATS[dtype]
    for at, reached in [
        ((0, 0, 1), [[True] * 2, [False] * 2]),
        ((1, 1, 0), [[True, False]] * 2),
        ((2, 0, 1), [[False, True]] * 2),
    ]:
        for fill in (1.0, 0.1, 0.0):
            arrays = [np.full(shape, fill, dtype) for shape in ((2, 3), (3, 2), (1, 2))]
            arrays[at[0]][at[1:]] = bad
            ball = sum_of_products(*(stored(a, fmt) for a in arrays), fmt=fmt)
            assert np.isinf(ball.radius).tolist() == reached


def test_a_sum_longer_than_the_precision_says_nothing() -> None:
    fmt = Format("toy", 5, -14)
    x, w = np.full((1, 40), 0.1), np.ones((40, 1))
    assert np.isinf(sum_of_products(stored(x, fmt), stored(w, fmt), fmt=fmt).radius)


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0), (0, 0, 0)])
def test_empty_sums(shape: tuple[int, int, int]) -> None:
    i, j, k = shape
    x, w, e = (stored(np.ones(s), FLOAT32) for s in ((i, j), (j, k), (1, k)))
    assert sum_of_products(x, w, fmt=FLOAT32).radius.shape == (i, k)
    assert not sum_of_products(x, w, e, fmt=FLOAT32).radius.any()


def test_a_number_that_the_format_does_not_hold_is_within_its_rounding() -> None:
    numbers = np.array([0.1, 1 + 2.0**-30, -3.3e38, 1e39, 2.0**-149, 1.5])
    ball = stored(numbers, FLOAT32)
    with np.errstate(over="ignore"):
        read = numbers.astype(np.float32).astype(np.float64)
    finite = np.isfinite(read)
    assert (np.abs(read - ball.centre) <= ball.radius)[finite].all()
    assert np.isinf(ball.radius[~finite]).all()
    assert ball.radius[-1] == 0


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64",
    reason="sets the SSE control word by glibc's fesetenv",
)
@pytest.mark.parametrize("bits", [0x8000, 0x0040], ids=["results flushed to zero", "operands read as zero"])
def test_subnormal_numbers_that_are_switched_off_are_noticed(bits: int) -> None:
    libm = ctypes.CDLL("libm.so.6")
    before = (ctypes.c_uint32 * 8)()
    libm.fegetenv(before)
    off = (ctypes.c_uint32 * 8)(*before)
    off[7] |= bits  # MXCSR
    libm.fesetenv(off)
    try:
        noticed = not rounding.subnormals_work()
    finally:
        libm.fesetenv(before)
    assert noticed
    assert rounding.subnormals_work()


@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64])
def test_what_fits_is_said_of_each_sum_and_up_to_the_end_of_float64(fmt: Format) -> None:
    assert fits(np.ones((2, 1)), fmt.emin - 1, fmt).tolist() == [[False], [False]]
    assert fits(np.array([1.0, np.finfo(np.float64).max]), 1024 - fmt.precision, fmt).tolist() == [True, True]


def test_what_is_beyond_the_format_is_unknown_unless_it_was_stored_in_it() -> None:
    ends = [FLOAT32.largest, -FLOAT32.largest, math.inf, -math.inf, math.nan]
    assert stored(np.array(ends, np.float32), FLOAT32).radius.tolist() == [0.0] * 5
    assert stored(np.array(ends), FLOAT32).radius.tolist() == [0.0, 0.0, math.inf, math.inf, math.inf]


@pytest.mark.parametrize(("terms", "claimed"), [(100, True), (125, True), (126, False), (300, False)])
def test_of_a_sum_so_long_that_its_error_may_exceed_its_terms_nothing_is_claimed(terms: int, claimed: bool) -> None:
    few_bits = Format("bfloat16", 8, -126)
    third = stored(np.full((1, terms), 1 / 3), few_bits)
    radius = sum_of_products(third, Ball(third.centre.T, third.radius.T), fmt=few_bits).radius
    assert np.isfinite(radius).all() == claimed
    ones = stored(np.ones((1, terms)), few_bits)
    assert (sum_of_products(ones, Ball(ones.centre.T, ones.radius.T), fmt=few_bits).radius == 0).all() == (terms <= 256)
