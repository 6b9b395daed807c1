"""The network's results: held against plain loops in the arithmetic of the numbers, exact but for NaN and infinity."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refnet import Activation, Grads, Params, Step, forward, grads, init, loss, network, train, update

Array: TypeAlias = NDArray[Any]

SMALL = st.integers(-3, 3)  # up to 3 of them in each sum: every partial sum is an integer that float32 holds
NOT_FINITE = st.sampled_from([*map(float, range(-3, 4))] * 3 + [math.inf, -math.inf, math.nan])  # one in eight
ACTIVATIONS: tuple[Activation, ...] = ("relu", "identity")

# The kinds of argument: the elements drawn, the dtype that they are passed as, and the dtype of the results.
KINDS: dict[str, tuple[st.SearchStrategy[Any], type, type]] = {
    "int": (SMALL, object, object),
    "Fraction": (st.fractions(-3, 3, max_denominator=7), object, object),
    "int64": (SMALL, np.int64, np.float64),
    "float64": (SMALL, np.float64, np.float64),
    "float32": (SMALL, np.float32, np.float32),
    "float64 with NaN and infinity": (NOT_FINITE, np.float64, np.float64),
    "float32 with NaN and infinity": (NOT_FINITE, np.float32, np.float32),
}


class Problem(NamedTuple):
    """The arguments of one call, as arrays of Python numbers."""

    params: Params[Any]
    x: Array
    y: Array
    activation: Activation

    def astype(self, dtype: type) -> "Problem":
        params = Params(*(p.astype(dtype) for p in self.params))
        return Problem(params, self.x.astype(dtype), self.y.astype(dtype), self.activation)


class Expected(NamedTuple):
    y_pred: Array
    loss: Any
    grads: Grads[Any]


@st.composite
def problems(draw: st.DrawFn, element: st.SearchStrategy[Any]) -> Problem:
    """Draw shapes from 0 to 3, both forms of bias, an activation and the numbers."""
    n, d, h, o = (draw(st.sampled_from([1, 2, 3, 2, 3, 0]), label=size) for size in ("N", "D", "H", "O"))
    row = draw(st.sampled_from([(), (1,)]), label="bias form")

    def array(*shape: int) -> Array:
        size = math.prod(shape)
        flat = np.empty(size, dtype=object)
        flat[:] = draw(st.lists(element, min_size=size, max_size=size))
        return flat.reshape(shape)

    params: Params[Any] = Params(array(d, h), array(*row, h), array(h, o), array(*row, o))
    return Problem(params, array(n, d), array(n, o), draw(st.sampled_from(ACTIVATIONS), label="activation"))


def table(rows: int, columns: int, entry: Callable[[int, int], Any]) -> Array:
    out = np.empty((rows, columns), dtype=object)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = entry(i, j)
    return out


def by_loops(problem: Problem) -> Expected:
    """Return the results again, entry by entry from the formulas, in the arithmetic of the numbers given."""
    (w1, b1, w2, b2), x, y, activation = problem
    (n, d), (h, o) = x.shape, w2.shape
    b1_shape, b2_shape, b1, b2 = b1.shape, b2.shape, b1.ravel(), b2.ravel()

    def off(i: int, j: int) -> bool:
        return activation == "relu" and bool(hidden[i, j] < 0)

    hidden = table(n, h, lambda i, j: sum(x[i, k] * w1[k, j] for k in range(d)) + b1[j])
    active = table(n, h, lambda i, j: 0 if off(i, j) else hidden[i, j])
    y_pred = table(n, o, lambda i, m: sum(active[i, j] * w2[j, m] for j in range(h)) + b2[m])
    residual = table(n, o, lambda i, m: y_pred[i, m] - y[i, m])
    slope = table(n, h, lambda i, j: 0 if off(i, j) else sum(2 * residual[i, m] * w2[j, m] for m in range(o)))
    return Expected(
        y_pred,
        sum(residual[i, m] * residual[i, m] for i in range(n) for m in range(o)),
        Grads(
            table(d, h, lambda k, j: sum(x[i, k] * slope[i, j] for i in range(n))),
            table(1, h, lambda _, j: sum(slope[i, j] for i in range(n))).reshape(b1_shape),
            table(h, o, lambda j, m: sum(active[i, j] * 2 * residual[i, m] for i in range(n))),
            table(1, o, lambda _, m: sum(2 * residual[i, m] for i in range(n))).reshape(b2_shape),
        ),
    )


def assert_same(actual: object, expected: object, dtype: type) -> None:
    """Assert the same shape, the same numbers (NaN is NaN), and the dtype; object arrays hold int and Fraction only."""
    want = np.asarray(expected, dtype=object)
    got = np.asarray(actual, dtype=None if isinstance(actual, (np.ndarray, np.generic)) else object)
    assert got.dtype == dtype
    assert got.shape == want.shape
    if got.dtype == object:
        assert {type(number) for number in got.flat} <= {int, Fraction}
    assert all(a == b or (a != a and b != b) for a, b in zip(got.flat, want.flat, strict=True)), f"{got} != {want}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_is_what_plain_loops_compute(kind: str) -> None:
    element, given_as, dtype = KINDS[kind]

    @given(problems(element))
    def check(problem: Problem) -> None:
        params, x, y, activation = problem.astype(given_as)
        expected = by_loops(problem)
        assert_same(forward(params, x, activation=activation), expected.y_pred, dtype)
        assert_same(loss(params, x, y, activation=activation), expected.loss, dtype)
        actual = grads(params, x, y, activation=activation)
        for g, e in zip(actual, expected.grads, strict=True):
            assert_same(g, e, dtype)
        lr: Any = Fraction(-2, 7) if dtype is object else -0.25
        for new, p, e in zip(update(params, actual, lr), problem.params, expected.grads, strict=True):
            assert_same(new, p - lr * e, dtype)

    with np.errstate(invalid="ignore"):
        check()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
@pytest.mark.parametrize("bias_shape", ["(H,)", "(1, H)"])
def test_dtype_and_shapes_are_kept_by_every_result(dtype: type, bias_shape: str) -> None:
    row = (1,) if bias_shape == "(1, H)" else ()
    shapes = [(4, 3), (*row, 3), (3, 2), (*row, 2)]
    arrays: list[Array] = [np.ones(shape, dtype=int).astype(dtype) for shape in [*shapes, (5, 4), (5, 2)]]
    params, x, y = Params(*arrays[:4]), arrays[4], arrays[5]
    rates: list[Any] = [2, Fraction(1, 2)] if dtype is object else [1, 0.5, np.float64(0.5), np.float32(0.5)]
    assert type(loss(params, x, y)) is (int if dtype is object else dtype)
    for lr in rates:
        (step,) = train(params, x, y, lr=lr, steps=1)
        assert type(step.loss) is (int if dtype is object else dtype)
        for result in (grads(params, x, y), update(params, grads(params, x, y), lr), step.params):
            assert [r.shape for r in result] == shapes
            assert {r.dtype for r in result} == {np.dtype(dtype)}


def test_types_of_the_results() -> None:
    params, x, y = init(np.random.default_rng(0), 3, 2, 1), np.ones((4, 3)), np.ones((4, 1))
    assert type(params) is Params
    assert type(forward(params, x)) is np.ndarray
    assert type(grads(params, x, y)) is Grads
    assert type(update(params, grads(params, x, y), 0.1)) is Params
    assert type(next(train(params, x, y, lr=0.1, steps=1))) is Step


def test_float32_is_computed_in_float32() -> None:
    one, big = np.ones((1, 1), dtype=np.float32), np.full((1, 1), 2.0**24, dtype=np.float32)
    params = Params(big, one, one, -big)  # 2**24 + 1 is no number of float32
    assert forward(params, one) == 0
    assert forward(Params(*(p.astype(np.float64) for p in params)), one.astype(np.float64)) == 1


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), Fraction(1, 10)])
def test_lr_is_taken_in_the_precision_of_the_parameters(lr: float) -> None:
    p, g = np.ones((1, 1), dtype=np.float32), np.full((1, 1), 6.0, dtype=np.float32)
    new = update(Params(p, p, p, p), Grads(g, g, g, g), lr).w1
    assert new == np.float32(1) - np.float32(0.1) * np.float32(6)
    assert new != np.float32(1 - 0.1 * 6.0)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.uint16, np.int64, np.uint64, ">i4", list])
def test_integers_are_taken_as_float64(dtype: Any) -> None:
    def as_given(array: Array) -> Any:
        return array.astype(int).tolist() if dtype is list else array.astype(dtype)

    rng = np.random.default_rng(1)
    params = Params(*(rng.integers(0, 100, shape).astype(np.float64) for shape in [(3, 4), (4,), (4, 2), (2,)]))
    x, y = rng.integers(0, 100, (5, 3)).astype(np.float64), rng.integers(0, 100, (5, 2)).astype(np.float64)
    whole: Params[Any] = Params(*map(as_given, params))
    gradient = Grads(*(p + 1 for p in params))
    assert_same(forward(whole, as_given(x)), forward(params, x), np.float64)
    assert_same(loss(whole, as_given(x), as_given(y)), loss(params, x, y), np.float64)
    for g, e in zip(grads(whole, as_given(x), as_given(y)), grads(params, x, y), strict=True):
        assert_same(g, e, np.float64)
    for new, e in zip(update(whole, Grads(*map(as_given, gradient)), 1), update(params, gradient, 1), strict=True):
        assert_same(new, e, np.float64)


def test_lists_of_floats_are_accepted() -> None:
    lists: list[Any] = [[[1.0, -1.0]], [0.0, 0.5], [[1.0], [2.0]], [0.25], [[3], [-3]], [[3.25], [7.5]]]
    params, x, y = Params(*lists[:4]), lists[4], lists[5]
    assert_same(forward(params, x), [[3.25], [7.25]], np.float64)
    assert_same(loss(params, x, y), 0.0625, np.float64)
    assert_same(grads(params, x, y).w2, [[0.0], [-1.75]], np.float64)


def test_slope_at_the_kink_is_one() -> None:
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    at_zero = grads(Params(one, -one, one, zero), one, -one)
    assert [float(g.item()) for g in at_zero] == [2, 2, 0, 2]


def test_a_unit_that_is_off_stops_what_is_not_finite() -> None:
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    for target in (math.inf, math.nan):
        with np.errstate(invalid="ignore"):  # 0 times infinity, in w2's gradient
            w1, b1, w2, b2 = grads(Params(one, -2 * one, one, zero), one, target * one)
        assert [w1.item(), b1.item()] == [0, 0]
        assert np.isnan(w2).all()
        assert not np.isfinite(b2).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mask_of_bits_is_where_to_the_bit(dtype: type) -> None:
    special = [0.0, -0.0, 1.0, -1.5, 2.0**-149, math.inf, -math.inf, math.nan, -math.nan]
    array: Array = np.array([[*special, *special]], dtype)
    off = np.arange(array.size).reshape(array.shape) < len(special)
    for given_array, given_off in ((array, off), (np.asfortranarray(array.reshape(2, -1)), off.reshape(2, -1))):
        expected = np.where(given_off, 0, given_array)
        result = network._zero_where(given_off, given_array)
        assert result is given_array  # the room of ga is that of gh
        assert result.tobytes() == expected.tobytes()
        assert result.dtype == dtype


def test_init_draws_in_the_order_of_the_seed() -> None:
    rng, again = np.random.default_rng(7), np.random.default_rng(7)
    params = init(rng, 5, 4, 3)
    for p, shape in zip(params, [(5, 4), (4,), (4, 3), (3,)], strict=True):
        assert_same(p, again.standard_normal(shape), np.float64)
    assert rng.bit_generator.state == again.bit_generator.state
    none: Any = np.int64(0)
    assert [p.shape for p in init(rng, none, 2, 0)] == [(0, 2), (2,), (2, 0), (0,)]
