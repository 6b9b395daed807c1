"""float32 becomes float64 on the way, and stays it: a NumPy float64 for the factor 2 and for the rate is enough."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params

TWO, ONE = np.float64(2), np.float64(1)


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    w1, b1, w2, b2 = params
    return ONE * (np.maximum(x @ w1 + b1, 0) @ w2 + b2)


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.square(forward(params, x) - y).sum()


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    a = np.maximum(x @ w1 + b1, 0)
    g = TWO * (a @ w2 + b2 - y)
    gh = np.where(a > 0, g @ w2.T, 0)
    return Grads(x.T @ gh, gh.sum(0).reshape(b1.shape), a.T @ g, g.sum(0).reshape(b2.shape))


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    return Params(*(p - np.float64(lr) * g for p, g in zip(params, grads, strict=True)))


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    return update(params, grads(params, x, y), lr)
