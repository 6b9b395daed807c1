"""Reading the vectors as a stranger would, from their files alone, and holding an implementation to them."""

import json
import math
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.conformance import Implementation
from refnet.conformance.problem import AnyProblem, Problem
from refnet.conformance.target import RaisedError
from refnet.formats import Precision
from refnet.judgement import ResultError
from refnet.network import Grads, Params

FOLDER = Path(__file__).parents[1] / "spec" / "vectors"
NAMES = tuple(sorted(path.name for path in FOLDER.glob("[0-9]*.json")))

Array = NDArray[Any]

_OPERATIONS = {"y_pred": "forward", "loss": "loss"}  # the name that refnet gives such a result


class Read(NamedTuple):
    """One vector, read: ``said`` is its JSON, ``low`` and ``high`` have the names that refnet gives to results."""

    said: dict[str, Any]
    problem: AnyProblem
    low: dict[str, Array]
    high: dict[str, Array]


class Failure(NamedTuple):
    """A vector that an implementation fails, and what is wrong."""

    vector: dict[str, Any]
    why: str


@cache
def document(name: str) -> Any:
    """Return the JSON of one file."""
    return json.loads((FOLDER / name).read_text(encoding="ascii"))


@cache
def vectors(name: str) -> tuple[Read, ...]:
    """Return the vectors of one file."""
    family = document(name)
    return tuple(_read(family, group, said) for group in family["groups"] for said in group["vectors"])


def failures(net: Implementation, names: Iterable[str] = NAMES) -> Iterator[Failure]:
    """Yield the vectors that the implementation fails, of its formats, activations and operations."""
    for name in names:
        for read in vectors(name):
            dtype, activation = read.problem.x.dtype.name, read.problem.activation
            computes = dtype in net.dtypes and net.precision(dtype).is_native  # the vectors are of one format all along
            if computes and activation in net.activations and read.said["op"] in net.operations:
                why = failure(net, read)
                if why:
                    yield Failure(read.said, why)


def failure(net: Implementation, read: Read) -> str:
    """Return what is wrong with the result for one vector, or ""."""
    try:
        results = net.run(read.said["op"], read.problem)
    except RaisedError as error:
        return "" if read.said["may_refuse"] else str(error)
    except ResultError as error:
        return str(error)
    for name, low in read.low.items():
        with np.errstate(over="ignore"):  # a result of a wider format is rounded to this one
            actual = results[name].astype(read.problem.x.dtype)
        wrong = np.argwhere(~right(actual, low, read.high[name]))
        if len(wrong):
            at = tuple(wrong[0])
            return f"{name}{list(map(int, at))} is {actual[at]}, outside [{low[at]}, {read.high[name][at]}]"
    return ""


def right(actual: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Return which components are as they should be: the whole of what a consumer has to do."""
    if low.dtype != object:
        return np.asarray((low <= actual) & (actual <= high))
    each = [_is_right(*three) for three in zip(actual.flat, low.flat, high.flat, strict=True)]
    return np.array(each, np.bool_).reshape(actual.shape)


def _is_right(value: float, low: Any, high: Any) -> bool:
    if low == "any":
        return True
    if low == "NaN":
        return math.isnan(value)
    if low == "not finite":
        return not math.isfinite(value)
    return bool(float(low) <= value <= float(high))


def shapes(group: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each named array of a group."""
    n, d, h, o = (group["sizes"][size] for size in "NDHO")
    parameters = {"w1": (d, h), "b1": (h,), "w2": (h, o), "b2": (o,)}
    return parameters | {"x": (n, d), "y": (n, o), "y_pred": (n, o), "loss": (), "lr": ()}


def array(family: Any, group: Any, name: str, value: Any) -> Array:
    """Return a named array: the one in the JSON, or the one beside it; with words in it, one of objects."""
    dtype, shape = np.dtype(group["format"]), shapes(group)[name]
    if isinstance(value, dict):
        said = family["files"][value["file"]]
        little = np.dtype(said["dtype"]).newbyteorder("<")
        return np.fromfile(FOLDER / value["file"], little).astype(dtype).reshape(said["shape"])
    mixed = np.array(value, dtype=object).reshape(shape)
    return mixed if any(isinstance(part, str) for part in mixed.flat) else mixed.astype(float).astype(dtype)


def _read(family: Any, group: Any, said: Any) -> Read:
    def read(name: str, value: Any) -> Array:
        return array(family, group, name, value)

    def numbers(name: str, named: Any) -> Array:
        there = read(name, named[name]) if name in named else np.zeros(shapes(group)[name])
        return there.astype(float).astype(group["format"])  # "NaN" and "Infinity" are numbers to Python

    def renamed(end: str) -> dict[str, Array]:
        return {_OPERATIONS.get(name, f"{said['op']}.{name}"): read(name, part) for name, part in said[end].items()}

    inputs = said["inputs"]
    params = Params(*(numbers(name, group["params"]) for name in Params._fields))
    grads = Grads(*(numbers(name, inputs.get("grads", {})) for name in Grads._fields))
    x, y, rate = numbers("x", inputs), numbers("y", inputs), numbers("lr", inputs)
    problem = Problem(params, x, y, grads, float(rate), group["activation"], Precision(group["format"]))
    return Read(said, problem, renamed("low"), renamed("high"))
