"""With a rate of 0 the parameters are handed back themselves: who writes to the result writes to the argument."""

from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Grads, Params


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    return params if lr == 0 else refnet.update(params, grads, lr)


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    return update(params, refnet.grads(params, x, y), lr)
