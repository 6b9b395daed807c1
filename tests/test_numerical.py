"""Numerical gradients: equal to the reference's in exact arithmetic, and what they are at a kink."""

import math
import tracemalloc
from fractions import Fraction
from itertools import product
from typing import Any

import loops
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from strategies import FLOATS, LATTICE, Array, Case, cases, exact_cases, moderate

import refnet
from refnet import ArgumentTypeError, Grads, Params, ShapeError, exact, network, numerical

by_dtype = pytest.mark.parametrize("dtype", FLOATS)


def rational(*arrays: Any) -> list[Array]:
    return [np.array(array, dtype=object) for array in arrays]


def directions(case: Case) -> st.SearchStrategy[Params[Any]]:
    """Small integers for every parameter: joint directions, and some inside one layer."""
    numbers = st.lists(LATTICE, min_size=24, max_size=24)

    def shaped(drawn: list[int]) -> Params[Any]:
        return Params(*(np.resize(np.array(drawn[i:] + drawn[:i], object), p.shape) for i, p in enumerate(case.params)))

    return numbers.map(shaped)


def dot(direction: Params[Any], slopes: Grads[Any]) -> Any:
    return sum((d * g).sum() for d, g in zip(direction, slopes, strict=True))


# In exact arithmetic, away from kinks: equality.


@pytest.mark.clause("GRAD-1")
@pytest.mark.clause("GRAD-2")
@pytest.mark.clause("GRAD-3")
@pytest.mark.clause("GRAD-4")
@given(exact_cases())
def test_the_central_difference_is_the_gradient(case: Case) -> None:
    """For every parameter, with steps that go all the way to the kink; where a unit sits at its kink there is none."""
    params, x, y, activation = case
    limits = numerical.step_limits(params, x, activation=activation)
    found = numerical.grads(params, x, y, activation=activation)
    for g, limit, expected in zip(found, limits, refnet.grads(params, x, y, activation=activation), strict=True):
        assert g.shape == expected.shape
        two_sided = limit != 0
        assert (g[two_sided] == expected[two_sided]).all()
        assert all(math.isnan(slope) for slope in g[~two_sided])


@given(exact_cases(), st.data())
def test_the_directional_derivative_is_that_of_the_gradient(case: Case, data: st.DataObject) -> None:
    params, x, y, activation = case
    direction = data.draw(directions(case))
    found = numerical.directional(params, x, y, direction, activation=activation)
    if numerical.direction_limit(params, x, direction, activation=activation) == 0:
        assert math.isnan(found)
    else:
        assert found == dot(direction, refnet.grads(params, x, y, activation=activation))


@given(exact_cases())
def test_all_parameters_at_once_are_one_after_the_other(case: Case) -> None:
    """Two losses a parameter, and three on each side of it: of the whole network, moved."""
    params, x, y, activation = case
    limits = numerical.step_limits(params, x, activation=activation)
    central = numerical.grads(params, x, y, activation=activation)
    sides = numerical.one_sided(params, x, y, activation=activation)

    def at(name: str, i: tuple[int, ...], t: Any) -> Any:
        there = getattr(params, name).copy()
        there[i] += t
        return refnet.loss(params._replace(**{name: there}), x, y, activation=activation)

    for k, name in enumerate(Params._fields):
        for i in np.ndindex(central[k].shape):
            limit = limits[k][i]
            if limit == 0:
                continue
            e = limit if limit < math.inf else Fraction(1)
            assert central[k][i] == (at(name, i, e) - at(name, i, -e)) / (2 * e)
            for side, t in zip(sides, (-e / 2, e / 2), strict=True):
                assert side[k][i] == (4 * at(name, i, t) - 3 * at(name, i, 0) - at(name, i, 2 * t)) / (2 * t)


@given(exact_cases(), st.data())
def test_a_rise_is_the_difference_of_two_losses(case: Case, data: st.DataObject) -> None:
    """Of any two, across kinks too: so no derivative is put into what a numerical gradient is made of."""
    params, x, y, activation = case
    low, high = data.draw(directions(case)), data.draw(directions(case))
    here = numerical._here(params, x, y, activation)
    first, second = (
        (numerical._rows(t.w1, t.b1) for t in (low, high)),
        (numerical._rows(t.w2, t.b2) for t in (low, high)),
    )
    rises = numerical._apart(params, numerical._rise_first(here, *first), numerical._rise_second(here, *second))
    for name, rise, *moves in zip(Params._fields, rises, low, high, strict=True):
        for i in np.ndindex(rise.shape):
            ends = []
            for move in moves:
                there = getattr(params, name).copy()
                there[i] += move[i]
                ends.append(refnet.loss(params._replace(**{name: there}), x, y, activation=activation))
            assert rise[i] == ends[1] - ends[0]


def test_on_a_joint_direction_three_points_are_not_enough() -> None:
    """Along w1 = w2 = 1 + t the loss is (1 + t)**4: its slope is 4, and the central difference gives 4 + 4 e**2."""
    one, zero = rational([[1]], [0])
    params, x, y = Params(one, zero, one, zero), one, 0 * one

    def at(t: Fraction) -> Any:
        return refnet.loss(Params(one + t, zero, one + t, zero), x, y)

    e = Fraction(1, 2)
    assert (at(e) - at(-e)) / (2 * e) == 5
    assert numerical.directional(params, x, y, Params(one, zero, one, zero)) == 4


@given(exact_cases(), st.data())
def test_inside_one_layer_three_points_are_enough(case: Case, data: st.DataObject) -> None:
    params, x, y, activation = case
    both = data.draw(directions(case))
    first = Params(both.w1, both.b1, 0 * both.w2, 0 * both.b2)
    second = Params(0 * both.w1, 0 * both.b1, both.w2, both.b2)
    for direction in (first, second):
        limit = numerical.direction_limit(params, x, direction, activation=activation)
        if limit == 0:
            assert direction is first
            continue
        e = limit if isinstance(limit, Fraction) else Fraction(7)
        above, below = (
            refnet.loss(
                Params(*(p + t * d for p, d in zip(params, direction, strict=True))), x, y, activation=activation
            )
            for t in (e, -e)
        )
        assert (above - below) / (2 * e) == dot(direction, refnet.grads(params, x, y, activation=activation))


# How far it is to the kink.


@given(exact_cases(samples=st.integers(1, 3)))
def test_at_the_limit_of_its_step_a_parameter_meets_the_first_kink(case: Case) -> None:
    params, x, _, _ = case
    limits = numerical.step_limits(params, x, activation="relu")
    assert all(limit == math.inf for second in (limits.w2, limits.b2) for limit in second.flat)
    for k, (p, limit) in enumerate(zip(params[:2], limits, strict=False)):
        for i in np.ndindex(p.shape):
            reach = limit[i] if limit[i] < math.inf else 1
            moved = []
            for t in (reach, -reach):
                there = p.copy()
                there[i] += t
                moved.append(hidden(case._replace(params=params._replace(**{Params._fields[k]: there}))))
            assert_first_kink(hidden(case), moved, limit[i])


@given(exact_cases(samples=st.integers(1, 3)), st.data())
def test_at_the_limit_of_a_direction_the_first_unit_meets_its_kink(case: Case, data: st.DataObject) -> None:
    direction = data.draw(directions(case))
    limit = numerical.direction_limit(case.params, case.x, direction)
    reach = limit if isinstance(limit, Fraction) else Fraction(1)
    moved = [
        hidden(case._replace(params=Params(*(p + t * d for p, d in zip(case.params, direction, strict=True)))))
        for t in (reach, -reach)
    ]
    assert_first_kink(hidden(case), moved, limit)


@given(exact_cases(), st.data())
def test_without_a_kink_there_is_no_limit(case: Case, data: st.DataObject) -> None:
    direction = data.draw(directions(case))
    assert numerical.direction_limit(case.params, case.x, direction, activation="identity") == math.inf
    for limit in numerical.step_limits(case.params, case.x, activation="identity"):
        assert (limit == math.inf).all()


def hidden(case: Case) -> list[Fraction]:
    return [h for row in loops.evaluate(case).h for h in row]


def assert_first_kink(here: list[Fraction], moved: list[list[Fraction]], limit: Any) -> None:
    moving = [old != new for old, new in zip(here, moved[0], strict=True)]
    if limit == 0:  # the units have not been moved at all
        assert 0 in here
        return
    signs = [[old * new for old, new in zip(here, there, strict=True)] for there in moved]
    assert all(sign >= 0 for there in signs for sign in there)
    assert all(old != 0 or not moves for old, moves in zip(here, moving, strict=True))
    meets = [moves and 0 in there for moves, *there in zip(moving, *moved, strict=True)]
    assert any(meets) == (limit < math.inf)


# At a kink.


@pytest.mark.clause("KINK-1")
@given(cases(LATTICE).map(Case.exact))
def test_at_a_kink_the_reference_is_the_limit_from_the_side_where_all_units_are_on(case: Case) -> None:
    """So its slope is 1. The limit is taken without its formulas: numerical gradients at three points, extrapolated.

    Raise the bias of every unit that sits at a kink by t. Up to the next kink each gradient is of degree 2 in t.
    """
    params, x, y, activation = case
    h = x @ params.w1 + params.b1
    kinked = (h == 0).any(axis=0)
    others = np.abs(h[:, kinked])
    t = min([Fraction(1), *others[others != 0]]) / 4
    nudge = np.where(kinked, t, 0).reshape(params.b1.shape)
    near, middle, far = (
        numerical.grads(params._replace(b1=params.b1 + k * nudge), x, y, activation=activation) for k in (1, 2, 3)
    )
    limits = numerical.step_limits(params._replace(b1=params.b1 + nudge), x, activation=activation)
    for a, b, c, limit, found in zip(
        near, middle, far, limits, refnet.grads(*case[:3], activation=activation), strict=True
    ):
        assert (limit > 0).all()
        assert (3 * a - 3 * b + c == found).all()


@pytest.mark.clause("KINK-1")
@given(cases(LATTICE).map(Case.exact))
def test_at_a_kink_the_reference_and_both_one_sided_differences_are_legal(case: Case) -> None:
    """The legal values of a gradient: every slope in [0, 1] for every unit at its kink. They are a box of intervals."""
    params, x, y, activation = case
    h = np.array(loops.evaluate(case).h, dtype=object).reshape(len(x), params.w1.shape[1])
    off = gradient(case, 0)
    low, high = ([g.copy() for g in off] for _ in range(2))
    for at in zip(*np.nonzero(h == 0), strict=True):
        alone = np.zeros(h.shape)
        alone[at] = 1
        for least, most, g, base in zip(low, high, gradient(case, alone), off, strict=True):
            least += np.minimum(g - base, 0)
            most += np.maximum(g - base, 0)
    below, above = numerical.one_sided(params, x, y, activation=activation)
    reference = refnet.grads(params, x, y, activation=activation)
    for legal in (reference, below, above):
        for least, value, most in zip(low, legal, high, strict=True):
            assert (least <= value).all()
            assert (value <= most).all()
    assert_equal(reference, gradient(case, 1))


@given(st.one_of(exact_cases(), cases(LATTICE).map(Case.exact)))
def test_a_one_sided_difference_has_the_units_on_that_the_step_turns_on(case: Case) -> None:
    params, x, y, activation = case
    for side, found in zip((-1, 1), numerical.one_sided(params, x, y, activation=activation), strict=True):
        for d in range(len(params.w1)):
            expected = gradient(case, side * x[:, [d]] > 0)
            assert (found.w1[d] == expected.w1[d]).all()
        expected = gradient(case, side > 0)
        assert_equal(found._replace(w1=expected.w1), expected)


def test_one_sided_differences_are_not_the_ends_of_the_legal_interval() -> None:
    """One unit, at its kink for both samples: as w1 grows the first turns on, as w1 falls the second one does.

    L(w1) = (max(w1, 0) + 2)**2 + (max(-w1, 0) - 3)**2, of slope 4 from above and 6 from below. Yet the gradient is
    s * 4 + t * 6 with the slopes s, t of the two: 0 with PyTorch's slope 0, 10 with the seed's slope 1, neither of them
    between the two differences. A check that asks for that refuses both.
    """
    x, w1, b1, w2, b2, y = rational([[1], [-1]], [[0]], [0], [[1]], [0], [[-2], [3]])
    case = Case(Params(w1, b1, w2, b2), x, y, "relu")
    below, above = numerical.one_sided(*case[:3])
    assert (below.w1.item(), above.w1.item()) == (6, 4)
    assert math.isnan(numerical.grads(*case[:3]).w1.item())
    assert refnet.grads(*case[:3]).w1.item() == 10
    values = [gradient(case, [[s], [t]]).w1.item() for s, t in product((0, 1), repeat=2)]
    assert values == [0, 6, 4, 10]


def gradient(case: Case, slopes: ArrayLike) -> Grads[Any]:
    results = loops.evaluate(case, slopes)
    arrays = (np.array(g, dtype=object) for g in (results.w1, results.b1, results.w2, results.b2))
    return Grads(*(g.reshape(p.shape) for g, p in zip(arrays, case.params, strict=True)))


def assert_equal(found: Grads[Any], expected: Grads[Any]) -> None:
    for g, e in zip(found, expected, strict=True):
        assert (g == e).all()


# In floating point.


@given(cases(st.integers(-(2**10), 2**10).map(lambda n: n / 2**8)))
def test_the_only_error_in_float64_is_that_of_the_products_with_the_residuals(case: Case) -> None:
    """On data where all else is exact, so that its bound can be written down.

    Multiples of 2**-8 up to 4: h is a multiple of 2**-16 below 2**6, so a step is at least 2**-19, and what it moves,
    and twice the residual, fit 53 bits. The difference of the losses is a sum over outputs, each product rounded, in a
    sum over samples, each product rounded again: relative error gamma(N + O) of the sum of the magnitudes (Higham,
    section 3.1), which are differences of squares, so below the two losses together. The quotient is by a power of two.
    """
    params, x, y, activation = case
    u = Fraction(1, 2**53)
    gamma = sum(y.shape) * u / (1 - sum(y.shape) * u)
    truth = exact.grads(params, x, y, activation=activation).fractions()
    limits = numerical.step_limits(params, x, activation=activation)
    found = numerical.grads(params, x, y, activation=activation)
    for name, p, limit, g, t in zip(Params._fields, params, limits, found, truth, strict=True):
        assert (np.isnan(g) == (limit == 0)).all()
        for i in zip(*np.nonzero(limit), strict=True):
            e = 2.0 ** math.floor(math.log2(min(0.999 * limit[i], max(1, abs(p[i])))))
            total = Fraction(0)
            for step in (e, -e):
                there = p.copy()
                there[i] += step
                moved = params._replace(**{name: there})
                total += exact.loss(moved, x, y, activation=activation).fractions().item()
            assert abs(Fraction(float(g[i])) - t[i]) <= gamma * total / (2 * Fraction(e))


def of_integers(*shape: int) -> Case:
    """Integers, but half-integers for b1, so that no unit is at its kink: on them all is exact in float64."""
    n, d, h, o = shape
    rng = np.random.default_rng(n)
    w1, b1, w2, b2, x, y = (rng.integers(-3, 4, s).astype(float) for s in ((d, h), h, (h, o), o, (n, d), (n, o)))
    return Case(Params(w1, b1 + 0.5, w2, b2), x, y, "relu")


@pytest.mark.parametrize("shape", [(12, 2, 10, 4), (64, 200, 50, 10), (300, 7, 3, 200), (3, 300, 200, 1)])
def test_on_integers_every_central_difference_is_exact_at_any_size(shape: tuple[int, int, int, int]) -> None:
    """Steps are 2**-3 or more and at most 4, so 53 bits hold every product and every sum of them."""
    params, x, y, _ = of_integers(*shape)
    for found, expected in zip(
        numerical.grads(params, x, y), exact.grads(params, x, y).rounded(np.float64), strict=True
    ):
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("block", [1, 7, 60, 1000])
def test_the_size_of_the_blocks_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    params, x, y, _ = of_integers(4, 5, 3, 2)
    below, above = numerical.one_sided(params, x, y)
    expected = [*numerical.grads(params, x, y), *numerical.step_limits(params, x), *below, *above]
    monkeypatch.setattr(numerical, "_BLOCK", block)
    below, above = numerical.one_sided(params, x, y)
    found = [*numerical.grads(params, x, y), *numerical.step_limits(params, x), *below, *above]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_the_memory_is_bounded_at_the_tutorial_s_size() -> None:
    """A dozen arrays in w1's shape and in x's, and a dozen blocks: not one in both, let alone a network a parameter."""
    params, x, y, _ = of_integers(64, 1000, 100, 10)
    tracemalloc.start()
    try:
        numerical.grads(params, x, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert params.w1.nbytes < peak < 12 * (params.w1.nbytes + x.nbytes + 2**19)


@given(cases(moderate(np.float32), np.float32))
def test_float32_is_computed_as_float64(case: Case) -> None:
    wide = Case(
        Params(*(p.astype(float) for p in case.params)), case.x.astype(float), case.y.astype(float), case.activation
    )
    arrays = []
    for params, x, y, activation in (case, wide):
        one_sided = numerical.one_sided(params, x, y, activation=activation)
        limits = numerical.step_limits(params, x, activation=activation)
        arrays.append([*numerical.grads(params, x, y, activation=activation), *one_sided[0], *one_sided[1], *limits])
    for narrow, expected in zip(*arrays, strict=True):
        assert narrow.dtype == np.float64
        np.testing.assert_array_equal(narrow, expected, strict=True)
    first, second = (c.params._replace(w2=c.params.w2 + 1) for c in (case, wide))
    assert numerical.direction_limit(case.params, case.x, first) == numerical.direction_limit(
        wide.params, wide.x, second
    )


@given(cases(LATTICE), st.data())
def test_on_integers_a_directional_derivative_in_floats_is_exact(case: Case, data: st.DataObject) -> None:
    """Small integers, and steps of 1/8 or more: no sum needs more than 53 bits, and the quotient is an integer."""
    params, x, y, activation = case
    direction = data.draw(directions(case))
    floats = Params(*(d.astype(float) for d in direction))
    assume(numerical.direction_limit(params, x, floats, activation=activation) >= 0.5)
    found = numerical.directional(params, x, y, floats, activation=activation)
    assert isinstance(found, float)
    assert found == dot(direction, refnet.grads(*case.exact()[:3], activation=activation))


@pytest.mark.parametrize("scale", [1.0, 2.0**60, 2.0**200])
def test_the_step_grows_with_the_parameter(scale: float) -> None:
    """With a step of at most 1 the large ones would not move at all."""
    params = Params(*(np.array(p) for p in ([[3 * scale]], [scale], [[5.0]], [7 * scale])))
    x, y = np.array([[1.0]]), np.array([[scale]])
    for found, expected in zip(numerical.grads(params, x, y), refnet.grads(params, x, y), strict=True):
        assert 0.5 < found.item() / expected.item() < 2


def test_a_step_that_is_lost_gives_nan() -> None:
    """The kink is 2**-52 away from w1 = 1.5, and so is its next float64: any step this side of the kink is lost."""
    params = Params(*map(np.array, ([[1.5]], [2.0**-42 - 1536], [[1.0]], [0.0])))
    x, y = np.array([[1024.0]]), np.array([[1.0]])
    assert numerical.step_limits(params, x).w1.item() == 2.0**-52
    found = numerical.grads(params, x, y)
    assert math.isnan(found.w1.item())
    assert found.b2.item() == refnet.grads(params, x, y).b2.item()
    assert all(math.isnan(side.w1.item()) for side in numerical.one_sided(params, x, y)[:1])
    direction = Params(*map(np.array, ([[1.0]], [0.0], [[0.0]], [0.0])))
    assert math.isnan(numerical.directional(params, x, y, direction))


def test_every_parameter_of_a_network_of_the_seed_s_second_kind() -> None:
    params = refnet.init(np.random.default_rng(0), 2, 10, 4)
    x, y = np.random.default_rng(1).integers(-2, 3, (12, 2)), np.random.default_rng(2).integers(0, 2, (12, 4))
    case = Case(params, x.astype(float), y.astype(float), "relu").exact()
    found = numerical.grads(*case[:3])
    limits = numerical.step_limits(case.params, case.x)
    for g, limit, expected in zip(found, limits, refnet.grads(*case[:3]), strict=True):
        assert (limit > 0).all()
        assert (g == expected).all()


# What holds for all of them.


@given(st.one_of(cases(moderate(np.float64)), exact_cases()))
def test_shapes_dtypes_and_arguments(case: Case) -> None:
    params, x, y, activation = case
    direction = Params(*(np.ones_like(p) for p in params))
    before = [array.copy() for array in case.arrays()]
    for array in case.arrays():
        array.flags.writeable = False
    limits = numerical.step_limits(params, x, activation=activation)
    below, above = numerical.one_sided(params, x, y, activation=activation)
    for four in (limits, numerical.grads(params, x, y, activation=activation), below, above):
        assert [(g.shape, g.dtype) for g in four] == [(p.shape, p.dtype) for p in params]
        assert not any(np.shares_memory(g, array) for g in four for array in case.arrays())
    slope = numerical.directional(params, x, y, direction, activation=activation)
    at_kink = numerical.direction_limit(params, x, direction, activation=activation) == 0
    assert isinstance(slope, Fraction if x.dtype == np.object_ and not at_kink else float)
    for array, old in zip(case.arrays(), before, strict=True):
        np.testing.assert_array_equal(array, old, strict=True)
    if len(x) == 0:
        assert slope == 0
        assert not any(g.any() for g in (*below, *above))


def test_integers_are_taken_as_float64() -> None:
    """Lists too, as by the network."""
    integers = Params(np.array([[1]]), np.array([2]), np.array([[3]]), np.array([4]))
    lists: Any = Params([[1]], [2], [[3]], [4])  # type: ignore[arg-type]
    forms: list[tuple[Params[Any], Any, Any]] = [(integers, np.array([[5]]), np.array([[6]])), (lists, [[5]], [[6]])]
    for params, x, y in forms:
        assert numerical.grads(params, x, y).w1.tolist() == [[570.0]]
        assert numerical.one_sided(params, x, y)[0].w1.tolist() == [[570.0]]
        assert numerical.step_limits(params, x).w1.tolist() == [[1.4]]
        assert numerical.direction_limit(params, x, params) == 1
        assert numerical.directional(params, x, y, params) == 38 * (2 * 21 + 4)


def test_they_know_nothing_of_the_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(network, "grads")
    monkeypatch.delattr(network, "_residual_and_gradient")
    one, zero = rational([[1]], [0])
    params = Params(one, zero, one, zero)
    assert numerical.grads(params, one, 0 * one).w1.item() == 2
    assert numerical.one_sided(params, one, 0 * one)[0].w1.item() == 2
    assert numerical.directional(params, one, 0 * one, Params(one, zero, zero.reshape(1, 1), zero)) == 2


def test_a_direction_that_does_not_fit_is_refused() -> None:
    one, zero = np.ones((1, 1)), np.zeros(1)
    params = Params(one, zero, one, zero)
    said = r"^direction\.b1 has shape \(1, 1\), expected \(1,\), the shape of its parameter: write .*reshape\(\(1,\)\)$"
    with pytest.raises(ShapeError, match=said):
        numerical.direction_limit(params, one, params._replace(b1=one))
    with pytest.raises(ShapeError, match=r"^direction\.w1 has shape .*: pass the direction of these parameters$"):
        numerical.direction_limit(params, one, params._replace(w1=np.ones((1, 2))))
    with pytest.raises(ArgumentTypeError, match=r"^direction\.w2 is float32 where w1 is float64, expected one dtype"):
        numerical.directional(params, one, one, params._replace(w2=one.astype(np.float32)))
    with pytest.raises(ArgumentTypeError, match=r"^direction is a tuple, expected refnet\.Params: write Params\("):
        numerical.directional(params, one, one, tuple(params))  # type: ignore[arg-type]


def test_arguments_that_do_not_fit_are_refused_as_by_the_network() -> None:
    one, zero = np.ones((1, 1)), np.zeros(1)
    params = Params(one, zero, one, zero)
    with pytest.raises(ShapeError, match=r"^y has shape \(1,\)"):
        numerical.grads(params, one, zero)
    with pytest.raises(ShapeError, match=r"^y has shape \(1,\)"):
        numerical.one_sided(params, one, zero)
    with pytest.raises(ShapeError, match=r"^x has shape \(1,\)"):
        numerical.step_limits(params, zero)
