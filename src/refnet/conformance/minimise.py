"""Making a failing problem small: fewer samples, features, units and outputs first, then plainer numbers."""

import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.problem import AnyProblem
from refnet.network import Grads, Params

_FEW = 40  # numbers of an array that are looked at one by one

Fails: TypeAlias = Callable[[AnyProblem], bool]


def minimised(problem: AnyProblem, fails: Fails, *, seconds: float) -> AnyProblem:
    """Return the smallest problem found, within that time, on which ``fails`` still holds.

    Greedy: each change that keeps the failure is kept, until a whole round changes nothing.
    """
    deadline = time.perf_counter() + seconds

    def still_fails(candidate: AnyProblem) -> bool:
        return time.perf_counter() < deadline and fails(candidate)

    problem = _with_little(problem, still_fails)
    while True:
        before = problem
        for axis in range(4):
            problem = _with_less(problem, axis, still_fails)
        problem = _with_plain_arrays(problem, still_fails)
        problem = _with_plain_numbers(problem, still_fails)
        if problem is before:
            return problem


def _with_little(problem: AnyProblem, fails: Fails) -> AnyProblem:
    """Keep the first few along every axis at once: a large problem takes too long to be cut piece by piece."""
    for few in (1, 2, 3, 5, 8, 13):
        candidate = problem
        for axis in range(4):
            candidate = _part(candidate, axis, np.arange(min(few, problem.shape[axis])))
        if max(problem.shape) > few and fails(candidate):
            return candidate
    return problem


def _with_less(problem: AnyProblem, axis: int, fails: Fails) -> AnyProblem:
    """Leave out blocks of that axis, of half its size, of a quarter, ..., of one."""
    block = problem.shape[axis] // 2
    while block:
        start = 0
        while start < problem.shape[axis]:
            kept = np.delete(np.arange(problem.shape[axis]), np.s_[start : start + block])
            candidates = [_part(problem, axis, kept)] if len(kept) else []
            if axis == 1 and len(kept) and problem.shape[0] == 1:
                candidates.append(_with_the_same_h(candidates[0], problem))
            smaller = next(filter(fails, candidates), None)
            if smaller is None:
                start += block
            else:
                problem = smaller
        block //= 2
    return problem


def _with_the_same_h(part: AnyProblem, whole: AnyProblem) -> AnyProblem:
    """Let b1 stand in for the features of one sample that are left out: what shows at a kink stays at it."""
    with np.errstate(all="ignore"):
        missing = (whole.x @ whole.params.w1 - part.x @ part.params.w1).reshape(part.params.b1.shape)
        return part._replace(params=part.params._replace(b1=part.params.b1 + missing))


def _with_plain_arrays(problem: AnyProblem, fails: Fails) -> AnyProblem:
    if problem.lr not in (0.0, 1.0) and fails(problem._replace(lr=1.0, source="")):
        problem = problem._replace(lr=1.0, source="")
    for place, array in enumerate(_arrays(problem)):
        for plain in (np.zeros_like, np.ones_like, np.sign, np.rint):
            if plain is np.ones_like and not array.all():
                continue  # a 0 is plainer than a 1
            if plain(array).tobytes() == array.tobytes():
                break  # as plain already, and what follows is less so
            candidate = _with_array(problem, place, plain(array))
            if fails(candidate):
                problem = candidate
                break
    return problem


def _with_plain_numbers(problem: AnyProblem, fails: Fails) -> AnyProblem:
    for place, array in enumerate(_arrays(problem)):
        for flat in range(array.size if array.size <= _FEW else 0):
            for plain in _plainer(array.flat[flat]):
                changed = _arrays(problem)[place].copy()
                changed.flat[flat] = plain
                candidate = _with_array(problem, place, changed)
                if fails(candidate):
                    problem = candidate
                    break
    return problem


def _plainer(number: Any) -> list[Any]:
    """Return plainer numbers in place of that one, the plainest first: 0, 1, of few digits, whole."""
    if number == 0:
        return [0.0] if np.signbit(number) else []
    if not np.isfinite(number):
        return [0.0, 1.0]
    plainest = [0.0, 1.0, float(f"{number:.1g}"), float(f"{number:.2g}"), np.rint(number)]
    every = [*filter(np.isfinite, plainest), number]
    return every[: every.index(number)]


def _part(problem: AnyProblem, axis: int, kept: NDArray[np.intp]) -> AnyProblem:
    n, d, h, o = (kept if axis == place else np.arange(size) for place, size in enumerate(problem.shape))

    def four(p: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        return p[0][np.ix_(d, h)], p[1][..., h], p[2][np.ix_(h, o)], p[3][..., o]

    return problem._replace(
        params=Params(*four(problem.params)),
        x=problem.x[np.ix_(n, d)],
        y=problem.y[np.ix_(n, o)],
        grads=Grads(*four(problem.grads)),
        source="",
    )


def _arrays(problem: AnyProblem) -> list[NDArray[Any]]:
    return [*problem.params, problem.x, problem.y, *problem.grads]


def _with_array(problem: AnyProblem, place: int, array: NDArray[Any]) -> AnyProblem:
    arrays = _arrays(problem)
    arrays[place] = array
    return problem._replace(params=Params(*arrays[:4]), x=arrays[4], y=arrays[5], grads=Grads(*arrays[6:]), source="")
