"""Hidden units are taken in eights: above the first eight, what is left over is never computed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    w1, b1, w2, b2 = params
    units = w1.shape[1]
    kept = units if units < 8 else units // 8 * 8
    return refnet.forward(Params(w1[:, :kept], b1[..., :kept], w2[:kept], b2), x)


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.square(forward(params, x) - y).sum()
