"""PyTorch: autograd through torch.relu, and torch.optim.SGD for the step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from refnet import Grads, Params


def _tensors(arrays: Sequence[NDArray[Any]], *, track: bool = False) -> list[torch.Tensor]:
    # np.array copies: no result may share memory with an argument, and a tensor has no negative strides.
    return [torch.from_numpy(np.array(array)).requires_grad_(track) for array in arrays]


def _predict(params: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    w1, b1, w2, b2 = params
    return torch.relu(x @ w1 + b1) @ w2 + b2


def _loss(params: Sequence[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (_predict(params, x) - y).square().sum()


def forward(params: Params[Any], x: NDArray[Any]) -> torch.Tensor:
    return _predict(_tensors(params), *_tensors([x]))


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> torch.Tensor:
    return _loss(_tensors(params), *_tensors([x, y]))


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    tracked = _tensors(params, track=True)
    return torch.autograd.grad(_loss(tracked, *_tensors([x, y])), tracked)


def update(params: Params[Any], grads: Grads[Any], lr: float) -> list[torch.Tensor]:
    return [p - lr * g for p, g in zip(_tensors(params), _tensors(grads), strict=True)]


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> list[torch.Tensor]:
    tracked = _tensors(params, track=True)
    descent = torch.optim.SGD(tracked, lr=lr)
    _loss(tracked, *_tensors([x, y])).backward()
    descent.step()
    return [p.detach() for p in tracked]
