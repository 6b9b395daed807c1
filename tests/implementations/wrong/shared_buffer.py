"""One buffer for each shape of a result: a second call overwrites what the first one returned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params

_buffers: dict[Any, NDArray[Any]] = {}


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    y_pred = refnet.forward(params, x)
    buffer = _buffers.setdefault((y_pred.shape, y_pred.dtype), np.empty_like(y_pred))
    buffer[:] = y_pred
    return buffer
