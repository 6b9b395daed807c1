"""NumPy with a mean where the network has a sum, multiplied back: three roundings more, and right within rounding."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Params


def _mean_loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.square(_predict(params, x) - y).sum() / _size(y)


def _predict(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    y_pred: NDArray[Any] = np.maximum(x @ params.w1 + params.b1, 0) @ params.w2 + params.b2
    return y_pred


def _size(y: NDArray[Any]) -> Any:
    return y.dtype.type(max(1, y.size))  # the mean of an empty batch is none; its sum is 0


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return _mean_loss(params, x, y) * _size(y)


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> list[NDArray[Any]]:
    a = np.maximum(x @ params.w1 + params.b1, 0)
    g = (2 / _size(y)) * (a @ params.w2 + params.b2 - y)
    gh = np.where(a > 0, g @ params.w2.T, 0)
    of_the_mean = [x.T @ gh, gh.sum(0).reshape(params.b1.shape), a.T @ g, g.sum(0).reshape(params.b2.shape)]
    return [gradient * _size(y) for gradient in of_the_mean]
