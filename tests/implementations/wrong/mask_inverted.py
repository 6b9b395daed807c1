"""The units that are on are switched off in the backward pass, and the others are not: grad_h[h > 0] = 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    h = x @ w1 + b1
    a = np.maximum(h, 0)
    g = 2 * (a @ w2 + b2 - y)
    gh = g @ w2.T
    gh[h > 0] = 0
    return Grads(x.T @ gh, gh.sum(0).reshape(b1.shape), a.T @ g, g.sum(0).reshape(b2.shape))
