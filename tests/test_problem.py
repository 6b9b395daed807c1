"""The data of the suite: a problem is made again from its name, and is of the kind that its name says."""

from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import refnet
from refnet import enclosure
from refnet.conformance import generate, strategies
from refnet.conformance.problem import KINDS, AnyProblem, Shape, balls, layers
from refnet.formats import Dtype, Precision

Array: TypeAlias = NDArray[Any]

DTYPES: tuple[Dtype, ...] = ("float32", "float64")
SHAPE: Shape = (6, 8, 7, 3)
SEEDS = range(20)
EVERY_KIND = (*KINDS, "dense", "kinked")

each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def drawn(kind: str, dtype: Dtype) -> list[AnyProblem]:
    return [generate(kind, SHAPE, dtype, "relu", seed) for seed in SEEDS]


def arrays(problem: AnyProblem) -> list[Array]:
    """The six arrays that the kind is about."""
    return [*problem.params, problem.x, problem.y]


def pooled(kind: str, dtype: Dtype) -> Array:
    return np.concatenate([array.ravel() for problem in drawn(kind, dtype) for array in arrays(problem)])


# A name makes the same problem, always.


def same(one: AnyProblem, other: AnyProblem) -> bool:
    def words(problem: AnyProblem) -> list[Any]:
        return [(array.dtype, array.shape, array.tobytes()) for array in (*arrays(problem), *problem.grads)]

    return words(one) == words(other) and one[4:] == other[4:]


@pytest.mark.parametrize("kind", EVERY_KIND)
@given(data=st.data())
@settings(max_examples=15)
def test_a_problem_is_made_again_from_its_source(kind: str, data: st.DataObject) -> None:
    if kind in KINDS:
        strategy = strategies.problems(data.draw(st.sampled_from(DTYPES)), "identity", kinds=(kind,))
    else:
        strategy = strategies.lattices(data.draw(st.sampled_from(DTYPES)), "identity", kind=kind)
    one = data.draw(strategy)
    again = eval(one.source, {"generate": generate})
    assert same(one, again)
    assert one.params is not again.params
    assert one.source == f"generate({kind!r}, {one.shape}, '{one.x.dtype}', 'identity', {one.source.split()[-1][:-1]})"
    with np.errstate(all="ignore"):
        expected = refnet.grads(one.params, one.x, one.y, activation="identity")
    assert [g.tobytes() for g in one.grads] == [g.tobytes() for g in expected]
    assert one.lr == float(one.x.dtype.type(one.lr)) > 0


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_another_name_makes_another_problem(kind: str) -> None:
    one = generate(kind, SHAPE, "float64", "relu", 0)
    assert not same(one, generate(kind, SHAPE, "float64", "relu", 1))
    assert not same(one, generate(kind, SHAPE, "float32", "relu", 0))
    assert not same(one, generate(kind, SHAPE, "float64", "identity", 0))
    assert not np.array_equal(one.x[:, :1], generate(kind, (6, 1, 7, 3), "float64", "relu", 0).x)


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^kind is 'plain', expected one of normal, .*, fitted, dense, kinked$"):
        generate("plain", SHAPE, "float64", "relu", 0)


# Each kind is what it says.


@each_dtype
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_finite_and_has_an_empty_batch(kind: str, dtype: Dtype) -> None:
    assert np.isfinite(pooled(kind, dtype)).all()
    assert all(np.isfinite(balls("loss", p, points=False)["loss"].radius) for p in drawn(kind, dtype) if kind != "wide")
    empty = generate(kind, (0, 3, 2, 1), dtype, "relu", 0)
    assert (empty.shape, empty.work, empty.x.dtype.name) == ((0, 3, 2, 1), 0, dtype)


@each_dtype
def test_normal_data_are_standard_normal(dtype: Dtype) -> None:
    numbers = pooled("normal", dtype)
    assert abs(numbers.mean()) < 5 / np.sqrt(len(numbers))
    assert abs(numbers.var() - 1) < 5 * np.sqrt(2 / len(numbers))


@each_dtype
def test_integers_are_whole_and_of_one_digit(dtype: Dtype) -> None:
    assert set(pooled("integers", dtype).tolist()) == set(range(-9, 10))


@each_dtype
def test_constant_arrays_hold_one_number_each(dtype: Dtype) -> None:
    problems = drawn("constant", dtype)
    assert {len(np.unique(array)) for p in problems for array in arrays(p)} == {1}
    assert len({float(array.flat[0]) for p in problems for array in arrays(p)}) == 6 * len(problems)


@each_dtype
def test_wide_data_have_exponents_far_apart_and_results_that_are_finite(dtype: Dtype) -> None:
    most = 126 // 8 if dtype == "float32" else 1022 // 8
    exponents = np.log2(np.abs(pooled("wide", dtype)))
    assert len(set(np.rint(exponents))) > 2 * most
    assert np.abs(exponents).max() < most + 10
    judged = [np.isfinite(balls("loss", p, points=False)["loss"].radius) for p in drawn("wide", dtype)]
    assert np.mean(judged) > 0.9


@each_dtype
def test_tiny_data_are_subnormal_here_and_of_ordinary_size_there(dtype: Dtype) -> None:
    smallest = float(np.finfo(dtype).smallest_normal)
    numbers = np.abs(pooled("tiny", dtype))
    assert 0.1 < ((numbers > 0) & (numbers < smallest)).mean() < 0.5
    for place in range(6):
        sizes = [np.abs(arrays(p)[place]) for p in drawn("tiny", dtype)]
        assert any(((size > 0) & (size < smallest)).any() for size in sizes)
        assert any((size > 0.1).any() for size in sizes)


@each_dtype
def test_sparse_data_have_exact_zeros_and_units_that_are_off(dtype: Dtype) -> None:
    problems = drawn("sparse", dtype)
    for place in (0, 2, 3, 4, 5):  # all but b1
        zeros = np.mean([(arrays(p)[place] == 0).mean() for p in problems])
        assert 0.5 < zeros < 0.9
    off = [(p.x @ p.params.w1 + p.params.b1 < 0).all(axis=0).mean() for p in problems]
    assert 0.2 < np.mean(off) < 0.8


@each_dtype
def test_cancelling_data_cancel_to_a_few_roundings(dtype: Dtype) -> None:
    unit = Fraction(2) ** (-24 if dtype == "float32" else -53)
    ratios: list[Fraction] = []
    for p in drawn("cancelling", dtype):
        x, w1 = ([list(map(Fraction, row)) for row in array.tolist()] for array in (p.x, p.params.w1))
        for row in x:
            products = [v * weights[0] for v, weights in zip(row, w1, strict=True)]
            ratios.append(abs(sum(products, Fraction(0))) / sum(map(abs, products), Fraction(0)))
    assert max(ratios) <= 8 * unit
    assert np.mean([ratio > 0 for ratio in ratios]) > 0.8


@each_dtype
def test_near_a_kink_each_unit_vanishes_but_for_rounding(dtype: Dtype) -> None:
    for p in drawn("near-kink", dtype):
        uncertain = enclosure.layers(p.params, p.x, p.y).uncertain
        assert uncertain.any(axis=0).all()
        assert uncertain.mean() < 0.5
    exactly = [(p.x.astype(np.float64) @ p.params.w1 + p.params.b1 == 0).mean() for p in drawn("near-kink", "float32")]
    assert np.mean(exactly) < 0.05  # it is near, and seldom at, the kink
    assert not any(enclosure.layers(p.params, p.x, p.y).uncertain.any() for p in drawn("normal", dtype))


@each_dtype
def test_beside_a_kink_each_unit_is_on_or_off_by_more_than_rounding_and_less_than_some_threshold(dtype: Dtype) -> None:
    nearest: list[float] = []
    for p in drawn("beside-kink", dtype):
        layers = enclosure.layers(p.params, p.x, p.y)
        assert layers.uncertain.mean() < 0.1
        rows = np.abs(layers.h.centre).argmin(axis=0)
        nearest.extend(layers.h.centre[rows, np.arange(len(rows))])
    assert 0.4 < np.mean(np.sign(nearest) > 0) < 0.6
    thresholds = np.histogram(-np.log2(np.abs(nearest)), [0, 5, 10, 15, 20] if dtype == "float32" else range(0, 49, 8))
    assert (thresholds[0] > 10).all()


@each_dtype
@pytest.mark.parametrize(("kind", "sign"), [("small", 1), ("large", -1)])
def test_the_same_network_in_other_units_is_small_or_large_as_a_whole(kind: str, sign: int, dtype: Dtype) -> None:
    unit = 2.0 ** (sign * np.finfo(dtype).minexp // 4)
    for p in drawn(kind, dtype):
        back = p._replace(
            params=p.params._replace(b1=p.params.b1 / unit, b2=p.params.b2 / unit), x=p.x / unit, y=p.y / unit
        )
        assert all(1e-6 < np.abs(array).max() < 10 for array in arrays(back))
        layers = enclosure.layers(p.params, p.x, p.y)
        for ball in (layers.h, layers.p, layers.r):
            assert (ball.radius < np.abs(ball.centre).max()).all()
            assert 0.01 < np.abs(ball.centre).max() / unit < 1000


@each_dtype
def test_fitted_data_have_residuals_far_smaller_than_the_prediction(dtype: Dtype) -> None:
    for p in drawn("fitted", dtype):
        layers = enclosure.layers(p.params, p.x, p.y)
        assert 0 < np.abs(layers.r.centre).max() < 2.0**-7 * np.abs(layers.p.centre).max()
        assert layers.r.radius.max() < np.abs(layers.r.centre).max()


@pytest.mark.parametrize("operation", ["forward", "loss", "grads", "update", "step"])
def test_what_is_remembered_of_a_problem_is_not_taken_for_another_with_the_same_arrays(operation: str) -> None:
    first = generate("dense", (4, 3, 5, 2), "float32", "relu", 0)
    others = (
        first._replace(lr=0.1),
        first._replace(activation="identity"),
        first._replace(precision=Precision("float32", operands="tf32")),
        first._replace(grads=type(first.grads)(*(2 * g + 0.1 for g in first.grads))),
    )
    for problem in (first, *others):
        for points, rescaled in ((True, True), (False, True), (True, False)):
            alone = problem._replace(  # arrays of its own, of which nothing is remembered
                params=type(problem.params)(*(p.copy() for p in problem.params)),
                grads=type(problem.grads)(*(g.copy() for g in problem.grads)),
            )
            shared, afresh = (balls(operation, p, points=points, rescaled=rescaled) for p in (problem, alone))
            for name, ball in afresh.items():
                assert np.array_equal(shared[name].centre, ball.centre), name
                assert np.array_equal(shared[name].radius, ball.radius), name
    assert layers(first, points=True).r.is_point
    assert not layers(first, points=False).r.is_point
