"""What an adapter makes of a framework's network: operations on NumPy arrays, and what a reader has to know of it."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.formats import Dtype
from refnet.network import Grads, Params


class Bridge(NamedTuple):
    """The way into a framework and back, on one device.

    ``lift`` makes its array of NumPy's, ``lower`` the reverse, both in the same dtype; ``kind`` is the class of its
    arrays. ``lacks`` says of each dtype that it has not why; ``notes`` are the settings that decide on the numbers.
    """

    lift: Callable[[NDArray[Any]], Any]
    lower: Callable[[Any], NDArray[Any]]
    kind: type
    lacks: dict[str, str]
    notes: tuple[str, ...]


class Adapted(NamedTuple):
    """What `refnet.conformance.implementation` takes in place of the network. ``lacks`` is the bridge's.

    ``dtypes``: the format of its own parameters, where that is not among what every network is given.
    """

    operations: dict[str, Callable[..., object]]
    lacks: dict[str, str]
    notes: tuple[str, ...]
    dtypes: tuple[Dtype, ...] = ()


def translated(operations: dict[str, Callable[..., object]], bridge: Bridge) -> Adapted:
    """Return a network that has operations of its own, on the arrays of the framework."""

    def lifted(argument: object) -> object:
        if isinstance(argument, (Params, Grads)):
            return type(argument)(*map(bridge.lift, argument))
        return bridge.lift(argument) if isinstance(argument, np.ndarray) else argument

    def lowered(result: Any) -> Any:
        if isinstance(result, bridge.kind):
            return bridge.lower(result)
        if isinstance(result, Mapping):
            return {key: lowered(value) for key, value in result.items()}
        if all(hasattr(result, key) for key in Params._fields):
            return Params(*(lowered(getattr(result, key)) for key in Params._fields))
        return [lowered(value) for value in result] if isinstance(result, (list, tuple)) else result

    def translation(operation: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(operation)  # its signature says whether it is told the activation
        def call(*arguments: object, **told: object) -> object:
            return lowered(operation(*map(lifted, arguments), **told))

        return call

    named = {key: translation(operation) for key, operation in operations.items()}
    return Adapted(
        named, bridge.lacks, (f"{', '.join(named)}: given {bridge.kind.__name__}s, not NumPy's", *bridge.notes)
    )


def differentiated(
    predict: Callable[..., Any], total: Callable[..., Any], gradient: Callable[..., Any], *, tells: bool
) -> dict[str, Callable[..., object]]:
    """Return forward, loss and grads, which are told the activation where the network asks for it (``tells``)."""

    def untold(operation: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: operation(*arguments)

    three = {"forward": predict, "loss": total, "grads": gradient}
    return three if tells else {key: untold(operation) for key, operation in three.items()}


def told(activation: str | None) -> dict[str, str]:
    """Return the keywords for a network that is told its activation, or is not."""
    return {} if activation is None else {"activation": activation}


def check_target(prediction: Any, y: Any) -> None:
    """Raise ValueError where a target has another shape than the prediction: the frameworks would broadcast it."""
    expected, given = tuple(prediction.shape), tuple(y.shape)
    if expected != given:
        raise ValueError(f"y has shape {given}, expected {expected}, the shape of the prediction: y is never broadcast")
