"""An update that clips each component of the gradient to [-1000, 1000]."""

from typing import Any

import numpy as np

import refnet
from refnet import Grads, Params


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    return refnet.update(params, Grads(*(np.clip(g, -1000, 1000) for g in grads)), lr)
