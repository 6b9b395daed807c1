"""PyTorch with nn.Sequential: nn.Linear keeps its weight transposed, and a bias of shape (H,) only."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from refnet import Params


class Network:
    """A model for each call, loaded with the parameters given."""

    activation = "relu"

    def forward(self, params: Params[Any], x: NDArray[Any]) -> torch.Tensor:
        with torch.no_grad():
            y_pred: torch.Tensor = _model(params)(_tensor(x))
        return y_pred

    def loss(self, params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
        return _loss(_model(params), x, y).item()

    def grads(self, params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Params[Any]:
        model = _model(params)
        _loss(model, x, y).backward()
        return _four([_grad(p) for p in model.parameters()], params)

    def step(self, params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
        model = _model(params)
        descent = torch.optim.SGD(model.parameters(), lr=lr)
        descent.zero_grad()
        _loss(model, x, y).backward()
        descent.step()
        return _four([p.detach() for p in model.parameters()], params)


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.tensor(np.array(array))


def _model(params: Params[Any]) -> nn.Sequential:
    (n_in, n_hidden), n_out = params.w1.shape, params.w2.shape[1]
    dtype = torch.float32 if params.w1.dtype == np.float32 else torch.float64
    model = nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_out)).to(dtype)
    w1, b1, w2, b2 = map(_tensor, params)
    model.load_state_dict({"0.weight": w1.T, "0.bias": b1.ravel(), "2.weight": w2.T, "2.bias": b2.ravel()})
    return model


def _loss(model: nn.Sequential, x: NDArray[Any], y: NDArray[Any]) -> torch.Tensor:
    y_pred, target = model(_tensor(x)), _tensor(y)
    if y_pred.shape != target.shape:
        raise ValueError(f"y has shape {tuple(target.shape)}, expected {tuple(y_pred.shape)}")
    return nn.functional.mse_loss(y_pred, target, reduction="sum")


def _grad(p: torch.Tensor) -> torch.Tensor:
    assert p.grad is not None
    return p.grad


def _four(found: list[torch.Tensor], params: Params[Any]) -> Params[Any]:
    """Return what belongs to weight, bias, weight, bias in the orientation and the shapes of the parameters."""
    w1, b1, w2, b2 = (tensor.numpy() for tensor in found)
    return Params(w1.T, b1.reshape(params.b1.shape), w2.T, b2.reshape(params.b2.shape))
