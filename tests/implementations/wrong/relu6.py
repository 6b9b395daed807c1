"""max(min(h, 6), 0) for max(h, 0), forward and backward."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def _residual(params: Params[Any], x: NDArray[Any], y: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    h = x @ params.w1 + params.b1
    a = np.clip(h, 0, 6)
    return h, a, a @ params.w2 + params.b2 - y


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    return _residual(params, x, x.dtype.type(0))[-1]


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.square(_residual(params, x, y)[-1]).sum()


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    h, a, r = _residual(params, x, y)
    gh = np.where((h > 0) & (h < 6), 2 * r @ params.w2.T, 0)
    b1, b2 = gh.sum(0).reshape(params.b1.shape), 2 * r.sum(0).reshape(params.b2.shape)
    return Grads(x.T @ gh, b1, 2 * a.T @ r, b2)
