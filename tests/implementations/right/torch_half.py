"""PyTorch in bfloat16 and float16: what is stored has that format, and products and sums are made in float32."""

from typing import Any

import numpy as np
import torch

from refnet import Precision
from refnet.formats import numpy_dtype

precision = (Precision("bfloat16", accumulate="float32"), Precision("float16", accumulate="float32"))


def tensor(array: Any) -> Any:
    if array.dtype == np.float16:
        return torch.from_numpy(np.array(array))
    return torch.from_numpy(np.array(array).view(np.int16)).view(torch.bfloat16)


def array(tensor: Any) -> Any:
    tensor = tensor.detach()
    if tensor.dtype == torch.float16:
        return tensor.numpy()
    return tensor.contiguous().view(torch.int16).numpy().view(numpy_dtype("bfloat16"))


def predicted(params: Any, x: Any) -> Any:
    w1, b1, w2, b2 = params
    return torch.relu(x @ w1 + b1) @ w2 + b2


def squared(y_pred: Any, y: Any) -> Any:
    return (y_pred - y).pow(2).sum()


def forward(params: Any, x: Any) -> Any:
    return array(predicted(map(tensor, params), tensor(x)))


def loss(params: Any, x: Any, y: Any) -> Any:
    return array(squared(predicted(map(tensor, params), tensor(x)), tensor(y)))


def grads(params: Any, x: Any, y: Any) -> Any:
    four = [tensor(p).requires_grad_() for p in params]
    squared(predicted(four, tensor(x)), tensor(y)).backward()
    return [array(p.grad) for p in four]


def update(params: Any, grads: Any, lr: float) -> Any:
    return [array(tensor(p) - lr * tensor(g)) for p, g in zip(params, grads, strict=True)]
