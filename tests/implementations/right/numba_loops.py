"""Numba: the loops of a textbook, compiled, with the backward pass by hand and the batch innermost."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refnet import Params


@njit
def _product(a, b, start):  # type: ignore[no-untyped-def]  # Numba finds the types of what it compiles
    result = np.empty((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = start[j]
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            result[i, j] = total
    return result


@njit
def _kept(h, values):  # type: ignore[no-untyped-def]  # as above
    result = values.copy()
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            if h[i, j] <= 0:
                result[i, j] = 0
    return result


@njit
def _forward(w1, b1, w2, b2, x):  # type: ignore[no-untyped-def]  # as above
    h = _product(x, w1, b1)
    a = _kept(h, h)
    return h, a, _product(a, w2, b2)


@njit
def _loss(y_pred, y):  # type: ignore[no-untyped-def]  # as above
    total = y.dtype.type(0)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            r = y_pred[i, j] - y[i, j]
            total += r * r
    return total


@njit
def _grads(w1, b1, w2, b2, x, y):  # type: ignore[no-untyped-def]  # as above
    h, a, y_pred = _forward(w1, b1, w2, b2, x)
    g = 2 * (y_pred - y)
    zeros = np.zeros(max(b1.size, b2.size), x.dtype)
    gh = _kept(h, _product(g, w2.T, zeros))
    return _product(x.T, gh, zeros), gh.sum(axis=0), _product(a.T, g, zeros), g.sum(axis=0)


def _fitting(params: Params[Any], *data: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the arrays in the one layout that is compiled for. What does not fit would be read past its end."""
    w1, b1, w2, b2 = params
    shapes = [(len(data[0]), len(w1)), (len(data[0]), w2.shape[1])]
    for array, shape in zip(data, shapes, strict=False):
        if array.shape != shape:
            raise ValueError(f"the shape is {array.shape}, expected {shape}")
    return [np.array(array, order="C") for array in (w1, b1.ravel(), w2, b2.ravel(), *data)]


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    return _forward(*_fitting(params, x))[2]


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    w1, b1, w2, b2, x, y = _fitting(params, x, y)
    return _loss(_forward(w1, b1, w2, b2, x)[2], y)


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> list[NDArray[Any]]:
    four = _grads(*_fitting(params, x, y))
    return [g.reshape(p.shape) for g, p in zip(four, params, strict=True)]
