"""The strategies: lattices on which every result is exact, shapes where tiles end, layouts that keep the values."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refnet import Activation, enclosure
from refnet.conformance import generate, layouts, problem, strategies
from refnet.conformance.problem import TUTORIAL, Shape, balls, full_size, is_exact, work
from refnet.formats import Dtype

Array: TypeAlias = NDArray[Any]

DTYPES: tuple[Dtype, ...] = ("float32", "float64")
SHAPE: Shape = (6, 8, 7, 3)
SEEDS = range(20)

each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def test_what_is_offered_is_what_is_made_here() -> None:
    made = {name for name, value in vars(strategies).items() if getattr(value, "__module__", "") == strategies.__name__}
    assert sorted({*made, "NO_LIMIT", "TAILS"}) == strategies.__all__


# The lattices.

LATTICES = [(1, 1, 1, 1), TUTORIAL, (12, 2, 10, 4), (16, 50, 20, 10), (0, 3, 2, 1), (5, 7, 65, 3), (1, 129, 1, 1)]


@each_dtype
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("shape", LATTICES)
def test_on_the_dense_lattice_every_result_is_exact_and_no_unit_is_at_its_kink(
    shape: Shape, activation: Activation, dtype: Dtype
) -> None:
    for seed in range(1 if shape == TUTORIAL else 5):
        p = generate("dense", shape, dtype, activation, seed)
        assert is_exact(p)
        for operation in ("forward", "loss", "grads", "update"):
            for ball in balls(operation, p, points=True, rescaled=False).values():
                assert not ball.radius.any()
        layers = enclosure.layers(p.params, p.x, p.y, activation=activation)
        assert (p.params.b1 % 1 == 0.5).all()
        exactly = (layers.h.radius == 0) & (layers.h.centre != 0)
        assert (exactly | (layers.h.centre < -layers.h.radius)).all()  # a unit that is off has no use for its bits
        if min(shape) > 2:
            assert (layers.h.centre < 0).any()
            assert len(np.unique(p.x)) > 4
            assert layers.r.centre.any()


@given(st.sampled_from(DTYPES), st.sampled_from(("dense", "kinked")), st.data())
def test_on_drawn_lattices_a_mean_is_exact_too(dtype: Dtype, kind: str, data: st.DataObject) -> None:
    p = data.draw(strategies.lattices(dtype, kind=kind))
    n, _, _, o = p.shape
    assert n & (n - 1) == o & (o - 1) == 0
    assert not balls("forward", p, points=True)["forward"].radius.any()
    assert not balls("loss", p, points=True)["loss"].radius
    for name, ball in balls("grads", p, points=True).items():
        assert kind == "kinked" or not ball.radius.any(), name


@each_dtype
def test_on_the_kinked_lattice_units_are_at_their_kink_and_certainly_so(dtype: Dtype) -> None:
    counts = []
    for seed in SEEDS:
        p = generate("kinked", SHAPE, dtype, "relu", seed)
        layers = enclosure.layers(p.params, p.x, p.y)
        assert np.array_equal(layers.uncertain, layers.h.centre == 0)
        assert not layers.h.radius.any()
        assert not layers.r.radius.any()
        counts.append(layers.uncertain.mean())
    assert min(counts) > 0
    assert np.mean(counts) > 0.05
    large = full_size("kinked", dtype, "relu")
    assert enclosure.layers(large.params, large.x, large.y).uncertain.sum() > 30
    assert large is full_size("kinked", dtype, "relu")


def test_where_no_lattice_is_exact_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem, "is_exact", lambda _: False)
    with pytest.raises(ValueError, match=r"^there is no lattice of float32 for the shape \(2, 3, 4, 5\): its sums are"):
        generate("dense", (2, 3, 4, 5), "float32", "relu", 0)


def test_an_inexact_problem_is_told_from_a_lattice() -> None:
    assert not is_exact(generate("normal", SHAPE, "float64", "relu", 0))


# Shapes.


def seen(strategy: st.SearchStrategy[Shape], number: int) -> list[Shape]:
    shapes: list[Shape] = []

    @settings(max_examples=number)
    @given(strategy)
    def visit(shape: Shape) -> None:
        shapes.append(shape)

    visit()
    return shapes


def by_axis(shapes: list[Shape]) -> Iterator[tuple[int, ...]]:
    yield from zip(*shapes, strict=True)


def test_drawn_shapes_visit_1_and_the_end_of_every_tile_on_every_axis() -> None:
    for sizes in by_axis(seen(strategies.some_shapes(), 600)):
        assert set(sizes) == {1, 2, 3, 4, 5, *strategies.TAILS}
        assert np.mean([size == 1 for size in sizes]) > 0.1


@given(st.data(), st.sampled_from([64, 100, 249, 250, 1000, 10_000]))
def test_no_shape_takes_more_work_than_it_may(data: st.DataObject, most: int) -> None:
    assert work(data.draw(strategies.some_shapes(most))) <= most
    for dtype in DTYPES:
        assert data.draw(strategies.problems(dtype, most_work=most)).work <= most
        assert data.draw(strategies.lattices(dtype, most_work=most)).work <= most


def test_the_shapes_that_every_run_visits() -> None:
    tiles = strategies.tile_shapes()
    assert len(tiles) == len(set(tiles)) == 72
    for sizes in by_axis(tiles):
        assert set(sizes) == {3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257, 513, 1025}
    ones = strategies.shapes_with_ones()
    assert len(set(ones)) == 15
    assert {size for shape in ones for size in shape} == {1, 3}
    assert (3, 3, 3, 3) not in ones


# Layouts.

LAYOUTS: dict[Callable[[Array], Array], Callable[[Array], bool]] = {
    layouts.fortran: lambda array: array.strides == np.asfortranarray(array).strides,
    layouts.strided: lambda array: array.strides == tuple(2 * s for s in strides_of_twice(array)),
    layouts.negative: lambda array: array.strides == tuple(-s for s in array.copy("C").strides),
    layouts.read_only: lambda array: not array.flags.writeable and array.flags.c_contiguous,
}


def strides_of_twice(array: Array) -> tuple[int, ...]:
    """The strides of an array of twice the size in each direction."""
    return np.empty(tuple(2 * size for size in array.shape), array.dtype).strides


@each_dtype
@pytest.mark.parametrize("lay", LAYOUTS, ids=lambda lay: lay.__name__)
@pytest.mark.parametrize("shape", [(3, 4), (5,), (2, 1), (1, 6), (1,), (0, 3), (1, 1)])
def test_a_layout_keeps_the_values_and_has_its_strides(lay: Any, shape: tuple[int, ...], dtype: Dtype) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    before = array.copy()
    laid = lay(array)
    assert (laid.dtype, laid.shape) == (array.dtype, array.shape)
    assert np.array_equal(laid, before)
    assert np.array_equal(array, before)
    assert not np.shares_memory(laid, array)
    assert laid.flags.writeable == (lay is not layouts.read_only)
    if min(shape) > 1:  # NumPy may give an axis of size 1 any stride
        assert LAYOUTS[lay](laid)
    if shape == (3, 4) and lay is not layouts.read_only:
        assert not laid.flags.c_contiguous


def test_what_lies_between_strided_numbers_is_no_zero() -> None:
    laid = layouts.strided(np.zeros((2, 3)))
    assert laid.base is not None
    assert np.count_nonzero(laid.base == 7) == 4 * 6 - 6
