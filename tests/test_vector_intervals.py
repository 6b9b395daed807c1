"""The exact intervals hold every evaluation, lie inside the float64 ones, and lose nothing where they are rounded."""

from fractions import Fraction
from typing import Any

import evaluations
import numpy as np
import pytest
from evaluations import KINDS, Array, Float, Kind, Machine, Style, evaluate, problem
from hypothesis import assume, given
from hypothesis import strategies as st

from refnet import Activation, Grads, Params, enclosure
from refnet.conformance import generate
from refnet.conformance.problem import Shape
from refnet.formats import Dtype
from refnet.rounding import FLOAT32, FLOAT64, Ball, Format
from refnet.vectors import enclosure as exactly
from refnet.vectors.balls import Ball as ExactBall
from refnet.vectors.balls import Freedom, OutOfRangeError, constant, stored, sum_of_products
from refnet.vectors.decimals import shortest
from refnet.vectors.drawing import Stream

seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
rates = [0.25, 1.0, -0.1, 3.0, 0.0, 2.0**-20]
both_formats = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def exact_balls(
    params: Params[Any], x: Array, y: Array, lr: float, activation: Activation, points: bool
) -> dict[str, ExactBall]:
    """Return every ball, by the names of the results."""
    gradient = exactly.grads(params, x, y, activation=activation, points=points)
    stepped = exactly.step(params, x, y, lr, activation=activation, points=points)
    return {
        "forward": exactly.forward(params, x, activation=activation, points=points),
        "loss": exactly.loss(params, x, y, activation=activation, points=points),
        **{f"grads.{name}": ball for name, ball in gradient._asdict().items()},
        **{f"step.{name}": ball for name, ball in stepped._asdict().items()},
    }


def float_balls(
    params: Params[Any], x: Array, y: Array, lr: float, activation: Activation, points: bool
) -> dict[str, Ball]:
    gradient = enclosure.grads(params, x, y, activation=activation, points=points)
    stepped = enclosure.step(params, x, y, lr, activation=activation, points=points)
    return {
        "forward": enclosure.forward(params, x, activation=activation, points=points),
        "loss": enclosure.loss(params, x, y, activation=activation, points=points),
        **{f"grads.{name}": ball for name, ball in gradient._asdict().items()},
        **{f"step.{name}": ball for name, ball in stepped._asdict().items()},
    }


class Drawn:
    """A problem, and its exact balls, with points and without."""

    def __init__(self, kind: Kind, seed: int, shape: evaluations.Shape) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype: Float = (np.float32, np.float64)[self.rng.integers(2)]
        self.activation: Activation = "identity" if self.rng.integers(4) == 0 else "relu"
        self.lr = float(self.dtype(rates[self.rng.integers(len(rates))]))
        self.params, self.x, self.y = problem(kind, shape, self.dtype, self.rng, rows=False)
        self.balls: dict[bool, dict[str, ExactBall]] = {}
        for points in (False, True):
            try:
                arguments = (self.params, self.x, self.y, self.lr, self.activation, points)
                self.balls[points] = exact_balls(*arguments)
            except OutOfRangeError:
                assume(False)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, shape=shapes)
def test_no_evaluation_leaves_its_interval(kind: Kind, seed: int, shape: evaluations.Shape) -> None:
    drawn = Drawn(kind, seed, shape)
    dtype = np.dtype(drawn.dtype)
    for _ in range(2):
        m, how = evaluations.machine(drawn.dtype, drawn.rng), evaluations.style(drawn.rng, rescaled=True)
        found = evaluate(m, drawn.params, drawn.x, drawn.y, how=how, activation=drawn.activation, lr=drawn.lr)
        assert found.stepped is not None
        values = {"forward": found.p, "loss": found.loss}
        values |= {f"grads.{name}": value for name, value in found.grads._asdict().items()}
        values |= {f"step.{name}": value for name, value in found.stepped._asdict().items()}
        for points in (False, True):
            if points and not m.exact_on_lattices:
                continue  # such an arithmetic errs where the result is representable, too
            for name, ball in drawn.balls[points].items():
                assert _all_in(ball, np.asarray(values[name]), dtype), (name, points, vars(m), how)


def _all_in(ball: ExactBall, values: Array, dtype: np.dtype[Any]) -> bool:
    """Return whether all copies lie in the ball: between its ends, if they are numbers of the format."""
    if values.dtype == dtype:
        low, high = exactly.ends(ball, dtype)
        return bool(((low <= values) & (values <= high)).all())
    centre, radius = ball.centre.fractions().ravel(), ball.radius.fractions().ravel()
    upper = values.astype(np.float64)
    lower = (values - upper).astype(np.float64)  # the rest of a long double
    pairs = zip(upper.reshape(len(values), -1), lower.reshape(len(values), -1), strict=True)
    return all(
        abs(Fraction(one) + Fraction(two) - c) <= r
        for ones, twos in pairs
        for one, two, c, r in zip(ones.tolist(), twos.tolist(), centre, radius, strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, shape=shapes)
def test_the_exact_interval_lies_in_the_one_of_float64(kind: Kind, seed: int, shape: evaluations.Shape) -> None:
    drawn = Drawn(kind, seed, shape)
    wide = float_balls(drawn.params, drawn.x, drawn.y, drawn.lr, drawn.activation, points=False)
    for name, ball in drawn.balls[False].items():
        centre, radius = ball.centre.fractions().ravel(), ball.radius.fractions().ravel()
        outer = zip(wide[name].centre.ravel().tolist(), wide[name].radius.ravel().tolist(), strict=True)
        for c, r, (float_c, float_r) in zip(centre, radius, outer, strict=True):
            if np.isfinite(float_r):
                assert abs(c - Fraction(float_c)) + r <= Fraction(float_r) * (1 + Fraction(1, 2**30)), name


DTYPES: tuple[Dtype, ...] = ("float32", "float64")


@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (8, 17, 9, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["dense", "kinked"])
def test_on_a_lattice_it_is_a_point_wherever_the_one_of_float64_is(kind: str, dtype: Dtype, shape: Shape) -> None:
    lattice = generate(kind, shape, dtype, "relu", 0)
    arguments = (lattice.params, lattice.x, lattice.y, lattice.lr, lattice.activation)
    wide = float_balls(*arguments, points=True)
    for name, ball in exact_balls(*arguments, points=True).items():
        assert not ball.radius.integers[wide[name].radius == 0].any(), name
        assert kind == "kinked" or not ball.radius.integers.any(), name


@both_formats
def test_in_float32_it_is_nearly_as_wide(dtype: Float) -> None:
    # In float64 half of the other radius is for the centre, and for an update more.
    least = 0.99 if dtype is np.float32 else 0.15
    for seed in range(5):
        params, x, y = problem("normal", (4, 3, 5, 2), dtype, np.random.default_rng(seed))
        wide = float_balls(params, x, y, 0.25, "relu", False)
        for name, ball in exact_balls(params, x, y, 0.25, "relu", False).items():
            radius = ball.radius.fractions().astype(np.float64)
            assert (radius >= least * wide[name].radius).all(), name


def test_where_the_rate_comes_early_it_is_as_wide() -> None:
    # The smallest numbers, and a small rate: what underflows before the rate is made good is most of the radius.
    lr = 2.0**-20
    params, x, y = problem("normal", (4, 3, 5, 2), np.float32, np.random.default_rng(0))
    params, x, y = Params(*(np.ldexp(p, -120) for p in params)), np.ldexp(x, -120), np.ldexp(y, -120)
    wide = float_balls(params, x, y, lr, "relu", False)
    for name, ball in exact_balls(params, x, y, lr, "relu", False).items():
        radius = ball.radius.fractions().astype(np.float64)
        assert (radius >= 0.95 * wide[name].radius).all(), name


def test_a_kink_is_widened_by_rounding_alone() -> None:
    one = np.ones((1, 1), np.float32)
    params = Params(one, -one[0], 2 * one, 0 * one[0])  # h = 0, r = 8 - 0, ga = 2 * 8 * 2 = 32
    balls = exactly.grads(params, one, -8 * one, activation="relu", points=False)
    low, high = exactly.ends(balls.b1, np.dtype(np.float32))
    assert -1e-4 < low[0] < 0
    assert 32 < high[0] < 32 + 1e-4


@both_formats
@given(numerator=st.integers(-(2**70), 2**70), exponent=st.integers(-1150, 900))
def test_an_end_is_the_next_number_of_the_format(dtype: Float, numerator: int, exponent: int) -> None:
    point = Fraction(numerator) * Fraction(2) ** exponent
    assume(abs(point) <= Fraction(float(np.finfo(dtype).max)))
    low, high = exactly.ends(ExactBall(constant(point), constant(0)), np.dtype(dtype))
    assert Fraction(float(high)) <= point <= Fraction(float(low))
    if low != high:
        assert np.nextafter(high, dtype(np.inf)) == low
    else:
        assert Fraction(float(low)) == point


@given(low=st.floats(width=32, allow_nan=False, allow_infinity=False), nudge=st.integers(-3, 3))
def test_no_number_of_the_format_is_lost(low: float, nudge: int) -> None:
    # An interval from a number of the format, or from a hair beside it, to itself and some more.
    hair = Fraction(nudge, 2**200)
    assume(abs(low) < 3e38)
    ball = ExactBall(constant(Fraction(low) + hair + 1), constant(Fraction(1)))
    ends = exactly.ends(ball, np.dtype(np.float32))
    assert (ends.low <= np.float32(low)) == (Fraction(low) + hair <= Fraction(low))


def test_what_might_overflow_has_no_interval() -> None:
    large = stored(np.array([[2.0**100]], np.float32), FLOAT32)
    assert sum_of_products(large, stored(np.ones((1, 1)), FLOAT32), fmt=FLOAT32, freedom=Freedom())
    with pytest.raises(OutOfRangeError, match="may leave the range of float32"):
        sum_of_products(large, large, fmt=FLOAT32, freedom=Freedom())


def test_what_is_rounded_of_a_radius_is_rounded_upwards() -> None:
    exact = Fraction(2**100 + 1)
    size = ExactBall(constant(-exact), constant(0)).size.fractions().item()
    assert exact < size <= exact * (1 + Fraction(1, 2**70))


def test_what_underflows_is_no_point() -> None:
    def radius(power: int, scale: int = 1) -> Fraction:
        one = stored(np.array([[2.0**power]], np.float32), FLOAT32)
        ball = sum_of_products(one, one, fmt=FLOAT32, freedom=Freedom(scale=Fraction(scale)))
        found: Fraction = ball.radius.fractions().item()
        return found

    assert radius(-63) == 0  # the smallest normal number is 2**-126
    assert radius(-64) > 0
    assert radius(-60, scale=2**6) == 0
    assert radius(-60, scale=2**7) > 0


def test_a_rate_without_digits_is_refused() -> None:
    one, row = np.ones((1, 1), np.float32), np.ones(1, np.float32)
    params, grads = Params(one, row, one, row), Grads(one, row, one, row)
    with pytest.raises(ValueError, match=r"lr is 1e-40, expected 0 or a normal number of float32"):
        exactly.update(params, grads, 1e-40, points=False)


# Numbers as text, and random ones


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_comes_back_from_its_digits(value: float) -> None:
    text = shortest(value, FLOAT32)
    assert np.float32(float(text)) == np.float32(value)  # through float64, as JavaScript reads it
    assert _nearest(Fraction(text), FLOAT32) == Fraction(value)  # at once, as strtof does
    digits = text.partition("e")[0].replace(".", "").replace("-", "").strip("0")
    if len(digits) > 1:
        shorter = f"{value:.{len(digits) - 1}g}"
        assert np.float32(float(shorter)) != np.float32(value) or _is_tie(Fraction(shorter), value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float64_comes_back_from_its_digits(value: float) -> None:
    assert float(shortest(value, FLOAT64)) == value


def _nearest(number: Fraction, fmt: Format) -> Fraction:
    """Return the nearest number of the format; a tie is an error."""
    if number == 0:
        return number
    leading = max(abs(number).numerator.bit_length() - number.denominator.bit_length() - 1, fmt.emin)
    while Fraction(2) ** (leading + 1) <= abs(number):
        leading += 1
    unit = Fraction(2) ** (leading - fmt.precision + 1)
    low = number // unit
    rest = number / unit - low
    assert rest != Fraction(1, 2)
    return unit * (low + (rest > Fraction(1, 2)))


def _is_tie(number: Fraction, value: float) -> bool:
    away = np.float32(np.inf) if number > Fraction(value) else np.float32(-np.inf)
    return 2 * number == Fraction(value) + Fraction(float(np.nextafter(np.float32(value), away)))


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]),
        (1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423]),  # as published with the generator
    ],
)
def test_the_words_are_those_of_splitmix64(seed: int, words: list[int]) -> None:
    stream = Stream(seed)
    assert stream.words(1).tolist() + stream.words(2).tolist() == words


def test_the_numbers_are_made_of_the_words_by_integer_arithmetic() -> None:
    words = Stream(5).words(24).tolist()
    sums = [sum(word >> 12 for word in words[i : i + 12]) - (6 << 52) for i in (0, 12)]
    assert Stream(5).normal((2,)).tolist() == [sums[0] / 2**52, sums[1] / 2**52]
    assert Stream(5).integers(-3, 4, (3, 8)).ravel().tolist() == [word % 8 - 3 for word in words]


def test_the_numbers_look_normal() -> None:
    numbers = Stream(1).normal((100, 100))
    assert abs(numbers.mean()) < 0.04  # four standard errors
    assert abs(numbers.std() - 1) < 0.04


@both_formats
def test_a_half_integer_slope_is_inside(dtype: Float) -> None:
    params, x, y = problem("integers", (4, 3, 5, 2), dtype, np.random.default_rng(3))
    m = Machine(dtype, np.random.default_rng(0))
    balls = exactly.grads(params, x, y, activation="relu", points=True)
    for slope in (0.0, 0.5, 1.0):
        half = evaluate(m, params, x, y, how=Style(slope=slope), copies=1).grads
        low, high = exactly.ends(balls.b1, np.dtype(dtype))
        assert ((low <= half.b1[0]) & (half.b1[0] <= high)).all()
