"""micrograd: one Value a number, the graph walked backwards. It computes in float64, Python's own."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from micrograd.engine import Value
from numpy.typing import NDArray

from refnet import Params

dtypes = "float64"


def _values(array: NDArray[Any]) -> NDArray[Any]:
    return np.array([Value(float(number)) for number in array.flat], dtype=object).reshape(array.shape)


def _sum(terms: list[Any]) -> Any:
    """Add in halves: backward() calls itself once a level, and a chain of a thousand terms is too deep for Python."""
    if len(terms) < 2:
        return terms[0] if terms else Value(0.0)
    middle = len(terms) // 2
    return _sum(terms[:middle]) + _sum(terms[middle:])


def _neuron(weights: Iterable[Any], inputs: Iterable[Any], bias: Any) -> Any:
    return _sum([w * x for w, x in zip(weights, inputs, strict=True)]) + bias


def _predict(params: Params[Any], x: NDArray[Any]) -> list[list[Any]]:
    w1, b1, w2, b2 = params
    hidden = [[_neuron(w, row, b).relu() for w, b in zip(w1.T, b1.flat, strict=True)] for row in x.tolist()]
    return [[_neuron(w, row, b) for w, b in zip(w2.T, b2.flat, strict=True)] for row in hidden]


def _loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    predicted = zip(_predict(params, x), y.tolist(), strict=True)
    return _sum([(p - t) ** 2 for row, targets in predicted for p, t in zip(row, targets, strict=True)])


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    rows = _predict(Params(*map(_values, params)), x)
    return np.array([[value.data for value in row] for row in rows]).reshape(len(x), params.w2.shape[1])


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(_loss(Params(*map(_values, params)), x, y).data)


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> list[NDArray[Any]]:
    tracked = Params(*map(_values, params))
    _loss(tracked, x, y).backward()
    return [np.array([float(value.grad) for value in p.flat]).reshape(p.shape) for p in tracked]
