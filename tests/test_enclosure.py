"""No evaluation of the network leaves its enclosure, and the enclosure is no wider than spec/arithmetic.md derives."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import evaluations
import numpy as np
import pytest
from evaluations import HAS_WIDER, KINDS, Array, Evaluation, Float, Kind, Machine, Plan, Style, evaluate, problem, ratio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import refnet
from refnet import Activation, ArgumentTypeError, Grads, Params, enclosure, exact
from refnet.rounding import MARGIN, Ball, Freedom, fits, format_of, lowest_bit, stored, sum_of_products

both_formats = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ACTIVATIONS: tuple[Activation, ...] = ("relu", "identity")
both_activations = pytest.mark.parametrize("activation", ACTIVATIONS)
seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(1, 5), st.integers(1, 4))
rates = [1e-3, 0.25, 1.0, -0.1, 3.0, 0.0, 1e-6, 1e4, 2.0**-20, 2.0**60, 1e-30, 1e-38, 1.5]


def enclosed(
    params: Params[Any],
    x: Array,
    y: Array,
    lr: float,
    *,
    activation: Activation = "relu",
    points: bool = True,
    rescaled: bool = True,
) -> dict[str, Ball]:
    """Return every ball that the module makes."""
    layers = enclosure.layers(params, x, y, activation=activation, points=points)
    gradient = enclosure.grads(params, x, y, activation=activation, points=points, rescaled=rescaled)
    stepped = enclosure.step(params, x, y, lr, activation=activation, points=points, rescaled=rescaled)
    return {
        "forward": enclosure.forward(params, x, activation=activation, points=points),
        "loss": enclosure.loss(params, x, y, activation=activation, points=points, rescaled=rescaled),
        **{name: getattr(layers, name) for name in ("h", "a", "p", "r")},
        **{f"grads.{name}": ball for name, ball in gradient._asdict().items()},
        **{f"step.{name}": ball for name, ball in stepped._asdict().items()},
    }


def returned(evaluation: Evaluation) -> dict[str, Array]:
    """Return the values of an evaluation under the names of `enclosed`."""
    assert evaluation.stepped is not None
    return {
        "forward": evaluation.p,
        "loss": evaluation.loss,
        **{name: getattr(evaluation, name) for name in ("h", "a", "p", "r")},
        **{f"grads.{name}": values for name, values in evaluation.grads._asdict().items()},
        **{f"step.{name}": values for name, values in evaluation.stepped._asdict().items()},
    }


def outside(values: dict[str, Array], balls: dict[str, Ball]) -> dict[str, float]:
    """Return what left its ball, and how many times its radius."""
    assert all(values[name].shape[1:] == ball.centre.shape == ball.radius.shape for name, ball in balls.items())
    ratios = {name: ratio(values[name], ball) for name, ball in balls.items()}
    return {name: times for name, times in ratios.items() if times > 1}


def generic(dtype: Float, seed: int = 0, shape: evaluations.Shape = (4, 3, 5, 2)) -> tuple[Params[Any], Array, Array]:
    return problem("normal", shape, dtype, np.random.default_rng(seed))


@both_formats
@both_activations
@pytest.mark.parametrize("kind", ["normal", "lattice"])
def test_with_the_layers_at_hand_the_same_is_enclosed(dtype: Float, activation: Activation, kind: str) -> None:
    params, x, y = lattice(dtype, (4, 3, 5, 2), 0, kinks=True) if kind == "lattice" else generic(dtype)
    for points, rescaled in itertools.product((True, False), repeat=2):
        told: dict[str, Any] = {"activation": activation, "points": points, "rescaled": rescaled}
        layers = enclosure.layers(params, x, y, activation=activation, points=points)
        pairs = [
            (enclosure.loss(params, x, y, **told), enclosure.loss(params, x, y, **told, layers=layers)),
            *zip(
                enclosure.grads(params, x, y, **told), enclosure.grads(params, x, y, **told, layers=layers), strict=True
            ),
            *zip(
                enclosure.step(params, x, y, 0.1, **told),
                enclosure.step(params, x, y, 0.1, **told, layers=layers),
                strict=True,
            ),
        ]
        assert len(pairs) == 9
        for alone, shared in pairs:
            assert np.array_equal(alone.centre, shared.centre)
            assert np.array_equal(alone.radius, shared.radius)


def lattice(dtype: Float, shape: evaluations.Shape, seed: int, *, kinks: bool) -> tuple[Params[Any], Array, Array]:
    """Draw small integers; without kinks, with half-integers in b1."""
    rng = np.random.default_rng(seed)
    n, d, h, o = shape
    x, w1, b1 = rng.integers(-2, 3, (n, d)), rng.integers(-1, 2, (d, h)), rng.integers(-2, 3, h)
    w2, b2, y = rng.integers(-1, 2, (h, o)), rng.integers(-2, 3, o), rng.integers(-3, 4, (n, o))
    arrays = [w1, b1 + (0 if kinks else 0.5), w2, b2]
    return Params(*(a.astype(dtype) for a in arrays)), x.astype(dtype), y.astype(dtype)


# Soundness


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, shape=shapes, rows=st.booleans())
def test_no_evaluation_leaves_its_ball(kind: Kind, seed: int, shape: evaluations.Shape, rows: bool) -> None:
    rng = np.random.default_rng(seed)
    dtype = (np.float32, np.float64)[rng.integers(2)]
    activation: Activation = "identity" if rng.integers(4) == 0 else "relu"
    lr = rates[rng.integers(len(rates))]
    params, x, y = problem(kind, shape, dtype, rng, rows=rows)
    rescaled = bool(rng.integers(2))
    balls = enclosed(params, x, y, lr, activation=activation, rescaled=rescaled)
    inexact = enclosed(params, x, y, lr, activation=activation, rescaled=rescaled, points=False)
    for both in (balls, inexact):
        assert all((one == other).all() for one, other in zip(both["forward"], both["p"], strict=True))
    for _ in range(2):
        m, how = evaluations.machine(dtype, rng), evaluations.style(rng, rescaled=rescaled)
        values = returned(evaluate(m, params, x, y, how=how, activation=activation, lr=lr))
        assert not outside(values, inexact), (vars(m), how)
        if m.exact_on_lattices:
            assert not outside(values, balls), (vars(m), how)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
def test_no_update_leaves_its_ball(kind: Kind, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dtype = (np.float32, np.float64)[rng.integers(2)]
    shape = (1, int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    params, *_ = problem(kind, shape, dtype, rng)
    grads = Grads(*problem(kind, shape, dtype, rng)[0])
    lr = rates[rng.integers(len(rates))]
    balls = enclosure.update(params, grads, lr)
    inexact = enclosure.update(params, grads, lr, points=False)
    for _ in range(2):
        m = evaluations.machine(dtype, rng)
        stepped = evaluations.update(m, params, grads, lr)
        for values, ball, wider in zip(stepped, balls, inexact, strict=True):
            assert ratio(values, wider) <= 1
            assert ratio(values, ball) <= 1 or not m.exact_on_lattices


def inside(exactly: NDArray[np.object_], ball: Ball, share: Fraction = Fraction(1)) -> bool:
    """Return whether exact values lie within a share of the radius."""
    assert exactly.shape == ball.centre.shape
    parts = zip(exactly.ravel(), ball.centre.ravel().tolist(), ball.radius.ravel().tolist(), strict=True)
    return all(math.isinf(r) or abs(v - Fraction(c)) <= Fraction(r) * share for v, c, r in parts)


@both_formats
@both_activations
@given(seed=seeds, kind=st.sampled_from(KINDS), shape=shapes)
def test_the_exact_result_is_in_its_ball(
    dtype: Float, activation: Activation, seed: int, kind: Kind, shape: evaluations.Shape
) -> None:
    params, x, y = problem(kind, shape, dtype, np.random.default_rng(seed))
    prediction = exact.forward(params, x, activation=activation).fractions()
    total = exact.loss(params, x, y, activation=activation).fractions()
    gradient = exact.grads(params, x, y, activation=activation).fractions()
    for points in (True, False):
        layers = enclosure.layers(params, x, y, activation=activation, points=points)
        assert inside(prediction, enclosure.forward(params, x, activation=activation, points=points))
        assert inside(total, enclosure.loss(params, x, y, activation=activation, points=points))
        balls = enclosure.grads(params, x, y, activation=activation, points=points, rescaled=False)
        assert all(map(inside, gradient, balls))
        if layers.uncertain.any():
            continue
        # What a format adds is its own roundings; the centre errs by its share alone.
        v, u = Fraction(1, 2**53), Fraction(format_of(np.dtype(dtype)).unit_roundoff)
        share = v / (u + v) * (1 + Fraction(1, 2**20)) if kind in ("normal", "ones", "cancelling") else Fraction(1)
        assert all(inside(g, ball, share) for g, ball in zip(gradient, balls, strict=True))


@both_formats
@given(seed=seeds, kind=st.sampled_from(KINDS), lr=st.sampled_from(rates))
def test_the_exact_update_is_in_its_ball(dtype: Float, seed: int, kind: Kind, lr: float) -> None:
    rng = np.random.default_rng(seed)
    params, *_ = problem(kind, (1, 3, 3, 3), dtype, rng)
    grads = Grads(*problem(kind, (1, 3, 3, 3), dtype, rng)[0])
    for points in (True, False):
        balls = enclosure.update(params, grads, lr, points=points)
        assert all(map(inside, exact.update(params, grads, lr).fractions(), balls))


@both_formats
@both_activations
def test_the_reference_is_in_its_own_balls(dtype: Float, activation: Activation) -> None:
    params, x, y = generic(dtype)
    balls = enclosed(params, x, y, 0.125, activation=activation)
    gradient = refnet.grads(params, x, y, activation=activation)
    stepped = refnet.update(params, gradient, 0.125)
    assert ratio(refnet.forward(params, x, activation=activation), balls["forward"]) <= 1
    assert ratio(np.asarray(refnet.loss(params, x, y, activation=activation)), balls["loss"]) <= 1
    for name in params._fields:
        assert ratio(getattr(gradient, name), balls[f"grads.{name}"]) <= 1
        assert ratio(getattr(stepped, name), balls[f"step.{name}"]) <= 1


# Tightness: in the standard model, with one dominant term in each sum, every stage errs by its whole radius.

BUT_FOR_SUMS = {"grads.b1", "grads.b2", "step.b1", "step.b2"}  # their terms are no products: a rounding less each


def dominant(dtype: Float, shape: evaluations.Shape) -> tuple[Params[Any], Array, Array]:
    """Return ones in the first place of w1, w2 and x, -1 in y, and elsewhere numbers that only round."""
    n, d, h, o = shape
    small = 2.0**-80

    def first(*sizes: int) -> Array:
        array = np.full(sizes, small, dtype)
        array[(0,) * len(sizes)] = 1
        return array

    b1, b2, y = (np.full(s, small, dtype) for s in ((h,), (o,), (n, o)))
    return Params(first(d, h), b1, first(h, o), b2), first(n, d), -y


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 4, 2, 5)])
@both_activations
@both_formats
def test_every_bound_is_reached(dtype: Float, activation: Activation, shape: evaluations.Shape) -> None:
    if not HAS_WIDER[dtype]:
        pytest.skip("long double is float64 here")
    params, x, y = dominant(dtype, shape)
    lr = 2.0**40
    balls = enclosed(params, x, y, lr, activation=activation, points=False, rescaled=False)
    m = Machine(dtype, np.random.default_rng(0), errors="grow", plan=Plan(order="descending"))
    values = returned(evaluate(m, params, x, y, how=Style(early=True), activation=activation, lr=lr, copies=1))
    for name in balls.keys() - BUT_FOR_SUMS:
        first = (0,) * balls[name].centre.ndim
        ball = Ball(balls[name].centre[first], balls[name].radius[first])
        # A float64 radius is half for the error of its centre, and more for that of a step.
        least = 0.99 if dtype is np.float32 else 0.42 if name.startswith("step") else 0.495
        assert least <= ratio(values[name][(0, *first)], ball) <= 1, name


@both_activations
def test_a_rescaling_takes_three_roundings(activation: Activation) -> None:
    params, x, y = dominant(np.float32, (3, 1, 1, 1))
    balls = enclosed(params, x, y, 1.0, activation=activation, points=False)
    m = Machine(np.float32, np.random.default_rng(0), errors="grow", plan=Plan(order="descending"))
    how = Style(average="reciprocal", back="late", double="late")
    values = returned(evaluate(m, params, x, y, how=how, activation=activation, lr=1.0, copies=1))
    for name in ("loss", "grads.w1", "grads.w2"):
        first = (0,) * balls[name].centre.ndim
        ball = Ball(balls[name].centre[first], balls[name].radius[first])
        assert 0.99 <= ratio(values[name][(0, *first)], ball) <= 1, name


@pytest.mark.skipif(not HAS_WIDER[np.float64], reason="long double is float64 here")
def test_the_error_of_a_float64_update_of_its_own_counts() -> None:
    # Of many products, that which the centre rounds down most; the parameter cancels it, and its error is all.
    rng = np.random.default_rng(0)
    lr = 1 + 2.0**-30
    factors = (1 + rng.integers(0, 2**32, 1000) * 2.0**-52).tolist()
    g = max(factors, key=lambda g: Fraction(lr) * Fraction(g) - Fraction(lr * g))
    sizes: list[tuple[int, ...]] = [(1, 1), (1,), (1, 1), (1,)]
    params = Params(*(np.full(size, lr * g) for size in sizes))
    gradient = Grads(*(np.full(size, g) for size in sizes))
    ball = enclosure.update(params, gradient, lr).b1
    assert ball.centre == 0
    m = Machine(np.float64, rng, errors="grow")
    values = evaluations.update(m, params, gradient, lr).b1
    assert -values.min() > 2.8 * 2.0**-53  # of an implementation two roundings, and one of the centre
    assert ratio(values, ball) <= 1


@both_formats
@given(seed=seeds, kind=st.sampled_from(KINDS))
def test_a_value_two_radii_off_is_refused(dtype: Float, seed: int, kind: Kind) -> None:
    params, x, y = problem(kind, (3, 2, 3, 2), dtype, np.random.default_rng(seed))
    for name, ball in enclosed(params, x, y, 0.5).items():
        claimed = np.isfinite(ball.radius)
        centre, radius = ball.centre[claimed], ball.radius[claimed]
        if claimed.any():
            step = np.maximum(radius, np.maximum(2.0**-1074, np.abs(centre) * 2.0**-52))
            assert ratio(centre + 2 * step, Ball(centre, radius)) > 1, name
            assert ratio(centre - 2 * step, Ball(centre, radius)) > 1, name


def test_float64_is_sharp_and_float32_is_fair() -> None:
    widest: dict[Float, float] = {np.float32: 2e-5, np.float64: 5e-14}  # of the largest gradient
    for dtype, width in widest.items():
        params, x, y = generic(dtype, shape=(12, 2, 10, 4))
        for ball in enclosure.grads(params, x, y):
            assert ball.radius.max() < width * np.abs(ball.centre).max()


# Kinks


@both_formats
def test_both_branches_are_legal_within_the_error_of_h(dtype: Float) -> None:
    params, x, y = problem("kinks", (5, 4, 3, 2), dtype, np.random.default_rng(4))
    layers = enclosure.layers(params, x, y)
    assert (layers.uncertain == (np.abs(layers.h.centre) <= layers.h.radius)).all()
    assert layers.uncertain.any()
    assert not layers.uncertain.all()
    assert not layers.a.radius[layers.h.centre < -layers.h.radius].any()
    ball = enclosure.grads(params, x, y).b1
    ga = 2 * layers.r.centre @ params.w2.T.astype(np.float64)
    on = layers.h.centre > layers.h.radius
    for slope in (0.0, 0.5, 1.0):
        gh = np.where(layers.uncertain, slope * ga, np.where(on, ga, 0))
        assert ratio(gh.sum(axis=0), ball) <= 1
    for slope in (-0.5, 1.5):
        gh = np.where(layers.uncertain, slope * ga, np.where(on, ga, 0))
        assert ratio(gh.sum(axis=0), ball) > 1.9


@both_formats
def test_a_kink_has_the_error_of_its_term_too(dtype: Float) -> None:
    # h is 0, and ga = g - g, where g = 2 (0.1 + 0.2 - y) has an error.
    tenth, fifth = dtype(0.1), dtype(0.2)
    params: Params[Any] = Params(*(np.array(a, dtype) for a in ([[1]], [0], [[1, -1]], [fifth, fifth])))
    x, y = np.zeros((1, 1), dtype), np.full((1, 2), -tenth, dtype)
    layers, ball = enclosure.layers(params, x, y), enclosure.grads(params, x, y).b1
    assert layers.uncertain.all()
    assert ball.centre == 0
    assert ball.radius > 4 * layers.r.radius[0, 0]


def test_a_unit_that_is_off_is_exact_unless_its_term_overflows() -> None:
    params, x, y = problem("normal", (4, 2, 3, 2), np.float32, np.random.default_rng(0))
    params.b1[:] = [9, -9, 9]
    balls = enclosure.grads(params, x, y, points=False)
    zeros = [balls.w1.centre[:, 1], balls.w1.radius[:, 1], balls.b1.centre[1], balls.b1.radius[1], balls.w2.centre[1]]
    assert not any(np.any(part) for part in zeros)
    assert (balls.b1.radius > 0).tolist() == [True, False, True]
    params.w2[1] = y[0] = 1e30
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(0 * (np.float32(1e30) * params.w2[1])).all()  # as a mask does that is multiplied
    assert np.isinf(enclosure.grads(params, x, y).b1.radius).tolist() == [False, True, False]


@both_formats
@given(seed=seeds)
def test_on_a_kinked_lattice_the_kinks_are_the_zeros(dtype: Float, seed: int) -> None:
    shape = (6, 4, 5, 3)
    params, x, y = lattice(dtype, shape, seed, kinks=True)
    layers = enclosure.layers(params, x, y)
    balls = enclosure.grads(params, x, y, rescaled=False)
    assert not any(ball.radius.any() for ball in layers[:4])
    assert (layers.uncertain == (layers.h.centre == 0)).all()
    smooth = ~layers.uncertain.any(axis=0)
    assert not balls.w1.radius[:, smooth].any()
    assert not balls.b1.radius[smooth].any()
    assert not balls.w2.radius.any()
    assert not balls.b2.radius.any()
    # The slopes 0 and 1 are the ends of the interval of b1 where the kinked terms have one sign, and 1/2 its centre.
    rng = np.random.default_rng(seed)
    m = Machine(dtype, rng)
    half = evaluate(m, params, x, y, how=Style(slope=0.5), copies=1).grads
    assert (half.b1 == balls.b1.centre).all()
    assert (half.w1 == balls.w1.centre).all()


# Points


@both_formats
@both_activations
@given(seed=seeds, shape=shapes)
def test_on_a_lattice_every_order_gives_the_centre(
    dtype: Float, activation: Activation, seed: int, shape: evaluations.Shape
) -> None:
    params, x, y = lattice(dtype, shape, seed, kinks=False)
    rng = np.random.default_rng(seed)
    lr = 0.5
    balls = enclosed(params, x, y, lr, activation=activation, rescaled=False)
    assert not any(ball.radius.any() for ball in balls.values())
    for _ in range(2):
        m, how = evaluations.machine(dtype, rng, ieee=True), evaluations.style(rng, rescaled=False)
        values = returned(evaluate(m, params, x, y, how=how, activation=activation, lr=lr))
        assert all((values[name] == ball.centre).all() for name, ball in balls.items())


@both_formats
def test_the_largest_lattice_is_of_points_too(dtype: Float) -> None:
    params, x, y = lattice(dtype, (64, 100, 30, 8), 0, kinks=False)
    balls = enclosed(params, x, y, 2.0**-10, rescaled=False)
    assert not any(ball.radius.any() for ball in balls.values())
    averaged = enclosed(params, x, y, 2.0**-10)  # 512 terms: their mean is exact
    assert not any(ball.radius.any() for ball in averaged.values())


def test_a_lattice_with_a_bit_too_many_is_of_no_points() -> None:
    one, nil = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
    for many, exactly in ((2.0**23 - 1, True), (2.0**24, False)):
        x = np.array([[many, 1]], np.float32)
        params = Params(np.ones((2, 1), np.float32), nil, one, nil)
        assert (enclosure.forward(params, x).radius == 0) == exactly


@both_formats
def test_without_points_an_inexact_sum_is_within_its_bound(dtype: Float) -> None:
    params, x, y = lattice(dtype, (4, 3, 5, 2), 0, kinks=False)
    gradient = Grads(*params)
    sharp = enclosed(params, x, y, 0.5, rescaled=False) | enclosure.update(params, gradient, 0.5)._asdict()
    wider = enclosed(params, x, y, 0.5, rescaled=False, points=False)
    wider |= enclosure.update(params, gradient, 0.5, points=False)._asdict()
    for name, ball in wider.items():
        assert (ball.centre == sharp[name].centre).all()
        assert not sharp[name].radius.any()
        exactly = getattr(params, name.removeprefix("step."), 0.0)  # what is not changed is exact
        assert (ball.radius > 0)[ball.centre != exactly].all(), name


@both_formats
@given(seed=seeds, kind=st.sampled_from(KINDS))
def test_without_a_rescaling_the_bound_is_tighter(dtype: Float, seed: int, kind: Kind) -> None:
    params, x, y = problem(kind, (3, 2, 3, 2), dtype, np.random.default_rng(seed))
    wide, narrow = (enclosed(params, x, y, 0.5, rescaled=rescaled) for rescaled in (True, False))
    for name, ball in narrow.items():
        assert (ball.radius <= wide[name].radius).all()
        if name.startswith(("loss", "grads")) and kind == "normal":
            assert (ball.radius < wide[name].radius).any()


@pytest.mark.parametrize(("rows", "exactly"), [(4, True), (3, False)])
def test_a_mean_over_a_power_of_two_is_exact(rows: int, exactly: bool) -> None:
    params, x, y = lattice(np.float32, (rows, 3, 5, 2), 0, kinks=False)
    balls = enclosed(params, x, y, 0.5)
    inexact = {name for name, ball in balls.items() if ball.radius.any()}
    names = {f"{of}.{name}" for of in ("grads", "step") for name in params._fields} | {"loss"}
    assert inexact == (set() if exactly else names)


@both_formats
def test_an_inexact_mean_counts_on_a_lattice_too(dtype: Float) -> None:
    params, x, y = lattice(dtype, (1, 3, 5, 3), 0, kinks=False)
    ball = enclosure.grads(params, x, y).b2
    assert not enclosure.layers(params, x, y).r.radius.any()
    assert (ball.radius >= 3 * np.finfo(dtype).eps / 2 * np.abs(ball.centre)).all()


# What a mean, a late factor 2 and an early rate do to underflow, overflow and points


def single(dtype: Float, **arrays: list[list[float]]) -> tuple[Params[Any], Array, Array]:
    """Return a network with one unit of each kind, all zeros but for ``arrays``."""
    rows = len(arrays["x"])
    given_or_zero = {"w1": [[0.0]], "b1": [[0.0]], "w2": [[0.0]], "b2": [[0.0]], "y": [[0.0]] * rows, **arrays}
    w1, b1, w2, b2, x, y = (np.array(given_or_zero[name], dtype) for name in ("w1", "b1", "w2", "b2", "x", "y"))
    return Params(w1, b1, w2, b2), x, y


@both_formats
@pytest.mark.parametrize("rows", [1, 2])
def test_a_point_stays_above_underflow_with_a_late_factor(dtype: Float, rows: int) -> None:
    least = float(np.finfo(dtype).smallest_normal)
    # r = rows lam; over so many terms lam, times x below lam, and flushed: but times rows and 2 it would be rows lam.
    params, x, y = single(dtype, x=[[0.5], [0.0]][:rows], w2=[[1.0]], y=[[-rows * least], [0.0]][:rows])
    m = Machine(dtype, np.random.default_rng(0), flush="both")
    how = Style(average="divide" if rows > 1 else "no", back="late", double="late")
    values = evaluate(m, params, x, y, how=how, activation="identity", copies=1)
    ball = enclosure.grads(params, x, y, activation="identity", rescaled=rows > 1).w1
    assert values.grads.w1 == 0
    assert ball.centre == rows * least <= ball.radius


@both_formats
def test_flushing_in_a_mean_counts_by_the_number_of_terms(dtype: Float) -> None:
    least = float(np.finfo(dtype).smallest_normal)
    rows = 32
    tiny = 15.9 * least  # over 32 terms flushed, for each row
    params, x, y = single(dtype, x=[[1.0]] * rows, w1=[[1.0]], w2=[[1.0]], b2=[[-1.0]], y=[[-tiny]] * rows)
    m = Machine(dtype, np.random.default_rng(0), flush="both", plan=Plan())
    how = Style(average="divide", back="late", double="late")
    values = evaluate(m, params, x, y, how=how, activation="identity", copies=1).grads
    balls = enclosure.grads(params, x, y, activation="identity")
    assert ratio(values.w1, balls.w1) <= 1
    # Without the other terms of a radius: r = tiny exactly.
    params, x, y = single(dtype, x=[[0.0]] * rows, y=[[-tiny]] * rows)
    ball = enclosure.grads(params, x, y, activation="identity").b2
    assert rows * 2 * tiny <= ball.radius


@both_formats
def test_an_early_rate_of_many_bits_makes_no_points(dtype: Float) -> None:
    most = 2.0 ** (format_of(np.dtype(dtype)).precision - 2)
    params, x, y = single(dtype, x=[[0.0], [0.0]], b1=[[1.0]], y=[[-most - 1], [most]])
    m = Machine(dtype, np.random.default_rng(0))
    for lr in (5.0, 4.0, 0.0, -0.25):
        values = evaluate(m, params, x, y, how=Style(early=True), lr=lr, copies=1).stepped
        ball = enclosure.step(params, x, y, lr, rescaled=False).b2
        assert values is not None
        assert ratio(values.b2, ball) <= 1
        assert (ball.radius == 0) == (lr != 5.0)
    assert enclosure.update(params, refnet.grads(params, x, y), 5.0).b2.radius == 0


def test_an_early_rate_may_overflow() -> None:
    params, x, y = single(np.float32, x=[[1e-20]], w1=[[1.0]], y=[[-1e20]])
    m = Machine(np.float32, np.random.default_rng(0))
    values = evaluate(m, params, x, y, how=Style(early=True), lr=1e25, copies=1).stepped
    ball = enclosure.step(params, x, y, 1e25).w2
    assert values is not None
    assert np.isinf(values.w2)
    assert np.isinf(ball.radius)
    assert np.isfinite(enclosure.step(params, x, y, 1e15).w2.radius)


@both_formats
def test_an_early_rate_may_underflow(dtype: Float) -> None:
    least = float(np.finfo(dtype).smallest_normal)
    root = float(np.sqrt(np.finfo(dtype).max)) / 2**20
    # lr g is below lam and flushed, then times a: the loss is lam a, far above lam.
    params, x, y = single(dtype, x=[[root]], w1=[[1.0]], y=[[-least * 2.0**19]])
    m = Machine(dtype, np.random.default_rng(0), flush="both")
    values = evaluate(m, params, x, y, how=Style(early=True), lr=2.0**-21, copies=1).stepped
    ball = enclosure.step(params, x, y, 2.0**-21).w2
    assert values is not None
    assert values.w2 == 0 > ball.centre
    assert ratio(values.w2, ball) <= 1


# The domain, and what is not finite


def test_nothing_is_claimed_where_a_stage_may_overflow() -> None:
    largest = float(np.finfo(np.float32).max)
    params, x, y = single(np.float32, x=[[largest / 4], [largest / 3], [1.0]], w1=[[1.0]])
    layers = enclosure.layers(params, x, y)
    assert np.isfinite(layers.h.radius).ravel().tolist() == [True, False, True]
    assert np.isfinite(layers.p.radius).ravel().tolist() == [True, False, True]
    params, x, y = single(np.float32, x=[[1.0]], b2=[[2.0**70]])
    balls = enclosed(params, x, y, 0.5)
    assert np.isinf(balls["loss"].radius)  # the loss leaves the range before its gradient does
    assert all(np.isfinite(balls[f"grads.{name}"].radius).all() for name in params._fields)


@pytest.mark.parametrize(
    ("lr", "claimed"), [(2.0**-127, False), (2.0**-126, True), (1e38, True), (1e39, False), (math.nan, False)]
)
def test_a_rate_outside_the_range_says_nothing(lr: float, claimed: bool) -> None:
    params, *_ = single(np.float32, x=[[1.0]], w1=[[1.0]])
    gradient = Grads(*params)._replace(w1=np.full((1, 1), 0.5, np.float32))
    assert bool(np.isfinite(enclosure.update(params, gradient, lr).w1.radius)) == claimed


@both_formats
@pytest.mark.parametrize("where", ["w1", "b1", "w2", "b2", "x", "y"])
def test_nothing_is_claimed_where_nan_or_infinity_may_reach(dtype: Float, where: str) -> None:
    rng = np.random.default_rng(0)
    kinds: tuple[Kind, ...] = ("normal", "integers", "sparse")
    for kind, bad in itertools.product(kinds, (math.nan, math.inf, -math.inf)):
        params, x, y = problem(kind, (3, 2, 3, 2), dtype, rng)
        array = {**params._asdict(), "x": x, "y": y}[where]
        array[tuple(int(rng.integers(s)) for s in array.shape)] = bad
        for activation in ACTIVATIONS:
            balls = enclosed(params, x, y, 0.5, activation=activation)
            assert not any(np.isnan(ball.radius).any() for ball in balls.values())
            m, how = evaluations.machine(dtype, rng, ieee=True), evaluations.style(rng)
            values = returned(evaluate(m, params, x, y, how=how, activation=activation, lr=0.5))
            assert not outside(values, balls)


def test_nan_reaches_no_further_than_it_does() -> None:
    params, x, y = generic(np.float32)
    y[1, 0] = math.nan
    balls = enclosed(params, x, y, 0.5)
    assert np.isfinite(balls["p"].radius).all()
    assert np.isfinite(balls["r"].radius).tolist() == [[True, True], [False, True], [True, True], [True, True]]
    assert np.isfinite(balls["grads.b2"].radius).tolist() == [False, True]
    assert np.isfinite(balls["grads.w2"].radius).tolist() == [[False, True]] * 5
    assert np.isinf(balls["loss"].radius)
    x[2, 1] = math.inf
    finite = np.isfinite(enclosure.forward(params, x).radius)
    assert finite.tolist() == [[True, True], [True, True], [False, False], [True, True]]


# Arguments


@both_activations
def test_integers_are_taken_as_float64(activation: Activation) -> None:
    params = Params(*(np.array(p) for p in ([[1, -2]], [1, 0], [[2], [3]], [1])))
    x, y = np.array([[3], [-1]]), np.array([[1], [2]])
    floats = Params(*(p.astype(np.float64) for p in params))
    balls = enclosed(params, x, y, 0.5, activation=activation)
    expected = enclosed(floats, x.astype(np.float64), y.astype(np.float64), 0.5, activation=activation)
    assert all((balls[name].centre == ball.centre).all() for name, ball in expected.items())


@both_formats
@pytest.mark.parametrize("rows", [True, False])
def test_balls_have_the_shape_of_what_they_hold(dtype: Float, rows: bool) -> None:
    for shape in ((4, 3, 5, 2), (0, 3, 5, 2), (1, 1, 1, 1), (2, 0, 3, 1), (2, 3, 0, 1), (2, 3, 1, 0)):
        params, x, y = problem("normal", shape, dtype, np.random.default_rng(0), rows=rows)
        balls = enclosed(params, x, y, 0.5)
        n, _, h, o = shape
        expected = {"forward": (n, o), "loss": (), "h": (n, h), "a": (n, h), "p": (n, o), "r": (n, o)}
        for of in ("grads", "step"):
            expected |= {f"{of}.{name}": p.shape for name, p in params._asdict().items()}
        assert {name: ball.centre.shape for name, ball in balls.items()} == expected
        assert all(ball.centre.dtype == ball.radius.dtype == np.float64 for ball in balls.values())
        assert not any(np.isnan(ball.radius).any() for ball in balls.values())
        assert enclosure.layers(params, x, y).uncertain.shape == (n, h)


def test_an_empty_batch_has_exact_zeros() -> None:
    params, x, y = problem("normal", (0, 3, 5, 2), np.float32, np.random.default_rng(0))
    balls = enclosed(params, x, y, 0.5, points=False)
    for name in ("loss", *(f"grads.{name}" for name in params._fields)):
        assert not balls[name].centre.any()
        assert not balls[name].radius.any()
    for name, p in params._asdict().items():
        assert (balls[f"step.{name}"].centre == p).all()
        assert not balls[f"step.{name}"].radius.any()


def test_exact_numbers_are_refused() -> None:
    exactly = Params(*(np.full(s, Fraction(1, 3), object) for s in ((1, 1), (1,), (1, 1), (1,))))
    x = np.full((1, 1), 1, object)
    with pytest.raises(
        ArgumentTypeError, match=r"^the arrays are object, expected float16, bfloat16, float32 or float64, "
    ):
        enclosure.forward(exactly, x)
    with pytest.raises(ArgumentTypeError, match=r"^the arrays are object"):
        enclosure.grads(exactly, x, x)
    with pytest.raises(ArgumentTypeError, match=r"^the arrays are object"):
        enclosure.update(exactly, Grads(*exactly), 1)


def test_arguments_are_those_of_the_network() -> None:
    params, x, y = generic(np.float32)
    with pytest.raises(refnet.ShapeError, match="y has shape"):
        enclosure.loss(params, x, y[:, 0])
    with pytest.raises(refnet.ArgumentTypeError, match="x is float64"):
        enclosure.forward(params, x.astype(np.float64))


def test_no_argument_is_written_to_or_returned() -> None:
    params, x, y = generic(np.float64)
    before = [a.copy() for a in (*params, x, y)]
    balls = enclosed(params, x, y, 0.0, activation="identity")
    assert all((a == b).all() for a, b in zip((*params, x, y), before, strict=True))
    assert not any(np.shares_memory(part, a) for ball in balls.values() for part in ball for a in (*params, x, y))


# The page: every line of section 5 once more, what is no sum in exact arithmetic.


class Page:
    """The lines of the table for one format and one freedom."""

    def __init__(self, dtype: Float, freedom: Freedom) -> None:
        self.fmt, self.freedom = format_of(np.dtype(dtype)), freedom
        self.u, self.v, self.lam = Fraction(self.fmt.unit_roundoff), Fraction(1, 2**53), Fraction(2) ** self.fmt.emin
        self.S, self.G = Fraction(freedom.scale), Fraction(freedom.growth)

    def gam(self, n: int) -> Fraction:
        return n * self.u / (1 - n * self.u)

    def sum(self, x: Ball, w: Ball, *extras: Ball, freedom: Freedom) -> Ball:
        return sum_of_products(x, w, *extras, fmt=self.fmt, freedom=freedom)

    def doubled(self, r: Ball) -> Ball:
        """The line of g."""
        kept = self.freedom.exact and lowest_bit(r.centre) - math.log2(self.freedom.scale) >= self.fmt.emin

        def radius(rc: Fraction, Er: Fraction) -> Fraction | float:
            gam = self.gam(self.freedom.roundings)
            width = 2 * Er * (1 + gam) + gam * abs(2 * rc) + 2 * self.lam * self.S
            if kept and Er == 0:
                width = Fraction(0)
            return width * Fraction(MARGIN) if 2 * self.G * (abs(2 * rc) + width) <= self.fmt.largest else math.inf

        with np.errstate(all="ignore"):
            return Ball(2 * r.centre, by_component(radius, *r))

    def gated(self, h: Ball, ga: Ball) -> Ball:
        """The three lines of gh."""

        def radius(hc: Fraction, Eh: Fraction, gac: Fraction, Ega: Fraction) -> Fraction:
            if abs(hc) > Eh:
                return Ega if hc > 0 else Fraction(0)
            product = self.u * (abs(gac) + Ega) + self.lam * self.S
            return (abs(gac) / 2 + Ega + product) * Fraction(MARGIN)

        slope = np.where(h.centre > h.radius, 1.0, np.where(h.centre < -h.radius, 0.0, 0.5))
        with np.errstate(all="ignore"):
            return Ball(np.where(slope == 0, 0.0, slope * ga.centre), by_component(radius, *h, *ga))

    def descended(self, w: Ball, g: Ball, lr: float) -> Ball:
        """The update of one parameter."""
        rate, u, v = Fraction(lr), self.u, self.v
        lowest = min(lowest_bit(w.centre), lowest_bit(np.array(lr)) + lowest_bit(g.centre))

        def radius(wc: Fraction, dw: Fraction, gc: Fraction, Eg: Fraction) -> Fraction | float:
            size, reach = abs(rate * gc), abs(rate) * Eg
            outside = 0 < abs(rate) < self.lam or abs(rate) > self.fmt.largest
            if outside or 4 * (abs(wc) + size + reach) > self.fmt.largest:
                return math.inf
            if self.freedom.exact and Eg == dw == 0 and fits(float(abs(wc) + size), lowest, self.fmt, float(self.S)):
                return 0.0
            if rate == 0 or gc == Eg == 0:
                return dw
            moved = reach * (1 + self.gam(2)) + self.gam(2) * size + self.lam * (2 + self.S * abs(rate))
            centre = abs(Fraction(float(wc) - float(rate) * float(gc)))
            return Fraction(MARGIN) * (moved * (1 + u) + (u + 4 * v) * (centre + moved) + 2 * v * size + self.lam) + dw

        with np.errstate(all="ignore"):
            return Ball(w.centre - lr * g.centre, by_component(radius, *w, *g))

    def gradient(self, params: Params[Any], x: Array, layers: enclosure.Layers, activation: Activation) -> list[Ball]:
        later = self.freedom._replace(roundings=0)
        g = self.doubled(layers.r)
        ga = self.sum(g, stored(params.w2, self.fmt).T, freedom=later)
        gh = ga if activation == "identity" else self.gated(layers.h, ga)
        ones = stored(np.ones((1, len(x)), x.dtype), self.fmt)
        return [
            self.sum(stored(x, self.fmt).T, gh, freedom=later),
            self.sum(ones, gh, freedom=later).reshape(*params.b1.shape),
            self.sum(layers.a.T, g, freedom=later),
            self.sum(ones, g, freedom=later).reshape(*params.b2.shape),
        ]


def by_component(radius: Callable[..., Fraction | float], *parts: Array) -> Array:
    """Return the radius of each component, infinite where an argument of it is not finite."""
    result = np.empty(parts[0].shape)
    for at in np.ndindex(result.shape):
        numbers = [float(part[at]) for part in parts]
        result[at] = float(radius(*map(Fraction, numbers))) if all(map(math.isfinite, numbers)) else math.inf
    return result


def is_that_of_the_page(ball: Ball, page: Ball) -> bool:
    """Return whether a ball is that one, but for the rounding of its radius: below 2**-38 (section 3)."""
    finite = np.isfinite(page.radius)
    assert (finite == np.isfinite(ball.radius)).all()
    off = np.abs(ball.radius[finite] - page.radius[finite])
    same = (ball.centre[finite] == page.centre[finite]) & (off <= 2.0**-38 * page.radius[finite])
    return bool(same.all())


@both_formats
@given(kind=st.sampled_from(KINDS), seed=seeds, shape=shapes, rows=st.booleans())
def test_every_ball_is_that_of_the_page(
    dtype: Float, kind: Kind, seed: int, shape: evaluations.Shape, rows: bool
) -> None:
    rng = np.random.default_rng(seed)
    activation: Activation = "identity" if rng.integers(4) == 0 else "relu"
    lr, points, rescaled = rates[rng.integers(len(rates))], bool(rng.integers(2)), bool(rng.integers(2))
    params, x, y = problem(kind, shape, dtype, rng, rows=rows)
    found = enclosed(params, x, y, lr, activation=activation, points=points, rescaled=rescaled)
    plain, M = Freedom(exact=points), y.size
    if rescaled:
        freedom = Freedom(3, 2.0 * max(1, M), exact=points and M in (0, 1, 2, 4, 8, 16))
    else:
        freedom = Freedom(0, 2.0, exact=points)
    page = Page(dtype, freedom)
    inputs, w1, b1, w2, b2, target = (stored(a, page.fmt) for a in (x, params.w1, params.b1, params.w2, params.b2, y))
    b1, b2 = b1.reshape(1, -1), b2.reshape(1, -1)
    h = page.sum(inputs, w1, b1, freedom=plain)
    off = h.centre < -h.radius
    a = h if activation == "identity" else Ball(np.maximum(h.centre, 0), np.where(off, 0, h.radius))
    p, r = page.sum(a, w2, b2, freedom=plain), page.sum(a, w2, b2, -target, freedom=plain)
    row = r.reshape(1, -1)
    layers = enclosure.layers(params, x, y, activation=activation, points=points)
    either = np.zeros(off.shape, bool) if activation == "identity" else ~(off | (h.centre > h.radius))
    assert (layers.uncertain == either).all()
    expected = {"h": h, "a": a, "p": p, "forward": p, "r": r, "loss": page.sum(row, row.T, freedom=freedom).reshape()}
    gradient = page.gradient(params, x, layers, activation)
    early = freedom._replace(
        scale=freedom.scale / abs(lr) if 0 < abs(lr) < 1 else freedom.scale,
        growth=max(1.0, abs(lr)),
        exact=freedom.exact and (lr == 0 or math.log2(abs(lr)).is_integer()),
    )
    stepping = Page(dtype, early)
    moved = stepping.gradient(params, x, layers, activation)
    for name, old, now, later in zip(params._fields, params, gradient, moved, strict=True):
        expected[f"grads.{name}"] = now
        expected[f"step.{name}"] = stepping.descended(stored(old, page.fmt), later, lr)
    assert found.keys() == expected.keys()
    assert all(is_that_of_the_page(found[name], ball) for name, ball in expected.items())


@both_formats
@given(kind=st.sampled_from(KINDS), seed=seeds, lr=st.sampled_from(rates), points=st.booleans())
def test_every_update_is_that_of_the_page(dtype: Float, kind: Kind, seed: int, lr: float, points: bool) -> None:
    rng = np.random.default_rng(seed)
    params, grads = problem(kind, (1, 2, 3, 2), dtype, rng)[0], Grads(*problem(kind, (1, 2, 3, 2), dtype, rng)[0])
    page = Page(dtype, Freedom(exact=points))
    for old, slope, ball in zip(params, grads, enclosure.update(params, grads, lr, points=points), strict=True):
        assert is_that_of_the_page(ball, page.descended(stored(old, page.fmt), stored(slope, page.fmt), lr))


# The ends of what is claimed, to the bit


def test_a_residual_may_be_a_quarter_of_the_range() -> None:
    quarter = float(np.finfo(np.float32).max) / 4  # in float64 the factors of a radius leave the range before

    def claimed(size: float, *, points: bool) -> bool:
        params, x, y = single(np.float32, x=[[0.0]], y=[[-size]])
        return bool(np.isfinite(enclosure.grads(params, x, y, points=points, rescaled=False).w2.radius))

    assert claimed(0.8 * quarter, points=False)
    assert claimed(quarter, points=True)  # twice g is then the largest number
    assert not claimed(quarter, points=False)  # and beyond it, with the rounding error of r


@both_formats
def test_a_small_rate_brings_overflow_no_nearer(dtype: Float) -> None:
    largest = float(np.finfo(dtype).max)
    for size, claimed in ((largest / 10, True), (largest / 7, False)):
        params, x, y = single(dtype, x=[[0.0]], y=[[-size]])
        assert bool(np.isfinite(enclosure.step(params, x, y, 0.5).b2.radius)) == claimed


@both_formats
def test_the_terms_of_an_update_may_be_a_quarter_of_the_range(dtype: Float) -> None:
    largest = float(np.finfo(dtype).max)

    def claimed(w: float, g: float, lr: float) -> bool:
        params, *_ = single(dtype, x=[[0.0]], w1=[[w]])
        return bool(
            np.isfinite(enclosure.update(params, Grads(*params)._replace(w1=np.full((1, 1), g, dtype)), lr).w1[1])
        )

    assert claimed(largest / 8, largest / 8, 1.0)
    assert not claimed(largest / 6, largest / 6, 1.0)
    assert claimed(0.0, 0.125, largest)


def test_the_error_of_the_gradient_counts_in_the_range_of_a_step() -> None:
    largest = float(np.finfo(np.float32).max)
    params, x, y = single(np.float32, x=[[0.0]], b2=[[largest / 8]], y=[[largest / 16]])
    assert np.isfinite(enclosure.grads(params, x, y).b2.radius)
    assert np.isinf(enclosure.step(params, x, y, 1.0).b2.radius)  # the terms are a quarter, and the error is beyond


@both_formats
def test_a_doubled_residual_is_a_point_down_to_twice_the_smallest_normal_number(dtype: Float) -> None:
    least = float(np.finfo(dtype).smallest_normal)
    for residual, exactly in ((2 * least, True), (least, False)):
        params, x, y = single(dtype, x=[[0.0]], y=[[-residual]])
        assert (enclosure.grads(params, x, y, rescaled=False).b2.radius == 0) == exactly


@both_formats
def test_a_step_is_a_point_where_an_early_rate_underflows_nowhere(dtype: Float) -> None:
    least = float(np.finfo(dtype).smallest_normal)
    for residual, exactly in ((64 * least, True), (32 * least, False)):  # over 16: half of the factor 2, and the rate
        params, x, y = single(dtype, x=[[0.0]], y=[[-residual]])
        assert enclosure.grads(params, x, y, rescaled=False).b2.radius == 0
        assert (enclosure.step(params, x, y, 0.125, rescaled=False).b2.radius == 0) == exactly


def test_what_is_beyond_the_range_says_nothing_and_warns_of_nothing() -> None:
    params, x, y = single(np.float64, x=[[1.0]], w1=[[1.0]], w2=[[1.0]], y=[[-1.5e308]])
    balls = enclosed(params, x, y, 0.5)
    assert all(np.isinf(balls[f"grads.{name}"].radius).all() for name in params._fields)


def test_a_rescaling_is_allowed_unless_it_is_excluded() -> None:
    params, x, y = generic(np.float32)
    loss, gradient, step = (
        enclosure.loss(params, x, y),
        enclosure.grads(params, x, y),
        enclosure.step(params, x, y, 0.5),
    )
    balls = enclosed(params, x, y, 0.5, points=True, rescaled=True)
    assert loss.radius == balls["loss"].radius
    for name in params._fields:
        assert (getattr(gradient, name).radius == balls[f"grads.{name}"].radius).all()
        assert (getattr(step, name).radius == balls[f"step.{name}"].radius).all()


@both_activations
def test_whether_a_unit_is_uncertain_is_yes_or_no(activation: Activation) -> None:
    assert enclosure.layers(*generic(np.float32), activation=activation).uncertain.dtype == np.bool_


@both_formats
def test_a_rate_of_zero_is_a_power_of_two_to_points(dtype: Float) -> None:
    quarter = float(np.finfo(dtype).max) / 4  # of a sharp r: with a rounding error, g might overflow
    params, x, y = single(dtype, x=[[0.0]], y=[[-quarter]])
    for lr in (0.0, 1.0):
        ball = enclosure.step(params, x, y, lr).w2
        assert ball.centre == ball.radius == 0


def test_the_radius_of_a_gradient_counts_in_the_range_of_an_update() -> None:
    third = float(np.finfo(np.float32).max) / 12
    params, x, y = single(np.float32, x=[[1.0]], w1=[[third]], w2=[[1.0]])  # the gradient is 2 thirds of a quarter
    assert np.isfinite(enclosure.grads(params, x, y, points=False).w1.radius)
    assert np.isinf(enclosure.step(params, x, y, 1.0, points=False).w1.radius)
    assert np.isfinite(enclosure.step(params, x, y, 0.99, points=False).w1.radius)


def test_points_are_made_unless_they_are_excluded() -> None:
    params, x, y = lattice(np.float32, (4, 3, 5, 2), 0, kinks=False)
    assert enclosure.loss(params, x, y).radius == 0


def test_what_underflows_in_a_radius_is_reported_nowhere() -> None:
    params, x, y = single(np.float64, x=[[0.0]], w2=[[1.0]], y=[[1e-310]])
    with np.errstate(all="raise"):
        enclosure.grads(params, x, y)


def test_where_a_factor_of_the_radius_overflows_nothing_is_claimed() -> None:
    params = Params(np.array([[1e306, 0.3]]), np.array([0.1, 0.5]), np.array([[0.0], [0.7]]), np.array([0.25]))
    assert enclosure.forward(params, np.array([[1.0]])).radius.item() == np.inf


def test_an_update_at_the_largest_rate_is_judged() -> None:
    one = np.array([[0.3]])
    params, slopes = Params(one, one[0], one, one[0]), np.array([[3e-308]])
    gradient = Grads(slopes, slopes[0], slopes, slopes[0])
    largest = float(np.finfo(np.float64).max)
    assert all(np.isfinite(ball.radius).all() for ball in enclosure.update(params, gradient, largest))
    refnet.assert_update(refnet.update(params, gradient, largest), params, gradient, largest)
