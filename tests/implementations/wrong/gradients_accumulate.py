"""The gradients are added to those of the calls before, as a framework does that is not told to set them to zero."""

from typing import Any

from numpy.typing import NDArray

import refnet
from refnet import Grads, Params

_so_far: list[NDArray[Any]] = []


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    found = refnet.grads(params, x, y)
    if [g.shape for g in _so_far] != [g.shape for g in found]:
        _so_far[:] = found  # another network
    else:
        _so_far[:] = [before + g for before, g in zip(_so_far, found, strict=True)]
    return Grads(*(g.copy() for g in _so_far))
