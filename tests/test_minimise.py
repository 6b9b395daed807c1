"""Making a failing problem small: what is left still fails, is as small and as plain as it can be, and in good time."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet import Grads, Params
from refnet.conformance import generate, layouts, minimise, strategies
from refnet.conformance.minimise import minimised
from refnet.conformance.problem import AnyProblem

MOST_CALLS = 5000  # a round over a small problem takes some hundreds; going in circles takes any number


class Asked:
    """A predicate that counts how often it is asked, and gives up on somebody who never stops."""

    def __init__(self, fails: Callable[[AnyProblem], Any]) -> None:
        self.fails = fails
        self.calls = 0

    def __call__(self, problem: AnyProblem) -> bool:
        self.calls += 1
        assert self.calls <= MOST_CALLS, "it goes in circles"
        return bool(self.fails(problem))


def smallest(problem: AnyProblem, fails: Callable[[AnyProblem], Any]) -> AnyProblem:
    assert fails(problem)
    return minimised(problem, Asked(fails), seconds=float("inf"))


def arrays(problem: AnyProblem) -> list[Any]:
    return [*problem.params, problem.x, problem.y, *problem.grads]


START = generate("normal", (7, 6, 9, 5), "float64", "relu", 3)

PREDICATES: dict[str, Callable[[AnyProblem], Any]] = {
    "anything": lambda _: True,
    "three samples": lambda p: p.shape[0] >= 3,
    "an odd batch": lambda p: p.shape[0] % 2 == 1,
    "as many units as features": lambda p: p.shape[1] <= p.shape[2],
    "a positive sum": lambda p: p.params.w1.sum() > 0.5,
    "a negative sum": lambda p: p.x.sum() < -0.3,
    "a number near 0.1": lambda p: (np.abs(p.x - 0.1) < 0.3).any(),
    "no zero": lambda p: all(array.all() for array in arrays(p)),
    "two different numbers": lambda p: len(np.unique(p.x)) > 1,
    "a large product": lambda p: np.abs(p.x @ p.params.w1).max() > 1.5,
    "a small rate": lambda p: p.lr < 1,
    "a gradient above its parameter": lambda p: (p.grads.w1 > p.params.w1).any(),
}


@pytest.mark.parametrize("name", PREDICATES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_left_still_fails_and_every_search_ends(name: str, dtype: Any) -> None:
    judged = 0
    for seed, kind in enumerate(("normal", "sparse", "integers", "wide", "constant")):
        problem = generate(kind, (5, 4, 6, 3), dtype, "relu", seed)
        if not PREDICATES[name](problem):
            continue
        judged += 1
        left = smallest(problem, PREDICATES[name])
        assert PREDICATES[name](left)
        assert all(array.dtype == dtype for array in arrays(left))
        assert [array.shape for array in left.grads] == [array.shape for array in left.params]
        assert left.y.shape == (left.x.shape[0], left.params.w2.shape[1])
        again = smallest(left, PREDICATES[name])
        assert [array.tobytes() for array in arrays(again)] == [array.tobytes() for array in arrays(left)]
    assert judged


@given(
    strategies.problems("float32", kinds=("normal", "wide", "sparse", "tiny")),
    st.tuples(*[st.integers(1, 5)] * 4),
    st.integers(0, 9),
    st.sampled_from((-1.0, 0.0, 0.25, 2.5)),
)
def test_a_shape_and_a_number_are_reached_exactly(
    problem: AnyProblem, parts: tuple[int, ...], place: int, most: float
) -> None:
    shape = tuple(1 + part % size for part, size in zip(parts, problem.shape, strict=True))

    def fails(candidate: AnyProblem) -> bool:
        large = all(size >= least for size, least in zip(candidate.shape, shape, strict=True))
        return large and bool(np.abs(arrays(candidate)[place]).max() > most)

    if not fails(problem):
        return
    left = smallest(problem, fails)
    assert left.shape == shape
    # One number of one array makes it fail, or none at all, and nothing else is left.
    others = [array for i, array in enumerate(arrays(left)) if i != place]
    assert not any(array.any() for array in others)
    kept = arrays(left)[place]
    assert np.count_nonzero(kept) == (most >= 0) or kept.size > minimise._FEW
    assert left.lr == 1.0 or problem.lr == 0.0


@pytest.mark.parametrize(
    ("number", "reach", "plain"),
    [
        (123.456, 200, 0.0),
        (123.456, 123, 1.0),
        (123.456, 30, 100.0),
        (123.456, 5, 120.0),
        (123.456, 1, 123.0),
        (123.456, 0, 123.456),
        (-0.1234, 0.13, 0.0),
        (-0.1234, 0.05, -0.1),
        (-0.1234, 0.01, -0.12),
        (-3.7, 1, -4.0),
        (1e30, 1e20, 1e30),
    ],
)
def test_numbers_become_plain(number: float, reach: float, plain: float) -> None:
    problem = START._replace(x=np.full_like(START.x, number))
    assert smallest(problem, lambda p: (np.abs(p.x - number) <= reach).any()).x.tolist() == [[plain]]


def test_a_zero_loses_its_sign() -> None:
    problem = START._replace(x=np.full_like(START.x, -0.0), y=-np.abs(START.y))
    left = smallest(problem, lambda p: p.shape[0] >= 2)
    assert not any(np.signbit(array).any() for array in arrays(left))
    kept = smallest(problem, lambda p: np.signbit(p.x).any())
    assert np.signbit(kept.x).all()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, np.finfo(np.float64).max, 5e-324])
def test_extremes_end_too(number: float) -> None:
    problem = START._replace(x=np.full_like(START.x, number))
    left = smallest(problem, lambda p: p.x.tobytes()[-8:] == problem.x.tobytes()[-8:])
    assert left.x.tobytes() == np.float64(number).tobytes()
    assert smallest(problem, lambda _: True).x.tolist() == [[0.0]]


def test_nothing_smaller_fails() -> None:
    never = Asked(lambda _: False)
    assert minimised(START, never, seconds=float("inf")) is START
    assert never.calls > 100
    assert START.source
    assert smallest(START, lambda _: True).source == ""


def test_arguments_stay_as_they_are() -> None:
    problem = START._replace(
        params=Params(*map(layouts.read_only, START.params)),
        grads=Grads(*map(layouts.read_only, START.grads)),
        x=layouts.read_only(START.x),
        y=layouts.read_only(START.y),
    )
    before = [array.tobytes() for array in arrays(problem)]
    assert smallest(problem, lambda p: p.params.w1.sum() > 0.5).shape == (1, 1, 1, 1)
    assert [array.tobytes() for array in arrays(problem)] == before


def test_rows_of_biases_and_an_empty_batch_keep_their_form() -> None:
    p, g = START.params, START.grads
    rows = START._replace(
        params=p._replace(b1=p.b1[None], b2=p.b2[None]), grads=g._replace(b1=g.b1[None], b2=g.b2[None])
    )
    left = smallest(rows, lambda p: p.shape[2] >= 2)
    assert [array.shape for array in left.params] == [(1, 2), (1, 2), (2, 1), (1, 1)]
    empty = generate("normal", (0, 6, 9, 5), "float64", "relu", 3)
    assert smallest(empty, lambda p: p.shape[0] == 0).shape == (0, 1, 1, 1)


def test_a_large_problem_is_small_after_a_few_looks() -> None:
    large = generate("normal", (64, 100, 50, 10), "float64", "relu", 0)
    sizes: list[int] = []

    def fails(problem: AnyProblem) -> bool:
        sizes.append(problem.work)
        return problem.shape[3] >= 2 and problem.shape[1] >= 3

    assert minimised(large, fails, seconds=float("inf")).shape == (1, 3, 1, 2)
    assert max(sizes) < 100  # no look at anything large was needed


def test_the_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(minimise, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def slow(problem: AnyProblem) -> bool:
        now[0] += 0.25
        return problem.shape[0] >= 5

    left = minimised(START, slow, seconds=2.0)
    assert now[0] == 2.0
    assert left.shape[0] >= 5
    assert left.shape != (5, 1, 1, 1)
