"""The lines of Python that reproduce a failure: short where the problem is small, its name where it is large."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.problem import AnyProblem
from refnet.conformance.target import ARGUMENTS
from refnet.conformance.verdicts import Fault
from refnet.formats import BFLOAT16
from refnet.network import Grads, Params

_MOST_NUMBERS = 400  # more are not read by anyone; the problem's name makes them again


def lines(made: str, problem: AnyProblem, fault: Fault) -> tuple[str, ...]:
    """Return lines that make the arguments, call the implementation, and judge what it returns.

    ``made`` is the Python expression that makes the implementation.
    """
    operation = fault.operation
    told = [] if operation == "update" else [f'activation="{problem.activation}"']
    if not problem.precision.is_native:
        told.append(f"precision=refnet.{problem.precision!r}")
    judge = f"refnet.assert_{operation}({', '.join(['result', *ARGUMENTS[operation], *told])})"
    # NaN cannot be judged, nor a result that was wrong once: what was seen is then said in words.
    shown = fault.miss is not None and not any(line.startswith("#") or "np.nan" in line for line in fault.scene)
    return (
        f"import {'ml_dtypes, ' if problem.precision.stores == BFLOAT16 else ''}numpy as np, refnet",
        f"net = {made}",
        *_arguments(operation, problem),
        *fault.scene,
        *(("# the next line may not come back, or end Python: run it in a process of its own",) if fault.lost else ()),
        f"result = {called(operation, problem)}",
        judge if shown else f"# {fault.message}",
    )


def called(operation: str, problem: AnyProblem, given: str = "") -> str:
    """Return the expression that calls the operation with what is given: the arguments, by their usual names."""
    given = given or ", ".join(ARGUMENTS[operation])
    return f'net.call("{operation}", {given}, activation="{problem.activation}")'


def printable(problem: AnyProblem) -> bool:
    """Return whether the problem is small enough to be written out."""
    return sum(array.size for array in (*problem.params, problem.x, problem.y)) <= _MOST_NUMBERS


def _arguments(operation: str, problem: AnyProblem) -> list[str]:
    if problem.source and not printable(problem):
        return [f"problem = refnet.conformance.{problem.source}", "params, x, y, grads, lr, *_ = problem"]
    return [f"{name} = {_written(getattr(problem, name))}" for name in ARGUMENTS[operation]]


def _written(argument: Any) -> str:
    if isinstance(argument, (Params, Grads)):
        return f"refnet.{type(argument).__name__}({', '.join(map(literal, argument))})"
    return literal(argument) if isinstance(argument, np.ndarray) else repr(argument)


def literal(array: NDArray[Any]) -> str:
    """Return an expression for the array, every number in full.

    >>> literal(np.array([[0.1, 2.0]], np.float32))
    'np.array([[0.1, 2.0]], np.float32)'
    >>> literal(np.zeros((3, 0)))
    'np.zeros((3, 0), np.float64)'
    """
    dtype = f"{'ml_dtypes' if array.dtype.name == BFLOAT16.name else 'np'}.{array.dtype.name}"
    if array.size > 4 and len({number.tobytes() for number in array.flat}) == 1:
        return f"np.full({array.shape}, {_number(array.flat[0])}, {dtype})"
    if not array.size:
        return f"np.zeros({array.shape}, {dtype})"
    return f"np.array({_nested(array)}, {dtype})"


def _nested(array: NDArray[Any]) -> str:
    if not array.ndim:
        return _number(array[()])
    return f"[{', '.join(_nested(np.asarray(part)) for part in array)}]"


def _number(number: Any) -> str:
    if not np.isfinite(number):
        return "np.nan" if np.isnan(number) else "np.inf" if number > 0 else "-np.inf"
    few = str(number)  # as few digits as tell the number from its neighbours
    return few if type(number)(float(few)) == number else repr(float(number))
