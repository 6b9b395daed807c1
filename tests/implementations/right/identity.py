"""The linear network of the tutorial's second part: no activation."""

from typing import Any

from numpy.typing import NDArray

from refnet import Grads, Params

activation = "identity"


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    w1, b1, w2, b2 = params
    y_pred: NDArray[Any] = (x @ w1 + b1) @ w2 + b2
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    r = (forward(params, x) - y).ravel()
    return r @ r


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    h = x @ w1 + b1
    g = 2 * (h @ w2 + b2 - y)
    gh = g @ w2.T
    return Grads(x.T @ gh, gh.sum(0).reshape(b1.shape), h.T @ g, g.sum(0).reshape(b2.shape))


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    return Params(*(p - lr * g for p, g in zip(params, grads(params, x, y), strict=True)))
