"""A step that updates w2 first, and takes the gradient of w1 with the w2 that it has then."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Params


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    w1, b1, w2, b2 = (p.copy() for p in params)
    a = np.maximum(x @ w1 + b1, 0)
    g = 2 * (a @ w2 + b2 - y)
    w2 -= lr * (a.T @ g)
    b2 -= lr * g.sum(axis=0)
    gh = np.where(a > 0, g @ w2.T, 0)
    w1 -= lr * (x.T @ gh)
    b1 -= lr * gh.sum(axis=0)
    return Params(w1, b1, w2, b2)
