"""A call that ends the process when it meets something that it does not know: an empty batch."""

import sys
from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    if not len(x):
        sys.exit("usage: forward PARAMS X")
    return refnet.forward(params, x)
