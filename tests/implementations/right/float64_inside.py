"""NumPy in float64 whatever the arguments are, rounded once to their dtype in the end."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def _passes(params: Params[Any], x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    w1, b1, w2, b2 = (p.astype(np.float64) for p in params)
    h = x.astype(np.float64) @ w1 + b1
    return h, np.maximum(h, 0) @ w2 + b2


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    return _passes(params, x)[1].astype(x.dtype)


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.sum((_passes(params, x)[1] - y) ** 2).astype(x.dtype)


def _gradients(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> list[NDArray[Any]]:
    h, y_pred = _passes(params, x)
    g = 2 * (y_pred - y)
    gh = g @ params.w2.astype(np.float64).T * np.heaviside(h, 0.5)
    b1, b2 = gh.sum(0).reshape(params.b1.shape), g.sum(0).reshape(params.b2.shape)
    return [x.astype(np.float64).T @ gh, b1, np.maximum(h, 0).T @ g, b2]


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    return Grads(*(g.astype(x.dtype) for g in _gradients(params, x, y)))


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    return Params(
        *(
            (p.astype(np.float64) - lr * g.astype(np.float64)).astype(p.dtype)
            for p, g in zip(params, grads, strict=True)
        )
    )


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    four = _gradients(params, x, y)
    return Params(*((p - lr * g).astype(p.dtype) for p, g in zip(params, four, strict=True)))
