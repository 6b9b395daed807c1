"""NumPy with a loop over the samples: matrix times vector, outer products, gradients added up sample by sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    w1, b1, w2, b2 = params
    y_pred = np.empty((len(x), w2.shape[1]), x.dtype)
    for n, sample in enumerate(x):
        a = np.clip(w1.T @ sample + b1.ravel(), 0, None)
        y_pred[n] = w2.T @ a + b2.ravel()
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    total = x.dtype.type(0)
    for predicted, target in zip(forward(params, x), y, strict=True):
        residual = predicted - target
        total += residual @ residual
    return total


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    total = Grads(*map(np.zeros_like, params))
    for sample, target in zip(x, y, strict=True):
        h = w1.T @ sample + b1.ravel()
        a = np.clip(h, 0, None)
        g = 2 * (w2.T @ a + b2.ravel() - target)
        gh = np.where(h > 0, w2 @ g, 0)
        one = (np.outer(sample, gh), gh.reshape(b1.shape), np.outer(a, g), g.reshape(b2.shape))
        for part, gradient in zip(total, one, strict=True):
            part += gradient  # adds up in place
    return total
