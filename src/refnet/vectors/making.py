"""What the families are made of: data that are drawn, or written down, in a format; and flags for operations."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from refnet.network import Activation, Params
from refnet.rounding import Floats
from refnet.vectors.groups import Data, Operation

Number: TypeAlias = type[Any]  # np.float32 or np.float64
Shape: TypeAlias = tuple[int, int, int, int]
Flags: TypeAlias = dict[Operation, Sequence[str]]


def every(*flags: str, **more: Sequence[str]) -> Flags:
    """Return these flags for every operation, and more for some."""
    operations: tuple[Operation, ...] = ("forward", "loss", "grads", "update", "step")
    return {operation: (*flags, *more.get(operation, ())) for operation in operations}


def some(operations: str, *flags: str) -> Flags:
    """Return these flags for the operations that the words name."""
    return {operation: flags for operation in ("forward", "loss", "grads", "update", "step") if operation in operations}


def by_hand(number: Number, lr: float, activation: Activation = "relu", **arrays: Any) -> Data:
    """Return data of arrays that are written down, rounded to the format."""
    six = {name: np.array(value, number) for name, value in arrays.items()}
    params = Params(*(six[name] for name in Params._fields))
    return Data(params, six["x"], six["y"], float(number(lr)), activation)


def drawn(
    number: Number,
    shape: Shape,
    draw: Callable[[tuple[int, ...]], Floats],
    lr: float = 0.1,
    activation: Activation = "relu",
) -> Data:
    """Return data of which each array is drawn alike."""
    n, d, h, o = shape
    sizes = {"w1": (d, h), "b1": (h,), "w2": (h, o), "b2": (o,), "x": (n, d), "y": (n, o)}
    return by_hand(number, lr, activation, **{name: draw(size) for name, size in sizes.items()})


def in_units(data: Data, exponent: int) -> Data:
    """Return the same network in other units: every layer scales once, the loss and the weights' gradients twice."""
    p = data.params
    x, y, b1, b2 = (np.ldexp(array, exponent) for array in (data.x, data.y, p.b1, p.b2))
    return data._replace(x=x, y=y, params=p._replace(b1=b1, b2=b2))
