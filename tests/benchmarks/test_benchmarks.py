"""What is compared does the same, and what is said of it is computed right. Nothing here depends on the time."""

import os
import time
from collections.abc import Iterator
from typing import Any

import check_table
import checks
import exact_table
import growth_table
import machine
import numpy as np
import pytest
import step_table
import steps
import tables
import timing
import whole
from asked import Asked, section
from exactness import ARB, FLINT, FLINT_ROUNDED, UNROUNDED
from parts import Parts
from profiled import BOUNDS, DRAWING, EXCHANGE, IMPLEMENTATION, START

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


def test_the_rounds_of_processes_are_joined_and_what_only_the_first_has_is_compared_there() -> None:
    together = timing.joined([{"a": [1.0, 2.0], "slow": [10.0, 40.0]}, {"a": [3.0]}])
    assert together == {"a": [1.0, 2.0, 3.0], "slow": [10.0, 40.0]}
    assert timing.ratio(together["slow"], together["a"]) == 15  # 10 and 20 times, in the two rounds that both have


def test_no_kernel_is_named_for_the_processes_that_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    timing.forget_kernels()
    timing.forget_kernels()  # and where none is named
    assert not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & set(os.environ)


def test_the_blas_is_described_without_threadpoolctl_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(machine, "import_module", not_installed)
    assert machine.kernels() == ""
    assert "kernels" not in machine.blas()


ROWS = [
    Asked("speed", "in 1 s", "0.5 s", True),
    Asked("speed", "in 0.1 s", "0.5 s", False),
    Asked("size", "x", "y", True),
]
SENTENCES = {"speed": "The speed of light.", "size": "The size of an atom."}


def test_the_limit_is_said_exactly_where_something_does_not_hold() -> None:
    missed = section(ROWS, SENTENCES)
    assert "| in 1 s | 0.5 s | yes |" in missed
    assert "| in 0.1 s | 0.5 s | **no** |" in missed
    assert missed.count("- The speed of light.") == 1
    assert "atom" not in missed
    held = section([row for row in ROWS if row.holds], SENTENCES)
    assert "limit" not in held
    assert "light" not in held


def test_a_kind_without_a_sentence_is_an_error_even_where_all_holds() -> None:
    with pytest.raises(KeyError, match="size"):
        section(ROWS, {"speed": "The speed of light."})


class Clock:
    """A clock that says what it is told."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_each_second_counts_for_the_innermost_part_alone() -> None:
    clock = Clock()
    parts = Parts("rest", clock)

    def inner(seconds: float) -> float:
        clock.at += seconds
        return seconds

    def outer() -> float:
        clock.at += 1
        took = timed_inner(10) + timed_inner(100)
        clock.at += 2
        return took

    timed_inner, timed_outer = parts.timed("inner", inner), parts.timed("outer", outer)
    clock.at += 1000
    assert timed_outer() == 110
    timed_inner(10_000)
    assert parts.seconds() == {"rest": 1000, "outer": 3, "inner": 10_110}
    clock.at += 5
    parts.move(2, "outer", to="elsewhere")
    assert parts.seconds() == {"rest": 1005, "outer": 1, "inner": 10_110, "elsewhere": 2}
    assert sum(parts.seconds().values()) == clock.at


def test_a_part_ends_with_an_error_too() -> None:
    clock = Clock()
    parts = Parts("rest", clock)

    def fails() -> None:
        clock.at += 1
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # it has no words
        parts.timed("part", fails)()
    clock.at += 10
    assert parts.seconds() == {"rest": 10, "part": 1}


def profile(arguments: list[str]) -> dict[str, float]:
    return whole._profile([*arguments, "--clause", "FWD-1", "--dtype", "float32", "--activation", "relu"])


@pytest.mark.parametrize("way", whole.PROFILED.values(), ids=whole.PROFILED)
def test_a_profile_names_all_parts_and_they_add_up(way: list[str]) -> None:
    start = time.perf_counter()
    parts = profile(way)
    assert {START, DRAWING, IMPLEMENTATION, EXCHANGE, BOUNDS} <= set(parts)
    assert all(seconds >= 0 for seconds in parts.values())
    assert sum(parts.values()) <= time.perf_counter() - start


PARTS = {START: 1.0, DRAWING: 2.0, IMPLEMENTATION: 3.0, EXCHANGE: 4.0, BOUNDS: 6.0}
WHOLE = {
    "commands": {name: [9.0, 11.0, 10.5] for name in whole.COMMANDS},
    "parts": {name: [PARTS] for name in whole.PROFILED},
    "pytest": {way: {"one process": [16.0], "`-n 2`": [8.0]} for way in whole.WAYS},
}


def test_the_page_of_a_whole_check_says_what_holds() -> None:
    assert [row.holds for row in whole.asked(WHOLE)] == [False, False] + [True] * len(whole.WAYS)
    assert whole.share(PARTS) == 10 / 16  # all but the start, Hypothesis and the implementation
    page = whole.body(WHOLE)
    assert "| bounds | 6.00 s (38%) | 6.00 s (38%) |" in page
    assert "| **refnet's own** | 62% | 62% |" in page
    assert "| in a process of its own | 16 s | 8 s | 2.00 |" in page


def test_a_whole_check_without_xdist_asks_nothing_of_two_workers() -> None:
    found = {**WHOLE, "pytest": {way: {"one process": [16.0]} for way in whole.WAYS}}
    assert [row.kind for row in whole.asked(found)] == ["whole", "own"]
    assert "| in a process of its own | 16 s | not installed | - |" in whole.body(found)


def test_the_page_on_checking_gathers_processes_and_is_written() -> None:
    def row(dtype: str, check: str, *seconds: float) -> Any:
        return [dtype, check, ["all components", "accepted", None], list(seconds)]

    def run(*rows: Any) -> dict[str, Any]:
        seconds = {"grads": [1.0], "enclosure": [5.0], check_table.ALL_OUTPUTS: [7.0], "assert": [6.0]}
        cells = [{"shape": [64, 1000, 100, 10], "dtype": dtype, "seconds": seconds} for dtype in check_table.DTYPES]
        return {"one gradient": rows, "enclosure": cells}

    mine = [row(dtype, checks.REFNET, 0.002, 0.003) for dtype in check_table.DTYPES]
    slow = [row(dtype, checks.GRADCHECK, 70.0) for dtype in check_table.DTYPES]
    found = check_table.gathered([run(*mine, *slow), run(*mine)])
    assert [len(each.seconds) for each in found["one gradient"]] == [4, 4, 1, 1]
    page = check_table.body({**found, "whole": WHOLE})
    assert "| float32, (64, 1000, 100, 10): all outputs enclosed at 4 times the gradient | 7.0 | **no** |" in page
    assert "| float64, (64, 1000, 100, 10) | 1 s | 5.0 | 7.0 | 6.0 (6 s) |" in page
    assert check_table.LIMITS["enclosure of float32"] in page
    assert check_table.LIMITS["certified"] not in page


def test_the_page_on_exactness_gathers_processes_and_compares_with_the_fastest_of_flint() -> None:
    times = {exact_table.REFNET: [0.02], UNROUNDED: [0.01], FLINT: [0.2]}
    times |= {FLINT_ROUNDED: [0.4], ARB: [0.1]}
    run = {"exact": [[[64, 1000, 100, 10], dtype, times] for dtype in ("float64", "float32")], "differences": []}
    found = exact_table.gathered([run, run])
    assert found["exact"][0][2][exact_table.REFNET] == [0.02, 0.02]
    rows = exact_table._asked(found)
    assert [row.holds for row in rows] == [True] * 4
    assert rows[1].measured == "5.0 (python-flint, `arb_mat`); 10.0 where neither rounds, 20.0 where both do"


def test_growth_is_linear_or_said_not_to_be() -> None:
    def growth(power: float) -> dict[str, Any]:
        points = [{"size": n, "seconds": {"step": 1e-6 * n**power, "check": 1e-6 * n}} for n in growth_table.SIZES]
        costs = {"bytes": dict.fromkeys(growth_table.CURVES, 1000)}
        return {name: [{**point, **costs} for point in points] for name in growth_table.ALONG}

    first, *_ = found = growth_table.slopes(growth(2.0))
    assert (first.what, first.curve, first.along, round(first.last, 9)) == ("time", "step", "N", 2)
    assert first.unit_costs == pytest.approx((1e-3, 1e-2))
    assert [row.holds for row in growth_table.asked(found)] == [False, True, True, True]
    assert all(row.holds for row in growth_table.asked(growth_table.slopes(growth(1.0))))
    assert sum(size >= max(growth_table.SIZES) / 10 for size in growth_table.SIZES) == 5


def test_a_script_that_is_faster_has_a_limit_of_its_own() -> None:
    cell = step_table.Cell(1, "float32", steps.TUTORIAL)
    measured = {steps.REFNET: [2.0], steps.PRODUCTS: [1.0], steps.SCRIPT: [1.5], "JAX, compiled": [3.0]}
    assert [row.kind for row in step_table._asked({cell: measured})] == ["script", "products"]
    assert [row.holds for row in step_table._asked_of_faults({"faults": [[[1, 2, 3, 4], "float32", 0.3, 9.0]]})] == [
        True
    ]
