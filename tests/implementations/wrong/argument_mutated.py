"""The script's own update, in place on the arrays that it was given; what it returns is a copy, and right."""

from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Grads, Params


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    w1, b1, w2, b2 = params
    w1 -= lr * grads.w1
    w2 -= lr * grads.w2
    b1 -= lr * grads.b1
    b2 -= lr * grads.b2
    return Params(w1.copy(), b1.copy(), w2.copy(), b2.copy())


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    return update(params, refnet.grads(params, x, y), lr)
