"""PyTorch with a torch.autograd.Function of one's own: the tutorial's backward pass, written by hand."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from refnet import Grads, Params


class _Loss(torch.autograd.Function):  # type: ignore[misc]  # PyTorch is Any to the type checker
    @staticmethod
    def forward(
        ctx: Any,
        w1: torch.Tensor,
        b1: torch.Tensor,
        w2: torch.Tensor,
        b2: torch.Tensor,
        x: torch.Tensor,
        y: torch.Tensor,
    ) -> torch.Tensor:
        h = torch.addmm(b1, x, w1)
        a = torch.where(h > 0, h, 0)
        r = torch.addmm(b2, a, w2) - y
        ctx.save_for_backward(w2, x, h, a, r)
        ctx.shapes = b1.shape, b2.shape
        return torch.sum(r * r)

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        w2, x, h, a, r = ctx.saved_tensors
        g = 2 * above[0] * r
        gh = (g @ w2.T) * (h > 0)
        return x.T @ gh, gh.sum_to_size(ctx.shapes[0]), a.T @ g, g.sum_to_size(ctx.shapes[1]), None, None


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.tensor(np.array(array))


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> torch.Tensor:
    total: torch.Tensor = _Loss.apply(*map(_tensor, (*params, x, y)))
    return total


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    tracked = [_tensor(p).requires_grad_() for p in params]
    return Grads(*torch.autograd.grad(_Loss.apply(*tracked, _tensor(x), _tensor(y)), tracked))
