"""Wiring: one tensor taken for another, of another layer, another moment, or the other way round where it is square."""
# ruff: noqa: ARG002
# A fault may leave an argument out.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params

_GW2 = "gw2 = a.T @ g"


@fault("h-for-a-in-w2-gradient", "wiring", "GRAD-3", "h < 0 somewhere", wrong="gw2 = h.T @ g", right=_GW2)
class _HForAInW2Gradient(Network):
    """The gradient of w2 is made from the hidden layer before its ReLU.

    Units that are off take a share, with the wrong sign. It is a slip of one letter.
    """

    activation = ("relu",)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return grads._replace(w2=self.grad_w2(layers.h, self.grad_y_pred(r)))


@fault("prediction-for-g-in-w2-gradient", "wiring", "GRAD-3", "y_pred != g", wrong="gw2 = a.T @ y_pred", right=_GW2)
class _PredictionForGInW2Gradient(Network):
    """The gradient of w2 is made from the prediction, not from the gradient by the prediction.

    The second layer shrinks its own output, whatever the target is. It is often seen where both have the same name but
    for a prefix.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return grads._replace(w2=self.grad_w2(layers.a, layers.y_pred))


@fault("a-for-x-in-w1-gradient", "wiring", "GRAD-1", "always", wrong="gw1 = a.T @ gh", right="gw1 = x.T @ gh")
class _AForXInW1Gradient(Network):
    """The gradient of w1 is made from the output of the first layer, not from its input.

    The shape is right only where D = H, as in tests with square matrices. It is often seen where a loop over layers is
    off by one.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, layers.a, layers, r, activation)


@fault("first-layer-detached", "wiring", "GRAD-1", "always", wrong="ga = np.zeros_like(a)", right="ga = g @ w2.T")
class _FirstLayerDetached(Network):
    """Nothing goes back through the second layer, so the first one does not learn.

    The loss falls all the same, as the second layer fits random features. It is often seen where a tensor was detached,
    or copied, on the way.
    """

    def grad_a(self, g: Array, w2: Array) -> Array:
        return np.zeros_like(super().grad_a(g, w2))


@fault(
    "w1-gradient-with-updated-w2",
    "wiring",
    "STEP-1",
    "in a step",
    wrong="w2 = w2 - lr * gw2; ga = g @ w2.T",
    right="ga = g @ w2.T; w2 = w2 - lr * gw2",
)
class _W1GradientWithUpdatedW2(Network):
    """A step changes w2 first, and takes the changed w2 for the gradient of the first layer.

    With a small rate it is nearly right, and nobody notices. It is often seen where each layer updates itself in the
    backward pass.
    """

    def step(self, params: Params[Any], x: Array, y: Array, lr: float, *, activation: Activation = "relu") -> Any:
        grads = self.gradient(params, x, y, activation)
        layers = self.layers(params, x, activation)
        ahead = params._replace(w2=self.descend(params.w2, grads.w2, lr))
        late = self.backward(ahead, x, layers, self.residual(layers.y_pred, y), activation)
        return self.descended(params, grads._replace(w1=late.w1, b1=late.b1), lr)


@fault(
    "parameters-updated-one-by-one",
    "wiring",
    "STEP-1",
    "in a step",
    wrong="for name in params: params[name] -= lr * grads(params, x, y)[name]",
    right="g = grads(params, x, y); params = {name: p - lr * g[name] for name, p in params.items()}",
)
class _ParametersUpdatedOneByOne(Network):
    """A step updates one parameter after the other, each with the gradient at those updated before it.

    It is another method, which often converges, and is slow besides. It is often seen where the update loops over the
    parameters and asks for the gradient inside.
    """

    def step(self, params: Params[Any], x: Array, y: Array, lr: float, *, activation: Activation = "relu") -> Any:
        for name in Params._fields:
            grads = self.gradient(params, x, y, activation)
            params = params._replace(**{name: self.descend(getattr(params, name), getattr(grads, name), lr)})
        return Params(*map(np.copy, params))


@fault(
    "targets-off-by-one-row",
    "wiring",
    "LOSS-1",
    "N > 1",
    wrong="r = y_pred - np.roll(y, 1, axis=0)",
    right="r = y_pred - y",
)
class _TargetsOffByOneRow(Network):
    """Each prediction is compared with the target of the sample before it.

    The network learns what it can of data that are shuffled, which is little. It is often seen where inputs and targets
    are shuffled, or read from two files, each by itself.
    """

    def residual(self, y_pred: Array, y: Array) -> Array:
        return y_pred - np.roll(y, 1, axis=0)


def _turned(w: Array) -> Array:
    return w.T if w.shape[0] == w.shape[1] else w


@fault(
    "weights-transposed",
    "wiring",
    "EDGE-4",
    "D = H or H = O",
    wrong="h = x @ (w1.T if w1.shape[1] == x.shape[1] else w1) + b1",
    right="h = x @ w1 + b1",
)
class _WeightsTransposed(Network):
    """Weights are taken as (outputs, inputs) where the shape allows it, and only else as (inputs, outputs).

    Square layers compute with the transposed matrix, and their gradient fits that. `torch.nn.Linear` stores its weight
    in this way, and code that guesses the orientation guesses wrongly here.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        turned = params._replace(w1=_turned(params.w1), w2=_turned(params.w2))
        return super().layers(turned, x, activation)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        turned = params._replace(w1=_turned(params.w1), w2=_turned(params.w2))
        grads = super().backward(turned, x, layers, r, activation)
        return grads._replace(w1=_turned(grads.w1), w2=_turned(grads.w2))


@fault(
    "w2-not-transposed-where-square",
    "wiring",
    "EDGE-4",
    "H = O > 1",
    wrong="ga = g @ (w2 if w2.shape[0] == g.shape[1] else w2.T)",
    right="ga = g @ w2.T",
)
class _W2NotTransposedWhereSquare(Network):
    """The gradient goes back through w2, not through its transpose, where the shape allows it.

    The first layer of a square network learns from the wrong outputs. It is a forgotten `.T`, which tests with square
    matrices do not catch.
    """

    def grad_a(self, g: Array, w2: Array) -> Array:
        return super().grad_a(g, _turned(w2))


@fault(
    "input-transposed-where-square",
    "wiring",
    "EDGE-4",
    "N = D > 1",
    wrong="h = (x.T if x.shape[0] == w1.shape[0] else x) @ w1 + b1",
    right="h = x @ w1 + b1",
)
class _InputTransposedWhereSquare(Network):
    """The input is taken with a column a sample where the shape allows it.

    One batch size in many mixes samples and features. It is often seen in code that accepts both orientations.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        return super().layers(params, _turned(x), activation)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, _turned(x), layers, r, activation)


@fault(
    "biases-swapped",
    "wiring",
    "EDGE-4",
    "H = O",
    wrong="w1, b2, w2, b1 = params",
    right="w1, b1, w2, b2 = params",
)
class _BiasesSwapped(Network):
    """Each layer is given the bias of the other one where both have the same shape.

    The gradients of the biases belong to the other layer each. It is often seen where parameters are found by their
    shape, or listed in another order.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        w1, b1, w2, b2 = params
        return super().layers(Params(w1, b2, w2, b1) if b1.shape == b2.shape else params, x, activation)


@fault(
    "bias-gradients-swapped",
    "wiring",
    "EDGE-4",
    "H = O",
    wrong="return Grads(w1=gw1, b1=gb2, w2=gw2, b2=gb1)",
    right="return Grads(w1=gw1, b1=gb1, w2=gw2, b2=gb2)",
)
class _BiasGradientsSwapped(Network):
    """The gradients of the two biases are returned in each other's place where both have the same shape.

    Each bias follows the other layer. It is often seen where gradients are matched with parameters by their shape.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return grads._replace(b1=grads.b2, b2=grads.b1) if grads.b1.shape == grads.b2.shape else grads


@fault(
    "weight-gradients-swapped",
    "wiring",
    "EDGE-4",
    "D = H = O",
    wrong="return Grads(w1=gw2, b1=gb1, w2=gw1, b2=gb2)",
    right="return Grads(w1=gw1, b1=gb1, w2=gw2, b2=gb2)",
)
class _WeightGradientsSwapped(Network):
    """The gradients of the two weights are returned in each other's place where both have the same shape.

    Each layer follows the other one. It is often seen where gradients are matched with parameters by their shape.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return grads._replace(w1=grads.w2, w2=grads.w1) if grads.w1.shape == grads.w2.shape else grads


@fault(
    "gradients-out-of-order",
    "wiring",
    "GRAD-5",
    "always",
    wrong="return gw1, gw2, gb1, gb2",
    right="return gw1, gb1, gw2, gb2",
)
class _GradientsOutOfOrder(Network):
    """The gradients are returned in the order w1, w2, b1, b2.

    The update broadcasts, or raises an error, by luck. It is often seen where weights and biases are kept in two lists.
    """

    def grads(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        w1, b1, w2, b2 = self.gradient(params, x, y, activation)
        return w1, w2, b1, b2


@fault(
    "first-layer-weights-used-twice",
    "wiring",
    "EDGE-4",
    "D = H = O",
    wrong="y_pred = a @ w1 + b2",
    right="y_pred = a @ w2 + b2",
)
class _FirstLayerWeightsUsedTwice(Network):
    """The second layer has the weights of the first one where both have the same shape.

    All that w2 learns is in vain. It is a slip of one digit, or one layer object that stands in the list twice.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        same = params.w1.shape == params.w2.shape
        return super().layers(params._replace(w2=params.w1) if same else params, x, activation)


@fault(
    "activation-not-passed-on",
    "wiring",
    "GRAD-1",
    "h < 0 somewhere, without ReLU",
    wrong="layers = self.layers(params, x)",
    right="layers = self.layers(params, x, activation)",
)
class _ActivationNotPassedOn(Network):
    """The gradient is always that of the network with a ReLU, whichever network was asked for.

    Networks without one learn in part of their units only. It is a keyword with a default, forgotten in one call.
    """

    activation = ("identity",)

    def gradient(self, params: Params[Any], x: Array, y: Array, activation: Activation) -> Grads[Any]:
        return super().gradient(params, x, y, "relu")


@fault(
    "relu-in-identity-network",
    "wiring",
    "FWD-1",
    "h < 0 somewhere, without ReLU",
    wrong="a = np.maximum(h, 0)",
    right="a = h",
)
class _ReluInIdentityNetwork(Network):
    """A network that was to have no activation has a ReLU, in both directions.

    It is another network, and its gradient fits it. It is often seen where the activation cannot be switched off.
    """

    activation = ("identity",)

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        return super().layers(params, x, "relu")

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, x, layers, r, "relu")
