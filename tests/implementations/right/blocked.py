"""NumPy with every sum in blocks of five, the last block first: another order of summation than BLAS has."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params

BLOCK = 5


def _product(one: NDArray[Any], two: NDArray[Any]) -> NDArray[Any]:
    total = np.zeros((one.shape[0], two.shape[1]), one.dtype)
    for start in reversed(range(0, one.shape[1], BLOCK)):
        total += one[:, start : start + BLOCK] @ two[start : start + BLOCK]
    return total


def _over_batch(array: NDArray[Any]) -> NDArray[Any]:
    return _product(np.ones((1, len(array)), array.dtype), array)


def _hidden(params: Params[Any], x: NDArray[Any]) -> Any:
    return _product(x, params.w1) + params.b1


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    return params.b2 + _product(np.maximum(_hidden(params, x), 0), params.w2)


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return _over_batch(np.square(forward(params, x) - y)).sum()


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    h = _hidden(params, x)
    a = np.where(h >= 0, h, 0)
    # The target first, then the bias: the residual may be summed in any order.
    g = 2 * (params.b2 - y + _product(a, params.w2))
    gh = np.where(h >= 0, _product(g, params.w2.T), 0)
    b1, b2 = _over_batch(gh).reshape(params.b1.shape), _over_batch(g).reshape(params.b2.shape)
    return Grads(_product(x.T, gh), b1, _product(a.T, g), b2)


def update(params: Params[Any], grads: Grads[Any], lr: float) -> list[NDArray[Any]]:
    return [-lr * g + p for p, g in zip(params, grads, strict=True)]
