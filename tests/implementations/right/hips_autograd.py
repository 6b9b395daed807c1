"""HIPS autograd: NumPy code, differentiated by tracing it."""

from typing import Any

import autograd.numpy as np
from autograd import grad
from numpy.typing import NDArray

from refnet import Grads, Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    w1, b1, w2, b2 = params
    hidden = np.maximum(np.dot(x, w1) + b1, 0)
    y_pred: NDArray[Any] = np.dot(hidden, w2) + b2
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.sum((forward(params, x) - y) ** 2)


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    return Grads(*grad(lambda four: loss(Params(*four), x, y))(tuple(params)))


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> list[NDArray[Any]]:
    return [p - lr * g for p, g in zip(params, grads(params, x, y), strict=True)]
