"""mygrad: NumPy with a backward pass, and the ReLU of its nnet."""

from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu
from numpy.typing import NDArray

from refnet import Params


def _predict(params: Any, x: NDArray[Any]) -> Any:
    w1, b1, w2, b2 = params
    return relu(x @ w1 + b1) @ w2 + b2


def _loss(params: Any, x: NDArray[Any], y: NDArray[Any]) -> Any:
    return mg.sum((_predict(params, x) - y) ** 2)


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    with mg.no_autodiff:
        y_pred: NDArray[Any] = _predict(map(mg.tensor, params), x).data
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return _loss(map(mg.tensor, params), x, y).item()


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Params[Any]:
    four = [mg.tensor(p) for p in params]
    _loss(four, x, y).backward()
    return Params(*(tensor.grad for tensor in four))


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> list[NDArray[Any]]:
    return [p - lr * g for p, g in zip(params, grads(params, x, y), strict=True)]
