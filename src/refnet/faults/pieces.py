"""The network in pieces, each of which a fault replaces, and the list of all faults.

`Network` computes what `refnet.network` does, bit for bit, and is an implementation like any other. A fault is a
class below it in which one piece is wrong, so that its body reads as the line somebody wrote. Everything is computed in
the dtype of the arguments.
"""
# ruff: noqa: ARG002
# mypy: disable-error-code="no-any-return"
# A fault may leave an argument out; NumPy's stubs lose the type of some arithmetic.

import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet.network import Activation, Grads, Params, checked, checked_pair, checked_update

Array: TypeAlias = NDArray[Any]  # float32 or float64
Dtype: TypeAlias = Literal["float32", "float64"]
Family: TypeAlias = Literal[
    "reduction",
    "factors",
    "bias",
    "mask",
    "wiring",
    "shape",
    "layout",
    "precision",
    "state",
    "extras",
    "special",
    "update",
]


class Layers(NamedTuple):
    """The forward pass: ``h`` and ``a`` (N, H), ``y_pred`` (N, O)."""

    h: Array
    a: Array
    y_pred: Array


class Network:
    """The five operations, and below them the pieces that they are made of."""

    activation: tuple[Activation, ...] = ("relu", "identity")  # with which of them a fault shows
    dtypes: tuple[Dtype, ...] = ("float32", "float64")  # and in which formats

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        """Return the prediction, (N, O)."""
        params, x = self.accept(params, x, activation)
        return self.layers(self.read_params(params), self.read(x), activation).y_pred

    def loss(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        """Return the sum of the squared residuals."""
        params, x = self.accept(params, x, activation)
        y = self.accept_target(params, x, y, activation)
        layers = self.layers(self.read_params(params), self.read(x), activation)
        return self.reduce(self.residual(layers.y_pred, self.read(y)))

    def grads(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        """Return the gradient of the loss."""
        return self.gradient(params, x, y, activation)

    def update(self, params: Params[Any], grads: Grads[Any], lr: float) -> Any:
        """Return ``p - lr * g`` for each parameter."""
        params, grads, lr = checked_update(params, grads, lr)
        return self.descended(self.read_params(params), Grads(*map(self.read, grads)), lr)

    def step(self, params: Params[Any], x: Array, y: Array, lr: float, *, activation: Activation = "relu") -> Any:
        """Return the parameters after one step of gradient descent."""
        return self.descended(self.read_params(params), self.gradient(params, x, y, activation), lr)

    # Taking the arguments.

    def accept(self, params: Params[Any], x: Array, activation: Activation) -> tuple[Params[Any], Array]:
        """Return the parameters and the input, or raise an error where they do not fit."""
        return checked(params, x, activation)

    def accept_target(self, params: Params[Any], x: Array, y: Array, activation: Activation) -> Array:
        """Return the target, or raise an error where it does not fit."""
        return checked_pair(params, x, y, activation)[2]

    def read(self, array: Array) -> Array:
        """Return an argument as the network reads it from memory."""
        return array

    def read_params(self, params: Params[Any]) -> Params[Any]:
        """Return the parameters as the network reads them."""
        return Params(*map(self.read, params))

    # The forward pass.

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        """Return the forward pass."""
        w1, b1, w2, b2 = params
        h = self.hidden(x, w1, b1)
        a = self.activate(h) if activation == "relu" else h
        return Layers(h, a, self.predict(a, w2, b2))

    def product(self, left: Array, right: Array) -> Array:
        """Return the product of two matrices."""
        return left @ right

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        """Return h."""
        return self.product(x, w1) + b1

    def activate(self, h: Array) -> Array:
        """Return a, with ReLU."""
        return np.maximum(h, 0)

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        """Return y_pred."""
        return self.product(a, w2) + b2

    def residual(self, y_pred: Array, y: Array) -> Array:
        """Return r."""
        return y_pred - y

    def reduce(self, r: Array) -> Any:
        """Return the loss."""
        return np.square(r).sum()

    # The backward pass.

    def gradient(self, params: Params[Any], x: Array, y: Array, activation: Activation) -> Grads[Any]:
        """Return the gradient, as ``grads`` and ``step`` have it."""
        params, x = self.accept(params, x, activation)
        y = self.accept_target(params, x, y, activation)
        params, x = self.read_params(params), self.read(x)
        layers = self.layers(params, x, activation)
        return self.backward(params, x, layers, self.residual(layers.y_pred, self.read(y)), activation)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        """Return the gradient, from the residual."""
        _, b1, w2, b2 = params
        g = self.grad_y_pred(r)
        ga = self.grad_a(g, w2)
        gh = self.grad_h(layers.h, layers.a, ga) if activation == "relu" else ga
        return Grads(
            w1=self.grad_w1(x, gh), b1=self.grad_b1(gh, b1), w2=self.grad_w2(layers.a, g), b2=self.grad_b2(g, b2)
        )

    def product_back(self, left: Array, right: Array) -> Array:
        """Return the product of two matrices in the backward pass."""
        return self.product(left, right)

    def grad_y_pred(self, r: Array) -> Array:
        """Return g."""
        return 2 * r

    def grad_a(self, g: Array, w2: Array) -> Array:
        """Return ga."""
        return self.product_back(g, w2.T)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        """Return gh, with ReLU."""
        return np.where(h < 0, 0, ga)

    def grad_w1(self, x: Array, gh: Array) -> Array:
        """Return the gradient of w1."""
        return self.product_back(x.T, gh)

    def grad_b1(self, gh: Array, b1: Array) -> Array:
        """Return the gradient of b1."""
        return self.grad_bias(gh, b1)

    def grad_w2(self, a: Array, g: Array) -> Array:
        """Return the gradient of w2."""
        return self.product_back(a.T, g)

    def grad_b2(self, g: Array, b2: Array) -> Array:
        """Return the gradient of b2."""
        return self.grad_bias(g, b2)

    def grad_bias(self, rows: Array, b: Array) -> Array:
        """Return the gradient of a bias, from a row a sample."""
        return rows.sum(axis=0).reshape(b.shape)

    # The descent.

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        """Return the parameters after the update."""
        return Params(*(self.descend(p, g, lr) for p, g in zip(params, grads, strict=True)))

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        """Return one parameter after the update."""
        return p - lr * g


class Fault(NamedTuple):
    """A known mistake.

    ``clause``: the MUST clause that speaks of it most plainly; others may fail as well. ``note``: what went wrong, what
    it does to training, where it is often seen. ``seen``: when it shows. ``wrong`` and ``right``: the line as it
    was written, and as it should be. ``make``: returns a fresh implementation with the fault, its state, if it keeps
    any, that of the first call. ``ties``: the names of other faults that compute the same function.
    """

    name: str
    family: Family
    clause: str
    note: str
    seen: str
    wrong: str
    right: str
    make: Callable[[], Network]
    ties: tuple[str, ...] = ()


LISTED: dict[str, Fault] = {}

Faulty = TypeVar("Faulty", bound=type[Network])


def fault(
    name: str, family: Family, clause: str, seen: str, *, wrong: str, right: str, ties: tuple[str, ...] = ()
) -> Callable[[Faulty], Faulty]:
    """List the class below as a fault; its docstring is the note. Raises ValueError for a name that is taken."""

    def listed(network: Faulty) -> Faulty:
        if name in LISTED:
            raise ValueError(f"two faults are called {name}, expected one")
        note = " ".join(inspect.cleandoc(network.__doc__ or "").split())
        LISTED[name] = Fault(name, family, clause, note, seen, wrong, right, network, ties)
        return network

    return listed
