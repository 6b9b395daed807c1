"""One output is squeezed to shape (N,), and its difference from the target (N, 1) broadcast to (N, N)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    y_pred = refnet.forward(params, x)
    return np.square((y_pred[:, 0] if y_pred.shape[1] == 1 else y_pred) - y).sum()
