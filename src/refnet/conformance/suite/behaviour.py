"""PURE and LAYOUT: an operation is a function of the values of its arguments, and of nothing else."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet.conformance import layouts
from refnet.conformance.checks import NORMAL, holds
from refnet.conformance.problem import AnyProblem, balls
from refnet.conformance.reproduce import called
from refnet.conformance.suite.values import alike, because_of, enclosed, failed, judged, seen_only
from refnet.conformance.target import ARGUMENTS, OPERATIONS, Implementation, LostError, NoResultError, copied
from refnet.conformance.verdicts import HELD, NOTHING, Finding, given, wrong
from refnet.judgement import ResultError


def each(net: Implementation, problem: AnyProblem, check: Callable[[str], Finding]) -> Finding:
    """Return what the check finds for every operation that there is.

    One that raises, or returns no numbers, is at fault unless it does so for the problem itself.
    """
    finding = NOTHING
    for operation in net.operations:
        try:
            found = check(operation)
        except (NoResultError, ResultError) as error:
            found = because_of(failed(error), net, operation, problem)
        finding = finding.joined(found)
    return finding


def rearranged(problem: AnyProblem, change: Callable[[NDArray[Any]], NDArray[Any]]) -> AnyProblem:
    """Return the problem with each of its arrays changed."""
    params = type(problem.params)(*map(change, problem.params))
    grads = type(problem.grads)(*map(change, problem.grads))
    return problem._replace(params=params, x=change(problem.x), y=change(problem.y), grads=grads)


def arrays(operation: str, problem: AnyProblem) -> dict[str, NDArray[Any]]:
    """Return the arrays that the operation is given, by name."""
    found: dict[str, NDArray[Any]] = {}
    for name in ARGUMENTS[operation]:
        if name in ("params", "grads"):
            found |= {f"{name}.{key}": array for key, array in getattr(problem, name)._asdict().items()}
        elif name != "lr":
            found[name] = getattr(problem, name)
    return found


def another(problem: AnyProblem) -> AnyProblem:
    """Return a problem of the same shapes with other values."""
    return rearranged(problem, lambda array: (array[::-1] * -0.75 + 0.5).astype(array.dtype))


@holds("PURE-1", *OPERATIONS, data=NORMAL)
def _arguments_unchanged(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        mine = copied(problem)
        before = {name: array.tobytes() for name, array in arrays(operation, mine).items()}
        net.run_on(operation, mine)
        for name, array in arrays(operation, mine).items():
            if array.tobytes() != before[name]:
                return wrong(f"{operation} wrote to its argument {name}: arguments stay as they were", operation)
        return HELD

    return each(net, problem, check)


@holds("PURE-2", *OPERATIONS, data=NORMAL)
def _results_are_new(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        mine = copied(problem)
        # A rate of 0 and a batch of one invite an implementation to hand its argument back.
        for variant in (mine, mine._replace(lr=0.0)) if operation in ("update", "step") else (mine,):
            for result, array in net.run_on(operation, variant).items():
                for name, argument in arrays(operation, variant).items():
                    if np.shares_memory(array, argument):
                        return wrong(f"{result} shares memory with the argument {name}", operation)
        return HELD

    return each(net, problem, check)


@holds("PURE-3", *OPERATIONS, data=NORMAL)
def _results_stay(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        first = net.run_on(operation, copied(problem))
        before = {name: array.tobytes() for name, array in first.items()}
        second = net.run_on(operation, copied(another(problem)))
        for name, array in first.items():
            if array.tobytes() != before[name]:
                return wrong(f"{name} of an earlier call changed when {operation} was called again", operation)
            if np.shares_memory(array, second[name]):
                return wrong(f"{name} shares memory with {name} of an earlier call", operation)
        return HELD

    return each(net, problem, check)


@holds("PURE-4", *OPERATIONS, data=NORMAL)
def _no_memory_of_other_calls(net: Implementation, problem: AnyProblem) -> Finding:
    other = another(problem)
    firsts: dict[str, dict[str, NDArray[Any]]] = {}
    for operation in net.operations:  # all of them before any has met the other arguments
        with suppress(NoResultError, ResultError):
            firsts[operation] = net.run(operation, problem)

    def check(operation: str) -> Finding:
        first = firsts.get(operation) or net.run(operation, problem)
        if not all(np.isfinite(array).all() for array in first.values()):
            return because_of(enclosed(net, operation, problem), net, operation, problem)
        for each_one in net.operations:
            with suppress(NoResultError, ResultError):
                net.run(each_one, other)
        scene = (called(operation, problem), *_called_with_others(operation, problem))
        finding = alike(operation, net.run(operation, problem), first, problem, "PURE-4", scene)
        if finding.fault is not None:
            return given(seen_only(finding, "after calls with other arguments"), problem, other, problem)
        mine = copied(problem)
        net.run_on(operation, mine)
        for name, array in arrays(operation, mine).items():
            array[...] = arrays(operation, other)[name]
        scene = (called(operation, problem), *_others_written(operation))
        reused = alike(operation, net.run_on(operation, mine), net.run(operation, other), other, "PURE-4", scene)
        reused = given(seen_only(reused, "in the arrays of an earlier call, with other values in them"), problem, other)
        return finding.joined(reused)

    return each(net, problem, check)


_OTHER = "(array[::-1] * -0.75 + 0.5).astype(array.dtype)"  # as `another` has it


def _called_with_others(operation: str, problem: AnyProblem) -> tuple[str, str]:
    with_others = {"params": "refnet.Params(*map(other, params))", "grads": "refnet.Grads(*map(other, grads))"}
    with_others |= {"x": "other(x)", "y": "other(y)", "lr": "lr"}
    given = ", ".join(with_others[name] for name in ARGUMENTS[operation])
    return f"other = lambda array: {_OTHER}", called(operation, problem, given)


def _others_written(operation: str) -> tuple[str, str]:
    names = (name if name in "xy" else f"*{name}" for name in ARGUMENTS[operation] if name != "lr")
    return f"for array in ({', '.join(names)}):", f"    array[...] = {_OTHER}"


@holds("PURE-5", *OPERATIONS, data=NORMAL)
def _repeatable(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        first = {name: array.copy() for name, array in net.run(operation, problem).items()}
        for name, array in net.run(operation, problem).items():
            if not np.array_equal(array, first[name], equal_nan=True):
                differs = wrong(f"{name} differs between two calls with the same arguments", operation)
                return given(differs, problem, problem)
        return HELD

    return each(net, problem, check)


_LAID_OUT = {
    "fortran": "in Fortran order",
    "strided": "strided",
    "negative": "of negative strides",
    "read_only": "read-only",
}


def _laid_out(net: Implementation, problem: AnyProblem, lay: Callable[[NDArray[Any]], NDArray[Any]]) -> Finding:
    def check(operation: str) -> Finding:
        last = "refnet.Grads(*map(lay, grads))" if operation == "update" else "lay(x)"
        names = "params, grads" if operation == "update" else "params, x"
        scene = (
            f"lay = refnet.conformance.layouts.{lay.__name__}",
            f"{names} = refnet.Params(*map(lay, params)), {last}",
            *(("y = lay(y)",) if operation in ("loss", "grads", "step") else ()),
        )
        when = f"with every argument {_LAID_OUT[lay.__name__]}"
        try:
            actual = net.run_on(operation, rearranged(problem, lay))
        except NoResultError as error:
            found = wrong(f"{error} ({when})", operation, scene, lost=isinstance(error, LostError))
            return because_of(found, net, operation, problem)
        finding = judged(operation, actual, balls(operation, problem, points=False), scene)
        return because_of(seen_only(finding, when), net, operation, problem)

    return each(net, problem, check)


@holds("LAYOUT-1", *OPERATIONS, data=NORMAL)
def _fortran_order(net: Implementation, problem: AnyProblem) -> Finding:
    return _laid_out(net, problem, layouts.fortran)


@holds("LAYOUT-2", *OPERATIONS, data=NORMAL)
def _every_other_element(net: Implementation, problem: AnyProblem) -> Finding:
    return _laid_out(net, problem, layouts.strided)


@holds("LAYOUT-3", *OPERATIONS, data=NORMAL)
def _back_to_front(net: Implementation, problem: AnyProblem) -> Finding:
    return _laid_out(net, problem, layouts.negative)


@holds("LAYOUT-4", *OPERATIONS, data=NORMAL)
def _cannot_be_written(net: Implementation, problem: AnyProblem) -> Finding:
    return _laid_out(net, problem, layouts.read_only)
