"""The gradients of the weights are returned in the orientation of a framework that keeps its weights transposed."""

from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = refnet.grads(params, x, y)
    return Grads(w1.T.copy(), b1, w2.T.copy(), b2)
