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
from refnet.conformance.problem import assemble
from refnet.conformance.target import RaisedError
from refnet.judgement import ResultError
from refnet.network import Grads, Params

FOLDER = Path(__file__).parents[1] / "spec" / "vectors"
NAMES = tuple(sorted(path.name for path in FOLDER.glob("[0-9]*.json")))

_OPERATIONS = {"y_pred": "forward", "loss": "loss"}  # the name that refnet gives such a result


class Failure(NamedTuple):
    """A vector that an implementation fails, and the first component that is wrong."""

    id: str
    level: str
    clauses: tuple[str, ...]
    flags: tuple[str, ...]
    said: str


@cache
def document(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="ascii"))


def array(value: Any, dtype: np.dtype[Any], family: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of the JSON, or the one beside it, in its shape; words stay words, in an array of objects."""
    if isinstance(value, dict):
        said = family["files"][value["file"]]
        raw = np.fromfile(FOLDER / value["file"], np.dtype(said["dtype"]).newbyteorder("<"))
        return raw.astype(dtype).reshape(said["shape"])
    return np.array(value, dtype=float).astype(dtype).reshape(shape)  # "NaN" and "Infinity" are floats to Python


def ends(value: Any, dtype: np.dtype[Any], family: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of ends: one of objects where there are words in it, for a word there is no number."""
    if isinstance(value, dict) or '"' not in json.dumps(value):
        return array(value, dtype, family, shape)
    return np.array(value, dtype=object).reshape(shape)


def failures(net: Implementation, names: Iterable[str] = NAMES, only: str = "") -> Iterator[Failure]:
    """Yield the vectors that the implementation fails, of its formats and activations; ``only``: of one format."""
    for name in names:
        family = document(name)
        for group in family["groups"]:
            runs = group["format"] in net.dtypes and group["activation"] in net.activations
            if not runs or only not in ("", group["format"]):
                continue
            for vector in group["vectors"]:
                if vector["op"] not in net.operations:
                    continue
                said = failure(net, family, group, vector)
                if said:
                    yield Failure(vector["id"], vector["level"], tuple(vector["clauses"]), tuple(vector["flags"]), said)


def failure(net: Implementation, family: Any, group: Any, vector: Any) -> str:
    """Return what is wrong with the result for one vector, or ""."""
    dtype = np.dtype(group["format"])
    n, d, h, o = (group["sizes"][size] for size in "NDHO")
    shapes = {"w1": (d, h), "b1": (h,), "w2": (h, o), "b2": (o,), "x": (n, d), "y": (n, o), "y_pred": (n, o), "loss": ()}

    def four(named: Any) -> list[NDArray[Any]]:
        return [array(named[key], dtype, family, shapes[key]) for key in Params._fields]

    inputs = vector["inputs"]
    params = Params(*four(group["params"]))
    x = array(inputs["x"], dtype, family, (n, d)) if "x" in inputs else np.zeros((n, d), dtype)
    y = array(inputs["y"], dtype, family, (n, o)) if "y" in inputs else np.zeros((n, o), dtype)
    problem = assemble(params, x, y, float(inputs.get("lr", 0.0)), group["activation"])
    if "grads" in inputs:
        problem = problem._replace(grads=Grads(*four(inputs["grads"])))
    try:
        results = net.run(vector["op"], problem)
    except RaisedError as error:
        return "" if vector["may_refuse"] else str(error)
    except ResultError as error:
        return str(error)
    for name in vector["low"]:
        with np.errstate(over="ignore"):  # a result of a wider format is rounded to this one
            actual = results[_OPERATIONS.get(name, f"{vector['op']}.{name}")].astype(dtype)
        low, high = (ends(vector[end][name], dtype, family, shapes[name]) for end in ("low", "high"))
        if not right(actual, low, high).all():
            return f"{name} is {actual.ravel()[:3]}, outside {low.ravel()[:3]} to {high.ravel()[:3]}"
    return ""


def right(actual: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which components are as they should be: the whole of what a consumer has to do."""
    if low.dtype != object:
        return np.asarray((low <= actual) & (actual <= high))
    return np.array([_is_right(*three) for three in zip(actual.flat, low.flat, high.flat, strict=True)])


def _is_right(value: float, low: Any, high: Any) -> bool:
    if low == "any":
        return True
    if low == "NaN":
        return math.isnan(value)
    if low == "not finite":
        return not math.isfinite(value)
    return bool(float(low) <= value <= float(high))
