"""Bias: missing, doubled, in the wrong place, its gradient not summed, or summed along the wrong axis."""
# ruff: noqa: ARG002
# mypy: disable-error-code="no-any-return"
# A fault may leave an argument out; NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params

_H = "h = x @ w1 + b1"
_GB1 = "gb1 = gh.sum(axis=0)"


@fault("b1-missing", "bias", "FWD-1", "b1 != 0", wrong="h = x @ w1", right=_H)
class _B1Missing(Network):
    """The bias of the first layer is not added.

    All units switch at planes through the origin, whatever b1 has learned. Biases that start at 0 hide it for the first
    step.
    """

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        return self.product(x, w1)


@fault("b2-missing", "bias", "FWD-1", "b2 != 0", wrong="y_pred = a @ w2", right="y_pred = a @ w2 + b2")
class _B2Missing(Network):
    """The bias of the second layer is not added.

    The predictions cannot shift, and b2 drifts without effect. Biases that start at 0 hide it for the first step.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        return self.product(a, w2)


@fault("b1-added-twice", "bias", "FWD-1", "b1 != 0", wrong="h = (x @ w1 + b1) + b1", right=_H)
class _B1AddedTwice(Network):
    """The bias of the first layer is added twice.

    Its gradient is half of what the prediction asks for. It is often seen where a layer of a library, which has a bias
    already, was wrapped.
    """

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        return super().hidden(x, w1, b1) + b1


@fault("b1-subtracted", "bias", "FWD-1", "b1 != 0", wrong="h = x @ w1 - b1", right=_H)
class _B1Subtracted(Network):
    """The bias of the first layer is subtracted, as a threshold would be.

    The gradient of b1 has the wrong sign then, and b1 climbs. It is often seen where a unit was described as firing
    above a threshold.
    """

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        return self.product(x, w1) - b1


@fault(
    "bias-after-activation",
    "bias",
    "FWD-1",
    "b1 != 0",
    wrong="a = np.maximum(x @ w1, 0) + b1",
    right="a = np.maximum(x @ w1 + b1, 0)",
)
class _BiasAfterActivation(Network):
    """The bias of the first layer is added behind the ReLU, not before it.

    A unit that is off gives a constant in place of 0, and b1 cannot move the point where it switches. It is a misplaced
    bracket.
    """

    activation = ("relu",)

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        w1, b1, w2, b2 = params
        h = self.product(x, w1)
        a = self.activate(h) + b1
        return Layers(h, a, self.predict(a, w2, b2))


@fault("first-bias-for-all-units", "bias", "FWD-1", "H > 1", wrong="h = x @ w1 + b1[0]", right=_H)
class _FirstBiasForAllUnits(Network):
    """Every unit is given the bias of the first one.

    The other biases are learned in vain. It is often seen where a loop over units forgot an index.
    """

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        return self.product(x, w1) + b1.ravel()[0]


@fault("bias-gradient-not-summed", "bias", "GRAD-5", "always", wrong="gb1 = gh", right=_GB1)
class _BiasGradientNotSummed(Network):
    """The gradients of the biases have a row a sample, not the sum of the rows.

    The update broadcasts, and the bias grows into a matrix with a row a sample. The tutorial that refnet starts from
    keeps its gradients so until it updates.
    """

    def grad_bias(self, rows: Array, b: Array) -> Array:
        return rows


@fault("bias-gradient-as-row", "bias", "GRAD-5", "always", wrong="gb1 = gh.sum(axis=0, keepdims=True)", right=_GB1)
class _BiasGradientAsRow(Network):
    """The gradients of the biases have shape (1, H) and (1, O) where the biases have (H,) and (O,).

    The update broadcasts, and the biases have two axes from then on. It is often seen where biases are rows in one half
    of a program.
    """

    def grad_bias(self, rows: Array, b: Array) -> Array:
        return rows.sum(axis=0, keepdims=True)


@fault("bias-gradient-along-wrong-axis", "bias", "GRAD-5", "always", wrong="gb1 = gh.sum(axis=1)", right=_GB1)
class _BiasGradientAlongWrongAxis(Network):
    """The gradients of the biases are summed over the units, not over the samples.

    They have a number a sample, which fits the bias only where N = H. It is often seen in code that was moved from
    columns of samples to rows of samples.
    """

    def grad_bias(self, rows: Array, b: Array) -> Array:
        return rows.sum(axis=1)


@fault("bias-gradient-averaged", "bias", "GRAD-2", "N > 1", wrong="gb1 = gh.mean(axis=0)", right=_GB1)
class _BiasGradientAveraged(Network):
    """The gradients of the biases are means over the batch, while those of the weights are sums.

    The biases learn N times more slowly than the weights. It is often seen where a mean was used to get rid of an axis.
    """

    def grad_bias(self, rows: Array, b: Array) -> Array:
        return rows.mean(axis=0).reshape(b.shape)


@fault("bias-gradient-of-last-sample", "bias", "GRAD-2", "N > 1", wrong="gb1 = gh[-1]", right=_GB1)
class _BiasGradientOfLastSample(Network):
    """The gradients of the biases are those of the last sample alone.

    The biases follow a noisy estimate that is N times too small. It is often seen in loops with `=` in place of `+=`.
    """

    def grad_bias(self, rows: Array, b: Array) -> Array:
        return super().grad_bias(rows[-1:], b)


@fault("bias-gradient-zero", "bias", "GRAD-2", "always", wrong="gb1 = np.zeros_like(b1)", right=_GB1)
class _BiasGradientZero(Network):
    """The biases have no gradient, and stay what they were.

    The network trains, but never moves the points where its units switch. It is often seen where the biases were not
    registered as parameters.
    """

    def grad_bias(self, rows: Array, b: Array) -> Array:
        return np.zeros_like(b)


@fault(
    "b1-gradient-unmasked",
    "bias",
    "GRAD-2",
    "h < 0 somewhere",
    wrong="gb1 = (g @ w2.T).sum(axis=0)",
    right=_GB1,
)
class _B1GradientUnmasked(Network):
    """The gradient of b1 counts units that are off, while that of w1 does not.

    The biases of units that are off drift. It is often seen where the mask was written into the line of w1.
    """

    activation = ("relu",)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return grads._replace(b1=self.grad_b1(self.grad_a(self.grad_y_pred(r), params.w2), params.b1))


@fault(
    "b2-gradient-summed-over-outputs", "bias", "GRAD-4", "O > 1", wrong="gb2[:] = g.sum()", right="gb2 = g.sum(axis=0)"
)
class _B2GradientSummedOverOutputs(Network):
    """The gradient of b2 is one number for all outputs.

    All outputs shift together. It is a forgotten axis, which broadcasting hides.
    """

    def grad_b2(self, g: Array, b2: Array) -> Array:
        return np.full_like(b2, g.sum())


@fault(
    "bias-added-down-the-batch",
    "bias",
    "EDGE-4",
    "N = H > 1",
    wrong="h = x @ w1 + (b1[:, None] if len(b1) == len(x) else b1)",
    right=_H,
)
class _BiasAddedDownTheBatch(Network):
    """Where there are as many samples as units, each sample is given a bias in place of each unit.

    One batch size in many trains another network. It is often seen in code that turns a bias until it fits.
    """

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        down = b1.reshape(-1, 1) if b1.size == len(x) else b1
        return self.product(x, w1) + down
