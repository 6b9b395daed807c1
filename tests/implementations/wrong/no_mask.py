"""The backward pass goes through the ReLU as if it were not there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    a = np.maximum(x @ w1 + b1, 0)
    g = 2 * (a @ w2 + b2 - y)
    gh = g @ w2.T
    return Grads(x.T @ gh, gh.sum(0).reshape(b1.shape), a.T @ g, g.sum(0).reshape(b2.shape))
