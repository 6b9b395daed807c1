"""The tutorial's own script, transcribed: the implementation that ``refnet check`` checks where none is named.

The lines are the script's, its names included, cut into functions. It updates its weights in place, so each function
works on copies; the sums that turn a row a sample into the gradients of the biases stand in its update, and here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet.network import Activation, Grads, Params

activation: tuple[Activation, ...] = ("relu", "identity")


def forward(params: Params[Any], x: NDArray[Any], *, activation: Activation = "relu") -> NDArray[Any]:
    """Return the script's ``y_pred``, (N, O)."""
    return _forward_pass(params, x, activation)[-1]


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any], *, activation: Activation = "relu") -> Any:
    """Return the script's ``loss``, a scalar."""
    y_pred = forward(params, x, activation=activation)
    return np.square(y_pred - y).sum()


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any], *, activation: Activation = "relu") -> Grads[Any]:
    """Return the script's gradients, those of the biases summed over the batch as its update does."""
    _, b1, w2, b2 = params
    h, h_relu, y_pred = _forward_pass(params, x, activation)
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_h_relu = grad_y_pred.dot(w2.T)
    grad_b2 = grad_y_pred
    grad_h = grad_h_relu.copy()
    if activation == "relu":
        grad_h[h < 0] = 0
    grad_w1 = x.T.dot(grad_h)
    grad_b1 = grad_h
    return Grads(grad_w1, np.sum(grad_b1, 0).reshape(b1.shape), grad_w2, np.sum(grad_b2, 0).reshape(b2.shape))


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    """Return the parameters after the script's four ``-=`` lines."""
    w1, b1, w2, b2 = (p.copy() for p in params)
    w1 -= lr * grads.w1
    w2 -= lr * grads.w2
    b1 -= lr * grads.b1
    b2 -= lr * grads.b2
    return Params(w1, b1, w2, b2)


def step(
    params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float, *, activation: Activation = "relu"
) -> Params[Any]:
    """Return the parameters after one pass through the script's loop."""
    return update(params, grads(params, x, y, activation=activation), lr)


def _forward_pass(
    params: Params[Any], x: NDArray[Any], activation: Activation
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    w1, b1, w2, b2 = params
    h = x.dot(w1) + b1
    h_relu = np.maximum(h, 0) if activation == "relu" else h
    y_pred = h_relu.dot(w2) + b2
    return h, h_relu, y_pred
