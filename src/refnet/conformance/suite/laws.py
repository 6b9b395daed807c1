"""LAW: what the results of two related problems have to do with each other."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.checks import NORMAL, PLAIN, holds
from refnet.conformance.problem import AnyProblem, balls
from refnet.conformance.suite.behaviour import each
from refnet.conformance.suite.values import enclosed, judged, tried
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import HELD, NOTHING, Finding, wrong
from refnet.network import Params
from refnet.rounding import FLOAT64, MARGIN, Ball

_DERIVED = ("forward", "loss", "grads")  # update and step follow from grads, and have no law of their own


class Relative(NamedTuple):
    """A related problem, and how each named array of its results is brought back to the problem it came from.

    The way back is exact: a permutation, a factor that is a power of two, a part of the array.
    """

    problem: AnyProblem
    back: Callable[[str, NDArray[Any]], NDArray[Any]]


def _agrees(net: Implementation, problem: AnyProblem, relative: Relative, clause: str, law: str) -> Finding:
    """Compare the implementation with itself: two results can differ by no more than their two radii together."""

    def check(operation: str) -> Finding:
        if operation not in _DERIVED:
            return NOTHING
        here, there = net.run(operation, problem), net.run(operation, relative.problem)
        mine, its = balls(operation, problem, points=False), balls(operation, relative.problem, points=False)
        allowed = {}
        for name, ball in mine.items():
            radius = relative.back(name, its[name].radius)
            # The exact results agree, so the centres differ by their own rounding errors alone, which the radii hold.
            allowed[name] = _around(here[name], ball.radius + np.abs(radius))
        brought = {name: relative.back(name, array) for name, array in there.items()}
        return _of_the_law(net, judged(operation, brought, allowed, clause=clause), law, problem, relative.problem)

    return each(net, problem, check)


def _around(array: NDArray[Any], radius: NDArray[np.float64]) -> Ball:
    """Return what may differ from the array by twice the radius.

    Nothing is said of what is 0 in exact arithmetic, or is not finite: the clauses of the value refuse anything else.
    """
    centre = array.astype(np.float64)
    return Ball(centre, np.where((radius > 0) & np.isfinite(centre), MARGIN * 2 * radius, np.inf))


def _of_the_law(net: Implementation, finding: Finding, law: str, *problems: AnyProblem) -> Finding:
    """Return the finding with the law in words, and the problem that shows it.

    Results within their bounds obey every law: so one of those that do not is beyond its own.
    """
    fault = finding.fault
    if fault is None:
        return finding
    shows = next((p for p in problems if tried(partial(enclosed, net, fault.operation, p)).fault is not None), None)
    scene = (f"# {law}",) if shows is None else ()
    return finding._replace(fault=fault._replace(message=f"{fault.message} ({law})", scene=scene, problem=shows))


def _rescaled(problem: AnyProblem) -> Relative:
    """Return the problem with every unit's weights multiplied and divided by its own power of two."""
    p = problem.params
    scale = np.ldexp(1.0, 1 + np.arange(p.w1.shape[1]) % 3).astype(p.w1.dtype)
    params = Params(p.w1 * scale, p.b1 * scale, p.w2 / scale[:, None], p.b2)

    def back(name: str, array: NDArray[Any]) -> NDArray[Any]:
        factor = {"grads.w1": scale, "grads.b1": scale, "grads.w2": 1 / scale[:, None]}.get(name, 1.0)
        return array * factor

    return Relative(problem.with_arrays(params), back)


def _negated(problem: AnyProblem) -> Relative:
    """Return the problem with every feature and every output negated."""
    p = problem.params
    params = Params(-p.w1, p.b1, -p.w2, -p.b2)

    def back(name: str, array: NDArray[Any]) -> NDArray[Any]:
        return -array if name in ("forward", "grads.w1", "grads.w2", "grads.b2") else array

    return Relative(problem.with_arrays(params, -problem.x, -problem.y), back)


def _permuted(problem: AnyProblem) -> Relative:
    """Return the problem with its samples, features, units and outputs in another order."""
    n, d, h, o = (np.roll(np.arange(size), 1) for size in problem.shape)  # which leaves none in its place
    p = problem.params
    params = Params(p.w1[np.ix_(d, h)], p.b1[h], p.w2[np.ix_(h, o)], p.b2[o])
    moved = problem.with_arrays(params, problem.x[np.ix_(n, d)], problem.y[np.ix_(n, o)])

    def back(name: str, array: NDArray[Any]) -> NDArray[Any]:
        orders = {"forward": (n, o), "loss": (), "grads.w1": (d, h), "grads.b1": (h,), "grads.w2": (h, o)}
        order = orders.get(name, (o,))
        return array[np.ix_(*map(np.argsort, order))] if order else array

    return Relative(moved, back)


def _padded(problem: AnyProblem) -> Relative:
    """Return the problem with a feature that is always 0, and a unit that nothing enters or leaves."""
    p = problem.params
    params = Params(
        w1=np.pad(p.w1, ((0, 1), (0, 1))), b1=np.pad(p.b1, (0, 1)), w2=np.pad(p.w2, ((0, 1), (0, 0))), b2=p.b2
    )
    wider = problem.with_arrays(params, np.pad(problem.x, ((0, 0), (0, 1))))

    def back(name: str, array: NDArray[Any]) -> NDArray[Any]:
        if name == "grads.w1":
            return array[:-1, :-1]
        return array[:-1] if name in ("grads.b1", "grads.w2") else array

    return Relative(wider, back)


@holds("LAW-1", *_DERIVED, data=NORMAL)
def _rescaling(net: Implementation, problem: AnyProblem) -> Finding:
    return _agrees(net, problem, _rescaled(problem), "LAW-1", "units rescaled by powers of two")


@holds("LAW-2", *_DERIVED, data=NORMAL)
def _negation(net: Implementation, problem: AnyProblem) -> Finding:
    return _agrees(net, problem, _negated(problem), "LAW-2", "features and outputs negated")


@holds("LAW-3", *_DERIVED, data=NORMAL)
def _permutation(net: Implementation, problem: AnyProblem) -> Finding:
    return _agrees(net, problem, _permuted(problem), "LAW-3", "samples, features, units and outputs permuted")


@holds("LAW-4", "loss", "grads", data=NORMAL)
def _additivity(net: Implementation, problem: AnyProblem) -> Finding:
    # The loss and the gradient of a batch are the sums of those of its parts.
    if len(problem.x) < 2:
        return NOTHING  # nothing to divide; EDGE-1 asks for the empty batch
    middle = (len(problem.x) + 1) // 2
    parts = [
        problem.with_arrays(x=problem.x[rows], y=problem.y[rows]) for rows in (slice(None, middle), slice(middle, None))
    ]

    def check(operation: str) -> Finding:
        if operation not in ("loss", "grads"):
            return NOTHING
        whole = net.run(operation, problem)
        one, two = (net.run(operation, part) for part in parts)
        spread = [balls(operation, part, points=False) for part in (problem, *parts)]
        allowed = {}
        for name, array in one.items():
            total = array.astype(np.float64) + two[name].astype(np.float64)
            radius = np.asarray(sum(ball[name].radius for ball in spread))
            addition = FLOAT64.unit_roundoff * np.abs(total)  # of the two parts, here
            allowed[name] = _around(total, np.where(radius > 0, radius + addition, 0.0))
        finding = judged(operation, whole, allowed, clause="LAW-4")
        law = f"the sum of the first {middle} samples and the rest"
        return _of_the_law(net, finding, law, problem, *parts)

    return each(net, problem, check)


@holds("LAW-5", *_DERIVED, data=NORMAL)
def _padding(net: Implementation, problem: AnyProblem) -> Finding:
    return _agrees(net, problem, _padded(problem), "LAW-5", "a feature and a unit of zeros appended")


@holds("LAW-6", *_DERIVED, data=PLAIN)
def _to_the_bit(net: Implementation, problem: AnyProblem) -> Finding:
    # Rounding commutes with powers of two and with negation, so these two laws can hold to the bit.
    def check(operation: str) -> Finding:
        if operation not in _DERIVED:
            return NOTHING
        here = net.run(operation, problem)
        for law, relative in (("units rescaled", _rescaled(problem)), ("features negated", _negated(problem))):
            for name, array in net.run(operation, relative.problem).items():
                if not np.array_equal(relative.back(name, array), here[name]):
                    return wrong(f"{name} differs in its last bits with {law}", operation, (f"# {law}",))
        return HELD

    return each(net, problem, check)
