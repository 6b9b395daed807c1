"""The numbers of x are read from the start of the memory that holds them, row after row, whatever its strides say."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    memory: NDArray[Any] = x if x.base is None else np.asarray(x.base)
    in_a_row = memory.ravel(order="K")[: x.size]
    return refnet.forward(params, in_a_row.reshape(x.shape))
