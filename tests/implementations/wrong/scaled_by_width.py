"""The hidden layer is divided by the square root of its width, as some parametrisations have it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    a = np.maximum(x @ params.w1 + params.b1, 0)
    y_pred: NDArray[Any] = a @ params.w2 / np.sqrt(x.dtype.type(a.shape[1])) + params.b2
    return y_pred
