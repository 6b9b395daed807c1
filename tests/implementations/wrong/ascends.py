"""The sign of the update is lost: p + lr g."""

from typing import Any

from refnet import Grads, Params


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
    return Params(*(p + lr * g for p, g in zip(params, grads, strict=True)))
