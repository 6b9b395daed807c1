"""PURE and LAYOUT: an operation is a function of the values of its arguments, and of nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet.conformance import layouts
from refnet.conformance.checks import NORMAL, holds
from refnet.conformance.problem import AnyProblem, balls
from refnet.conformance.suite.values import because_of, enclosed, judged
from refnet.conformance.target import OPERATIONS, Implementation, RaisedError, arguments
from refnet.conformance.verdicts import HELD, NOTHING, Finding, wrong


def each(net: Implementation, check: Callable[[str], Finding]) -> Finding:
    """Return what the check finds for every operation that there is. One that fails altogether is not asked twice."""
    finding = NOTHING
    for operation in net.operations:
        finding = finding.joined(check(operation))
    return finding


def rearranged(problem: AnyProblem, change: Callable[[NDArray[Any]], NDArray[Any]]) -> AnyProblem:
    """Return the problem with each of its arrays changed."""
    params = type(problem.params)(*map(change, problem.params))
    grads = type(problem.grads)(*map(change, problem.grads))
    return problem._replace(params=params, x=change(problem.x), y=change(problem.y), grads=grads)


def _copied(problem: AnyProblem) -> AnyProblem:
    return rearranged(problem, np.copy)


def arrays(operation: str, problem: AnyProblem) -> dict[str, NDArray[Any]]:
    """Return the arrays that the operation is given, by name."""
    named = {"x": problem.x, "y": problem.y, **{f"params.{k}": p for k, p in problem.params._asdict().items()}}
    if operation == "update":
        named |= {f"grads.{k}": g for k, g in problem.grads._asdict().items()}
    given = {id(part) for argument in arguments(operation, problem) for part in _parts(argument)}
    return {name: array for name, array in named.items() if id(array) in given}


def _parts(argument: object) -> tuple[object, ...]:
    return argument if isinstance(argument, tuple) else (argument,)


def another(problem: AnyProblem) -> AnyProblem:
    """Return a problem of the same shapes with other values."""
    return rearranged(problem, lambda array: (array[::-1] * -0.75 + 0.5).astype(array.dtype))


@holds("PURE-1", *OPERATIONS, data=NORMAL)
def _arguments_unchanged(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        mine = _copied(problem)
        before = {name: array.tobytes() for name, array in arrays(operation, mine).items()}
        net.run(operation, mine)
        for name, array in arrays(operation, mine).items():
            if array.tobytes() != before[name]:
                return wrong(f"{operation} wrote to its argument {name}: arguments stay as they were", operation)
        return HELD

    return each(net, check)


@holds("PURE-2", *OPERATIONS, data=NORMAL)
def _results_are_new(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        mine = _copied(problem)
        # A rate of 0 and a batch of one invite an implementation to hand its argument back.
        for variant in (mine, mine._replace(lr=0.0)) if operation in ("update", "step") else (mine,):
            for result, array in net.run(operation, variant).items():
                for name, argument in arrays(operation, variant).items():
                    if np.shares_memory(array, argument):
                        return wrong(f"{result} shares memory with the argument {name}", operation)
        return HELD

    return each(net, check)


@holds("PURE-3", *OPERATIONS, data=NORMAL)
def _results_stay(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        first = net.run(operation, problem)
        before = {name: array.tobytes() for name, array in first.items()}
        second = net.run(operation, another(problem))
        for name, array in first.items():
            if array.tobytes() != before[name]:
                return wrong(f"{name} of an earlier call changed when {operation} was called again", operation)
            if np.shares_memory(array, second[name]):
                return wrong(f"{name} shares memory with {name} of an earlier call", operation)
        return HELD

    return each(net, check)


@holds("PURE-4", *OPERATIONS, data=NORMAL)
def _no_memory_of_other_calls(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        first = enclosed(net, operation, problem)
        if first.fault is not None:
            return Finding(eclipsed=operation)
        for other in net.operations:
            net.run(other, another(problem))
        when = "after calls with other arguments"
        return _seen_only(enclosed(net, operation, problem), when, (f"# {when}",))

    return each(net, check)


@holds("PURE-5", *OPERATIONS, data=NORMAL)
def _repeatable(net: Implementation, problem: AnyProblem) -> Finding:
    def check(operation: str) -> Finding:
        first = {name: array.copy() for name, array in net.run(operation, problem).items()}
        for name, array in net.run(operation, problem).items():
            if not np.array_equal(array, first[name], equal_nan=True):
                return wrong(f"{name} differs between two calls with the same arguments", operation)
        return HELD

    return each(net, check)


def _laid_out(net: Implementation, problem: AnyProblem, lay: Callable[[NDArray[Any]], NDArray[Any]]) -> Finding:
    def check(operation: str) -> Finding:
        last = "refnet.Grads(*map(lay, grads))" if operation == "update" else "lay(x)"
        names = "params, grads" if operation == "update" else "params, x"
        scene = (
            f"lay = refnet.conformance.layouts.{lay.__name__}",
            f"{names} = refnet.Params(*map(lay, params)), {last}",
            *(("y = lay(y)",) if operation in ("loss", "grads", "step") else ()),
        )
        when = f"with every argument {lay.__name__.replace('_', '-')}"
        try:
            actual = net.run(operation, rearranged(problem, lay))
        except RaisedError as error:
            return because_of(wrong(f"{error} ({when})", operation, scene), net, operation, problem)
        finding = judged(operation, actual, balls(operation, problem, points=False))
        return because_of(_seen_only(finding, when, scene), net, operation, problem)

    return each(net, check)


def _seen_only(finding: Finding, when: str, scene: tuple[str, ...]) -> Finding:
    """Return the finding with a fault that says when it is seen."""
    fault = finding.fault
    if fault is None:
        return finding
    return finding._replace(fault=fault._replace(message=f"{fault.message} ({when})", scene=scene))


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
