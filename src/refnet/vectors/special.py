"""Vectors with NaN in the data or a result beyond the range: some components have a word in place of an interval."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from refnet.network import Params
from refnet.vectors.groups import ANY, NAN, NOT_FINITE, Array, Data, Group, Operation, Vector, vector

Words: TypeAlias = Mapping[str, list[tuple[Any, str]]]  # for a named result: an index, and what is there


def nan_in_target(data: Data) -> Group:
    """Return the vectors of SPECIAL-1: y[0, 0] is NaN."""
    broken = data.y.copy()
    broken[0, 0] = np.nan
    four: Words = {"w1": [(..., ANY)], "b1": [(..., ANY)], "w2": [((slice(None), 0), ANY)], "b2": [(0, NAN)]}
    words: dict[Operation, Words] = {"loss": {"loss": [((), NAN)]}, "grads": four, "step": four}
    vectors = [
        _with_words(vector(operation, data, ("nan-lost",)), {"y": broken}, said, "SPECIAL-1")
        for operation, said in words.items()
    ]
    about = "y[0, 0] is NaN: it reaches the loss and b2[0], and nothing that belongs to the other output."
    return Group(about, data.activation, data.params, len(data.x), vectors)


def nan_in_input(data: Data) -> Group:
    """Return the vectors of SPECIAL-2 and SPECIAL-4: x[0, 0] is NaN."""
    broken = data.x.copy()
    broken[0, 0] = np.nan
    plain = vector("forward", data, ("nan-spreads",))
    alone = _with_words(plain, {"x": broken}, {"y_pred": [(0, ANY)]}, "SPECIAL-2")
    passes = _with_words(plain, {"x": broken}, {"y_pred": [(0, NAN)]}, "SPECIAL-4")
    vectors = [alone, passes._replace(level="SHOULD", flags=("nan-at-relu",))]
    about = "x[0, 0] is NaN: it stays in the prediction of its own sample."
    return Group(about, data.activation, data.params, len(data.x), vectors)


def overflow(number: type[Any]) -> Group:
    """Return the vectors of SPECIAL-3: every result is beyond the largest number."""
    large = 2.0 ** (71 if number is np.float32 else 519)
    one, zero = np.ones((1, 1), number), np.zeros(1, number)
    params = Params(large * one, zero, one, zero)
    inputs = {"x": large * one, "y": -one}
    shapes: dict[Operation, dict[str, tuple[int, ...]]] = {
        "forward": {"y_pred": (1, 1)},
        "loss": {"loss": ()},
        "grads": {name: p.shape for name, p in params._asdict().items()},
    }
    vectors = []
    for operation, results in shapes.items():
        said = {name: _filled(shape, NOT_FINITE) for name, shape in results.items()}
        exact = {name: _filled(shape, np.inf) for name, shape in results.items()}
        given = {"x": inputs["x"]} if operation == "forward" else inputs
        vectors.append(Vector(operation, ("SPECIAL-3",), "MUST", True, ("overflow",), given, exact, said, said))
    return Group("x w1 is beyond the largest number, and so is everything after it.", "relu", params, 1, vectors)


def _with_words(plain: Vector, inputs: Mapping[str, Array], words: Words, clause: str) -> Vector:
    """Return the vector with other inputs, and with words where they change what is to be returned."""
    parts = []
    for part in (plain.result, plain.low, plain.high):
        said = {name: array.astype(object) for name, array in part.items()}
        for name, places in words.items():
            for index, word in places:
                said[name][index] = word
        parts.append(said)
    return plain._replace(
        clauses=(clause,),
        may_refuse=True,
        inputs={**plain.inputs, **inputs},
        result=parts[0],
        low=parts[1],
        high=parts[2],
    )


def _filled(shape: tuple[int, ...], value: Any) -> Array:
    array = np.empty(shape, object)
    array[...] = value
    return array
