"""What an implementation does in a row of circumstances: its values, and what else it does with its arguments.

A check asks whether one thing holds; this looks at everything at once, so that two implementations can be told apart,
or found to be the same as far as anyone can see. The row is the same for everyone.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.conformance import layouts
from refnet.conformance.loading import implementation
from refnet.conformance.problem import AnyProblem, Numbers, Shape, balls, remembered
from refnet.conformance.suite.behaviour import another, rearranged
from refnet.conformance.target import OPERATIONS, CallError, Implementation, RaisedError, arguments, has_dtype, read
from refnet.faults import Network, in_dtype
from refnet.judgement import ResultError
from refnet.network import Activation
from refnet.rounding import Ball

Array: TypeAlias = NDArray[Any]
Event: TypeAlias = tuple[str, str]  # the component, or the call as a whole, "grads()", and what happened


class Circumstance(NamedTuple):
    """A problem, how its arrays lie in memory, and what is special about it, in words that follow "only"."""

    problem: AnyProblem
    label: str = ""
    lay: Callable[[Array], Array] = np.copy
    lenient: bool = False  # beyond what a formula says: implementations that are alike elsewhere may differ here
    exact: bool = False  # sums are exact here: what differs by more than a few roundings differs for a reason

    @property
    def rank(self) -> int:
        """How far beyond the formulas it is: 0 for what they say, 1 for a choice, 2 for the rest."""
        return 0 if not self.lenient else 1 if self.exact else 2

    @property
    def may_raise(self) -> bool:
        """Whether an error is no lie here: where a value is beyond the format, but not for an empty batch."""
        return self.rank == 2 and len(self.problem.x) > 0


class Seen(NamedTuple):
    """What one call shows: the arrays of its result, none where it raised, and what else happened."""

    values: dict[str, Array]
    events: frozenset[Event]


class Record(NamedTuple):
    """One call of an implementation, what is allowed there, and where it is wrong: a mask for each component.

    The mask is None where the whole component is at fault: a wrong shape, memory that is shared, an error.
    """

    circumstance: Circumstance
    operation: str
    seen: Seen
    allowed: dict[str, Ball]
    wrong: dict[str, Array | None]


# Sizes of one, equal sizes, odd batches, the ends of tiles, a long sum: each shape in which some known fault shows.
_SHAPES: tuple[Shape, ...] = (
    *((1, 1, 1, 1), (1, 3, 4, 2), (3, 1, 4, 2), (3, 4, 1, 2), (3, 2, 4, 1), (2, 2, 2, 2), (4, 4, 4, 4), (3, 3, 4, 2)),
    *((4, 2, 4, 3), (3, 4, 2, 2), (2, 513, 2, 1)),
    *((n, 2, 3, 2) for n in (9, 17, 33, 64, 65, 129)),
    *((3, d, 3, 2) for d in (9, 17, 33, 64, 65, 129)),
    *((3, 2, h, 3) for h in (9, 17, 33, 64, 65, 129)),
    *((3, 2, 3, o) for o in (9, 17, 33, 64, 65, 129)),
)
_LAYOUTS = {
    layouts.fortran: "with arguments in Fortran order",
    layouts.strided: "with strided arguments",
    layouts.negative: "with arguments of negative strides",
    layouts.read_only: "with read-only arguments",
}
RAISES = "raises an error"
_FEW_ROUNDINGS = 32
_SEED = 23  # one with which some unit is on for every shape
# The backward pass comes first once, so that it does not find what a forward pass has left; the update comes twice, so
# that a mistake that comes every so many calls is met in it and in the step.
_CALLS = ("grads", *OPERATIONS, "update")


@lru_cache(maxsize=4)
def circumstances(dtype: Numbers, activation: Activation) -> tuple[Circumstance, ...]:
    """Return the row: a plain problem first, then shapes, values, states and layouts, each special in one way."""
    plain = remembered("normal", (4, 5, 6, 3), dtype, activation, 0)
    p = plain.params
    prediction = _reference("forward", plain)["forward"]
    units = [k for k in (-30, -12, 15) if abs(k) <= -plain.precision.stores.emin // 4]  # squares stay in range
    as_rows = p._replace(b1=p.b1.reshape(1, -1), b2=p.b2.reshape(1, -1))

    def of_kind(
        kind: str, label: str, shape: Shape = (5, 4, 6, 3), *, lenient: bool = False, exact: bool = False
    ) -> Circumstance:
        return Circumstance(remembered(kind, shape, dtype, activation, 0), label, lenient=lenient, exact=exact)

    shaped = [Circumstance(remembered("normal", shape, dtype, activation, _SEED)) for shape in _SHAPES]
    return (
        Circumstance(plain),
        *shaped,
        Circumstance(another(plain)),
        Circumstance(plain, "after calls with other arguments"),
        of_kind("dense", "where sums are exact", (8, 3, 5, 2), exact=True),
        of_kind("kinked", "where units are at their kink", (8, 3, 5, 2), lenient=True, exact=True),
        of_kind("kinked", "where units are at their kink", (1, 2, 65, 2), lenient=True, exact=True),
        of_kind("beside-kink", "where h is near 0"),
        of_kind("fitted", "where the residual is small"),
        of_kind("integers", "where results are large"),
        *(Circumstance(_in_units(plain, k), f"with x, y, b1, b2 in units of 2^{k}") for k in units),
        Circumstance(_assembled(plain, as_rows, plain.y), "with biases as rows", lenient=True),
        Circumstance(plain._replace(lr=0.0), "with a rate of 0"),
        Circumstance(plain._replace(lr=1.0), "with a rate of 1"),
        *(Circumstance(plain, label, lay) for lay, label in _LAYOUTS.items()),
        Circumstance(_assembled(plain, p, prediction), "where the fit is perfect"),
        of_kind("normal", "with an empty batch", (0, 3, 4, 2), lenient=True),
        of_kind("small", "with small numbers", lenient=True),
        of_kind("large", "with large numbers", lenient=True),
        of_kind("tiny", "with subnormal numbers", lenient=True),
        Circumstance(_with_nan(plain, "x"), "with a NaN in x", lenient=True),
        Circumstance(_with_nan(plain, "y"), "with a NaN in y", lenient=True),
        Circumstance(_huge(dtype, activation), "where results overflow", lenient=True),
    )


def _assembled(problem: AnyProblem, params: network.Params[Any], y: Array) -> AnyProblem:
    return problem.with_arrays(params, y=y)


def _in_units(problem: AnyProblem, exponent: int) -> AnyProblem:
    p, unit = problem.params, problem.x.dtype.type(2.0**exponent)
    params = p._replace(b1=p.b1 * unit, b2=p.b2 * unit)
    return problem.with_arrays(params, problem.x * unit, problem.y * unit)


def _with_nan(problem: AnyProblem, name: str) -> AnyProblem:
    array = getattr(problem, name).copy()
    array[0, 0] = np.nan
    return problem._replace(**{name: array}, source="")


def _huge(dtype: Numbers, activation: Activation) -> AnyProblem:
    integers = remembered("integers", (2, 2, 3, 2), dtype, activation, 0)
    with np.errstate(all="ignore"):
        return _in_units(integers, 2 - integers.precision.stores.emin - 6)


def observe(net: Implementation, operation: str, circumstance: Circumstance, earlier: dict[str, Seen]) -> Seen:
    """Return what one call shows. ``earlier`` holds what each operation showed last, and is kept up."""
    problem = rearranged(circumstance.problem, circumstance.lay)
    before = {name: array.copy() for name, array in _arrays(problem).items()}
    call = f"{operation}()"
    events: set[Event] = set()
    values: dict[str, Array] = {}
    dtypes: set[str] = set()
    try:
        result = net.call(operation, *arguments(operation, problem), activation=problem.activation)
        values = read(operation, circumstance.problem, result)
        dtypes = {component for component in values if has_dtype(result, component)}
    except RaisedError:
        events.add((call, RAISES))
    except (CallError, ResultError) as error:
        events.add((call, str(error)))
    for name, array in _arrays(problem).items():
        if array.tobytes() != before[name].tobytes():
            events.add((call, f"writes to {name}"))
    for component, value in values.items():
        if value.dtype != problem.x.dtype and component in dtypes:
            events.add((component, f"is {value.dtype}"))
        events |= {(component, f"shares memory with {n}") for n, a in _arrays(problem).items() if _share(value, a)}
        last = earlier.get(operation)
        if last is not None and component in last.values and _share(value, last.values[component]):
            events.add((component, "shares memory with an earlier result"))
    earlier[operation] = Seen(values, frozenset(events))
    return Seen({name: value.copy() for name, value in values.items()}, frozenset(events))


def _share(one: Array, other: Array) -> bool:
    return bool(np.may_share_memory(one, other)) and bool(np.shares_memory(one, other))


def _arrays(problem: AnyProblem) -> dict[str, Array]:
    params = {f"params.{name}": array for name, array in problem.params._asdict().items()}
    grads = {f"grads.{name}": array for name, array in problem.grads._asdict().items()}
    return {"x": problem.x, "y": problem.y, **params, **grads}


def calls(operations: Iterable[str]) -> list[str]:
    """Return the operations in the order in which each circumstance calls them."""
    there = set(operations)
    return [operation for operation in _CALLS if operation in there]


def records(net: Implementation, row: Iterable[Circumstance], *, seconds: float, at_least: int = 3) -> list[Record]:
    """Return what the implementation does in each circumstance, as far as that time goes, and in some at least.

    It ends at a call that never came back: no listed fault does that, and the next may cost as much.
    """
    start, earlier, found = net.pace.seconds, dict[str, Seen](), list[Record]()
    for done, circumstance in enumerate(row):
        if done >= at_least and net.pace.seconds - start > seconds:
            break
        for operation in calls(net.operations):
            lost = net.pace.lost
            seen = observe(net, operation, circumstance, earlier)
            if net.pace.lost > lost:
                return found
            allowed = allowed_in(circumstance, operation)
            found.append(Record(circumstance, operation, seen, allowed, _wrong(seen, allowed, circumstance)))
    return found


def allowed_in(circumstance: Circumstance, operation: str) -> dict[str, Ball]:
    """Return the enclosure of each component; where nothing is proved, what the reference returns is the centre."""
    problem = circumstance.problem
    with np.errstate(all="ignore"):
        proved = balls(operation, problem, points=False)
        if all(np.isfinite(ball.radius).all() for ball in proved.values()):
            return proved
        returned = _reference(operation, problem)
    return {
        name: Ball(np.where(np.isfinite(ball.radius), ball.centre, returned[name]), ball.radius)
        for name, ball in proved.items()
    }


def _reference(operation: str, problem: AnyProblem) -> dict[str, Array]:
    """Return what the network without a fault returns."""
    net = implementation(in_dtype(Network(), problem.precision.storage))
    return read(operation, problem, net.call(operation, *arguments(operation, problem), activation=problem.activation))


def _wrong(seen: Seen, allowed: dict[str, Ball], circumstance: Circumstance) -> dict[str, Array | None]:
    wrong: dict[str, Array | None] = {}
    for component, value in seen.values.items():
        ball = allowed[component]
        outside = ~alike(value, ball.centre, ball.radius)
        if outside.any():
            wrong[component] = outside
    for component, event in seen.events:
        if event != RAISES or not circumstance.may_raise:
            wrong[component] = None
    return wrong


def alike(one: Array, other: Array, tolerance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where two arrays agree within the tolerance; where there is none, in what kind of number they hold."""
    with np.errstate(all="ignore"):
        a, b = one.astype(np.float64), other.astype(np.float64)
        near = (np.abs(a - b) <= tolerance) | (a == b)
        kind = (np.isnan(a) == np.isnan(b)) & ~(np.isinf(a) ^ np.isinf(b))
        agrees: NDArray[np.bool_] = np.where(np.isfinite(tolerance), near, kind)
        return agrees


def different(record: Record, seen: Seen) -> set[str]:
    """Return the components in which the call differs from the one recorded."""
    mine = record.seen
    different = {component for component, _ in mine.events ^ seen.events}
    for component, ball in record.allowed.items():
        one, other = mine.values.get(component), seen.values.get(component)
        if one is None:
            continue  # no result: that is an event, and tells nothing of the values
        if other is None or (one.tobytes() != other.tobytes() and not _same(record, component, one, other, ball)):
            different.add(component)
    return different


def _same(record: Record, component: str, one: Array, other: Array, ball: Ball) -> bool:
    if component not in record.wrong and alike(other, ball.centre, ball.radius).all():
        return True  # both are right
    tolerance, size = 2 * ball.radius, _size(other)
    unit = record.circumstance.problem.precision.stores.unit_roundoff
    if record.circumstance.exact:  # where the radius is that of a choice, the slope at a kink
        tolerance = np.full(other.shape, _FEW_ROUNDINGS * 2 * unit * size)
    elif 0 < _size(ball.centre) < size:  # what a fault makes larger has larger rounding errors
        tolerance *= size / _size(ball.centre)
    # What a fault makes of a component that is 0 for certain, or hardly changes, has rounding errors of its own.
    tolerance = np.where(ball.centre == 0, tolerance.max(initial=0.0), tolerance)
    tolerance = np.maximum(tolerance, 2 * unit * sum(record.circumstance.problem.shape) * np.abs(other))
    return bool(alike(one, other, tolerance).all())


def _size(array: Array) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
