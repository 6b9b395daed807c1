"""Exact results: held against plain loops over Fractions, and their rounding against its definition."""

import math
from fractions import Fraction
from typing import Any

import loops
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import FLOATS, Array, Case, Float, cases, fractions, lattice_cases, wide

import refnet
from refnet import ArgumentTypeError, ArgumentValueError, Grads, Params, ShapeError, exact
from refnet.exact import Dyadic

by_dtype = pytest.mark.parametrize("dtype", FLOATS)
wide_cases = st.one_of(*(cases(wide(dtype), dtype) for dtype in FLOATS))
AT_KINK = Case(
    Params(np.eye(1), np.full(1, -0.1), np.eye(1), np.zeros(1)), np.full((2, 1), 0.1), np.ones((2, 1)), "relu"
)


def arrays(dtype: Float) -> st.SearchStrategy[Array]:
    return hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), elements=wide(dtype))


# The results.


@given(wide_cases)
def test_forward_and_loss_are_those_of_plain_loops(case: Case) -> None:
    expected = loops.evaluate(case)
    y_pred = exact.forward(case.params, case.x, activation=case.activation)
    total = exact.loss(case.params, case.x, case.y, activation=case.activation)
    assert y_pred.fractions().tolist() == expected.y_pred
    assert y_pred.integers.shape == case.y.shape
    assert total.fractions().item() == expected.loss
    assert total.integers.shape == ()


@given(st.one_of(wide_cases, lattice_cases()))
@example(AT_KINK)
def test_grads_are_those_of_plain_loops(case: Case) -> None:
    expected = loops.evaluate(case)
    found = exact.grads(case.params, case.x, case.y, activation=case.activation).fractions()
    assert [g.shape for g in found] == [p.shape for p in case.params]
    assert found.w1.tolist() == expected.w1
    assert found.b1.ravel().tolist() == expected.b1
    assert found.w2.tolist() == expected.w2
    assert found.b2.ravel().tolist() == expected.b2


@by_dtype
@given(st.data())
def test_update_takes_the_rate_exactly(dtype: Float, data: st.DataObject) -> None:
    case = data.draw(cases(wide(dtype), dtype))
    slopes = Grads(*(data.draw(hnp.arrays(dtype, p.shape, elements=wide(dtype))) for p in case.params))
    lr = data.draw(st.one_of(st.just(0.1), wide(np.float64)), label="lr")
    found = exact.update(case.params, slopes, lr).fractions()
    for new, p, g in zip(found, map(fractions, case.params), map(fractions, slopes), strict=True):
        assert new.shape == p.shape
        assert new.ravel().tolist() == [a - Fraction(lr) * b for a, b in zip(p.ravel(), g.ravel(), strict=True)]


@given(lattice_cases())
def test_where_floats_are_exact_the_rounded_results_are_those_of_the_network(case: Case) -> None:
    params, x, y, activation = case
    dtype = x.dtype.type
    rounded = exact.grads(params, x, y, activation=activation).rounded(dtype)
    pairs: list[tuple[Array, Any]] = [
        (
            exact.forward(params, x, activation=activation).rounded(dtype),
            refnet.forward(params, x, activation=activation),
        ),
        (
            exact.loss(params, x, y, activation=activation).rounded(dtype),
            refnet.loss(params, x, y, activation=activation),
        ),
        *zip(rounded, refnet.grads(params, x, y, activation=activation), strict=True),
        *zip(exact.update(params, rounded, 0.5).rounded(dtype), refnet.update(params, rounded, 0.5), strict=True),
    ]
    for found, expected in pairs:
        assert found.dtype == expected.dtype == dtype
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.clause("LAW-1")
@given(
    cases(st.fractions(-2, 2, max_denominator=5), object), st.tuples(*[st.fractions("1/9", 9, max_denominator=9)] * 3)
)
def test_the_network_is_homogeneous(case: Case, factors: tuple[Fraction, Fraction, Fraction]) -> None:
    """What exact.py rests on, for factors that are no powers of two."""
    s, t, u = factors
    (w1, b1, w2, b2), x, y, activation = case.exact()
    divisors = (t / s, t, u / t, u)
    scaled = Params(*(p / q for p, q in zip((w1, b1, w2, b2), divisors, strict=True)))
    params = Params(w1, b1, w2, b2)

    y_pred = refnet.forward(scaled, x / s, activation=activation)
    assert (y_pred * u == refnet.forward(params, x, activation=activation)).all()
    assert refnet.loss(scaled, x / s, y / u, activation=activation) * u**2 == refnet.loss(
        params, x, y, activation=activation
    )
    slopes = refnet.grads(scaled, x / s, y / u, activation=activation)
    for found, q, expected in zip(slopes, divisors, refnet.grads(params, x, y, activation=activation), strict=True):
        assert (found * u**2 / q == expected).all()


@by_dtype
@pytest.mark.parametrize("shape", [(0, 2, 3, 1), (2, 0, 3, 1), (2, 2, 0, 1), (2, 3, 1, 0)])
def test_an_axis_of_size_zero(dtype: Float, shape: tuple[int, int, int, int]) -> None:
    n, d, h, o = shape
    params = Params(*(np.full(s, 0.5, dtype) for s in ((d, h), (h,), (h, o), (1, o))))
    case = Case(params, np.full((n, d), 0.5, dtype), np.full((n, o), 0.5, dtype), "relu")
    expected = loops.evaluate(case)
    assert exact.forward(params, case.x).fractions().tolist() == expected.y_pred
    assert exact.loss(params, case.x, case.y).fractions().item() == expected.loss
    found = exact.grads(params, case.x, case.y).rounded(dtype)
    assert [g.shape for g in found] == [p.shape for p in params]
    assert found.b2.ravel().tolist() == expected.b2


def test_integers_are_taken_as_float64() -> None:
    params = Params(*map(np.array, ([[1]], [2], [[3]], [4])))
    assert exact.loss(params, np.array([[5]]), np.array([[6]])).fractions().item() == (3 * 7 + 4 - 6) ** 2


# Numbers and their rounding.


@by_dtype
@given(st.data())
def test_a_float_survives_the_way_there_and_back(dtype: Float, data: st.DataObject) -> None:
    array = data.draw(arrays(dtype))
    there = Dyadic.of(array)
    assert there.fractions().ravel().tolist() == [Fraction(number) for number in array.ravel().tolist()]
    back = there.rounded(dtype)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array, strict=True)
    assert not np.signbit(back[back == 0]).any()


@given(st.lists(st.integers(-(2**70), 2**70), max_size=4), st.integers(-100, 100), st.integers(0, 200))
def test_over_divides(numbers: list[int], exponent: int, lower: int) -> None:
    dyadic = Dyadic(np.array(numbers, dtype=object), exponent)
    assert Dyadic(dyadic.over(exponent - lower), exponent - lower).fractions().tolist() == dyadic.fractions().tolist()


@by_dtype
@given(st.integers(-(2**120), 2**120), st.one_of(st.integers(-1400, 1100), st.integers(-300, 130)))
@example(0, 5000)
@example(1, 5000)
@example(-1, -(10**6))
@example(-(2**2000), 0)
def test_rounding_is_to_the_nearest(dtype: Float, n: int, exponent: int) -> None:
    assert_rounded(n, exponent, dtype)


@by_dtype
@given(st.data())
def test_rounding_near_a_tie(dtype: Float, data: st.DataObject) -> None:
    """Halfway between two neighbours, and so little off it that a first rounding to another format would hide it."""
    low = dtype(data.draw(wide(dtype), label="low"))
    high = after(low, math.inf)
    assume(np.isfinite(high))
    tie = (Fraction(float(low)) + Fraction(float(high))) / 2
    off = data.draw(st.sampled_from((-1, 0, 1)), label="off")
    depth = data.draw(st.integers(1150, 1300), label="depth")
    number = tie + off * Fraction(1, 2**depth)
    assert_rounded(int(number * 2**depth), -depth, dtype)


@by_dtype
@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_at_both_ends(dtype: Float, sign: int) -> None:
    info = np.finfo(dtype)
    places, maxexp = int(info.nmant) + 1, int(info.maxexp)
    halfway = 2 ** (places + 1) - 1  # between the largest finite number and the power of two after it, a tie
    last = sign * Dyadic(np.array([16 * halfway - 1, 16 * halfway], dtype=object), maxexp - places - 5).integers
    assert Dyadic(last, maxexp - places - 5).rounded(dtype).tolist() == [sign * float(info.max), sign * math.inf]
    tie = Dyadic(np.array(sign * halfway, dtype=object), maxexp - places - 1)  # one bit too many
    assert tie.rounded(dtype).item() == sign * math.inf
    least = int(info.minexp) - int(info.nmant)
    small = Dyadic(np.array([sign * n for n in (1, 2, 3, 4, 6, 10)], dtype=object), least - 2).rounded(dtype)
    assert (small / info.smallest_subnormal).tolist() == [sign * n for n in (0, 0, 1, 1, 2, 2)]
    assert np.signbit(small).all() == (sign < 0)


@given(st.integers(-(2**200), 2**200), st.integers(-1300, 1000))
def test_rounding_is_that_of_python(n: int, exponent: int) -> None:
    """Division of ints rounds correctly to float64, subnormal numbers too (CPython, long_true_divide)."""
    number = Fraction(n) * Fraction(2) ** exponent
    try:
        expected = number.numerator / number.denominator
    except OverflowError:
        expected = math.copysign(math.inf, n)
    assert Dyadic(np.array(n, dtype=object), exponent).rounded(np.float64).item() == expected


def after(number: Any, towards: float) -> Any:
    with np.errstate(over="ignore"):  # the largest finite number has infinity after it
        return np.nextafter(number, number.dtype.type(towards))


def assert_rounded(n: int, exponent: int, dtype: Float) -> None:
    number = Fraction(n) * Fraction(2) ** exponent
    found = Dyadic(np.array([n], dtype=object), exponent).rounded(dtype)[0]
    info = np.finfo(dtype)
    overflow = Fraction(float(info.max)) + Fraction(2) ** (int(info.maxexp) - int(info.nmant) - 2)
    assert np.signbit(found) == (number < 0)
    if abs(number) >= overflow:
        assert np.isinf(found)
        return
    off = abs(number - Fraction(float(found)))
    even = int(np.array(found).view(f"u{found.nbytes}")) % 2 == 0
    for neighbour in (after(found, -math.inf), after(found, math.inf)):
        if np.isfinite(neighbour):
            other = abs(number - Fraction(float(neighbour)))
            assert off < other or (off == other and even)


# What it refuses.

GOOD = Case(
    Params(np.ones((2, 2)), np.ones(2), np.ones((2, 1)), np.ones((1, 1))), np.ones((3, 2)), np.ones((3, 1)), "relu"
)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2", "x", "y"])
def test_nan_and_infinity_are_refused_by_name(name: str, odd: float) -> None:
    bad = {field: p.copy() for field, p in zip(("w1", "b1", "w2", "b2", "x", "y"), GOOD.arrays(), strict=True)}
    bad[name].flat[-1] = odd
    x, y = bad.pop("x"), bad.pop("y")
    params = Params(**bad)
    message = (
        f"^{name} holds {odd}, expected finite numbers: leave it out, or call the function of the same name in refnet,"
        " which propagates NaN and infinity$"
    )
    with pytest.raises(ArgumentValueError, match=message):
        exact.loss(params, x, y)
    with pytest.raises(ArgumentValueError, match=message):
        exact.grads(params, x, y)
    if name != "y":
        with pytest.raises(ArgumentValueError, match=message):
            exact.forward(params, x)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_update_refuses_nan_and_infinity_by_name(odd: float) -> None:
    params, slopes = GOOD.params, Grads(*GOOD.params)
    with pytest.raises(ArgumentValueError, match=f"^lr holds {odd}, expected finite"):
        exact.update(params, slopes, odd)
    with pytest.raises(ArgumentValueError, match=rf"^grads\.b2 holds {odd}, expected finite"):
        exact.update(params, slopes._replace(b2=np.full((1, 1), odd)), 1.0)
    with pytest.raises(ArgumentValueError, match=f"^b1 holds {odd}, expected finite"):
        exact.update(params._replace(b1=np.full(2, odd)), slopes, 1.0)


def test_exact_numbers_are_refused_with_the_way_out() -> None:
    params, x, y, _ = GOOD.exact()
    message = (
        "^w1 is an array of exact numbers, expected float32 or float64: call the function of the same name in refnet,"
        " which is exact on exact numbers$"
    )
    with pytest.raises(ArgumentTypeError, match=message):
        exact.forward(params, x)
    with pytest.raises(ArgumentTypeError, match=message):
        exact.grads(params, x, y)
    with pytest.raises(ArgumentTypeError, match=message):
        exact.update(params, Grads(*params), Fraction(1, 2))  # type: ignore[arg-type]


def test_arguments_that_do_not_fit_are_refused_as_by_the_network() -> None:
    with pytest.raises(ShapeError, match=r"^x has shape \(3, 1\)"):
        exact.forward(GOOD.params, GOOD.x[:, :1])
    with pytest.raises(ShapeError, match=r"^y has shape"):
        exact.loss(GOOD.params, GOOD.x, GOOD.y[:, 0])
    with pytest.raises(ArgumentValueError, match=r"^activation is 'tanh'"):
        exact.grads(GOOD.params, GOOD.x, GOOD.y, activation="tanh")  # type: ignore[arg-type]


def test_other_formats_are_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"^dtype is .*float16.*, expected np.float32 or np.float64"):
        exact.loss(GOOD.params, GOOD.x, GOOD.y).rounded(np.float16)  # type: ignore[type-var]


@pytest.mark.clause("PURE-1")
@given(wide_cases)
def test_no_argument_is_written_to(case: Case) -> None:
    before = [array.tobytes() for array in case.arrays()]
    for array in case.arrays():
        array.flags.writeable = False
    exact.update(case.params, Grads(*case.params), 0.5).rounded(case.x.dtype.type)
    exact.grads(case.params, case.x, case.y, activation=case.activation).fractions()
    assert [array.tobytes() for array in case.arrays()] == before


def test_one_number_and_none_are_dyadic_too() -> None:
    one = Dyadic.of(np.array(0.75)).over(-3)
    assert one.dtype == np.object_
    assert (one.shape, one.item()) == ((), 6)
    none = Dyadic.of(np.zeros((0, 2)))
    assert (none.integers.shape, none.exponent) == ((0, 2), 0)
