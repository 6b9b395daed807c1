"""JAX: jax.grad through jax.nn.relu, everything compiled by jit."""

from typing import Any

import jax
import jax.numpy as jnp

from refnet import Grads, Params

jax.config.update("jax_enable_x64", True)


def _forward(params: Params[Any], x: jax.Array) -> Any:
    w1, b1, w2, b2 = params
    return jax.nn.relu(x @ w1 + b1) @ w2 + b2


def _loss(params: Params[Any], x: jax.Array, y: jax.Array) -> Any:
    return jnp.sum((_forward(params, x) - y) ** 2)


def _update(params: Params[Any], grads: Params[Any], lr: float) -> Any:
    return jax.tree.map(lambda p, g: p - lr * g, params, grads)


forward = jax.jit(_forward)
loss = jax.jit(_loss)
grads = jax.jit(jax.grad(_loss))


def update(params: Params[Any], grads: Grads[Any], lr: float) -> Any:
    return jax.jit(_update)(params, Params(*grads), lr)
