"""JAX with nothing of refnet in it: a function of a pytree of parameters, jitted and not."""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def predict(params: list[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    *hidden, (w, b) = params
    for weight, bias in hidden:
        x = jax.nn.relu(jnp.dot(x, weight) + bias)
    return jnp.dot(x, w) + b


def _masked(x: jax.Array, params: dict[str, jax.Array]) -> jax.Array:
    hidden = x @ params["w1"] + params["b1"]
    return jnp.where(hidden > 0, hidden, 0) @ params["w2"] + params["b2"]


compiled = jax.jit(_masked)
