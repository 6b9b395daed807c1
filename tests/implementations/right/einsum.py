"""NumPy's einsum throughout: no matrix product, no BLAS."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def _residual(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    w1, b1, w2, b2 = params
    h = np.einsum("nd,dh->nh", x, w1) + b1
    a = h * (h > 0)
    return h, a, np.einsum("nh,ho->no", a, w2) + b2 - y


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    _, _, y_pred = _residual(params, x, np.zeros((), x.dtype))
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    _, _, r = _residual(params, x, y)
    return np.einsum("no,no->", r, r)


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> dict[str, NDArray[Any]]:
    h, a, r = _residual(params, x, y)
    gh = np.einsum("no,ho,nh->nh", r, params.w2, h > 0)
    return {
        "w1": 2 * np.einsum("nd,nh->dh", x, gh),
        "b1": 2 * np.einsum("nh->h", gh).reshape(params.b1.shape),
        "w2": 2 * np.einsum("nh,no->ho", a, r),
        "b2": 2 * np.einsum("no->o", r).reshape(params.b2.shape),
    }


def update(params: Params[Any], grads: Grads[Any], lr: float) -> list[NDArray[Any]]:
    return [p - lr * g for p, g in zip(params, grads, strict=True)]


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> list[NDArray[Any]]:
    return update(params, Grads(**grads(params, x, y)), lr)
