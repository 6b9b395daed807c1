"""What is compared does the same, and what is said of it is computed right. Nothing here depends on the time."""

from collections.abc import Iterator
from typing import Any

import growth_table
import numpy as np
import pytest
import steps
import tables
import timing

import refnet

CONTENDERS = [name for name in steps.CONTENDERS if name not in steps.LIMITS]


@pytest.fixture
def _double_precision() -> Iterator[None]:
    """JAX computes in float32 unless it is told; what is compared here is float64."""
    try:
        import jax
    except ModuleNotFoundError:
        yield
        return
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.usefixtures("_double_precision")
@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_takes_the_same_step(name: str) -> None:
    given = steps.problem(steps.SHAPES[0], "float64")
    try:
        step = steps.CONTENDERS[name](given)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    first = refnet.Params(*_arrays(step()))
    refnet.assert_step(first, *given, steps.RATE)
    refnet.assert_step(_arrays(step()), first, given.x, given.y, steps.RATE)  # from where the first one ended


def _arrays(params: Any) -> list[Any]:
    return [np.asarray(p.detach() if hasattr(p, "detach") else p).copy() for p in params]


@pytest.mark.parametrize("name", steps.LIMITS)
def test_the_products_alone_are_the_five_of_a_step(name: str) -> None:
    n, d, h, o = shape = steps.SHAPES[0]
    try:
        five: Any = steps.CONTENDERS[name](steps.problem(shape, "float64"))()
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    assert [tuple(product.shape) for product in five] == [(n, h), (n, o), (n, h), (h, o), (d, h)]


@pytest.mark.parametrize("rows", [1, 5, 12, 100])
def test_the_shards_of_a_batch_have_its_gradient(rows: int) -> None:
    given = steps.problem(steps.SHAPES[0], "float64")
    refnet.assert_grads(growth_table.sharded(given, rows), *given)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    sizes = [100.0, 300.0, 1000.0]
    assert round(growth_table.exponent(sizes, [7 * size**power for size in sizes]), 12) == power


def test_a_ratio_is_taken_within_each_round() -> None:
    assert timing.ratio([2.0, 20.0, 300.0], [1.0, 10.0, 100.0]) == 2  # all of the second round was ten times slower
    assert timing.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == 1 / 3  # the quartiles are 2 and 4, the median is 3


def test_calls_take_turns_and_are_all_timed() -> None:
    made: list[str] = []
    timed = timing.interleaved({name: lambda name=name: made.append(name) for name in "ab"}, rounds=3, burst=1e-5)  # type: ignore[misc]  # a lambda's default has no type
    assert {len(seconds) for seconds in timed.values()} == {3}
    assert min(made.count("a"), made.count("b")) >= 4  # once to begin with, and once a round
    assert all(min(seconds) > 0 for seconds in timed.values())


def test_each_table_has_a_page_and_can_be_asked_for_by_name() -> None:
    said = tables.__doc__ or ""
    assert all(f"[{name}]" in said for name in tables.PAGES)
