"""An executable specification of the two-layer network with bias, and the oracle that judges implementations of it."""

from refnet.network import (
    Activation,
    ArgumentTypeError,
    ArgumentValueError,
    Grads,
    Params,
    ShapeError,
    Step,
    forward,
    grads,
    init,
    loss,
    train,
    update,
)

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "ArgumentTypeError",
    "ArgumentValueError",
    "Grads",
    "Params",
    "ShapeError",
    "Step",
    "forward",
    "grads",
    "init",
    "loss",
    "train",
    "update",
]
