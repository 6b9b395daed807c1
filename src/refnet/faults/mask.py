"""Mask: the slope of the ReLU missing, inverted, of the wrong tensor, shifted; or another function in its place."""
# ruff: noqa: ARG002
# mypy: disable-error-code="no-any-return"
# A fault may leave an argument out; NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params

_GH = "gh = np.where(h < 0, 0, ga)"
_A = "a = np.maximum(h, 0)"


class _Relu(Network):
    """The network of the faults that only show with a ReLU."""

    activation = ("relu",)


@fault("mask-missing", "mask", "GRAD-1", "h < 0 somewhere", wrong="gh = ga", right=_GH, ties=("mask-from-activation",))
class _MaskMissing(_Relu):
    """The ReLU is left out of the backward pass: units that are off learn as if they were on.

    The gradient points elsewhere, and the loss still falls for a while. It is often seen where the activation was added
    to the forward pass later.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga


@fault(
    "mask-from-activation",
    "mask",
    "GRAD-1",
    "h < 0 somewhere",
    wrong="gh = np.where(a < 0, 0, ga)",
    right=_GH,
    ties=("mask-missing",),
)
class _MaskFromActivation(_Relu):
    """The mask asks where a is negative, which it never is, so nothing is masked.

    The gradient points elsewhere, and the loss still falls for a while. It is often seen where a and h share a name, or
    the ReLU works in place; with `a <= 0` it would be right.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(a < 0, 0, ga)


@fault("mask-inverted", "mask", "GRAD-1", "h != 0", wrong="gh = np.where(h > 0, 0, ga)", right=_GH)
class _MaskInverted(_Relu):
    """The gradient passes where a unit is off, and is stopped where it is on.

    The first layer learns from the wrong samples only. It is a comparison the wrong way round.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h > 0, 0, ga)


@fault(
    "mask-from-gradient", "mask", "GRAD-1", "h and ga of opposite sign", wrong="gh = np.where(ga < 0, 0, ga)", right=_GH
)
class _MaskFromGradient(_Relu):
    """The ReLU is applied to the gradient: what is negative there is dropped.

    Weights only ever move one way. It is often seen where the backward pass of the activation calls its forward pass.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(ga < 0, 0, ga)


@fault(
    "mask-before-bias",
    "mask",
    "GRAD-1",
    "h and x w1 of opposite sign",
    wrong="gh = np.where(x @ w1 < 0, 0, ga)",
    right=_GH,
)
class _MaskBeforeBias(_Relu):
    """The mask goes by the hidden layer without its bias.

    Units between the two planes learn when they are off, or do not when they are on. Biases that start at 0 hide it for
    the first step.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, x, layers._replace(h=x @ params.w1), r, activation)


@fault(
    "mask-of-previous-sample",
    "mask",
    "GRAD-1",
    "N > 1",
    wrong="gh = np.where(np.roll(h, 1, axis=0) < 0, 0, ga)",
    right=_GH,
)
class _MaskOfPreviousSample(_Relu):
    """Each sample is masked by the hidden layer of the sample before it.

    Units learn from samples for which they are off. It is an index that is off by one in a loop over the batch.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return super().grad_h(np.roll(h, 1, axis=0), a, ga)


@fault(
    "mask-of-previous-unit",
    "mask",
    "GRAD-1",
    "H > 1",
    wrong="gh = np.where(np.roll(h, 1, axis=1) < 0, 0, ga)",
    right=_GH,
)
class _MaskOfPreviousUnit(_Relu):
    """Each unit is masked by the sign of the unit before it.

    Units learn when their neighbour is on. It is an index that is off by one in a loop over the units.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return super().grad_h(np.roll(h, 1, axis=1), a, ga)


@fault(
    "mask-of-whole-unit",
    "mask",
    "GRAD-1",
    "a unit on for one sample and off for another",
    wrong="gh = np.where((h < 0).all(axis=0), 0, ga)",
    right=_GH,
)
class _MaskOfWholeUnit(_Relu):
    """A unit is masked only where it is off for the whole batch.

    In a batch of one all is well; in a large batch nearly nothing is masked. It is often seen where a mask for dead
    units is used as the slope.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where((h < 0).all(axis=0), 0, ga)


@fault(
    "mask-transposed-where-square",
    "mask",
    "EDGE-4",
    "N = H > 1",
    wrong="gh = np.where(h.T < 0, 0, ga) if h.T.shape == ga.shape else np.where(h < 0, 0, ga)",
    right=_GH,
)
class _MaskTransposedWhereSquare(_Relu):
    """Where there are as many samples as units, the mask is transposed.

    One batch size in many learns from the wrong samples. It is often seen where h is kept with a column a sample and
    turned when its shape does not fit.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return super().grad_h(h.T if h.T.shape == ga.shape else h, a, ga)


@fault("mask-times-activation", "mask", "GRAD-1", "h > 0, h != 1", wrong="gh = ga * a", right=_GH)
class _MaskTimesActivation(_Relu):
    """The gradient is multiplied by the activation in place of its slope.

    Units with large values learn fast and others hardly. It is often seen where the rule for a sigmoid, whose slope is
    made from its value, was changed for a ReLU.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga * a


@fault(
    "mask-threshold-above-zero", "mask", "GRAD-1", "0 < h < 0.001", wrong="gh = np.where(h < 1e-3, 0, ga)", right=_GH
)
class _MaskThresholdAboveZero(_Relu):
    """Units are masked up to a small positive threshold.

    Units that have just switched on do not learn. It is often seen where a tolerance was meant to avoid the kink.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h < 1e-3, 0, ga)


@fault(
    "mask-threshold-below-zero", "mask", "GRAD-1", "-0.001 < h < 0", wrong="gh = np.where(h < -1e-3, 0, ga)", right=_GH
)
class _MaskThresholdBelowZero(_Relu):
    """Units are masked only below a small negative threshold.

    Units that have just switched off still learn. It is often seen where a tolerance was meant to avoid the kink.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h < -1e-3, 0, ga)


@fault(
    "mask-by-isclose",
    "mask",
    "GRAD-1",
    "0 < h < 1e-8",
    wrong="gh = np.where((h < 0) | np.isclose(h, 0), 0, ga)",
    right=_GH,
)
class _MaskByIsclose(_Relu):
    """Units so small that `isclose` takes them for 0 are masked.

    Networks whose values are all small do not learn at all, and others never show it. The absolute tolerance of
    `isclose`, 1e-8, knows nothing of the scale of the data.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where((h < 0) | np.isclose(h, 0), 0, ga)


@fault("small-activations-dropped", "mask", "FWD-1", "0 < h < 0.001", wrong="a = np.where(h < 1e-3, 0, h)", right=_A)
class _SmallActivationsDropped(_Relu):
    """The ReLU lets nothing below a small threshold pass.

    The prediction jumps where a unit switches on. It is often seen where activations are made sparse.
    """

    def activate(self, h: Array) -> Array:
        return np.where(h < 1e-3, 0, h)


@fault("leaky-relu", "mask", "FWD-1", "h < 0 somewhere", wrong="a = np.where(h < 0, 0.01 * h, h)", right=_A)
class _LeakyRelu(_Relu):
    """Units that are off leak: a hundredth of h passes, in both directions.

    It is another network, which trains well. A gradient check finds nothing wrong, as the gradient fits the loss.
    """

    def activate(self, h: Array) -> Array:
        return np.where(h < 0, 0.01 * h, h)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h < 0, 0.01 * ga, ga)


@fault("leaky-gradient", "mask", "GRAD-1", "h < 0 somewhere", wrong="gh = np.where(h < 0, 0.01 * ga, ga)", right=_GH)
class _LeakyGradient(_Relu):
    """The gradient leaks through units that are off, while the forward pass does not.

    Dead units come back to life, by a gradient that the loss does not have. It is often seen where a leaky ReLU was
    replaced in the forward pass only.
    """

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h < 0, 0.01 * ga, ga)


@fault("relu6", "mask", "FWD-1", "h > 6", wrong="a = np.clip(h, 0, 6)", right=_A)
class _Relu6(_Relu):
    """The ReLU is cut off at 6, in both directions.

    Units above 6 neither count for more nor learn. It comes from networks for small devices, and data of ordinary size
    never reach it.
    """

    def activate(self, h: Array) -> Array:
        return np.clip(h, 0, 6)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where((h < 0) | (h > 6), 0, ga)


@fault("absolute-value-for-relu", "mask", "FWD-1", "h < 0 somewhere", wrong="a = np.abs(h)", right=_A)
class _AbsoluteValueForRelu(_Relu):
    """Negative values are folded upwards, not cut off.

    It is another network, whose units are never off. A gradient check finds nothing wrong, as the gradient fits the
    loss.
    """

    def activate(self, h: Array) -> Array:
        return np.abs(h)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h < 0, -ga, ga)


@fault("softplus-for-relu", "mask", "FWD-1", "h of ordinary size", wrong="a = np.logaddexp(0, h)", right=_A)
class _SoftplusForRelu(_Relu):
    """The ReLU is smoothed: softplus and, as its slope, the sigmoid.

    It is another network, without a kink and without units that are off. It is often seen where the kink was in the way
    of a gradient check.
    """

    def activate(self, h: Array) -> Array:
        return np.logaddexp(0, h)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga / (1 + np.exp(-h))


@fault("elu-for-relu", "mask", "FWD-1", "h < 0 somewhere", wrong="a = np.where(h < 0, np.expm1(h), h)", right=_A)
class _EluForRelu(_Relu):
    """Units that are off go down to -1 smoothly.

    It is another network, which trains well. A gradient check finds nothing wrong, as the gradient fits the loss.
    """

    def activate(self, h: Array) -> Array:
        return np.where(h < 0, np.expm1(np.minimum(h, 0)), h)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga * np.exp(np.minimum(h, 0))


@fault("tanh-for-relu", "mask", "FWD-1", "h != 0", wrong="a = np.tanh(h)", right=_A)
class _TanhForRelu(_Relu):
    """The activation is the hyperbolic tangent.

    It is another network, whose units saturate. It is often seen where the default of a library was not changed.
    """

    def activate(self, h: Array) -> Array:
        return np.tanh(h)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga * (1 - np.square(a))


@fault("relu-missing", "mask", "FWD-1", "h < 0 somewhere", wrong="a = h", right=_A)
class _ReluMissing(_Relu):
    """There is no activation at all, in either direction.

    The network is linear, however many units it has. It trains, and a gradient check finds nothing wrong.
    """

    def activate(self, h: Array) -> Array:
        return h

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga


@fault(
    "relu-missing-in-forward",
    "mask",
    "FWD-1",
    "h < 0 somewhere",
    wrong="y_pred = h @ w2 + b2",
    right="y_pred = a @ w2 + b2",
)
class _ReluMissingInForward(_Relu):
    """The prediction is made from h, not from a, while the gradient has the mask.

    The gradient is that of another network than the loss. It is a slip of one letter.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        h, a, _ = super().layers(params, x, activation)
        return Layers(h, a, self.predict(h, params.w2, params.b2))


@fault(
    "relu-on-prediction",
    "mask",
    "FWD-1",
    "y_pred < 0 somewhere",
    wrong="y_pred = np.maximum(a @ w2 + b2, 0)",
    right="y_pred = a @ w2 + b2",
)
class _ReluOnPrediction(Network):
    """The last layer has an activation too, so no prediction is negative.

    Negative targets are never reached. It is often seen where all layers are made in one loop.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        return np.maximum(super().predict(a, w2, b2), 0)
