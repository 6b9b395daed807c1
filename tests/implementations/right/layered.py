"""A small library of layers, as people write one: classes with forward and backward, any activation, dicts for results.

It checks its arguments, and is told which activation to use.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from refnet import Activation, Grads, Params


class Affine:
    def __init__(self, weight: NDArray[Any], bias: NDArray[Any]) -> None:
        self.weight, self.bias = weight, bias

    def forward(self, below: NDArray[Any]) -> NDArray[Any]:
        if below.shape[1] != len(self.weight):
            raise ValueError(f"{below.shape[1]} columns for a weight of shape {self.weight.shape}")
        self.below = below
        above: NDArray[Any] = below @ self.weight + self.bias
        return above

    def backward(self, above: NDArray[Any]) -> NDArray[Any]:
        self.weight_gradient = self.below.T @ above
        self.bias_gradient = above.sum(axis=0).reshape(self.bias.shape)
        below: NDArray[Any] = above @ self.weight.T
        return below


class Relu:
    def forward(self, below: NDArray[Any]) -> Any:
        self.on = below >= 0
        return np.maximum(below, 0)

    def backward(self, above: NDArray[Any]) -> NDArray[Any]:
        return above * self.on


class Identity:
    def forward(self, below: NDArray[Any]) -> NDArray[Any]:
        return below

    def backward(self, above: NDArray[Any]) -> NDArray[Any]:
        return above


class Network:
    """`refnet check layered.py:Network`."""

    activation: ClassVar[tuple[Activation, ...]] = ("relu", "identity")
    dtypes = (np.float32, np.float64)

    def forward(self, params: Params[Any], x: NDArray[Any], activation: Activation) -> NDArray[Any]:
        return self._run(params, x, activation)[0]

    def loss(self, params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: Activation) -> Any:
        return np.sum(self._residual(self.forward(params, x, activation), y) ** 2)

    def grads(self, params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: Activation) -> dict[str, Any]:
        y_pred, first, between, second = self._run(params, x, activation)
        first.backward(between.backward(second.backward(2 * self._residual(y_pred, y))))
        return {
            "w1": first.weight_gradient,
            "b1": first.bias_gradient,
            "w2": second.weight_gradient,
            "b2": second.bias_gradient,
        }

    def update(self, params: Params[Any], grads: Grads[Any], lr: float) -> dict[str, Any]:
        return {name: p - lr * getattr(grads, name) for name, p in params._asdict().items()}

    def step(
        self, params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float, activation: Activation
    ) -> dict[str, Any]:
        return self.update(params, Grads(**self.grads(params, x, y, activation)), lr)

    def _run(
        self, params: Params[Any], x: NDArray[Any], activation: Activation
    ) -> tuple[NDArray[Any], Affine, Relu | Identity, Affine]:
        first, second = Affine(params.w1, params.b1), Affine(params.w2, params.b2)
        between = Relu() if activation == "relu" else Identity()
        return second.forward(between.forward(first.forward(x))), first, between, second

    def _residual(self, y_pred: NDArray[Any], y: NDArray[Any]) -> Any:
        if y.shape != y_pred.shape:
            raise ValueError(f"y has shape {y.shape}, expected {y_pred.shape}")
        return y_pred - y
