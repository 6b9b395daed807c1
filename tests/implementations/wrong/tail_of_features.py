"""Features are taken in eights: above the first eight, the gradient of what is left over stays zero."""

from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    four = refnet.grads(params, x, y)
    features = x.shape[1]
    four.w1[features if features < 8 else features // 8 * 8 :] = 0
    return four
