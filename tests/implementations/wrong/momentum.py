"""An optimizer that keeps its momentum from step to step, and so from run to run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


class Descent:
    def __init__(self) -> None:
        self.velocity: list[NDArray[Any]] = []

    def step(self, params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
        gradient = refnet.grads(params, x, y)
        if [v.shape for v in self.velocity] != [p.shape for p in params]:
            self.velocity = [np.zeros_like(p) for p in params]
        self.velocity = [(0.9 * v + g).astype(g.dtype) for v, g in zip(self.velocity, gradient, strict=True)]
        return Params(*(p - (lr * v).astype(p.dtype) for p, v in zip(params, self.velocity, strict=True)))
