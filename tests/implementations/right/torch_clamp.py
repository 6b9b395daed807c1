"""PyTorch as its tutorials write this network: clamp(min=0), pow(2), backward() and an update under no_grad()."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from refnet import Grads, Params


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.tensor(np.array(array))


def _predict(w1: torch.Tensor, b1: torch.Tensor, w2: torch.Tensor, b2: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (x.mm(w1) + b1).clamp(min=0).mm(w2) + b2


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    w1, b1, w2, b2 = map(_tensor, params)
    y_pred: NDArray[Any] = _predict(w1, b1, w2, b2, _tensor(x)).numpy()
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> float:
    w1, b1, w2, b2 = map(_tensor, params)
    return float((_predict(w1, b1, w2, b2, _tensor(x)) - _tensor(y)).pow(2).sum().item())


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> dict[str, torch.Tensor]:
    w1, b1, w2, b2 = (_tensor(p).requires_grad_() for p in params)
    y_pred = _predict(w1, b1, w2, b2, _tensor(x))
    (y_pred - _tensor(y)).pow(2).sum().backward()
    return {"w1": _grad(w1), "b1": _grad(b1), "w2": _grad(w2), "b2": _grad(b2)}


def _grad(p: torch.Tensor) -> torch.Tensor:
    assert p.grad is not None
    return p.grad


def update(params: Params[Any], grads: Grads[Any], lr: float) -> list[torch.Tensor]:
    after = [_tensor(p) for p in params]
    with torch.no_grad():
        for p, g in zip(after, grads, strict=True):
            p -= lr * _tensor(g)  # in place, as the tutorial does, on a copy
    return after


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> list[torch.Tensor]:
    four = grads(params, x, y)
    with torch.no_grad():
        return [_tensor(p) - lr * four[name] for name, p in params._asdict().items()]
