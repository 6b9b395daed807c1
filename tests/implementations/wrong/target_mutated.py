"""The residual is computed into the target, to save an array."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    y -= refnet.forward(params, x)
    return np.square(y).sum()
