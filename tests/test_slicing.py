"""Slices of digits: held against Python ints, bit for bit, where each bound of spec/exact.md is met and beyond it."""

import math
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import FLOATS, LATTICE, Array, Case, Float, cases, lattice_cases

from refnet import Params, exact
from refnet.conformance import generate
from refnet.conformance.problem import KINDS
from refnet.exact import Dyadic
from refnet.slicing import _BLOCK, BITS, MOST_SLICES, Sliced, slices

by_dtype = pytest.mark.parametrize("dtype", FLOATS)
HALF = 2 ** (BITS - 1)  # the largest digit
SHAPES = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)


def sliced(integers: Any) -> Sliced:
    """Slice Python ints: divide by 2**21 again and again, to the nearest."""
    rest = np.asarray(integers, dtype=object)
    digits: list[Array] = []
    while not digits or any(rest.flat):
        quotient = np.asarray((rest + HALF) >> BITS, dtype=object)
        digits.append(np.asarray(rest - (quotient << BITS), dtype=np.float64))
        rest = quotient
    return Sliced(np.array(digits))


@st.composite
def integers(draw: st.DrawFn, shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] = SHAPES) -> Array:
    """Ints of a few to many digits: of all sizes, next to powers of the radix and to halves of them."""
    count = draw(st.integers(1, 8))
    digit = st.sampled_from((-HALF, 1 - HALF, -1, 0, 0, 0, 1, HALF - 1, HALF))
    numbers = st.one_of(
        st.integers(-(2 ** (BITS * count)), 2 ** (BITS * count)),
        st.lists(digit, min_size=count, max_size=count).map(lambda ds: sum(d << BITS * k for k, d in enumerate(ds))),
    )
    shape = shape if isinstance(shape, tuple) else draw(shape)
    drawn = draw(st.lists(numbers, min_size=math.prod(shape), max_size=math.prod(shape)))
    return np.array(drawn, dtype=object).reshape(shape)


def assert_numbers(found: Sliced, expected: Any) -> None:
    """The same numbers, and digits no larger than a digit may be."""
    assert found.shape == np.shape(expected)
    assert found.integers().tolist() == np.asarray(expected).tolist()
    assert (np.abs(found.digits) <= HALF).all()


# The operations.


@given(integers())
def test_slices_hold_any_integer(numbers: Array) -> None:
    found = sliced(numbers)
    assert_numbers(found, numbers)
    assert {type(n) for n in found.integers().ravel().tolist()} <= {int}
    assert_numbers(found.reshape((1, *numbers.shape)), numbers.reshape((1, *numbers.shape)))


@given(st.data(), st.tuples(*[st.integers(0, 4)] * 3))
def test_a_product_is_that_of_the_ints(data: st.DataObject, sizes: tuple[int, int, int]) -> None:
    rows, inner, columns = sizes
    a, b = data.draw(integers((rows, inner))), data.draw(integers((inner, columns)))
    expected = a @ b if inner else np.zeros((rows, columns), dtype=object)
    assert_numbers(sliced(a) @ sliced(b), expected)
    assert_numbers(sliced(b).T @ sliced(a).T, expected.T)


@given(st.data(), st.tuples(*[st.integers(0, 4)] * 2))
def test_sums_and_differences_are_those_of_the_ints(data: st.DataObject, shape: tuple[int, int]) -> None:
    """Also of a row with each of the rows."""
    a = data.draw(integers(shape))
    for b in (data.draw(integers(shape)), data.draw(integers(shape[1:])), data.draw(integers((1, shape[1])))):
        assert_numbers(sliced(a) + sliced(b), a + b)
        assert_numbers(sliced(a) - sliced(b), a - b)
        assert_numbers(sliced(b) - sliced(a), b - a)
    assert_numbers(sliced(a).sum(axis=0), a.sum(axis=0) if shape[0] else np.zeros(shape[1], dtype=object))
    assert sliced(a).sum().integers().item() == a.sum()
    assert_numbers(2 * sliced(a), 2 * a)
    assert_numbers(np.square(sliced(a)), a * a)


@given(integers())
def test_the_sign_is_that_of_the_int(numbers: Array) -> None:
    number: Any = sliced(numbers)  # Any: NumPy's stubs know nothing of its protocol for others' arrays
    negative = np.array(numbers < 0, dtype=bool)
    assert (number < 0).tolist() == negative.tolist()
    zeroed: Any = np.where(negative, 0, number)
    assert_numbers(zeroed, np.where(negative, 0, numbers))
    activated: Any = np.maximum(number, 0, out=number)
    assert_numbers(activated, np.maximum(numbers, 0))
    assert activated is number


@pytest.mark.parametrize("operation", [
    lambda n: n < 1, lambda n: 3 * n, lambda n: n * 2, np.exp, np.abs, np.sum, np.add.reduce,
    lambda n: np.maximum(n, 0), lambda n: np.maximum(n, 1, out=n), lambda n: np.maximum(0, n, out=n),
    lambda n: np.maximum(n, 0, out=np.zeros(2)),
    lambda n: np.where(n < 0, 1, n), lambda n: np.where(n < 0, n, 0),
])  # fmt: skip
def test_nothing_else_is_computed_and_so_nothing_is_inexact(operation: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        operation(sliced([1, -1]))


# The bounds of the proofs.


@pytest.mark.parametrize("inner", [1, 4096, 4097, 9000])
@pytest.mark.parametrize("count", [1, 3])
def test_sums_of_the_largest_digits_are_exact(inner: int, count: int) -> None:
    """4,096 products of the largest digits sum to 2**52; of more, and of more slices, the sum is cut into parts."""
    number = -sum(HALF << BITS * k for k in range(count))
    assert (sliced([number]).digits == -HALF).all()
    rng = np.random.default_rng(inner)
    a = np.array([[number] * inner, [int(s) * number for s in rng.choice([-1, 1], inner)]], dtype=object)
    b = np.array([[number] * inner, [number + 1] * inner], dtype=object).T
    assert_numbers(sliced(a[:1]) @ sliced(b), a[:1] @ b)
    assert_numbers(sliced(a) @ sliced(b), a @ b)


def test_no_sum_of_products_of_digits_exceeds_2_to_the_52(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each is exact in any order, and the carry added to it too."""
    largest = []

    def matmul(a: Array, b: Array, out: Array) -> None:
        largest.append((np.abs(a) @ np.abs(b)).max())
        np.copyto(out, a @ b)

    monkeypatch.setattr("refnet.slicing.np.matmul", matmul)
    for inner, left, right in [(4096, 1, 1), (9000, 3, 2), (2000, 5, 5)]:
        Sliced(np.full((left, 1, inner), float(HALF))) @ Sliced(np.full((right, inner, 1), float(HALF)))
    assert max(largest) == 2.0**52


def test_a_carry_runs_through_all_slices() -> None:
    """One more than a number of the largest digits, and one less than a power of the radix."""
    number = sum(HALF << BITS * k for k in range(40))
    assert_numbers(sliced([number]) + sliced([1]), [number + 1])
    assert_numbers(sliced([-number]) - sliced([1]), [-number - 1])
    assert_numbers(sliced([2 ** (BITS * 40)]) - sliced([1]), [2 ** (BITS * 40) - 1])


# Floats to slices, and back.


@by_dtype
@given(st.data())
def test_floats_are_sliced_exactly(dtype: Float, data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(dtype, SHAPES, elements=bounded(dtype)))
    dyadic = Dyadic.of(array)
    for exponent in (dyadic.exponent, dyadic.exponent - 1, dyadic.exponent - 30):
        if slices(array, exponent) <= MOST_SLICES:
            found = Sliced.of(array, exponent)
            assert len(found.digits) == slices(array, exponent)
            assert_numbers(found, dyadic.over(exponent))


def test_the_widest_array_that_is_sliced() -> None:
    """48 slices hold 1,007 bits and a sign: down to the smallest subnormal number, or up to the largest of all."""
    for wide, exponent in [
        (np.array([math.ldexp(2**53 - 1, -1074 + 1007 - 53), 2.0**-1074, -(2.0**-1074)]), -1074),
        (np.array([-np.finfo(np.float64).max, 2.0**17, 3.0 * 2.0**17]), 17),
    ]:
        assert slices(wide, exponent) == MOST_SLICES
        assert slices(2 * wide if exponent < 0 else wide, exponent - (exponent > 0)) == MOST_SLICES + 1
        assert_numbers(Sliced.of(wide, exponent), Dyadic.of(wide).over(exponent))


@by_dtype
@given(integers(), st.one_of(st.integers(-1400, 1100), st.integers(-300, 130), st.sampled_from([-5000, 5000])))
def test_rounding_is_that_of_the_ints(dtype: Float, numbers: Array, exponent: int) -> None:
    assert_rounded(numbers, exponent, dtype)


@by_dtype
@given(st.data())
def test_rounding_near_a_tie_is_that_of_the_ints(dtype: Float, data: st.DataObject) -> None:
    """A tie between two floats, normal and subnormal and at the end of the range, and the next ints above and below.

    The tie has so many digits after it that one more or less is in a slice of its own, or in the same as the tie.
    """
    info = np.finfo(dtype)
    precision = int(info.nmant) + 1
    kept = data.draw(st.integers(1, precision), label="bits of the float")
    n = data.draw(st.integers(2 ** (kept - 1), 2**kept - 1), label="float")
    after = data.draw(st.integers(1, 130), label="digits after the tie")
    sign = data.draw(st.sampled_from((-1, 1)), label="sign")
    tie = (2 * n + 1) << after
    numbers = sign * np.array([tie - 1, tie, tie + 1, tie - 2**after, tie + 2**after], dtype=object)
    subnormal, last = int(info.minexp) - int(info.nmant) - 1 - after, int(info.maxexp) - kept - 1 - after
    for exponent in (subnormal, last, 0, data.draw(st.integers(subnormal, last), label="exponent")):
        assert_rounded(numbers, exponent, dtype)


@by_dtype
def test_rounding_at_every_distance_of_the_leading_digits(dtype: Float) -> None:
    """A leading digit of 1 to 21 bits, less than a unit of it subtracted, and one bit that is far below, or not."""
    numbers = [
        sign * ((lead << BITS * 9) + (second << BITS * 8) + (middle << BITS * 6) + far)
        for sign in (-1, 1)
        for lead in (1, 2, 3, 2**10, HALF - 1, HALF)
        for second in (-HALF, -1, 0, 1, HALF)
        for middle in (-HALF, -1, 0, HALF)
        for far in (-1, 0, 1, 2 ** (BITS * 5), -(2 ** (BITS * 6)))
    ]
    for exponent in (0, int(np.finfo(dtype).minexp) - BITS * 9 - 10, -5000):
        assert_rounded(np.array(numbers, dtype=object), exponent, dtype)


def test_more_numbers_than_a_block_are_rounded() -> None:
    numbers = np.array([(3**k << 60) + 1 for k in range(100)] * 100, dtype=object).reshape(-1, 5)
    assert_rounded(numbers, -100, np.float32)


def assert_rounded(numbers: Array, exponent: int, dtype: Float) -> None:
    found, expected = (Dyadic(n, exponent).rounded(dtype) for n in (sliced(numbers), numbers))
    assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


# The network.


@contextmanager
def computed_with(numbers: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "INTS_UP_TO", -1 if numbers == "slices" else math.inf)
        yield


def bounded(dtype: Float) -> st.SearchStrategy[Any]:
    """Numbers of some 300 exponents, zeros of both signs among them: so few that b2 and y, over the unit of three
    arrays, take at most MOST_SLICES. In float32 the subnormal numbers too."""
    width, low = (32, -149) if dtype is np.float32 else (64, -240)
    floats: st.SearchStrategy[float] = st.floats(-(2.0**60), 2.0**60, width=width)  # type: ignore[arg-type]  # a Literal
    return st.one_of(
        LATTICE.map(float),
        st.just(-0.0),
        floats.filter(lambda v: v == 0 or width == 32 or abs(v) >= 2.0 ** (low + 53)),
        st.integers(low, 60).map(lambda power: -(2.0**power)),
    )


def assert_same(case: Case, *, sliced: bool | None = True) -> None:
    """The same integers, exponents and rounded floats, from ints and, wherever or if these were used, from slices."""
    params, x, y, activation = case
    results: list[list[Dyadic]] = []
    for numbers in ("ints", "slices"):
        with computed_with(numbers):
            one = exact.forward(params, x, activation=activation), exact.loss(params, x, y, activation=activation)
            results.append([*one, *exact.grads(params, x, y, activation=activation)])
            if sliced is not None:
                assert all(isinstance(r.numbers, Sliced) == (sliced and numbers == "slices") for r in results[-1])
    for plain, fast in zip(*results, strict=True):
        for dtype in FLOATS:
            a, b = plain.rounded(dtype), fast.rounded(dtype)
            assert (a.shape, a.tobytes()) == (b.shape, b.tobytes())
        assert (plain.exponent, plain.integers.tolist()) == (fast.exponent, fast.integers.tolist())
        assert plain.fractions().tolist() == fast.fractions().tolist()


@by_dtype
@given(st.data())
def test_the_network_is_the_same_on_slices_and_on_ints(dtype: Float, data: st.DataObject) -> None:
    assert_same(data.draw(st.one_of(cases(bounded(dtype), dtype), lattice_cases())), sliced=True)


@by_dtype
@pytest.mark.parametrize("kind", [*KINDS, "dense", "kinked"])
def test_on_every_kind_of_data_slices_and_ints_are_the_same(dtype: Float, kind: str) -> None:
    """Wide data in float64 have the widest arrays that slices hold, or wider ones."""
    problem = generate(kind, (5, 9, 11, 3), "float32" if dtype is np.float32 else "float64", "relu", 7)
    assert_same(Case(problem.params, problem.x, problem.y, "relu"), sliced=None if kind == "wide" else True)


@by_dtype
def test_more_numbers_than_a_block_are_the_same_on_slices_and_on_ints(dtype: Float) -> None:
    problem = generate("normal", (3, 250, 40, 3), "float32" if dtype is np.float32 else "float64", "relu", 3)
    assert problem.params.w1.size > _BLOCK
    assert_same(Case(problem.params, problem.x, problem.y, "relu"))


@pytest.mark.parametrize("shape", [(0, 2, 3, 1), (2, 0, 3, 1), (2, 2, 0, 1), (2, 3, 1, 0), (0, 0, 0, 0)])
def test_an_axis_of_size_zero_is_the_same_on_slices_and_on_ints(shape: tuple[int, int, int, int]) -> None:
    assert_same(ones(*shape))


@pytest.mark.parametrize("h", [-(2.0**-140), -0.0, 0.0, 2.0**-140])
def test_the_mask_is_exact_at_the_kink_and_next_to_it(h: float) -> None:
    """h is 1e10 + b1 - 1e10 with b1 the smallest step or none: on where it is 0 or more, off where it is less."""
    one = np.ones((1, 1))
    params = Params(np.array([[2.0**40], [-(2.0**40)]]), np.array([h]), one, np.zeros(1))
    case = Case(params, np.array([[2.0**20, 2.0**20]]), one, "relu")
    assert_same(case)
    with computed_with("slices"):
        assert (exact.grads(*case[:3]).fractions().b1.item() == 0) == (h < 0)


# Which of the two computes.


def ones(n: int, d: int, h: int, o: int) -> Case:
    params = Params(*(np.ones(shape) for shape in ((d, h), (h,), (h, o), (o,))))
    return Case(params, np.ones((n, d)), np.ones((n, o)), "relu")


@pytest.mark.parametrize(
    ("shape", "sliced"), [((12, 2, 10, 4), False), ((10, 35, 10, 10), False), ((10, 36, 10, 10), True)]
)
def test_ints_compute_small_networks_and_slices_large_ones(shape: tuple[int, int, int, int], sliced: bool) -> None:
    params, x, y, _ = ones(*shape)
    for result in (exact.forward(params, x), exact.loss(params, x, y), *exact.grads(params, x, y)):
        assert isinstance(result.numbers, Sliced) == sliced


@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2", "x", "y"])
def test_ints_compute_where_an_array_is_too_wide(name: str) -> None:
    params, x, y, _ = ones(10, 36, 10, 10)
    arrays = dict(zip(("w1", "b1", "w2", "b2", "x", "y"), (*params, x, y), strict=True))
    arrays[name].flat[0] = 2.0**-500
    assert isinstance(exact.loss(params, x, y).numbers, Sliced)
    arrays[name].flat[-1] = 2.0**600
    assert not isinstance(exact.loss(params, x, y).numbers, Sliced)
    assert_same(Case(params, x, y, "relu"), sliced=None if name == "y" else False)  # forward has no y


def test_python_ints_are_made_only_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    params, x, y, _ = ones(10, 36, 10, 10)
    slopes = exact.grads(params, x, y)
    with monkeypatch.context() as patch:
        patch.delattr(Sliced, "integers")
        assert slopes.rounded(np.float64).b1.tolist() == exact.grads(params, x, y).b1.rounded(np.float64).tolist()
    assert slopes.b1.integers is slopes.b1.integers
    assert slopes.b1.integers.dtype == np.object_


def test_the_memory_is_that_of_the_digits() -> None:
    """The peak is at w1's gradient, 8 bytes a digit. All else is smaller: the data in slices, a copy of the factors, h.

    Two slices are allocated for the carries; rounding works in blocks.
    """
    problem = generate("normal", (40, 500, 300, 10), "float64", "relu", 0)
    params, x, y = problem.params, problem.x, problem.y
    exact.grads(params, x, y)
    tracemalloc.start()
    try:
        slopes = exact.grads(params, x, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    digits = sum(8 * g.numbers.digits.size for g in slopes if isinstance(g.numbers, Sliced))
    assert digits > 8 * 16 * params.w1.size
    assert peak < 2 * digits
    tracemalloc.start()
    try:
        slopes.w1.rounded(np.float64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * params.w1.size + 2**23  # a block is 2**13 numbers, of 16 digits and more beside
