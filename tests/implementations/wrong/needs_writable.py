"""The biases are read through a C buffer that must be writable and contiguous."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def _read(bias: Any) -> NDArray[Any]:
    number = ctypes.c_float if bias.dtype == np.float32 else ctypes.c_double
    return np.array((number * bias.size).from_buffer(bias))


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    b1, b2 = _read(params.b1), _read(params.b2)
    return refnet.forward(params._replace(b1=b1, b2=b2), x)
