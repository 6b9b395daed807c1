"""A rate of 0 is taken for none at all, and replaced by the default: lr or 0.01."""

from typing import Any

import refnet
from refnet import Grads, Params


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    return refnet.update(params, grads, lr or 0.01)
