"""One step of gradient descent, as refnet takes it and as others do. Each is used as its users would use it.

Each function takes the problem and returns a call that takes one step, from where the step before it ended, and
returns the parameters that it ends with, in the order w1, b1, w2, b2.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params

Shape = tuple[int, int, int, int]
Step = Callable[[], object]

SHAPES: tuple[Shape, ...] = ((12, 2, 10, 4), (64, 1000, 100, 10), (512, 1024, 512, 64), (4096, 4096, 4096, 256))
TUTORIAL = SHAPES[1]
RATE = 2.0**-40  # so small that the numbers stay what they are, however many steps are taken


class Problem(NamedTuple):
    """Standard normal parameters, ``x`` and ``y``."""

    params: Params[Any]
    x: NDArray[Any]
    y: NDArray[Any]


def problem(shape: Shape, dtype: str) -> Problem:
    """Draw a problem of shape (N, D, H, O): the same each time."""
    n, d, h, o = shape
    rng = np.random.default_rng(0)
    params = Params(*(p.astype(dtype) for p in refnet.init(rng, d, h, o)))
    return Problem(params, rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((n, o)).astype(dtype))


def with_refnet(given: Problem) -> Step:
    """The subject: out of place, pure, its arguments checked at each call."""
    params, x, y = given

    def step() -> object:
        nonlocal params
        params = refnet.update(params, refnet.grads(params, x, y), RATE)
        return params

    return step


def with_script(given: Problem) -> Step:
    """The body of the tutorial's loop as it stands, in place, but for the line that prints the loss."""
    x, y = given.x, given.y
    w1, b1, w2, b2 = (p.copy() for p in given.params)

    def step() -> object:
        nonlocal w1, b1, w2, b2
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2) + b2
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_h_relu = grad_y_pred.dot(w2.T)
        grad_b2 = grad_y_pred
        grad_h = grad_h_relu.copy()
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h
        w1 -= RATE * grad_w1
        w2 -= RATE * grad_w2
        b1 -= RATE * np.sum(grad_b1, 0)
        b2 -= RATE * np.sum(grad_b2, 0)
        return w1, b1, w2, b2

    return step


def products(given: Problem) -> Step:
    """The five products of a step and nothing else: the limit of whoever computes with NumPy."""
    (w1, _, w2, _), x, g = given
    a = np.maximum(x @ w1, 0)
    return lambda: (x @ w1, a @ w2, g @ w2.T, a.T @ g, x.T @ a)


def products_of_torch(given: Problem) -> Step:
    """The same five products with PyTorch's library: how much of a difference is the library's."""
    import torch

    x, g = torch.tensor(given.x), torch.tensor(given.y)
    w1, _, w2, _ = _tensors(given.params)
    a = (x @ w1).relu()
    return lambda: (x @ w1, a @ w2, g @ w2.T, a.T @ g, x.T @ a)


def with_torch_autograd(given: Problem) -> Step:
    """PyTorch, differentiated by its eager autograd; the update is out of place."""
    import torch

    x, y = torch.tensor(given.x), torch.tensor(given.y)
    params = [p.requires_grad_() for p in _tensors(given.params)]

    def step() -> object:
        nonlocal params
        w1, b1, w2, b2 = params
        loss = ((x @ w1 + b1).relu() @ w2 + b2 - y).square().sum()
        gradient = torch.autograd.grad(loss, params)
        with torch.no_grad():
            params = [(p - RATE * g).requires_grad_() for p, g in zip(params, gradient, strict=True)]
        return params

    return step


def with_torch_by_hand(given: Problem) -> Step:
    """PyTorch, with the tutorial's lines in place of its autograd; the update is out of place."""
    import torch

    x, y = torch.tensor(given.x), torch.tensor(given.y)
    w1, b1, w2, b2 = _tensors(given.params)

    def step() -> object:
        nonlocal w1, b1, w2, b2
        with torch.inference_mode():
            h = x @ w1 + b1
            a = h.relu()
            g = 2 * (a @ w2 + b2 - y)
            gh = g @ w2.T
            gh[h < 0] = 0
            w1, b1, w2, b2 = (
                w1 - RATE * (x.T @ gh),
                b1 - RATE * gh.sum(0),
                w2 - RATE * (a.T @ g),
                b2 - RATE * g.sum(0),
            )
        return w1, b1, w2, b2

    return step


def with_jax(given: Problem) -> Step:
    """JAX, gradient and update compiled as one."""
    import jax

    x, y = jax.numpy.asarray(given.x), jax.numpy.asarray(given.y)
    params = tuple(map(jax.numpy.asarray, given.params))

    def loss(params: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        return jax.numpy.square(jax.nn.relu(x @ w1 + b1) @ w2 + b2 - y).sum()

    def descended(params: Any, x: Any, y: Any) -> Any:
        return jax.tree.map(lambda p, g: p - RATE * g, params, jax.grad(loss)(params, x, y))

    compiled = jax.jit(descended)

    def step() -> object:
        nonlocal params
        params = jax.block_until_ready(compiled(params, x, y))
        return params

    return step


def with_autograd(given: Problem) -> Step:
    """HIPS autograd: NumPy, differentiated by tracing it."""
    import autograd
    import autograd.numpy as anp

    x, y = given.x, given.y
    params = tuple(given.params)

    def loss(params: Any) -> Any:
        w1, b1, w2, b2 = params
        return anp.sum(anp.square(anp.dot(anp.maximum(anp.dot(x, w1) + b1, 0), w2) + b2 - y))

    gradient = autograd.grad(loss)

    def step() -> object:
        nonlocal params
        params = tuple(p - RATE * g for p, g in zip(params, gradient(params), strict=True))
        return params

    return step


def _tensors(params: Params[Any]) -> list[Any]:
    import torch

    return [torch.tensor(p) for p in params]


REFNET, PRODUCTS, PRODUCTS_OF_TORCH = "refnet", "the five products alone, NumPy", "the five products alone, PyTorch"
SCRIPT = "the tutorial's script, in place"
CONTENDERS: Mapping[str, Callable[[Problem], Step]] = {
    REFNET: with_refnet,
    PRODUCTS: products,
    PRODUCTS_OF_TORCH: products_of_torch,
    SCRIPT: with_script,
    "PyTorch, eager autograd": with_torch_autograd,
    "PyTorch, by hand": with_torch_by_hand,
    "JAX, compiled": with_jax,
    "HIPS autograd": with_autograd,
}
LIMITS = (PRODUCTS, PRODUCTS_OF_TORCH)
