"""A fault in float16 or bfloat16: the network with the fault in float32, and what it returns rounded to the format."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnet.faults.pieces import Network
from refnet.formats import FLOAT32, STORAGE, Dtype, Precision, numpy_dtype
from refnet.network import Activation, Grads, Params


class Narrowed:
    """The operations of a network for arrays of a narrow dtype, computed in float32.

    It reads copies, so what a fault does to the memory of its arguments, or to their layout, does not show.
    """

    def __init__(self, made: Network, dtype: Dtype) -> None:
        self.activation, self.dtypes, self.made = made.activation, (dtype,), made
        self.precision = Precision(dtype, accumulate=FLOAT32.name)

    def forward(self, *given: Any, activation: Activation) -> Any:
        """Return the prediction."""
        return self._computed(self.made.forward, *given, activation=activation)

    def loss(self, *given: Any, activation: Activation) -> Any:
        """Return the loss."""
        return self._computed(self.made.loss, *given, activation=activation)

    def grads(self, *given: Any, activation: Activation) -> Any:
        """Return the gradient."""
        return self._computed(self.made.grads, *given, activation=activation)

    def update(self, *given: Any) -> Any:
        """Return the parameters after an update."""
        return self._computed(self.made.update, *given)

    def step(self, *given: Any, activation: Activation) -> Any:
        """Return the parameters after a step."""
        return self._computed(self.made.step, *given, activation=activation)

    def _computed(self, operation: Callable[..., Any], *given: Any, **told: Any) -> Any:
        return self._rounded(operation(*map(_widened, given), **told))

    def _rounded(self, result: Any) -> Any:
        if isinstance(result, (Params, Grads)):
            return type(result)(*map(self._rounded, result))
        if isinstance(result, (list, tuple)):
            return [self._rounded(part) for part in result]
        if isinstance(result, (np.ndarray, np.generic)):
            return np.asarray(result).astype(numpy_dtype(self.precision.storage))
        return result


def in_dtype(made: Network, dtype: Dtype) -> Network | Narrowed:
    """Return the network as an implementation for arrays of that dtype."""
    return Narrowed(made, dtype) if STORAGE[dtype].is_narrow else made


def _widened(given: Any) -> Any:
    if isinstance(given, (Params, Grads)):
        return type(given)(*map(_widened, given))
    return given.astype(np.float32) if isinstance(given, np.ndarray) else given
