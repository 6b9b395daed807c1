"""A sum of squares that cannot overflow on the way, of residuals divided by the largest one: 0/0 for a perfect fit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    r = refnet.forward(params, x) - y
    power_of_two = np.exp2(np.floor(np.log2(np.abs(r).max())))
    return np.square(r / power_of_two).sum() * power_of_two * power_of_two
