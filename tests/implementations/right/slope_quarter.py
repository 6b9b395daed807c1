"""NumPy with a slope of 1/4 at the kink: unusual, and legal."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    h = x @ w1 + b1
    a = np.maximum(h, 0)
    g = 2 * (a @ w2 + b2 - y)
    gh = (g @ w2.T) * np.heaviside(h, h.dtype.type(0.25))
    return Grads(x.T @ gh, gh.sum(0).reshape(b1.shape), a.T @ g, g.sum(0).reshape(b2.shape))
