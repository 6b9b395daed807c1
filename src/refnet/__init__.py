"""An executable specification of the two-layer network with bias, and the oracle that judges implementations of it."""

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

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

if TYPE_CHECKING:
    from refnet import adapters as adapters
    from refnet import conformance as conformance
    from refnet import enclosure as enclosure
    from refnet import exact as exact
    from refnet import numerical as numerical
    from refnet import rounding as rounding
    from refnet.assertions import assert_forward, assert_grads, assert_loss, assert_step, assert_update
    from refnet.formats import Precision

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "ArgumentTypeError",
    "ArgumentValueError",
    "Grads",
    "Params",
    "Precision",
    "ShapeError",
    "Step",
    "assert_forward",
    "assert_grads",
    "assert_loss",
    "assert_step",
    "assert_update",
    "forward",
    "grads",
    "init",
    "loss",
    "train",
    "update",
]

# Each step and each bound takes new arrays, and the C library of Linux gives them back to the system once free:
# at the tutorial's size, to be given new pages may take as long as the arithmetic. It keeps as much as twice the
# largest array that it has seen come and go, if that has 32 MiB at most (mallopt(3), M_MMAP_THRESHOLD). Here is one of
# nearly that: nobody writes to it, so that it takes no memory itself; and with other C libraries it does nothing.
with suppress(MemoryError):
    np.empty(2**25 - 2**16, np.uint8)

_MODULES = ("adapters", "conformance", "enclosure", "exact", "numerical", "rounding")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})


def __getattr__(name: str) -> Any:
    """Import on first use what the network itself does not need, so that ``import refnet`` costs what NumPy costs."""
    if name.startswith("assert_") and name in __all__:
        return getattr(import_module("refnet.assertions"), name)
    if name == "Precision":
        return import_module("refnet.formats").Precision
    if name in _MODULES:
        return import_module(f"refnet.{name}")
    raise AttributeError(f"module 'refnet' has no attribute {name!r}")
