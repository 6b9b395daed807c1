"""What a vector is: a call, what it should return, and what a failure probably means."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet import exact
from refnet.network import Activation, Grads, Params
from refnet.vectors import enclosure
from refnet.vectors.balls import Ball, constant, times, total

Array: TypeAlias = NDArray[Any]  # float32 or float64; of a special value object, with words among the numbers
Operation: TypeAlias = Literal["forward", "loss", "grads", "update", "step"]
Level: TypeAlias = Literal["MUST", "SHOULD"]

NAN, ANY, NOT_FINITE = "NaN", "any", "not finite"  # in place of a number, what a component has to be

_CLAUSES: dict[Operation, tuple[str, ...]] = {
    "forward": ("FWD-1",),
    "loss": ("LOSS-1",),
    "grads": ("GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4"),
    "update": ("UPD-1",),
    "step": ("STEP-1",),
}
_EXACT_CLAUSES: dict[Operation, tuple[str, ...]] = {
    "forward": ("FWD-3",),
    "loss": ("LOSS-3",),
    "grads": ("GRAD-6",),
    "update": ("UPD-4",),
    "step": ("STEP-4",),
}


class Vector(NamedTuple):
    """A call and its judgement: each component of each named array lies in [low, high], or is what a word there says.

    ``inputs``: the arguments but for the parameters, which are the group's. ``result``: the exact one, rounded once.
    ``may_refuse``: whether an error in place of the result is right, too.
    """

    operation: Operation
    clauses: tuple[str, ...]
    level: Level
    may_refuse: bool
    flags: tuple[str, ...]
    inputs: Mapping[str, Any]
    result: Mapping[str, Array]
    low: Mapping[str, Array]
    high: Mapping[str, Array]


class Group(NamedTuple):
    """Vectors that share their parameters, and the sizes (N, D, H, O)."""

    about: str
    activation: Activation
    params: Params[Any]
    n: int
    vectors: list[Vector]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The format of all its numbers."""
        return self.params.w1.dtype


class Data(NamedTuple):
    """The arguments from which the vectors of a group are made."""

    params: Params[Any]
    x: Array
    y: Array
    lr: float = 0.125
    activation: Activation = "relu"


def group(
    about: str,
    data: Data,
    flags: Mapping[Operation, Sequence[str]],
    *clauses: str,
    exact_only: bool = False,
) -> Group:
    """Return the group of these data, with a vector for each operation that has flags.

    ``clauses``: those it holds beside the clauses of the values. ``exact_only``: the vectors hold the clauses of exact
    results (SHOULD) in place of those of enclosed ones. Raises OutOfRangeError where a sum might overflow.
    """
    vectors = [vector(operation, data, tuple(why), clauses, exact_only) for operation, why in flags.items()]
    return Group(about, data.activation, data.params, len(data.x), vectors)


def vector(
    operation: Operation, data: Data, flags: tuple[str, ...], clauses: tuple[str, ...] = (), exact_only: bool = False
) -> Vector:
    """Return one vector of these data."""
    inputs = _inputs(operation, data)
    balls = _balls(operation, data, inputs, points=exact_only)
    ends = {name: enclosure.ends(ball, data.x.dtype) for name, ball in balls.items()}
    rounded = _rounded(operation, data, inputs)
    held = _EXACT_CLAUSES[operation] if exact_only else _CLAUSES[operation]
    for name, value in rounded.items():
        if not ((ends[name].low <= value) & (value <= ends[name].high)).all():
            raise ArithmeticError(f"{operation}.{name} is not in its own interval: the enclosure is wrong")
    return Vector(
        operation,
        (*held, *clauses),
        "SHOULD" if exact_only else "MUST",
        False,
        flags,
        inputs,
        rounded,
        {name: end.low for name, end in ends.items()},
        {name: end.high for name, end in ends.items()},
    )


def is_exact(made: Vector) -> bool:
    """Return whether every interval of the vector is one number."""
    return all(np.array_equal(made.low[name], made.high[name]) for name in made.low)


def rounded_grads(data: Data) -> Grads[Any]:
    """Return the gradient, rounded once."""
    return exact.grads(data.params, data.x, data.y, activation=data.activation).rounded(data.x.dtype.type)


def _inputs(operation: Operation, data: Data) -> dict[str, Any]:
    if operation == "forward":
        return {"x": data.x}
    if operation == "update":
        return {"grads": rounded_grads(data), "lr": data.lr}
    return {"x": data.x, "y": data.y} | ({"lr": data.lr} if operation == "step" else {})


def _balls(operation: Operation, data: Data, inputs: Mapping[str, Any], *, points: bool) -> dict[str, Ball]:
    p, x, y, lr, activation = data
    if operation == "forward":
        return {"y_pred": enclosure.forward(p, x, activation=activation, points=points)}
    if operation == "loss":
        return {"loss": enclosure.loss(p, x, y, activation=activation, points=points)}
    if operation == "update":
        return enclosure.update(p, inputs["grads"], lr, points=points)._asdict()
    if operation == "step":
        return enclosure.step(p, x, y, lr, activation=activation, points=points)._asdict()
    return enclosure.grads(p, x, y, activation=activation, points=points)._asdict()


def _rounded(operation: Operation, data: Data, inputs: Mapping[str, Any]) -> dict[str, Array]:
    p, x, y, lr, activation = data
    number = x.dtype.type
    if operation == "forward":
        return {"y_pred": exact.forward(p, x, activation=activation).rounded(number)}
    if operation == "loss":
        return {"loss": exact.loss(p, x, y, activation=activation).rounded(number)}
    if operation == "grads":
        return rounded_grads(data)._asdict()
    if operation == "update":
        return exact.update(p, inputs["grads"], lr).rounded(number)._asdict()
    slopes = exact.grads(p, x, y, activation=activation)  # not rounded: the whole step is rounded once
    moves = (times(constant(-lr), slope) for slope in slopes)
    steps = (total(exact.Dyadic.of(before), move) for before, move in zip(p, moves, strict=True))
    return {name: after.rounded(number) for name, after in zip(Params._fields, steps, strict=True)}
