"""A step that works in place, and returns nothing."""

from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Params


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> None:
    for p, g in zip(params, refnet.grads(params, x, y), strict=True):
        p -= lr * g
