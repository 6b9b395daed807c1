"""A mean, multiplied back to a sum: 0/0 for the empty batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    r = refnet.forward(params, x) - y
    return np.mean(r * r) * r.dtype.type(r.size)
