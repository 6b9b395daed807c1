"""JAX: a function of a pytree of parameters, jitted or not. The loss is the sum of squares, the gradients JAX's."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from refnet.adapters.adapted import Adapted, Bridge, check_target, differentiated, told
from refnet.adapters.probing import called, found_way, no_prediction, takes_activation, ways_to_call
from refnet.conformance.target import TargetError
from refnet.network import Params

_REMEDY = 'to have it, jax.config.update("jax_enable_x64", True) before the first array, or JAX_ENABLE_X64=1'
_NARROW = f"JAX's 64-bit mode is off, and it would take float64 for float32; {_REMEDY}"


def bridge(device: str | None) -> Bridge:
    """Return the way into JAX, on a device such as "cpu", "gpu:1" or "tpu". Raises TargetError where there is none."""
    place = _place(device)
    wide = bool(jax.config.jax_enable_x64)

    def lift(array: NDArray[Any]) -> jax.Array:
        if array.dtype == np.float64 and not wide:
            raise TypeError(_NARROW)
        return jax.device_put(np.array(array), place)  # a copy: on the CPU, JAX may use the memory that it is given

    return Bridge(lift, np.array, jax.Array, {} if wide else {"float64": _NARROW}, tuple(_surroundings(place)))


def from_function(function: Callable[..., Any], name: str, device: str | None) -> Adapted:
    """Return a function that gives the prediction, as an implementation.

    It takes x, w1, b1, w2, b2 by these names, or (params, x), and is called as it is: compiled where it is jitted.
    Raises TargetError where it can be called in no such way.
    """
    lift, lower, _, lacks, notes = bridge(device)
    tells = takes_activation(function)
    way = found_way(ways_to_call(function, name), lift, told("relu" if tells else None))
    if isinstance(way, dict):
        raise TargetError(no_prediction(name, way))

    def predicted(params: Params[Any], x: jax.Array, activation: str | None) -> jax.Array:
        return way.predict(way.oriented(params), x, **told(activation))

    def total(params: Params[Any], x: jax.Array, y: jax.Array, activation: str | None) -> jax.Array:
        prediction = predicted(params, x, activation)
        check_target(prediction, y)
        return jnp.sum(jnp.square(prediction - y))

    def lifted(params: Params[Any]) -> Params[Any]:
        return Params(*map(lift, params))

    def forward(params: Params[Any], x: NDArray[Any], activation: str | None = None) -> NDArray[Any]:
        return lower(predicted(lifted(params), lift(x), activation))

    def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: str | None = None) -> NDArray[Any]:
        return lower(total(lifted(params), lift(x), lift(y), activation))

    def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: str | None = None) -> Params[Any]:
        return Params(*map(lower, jax.grad(total)(lifted(params), lift(x), lift(y), activation)))

    compiled = "jitted" if hasattr(function, "lower") else "not jitted"
    how = f"{called(way)}, {compiled}; the loss is the sum of squares, the gradients are jax.grad's"
    return Adapted(differentiated(forward, loss, grads, tells=tells), lacks, (how, *notes))


def _place(asked: str | None) -> Any:
    """Return the device that was asked for, or the first of JAX's own. Raises TargetError where there is none."""
    platform, _, index = (asked or "").partition(":")
    try:
        return jax.devices(platform or None)[int(index or 0)]
    except (RuntimeError, IndexError, ValueError) as error:
        there = ", ".join(dict.fromkeys(place.platform for place in jax.devices()))
        raise TargetError(f"there is no device {asked} for this JAX, {jax.__version__}: it has {there}") from error


def _surroundings(place: Any) -> Iterator[str]:
    """Yield what of JAX's settings decides on the numbers."""
    wide = "on" if jax.config.jax_enable_x64 else f"off, so float64 is not checked; {_REMEDY}"
    yield f"JAX {jax.__version__} on {place.platform}; its 64-bit mode is {wide}"
    precision = jax.config.jax_default_matmul_precision
    if precision is not None:
        yield f"matrix products of precision {precision!r} (jax_default_matmul_precision)"
    elif place.platform != "cpu":
        yield f"matrix products of the default precision of {place.platform}, which may be TF32 or bfloat16"
