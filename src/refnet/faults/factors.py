"""Factors and signs: a constant too many or too few, or a minus."""

import numpy as np

from refnet.faults.pieces import Array, Network, fault

_G = "g = 2 * (y_pred - y)"


@fault("missing-factor-2", "factors", "GRAD-1", "always", wrong="g = y_pred - y", right=_G)
class _MissingFactor2(Network):
    """The 2 of the derivative of the square is missing from the gradient, while the loss has no half.

    Each step is half as long as it should be. It is often seen where the gradient was derived for a loss with a half in
    front.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return r


@fault("factor-2-twice", "factors", "GRAD-1", "always", wrong="g = 2 * 2 * (y_pred - y)", right=_G)
class _Factor2Twice(Network):
    """The 2 of the derivative of the square is multiplied in twice.

    Each step is twice as long as it should be, and a rate near the limit diverges. It is often seen where two functions
    each take care of the factor.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return 4 * r


@fault("gradient-sign-flipped", "factors", "GRAD-1", "always", wrong="g = 2 * (y - y_pred)", right=_G)
class _GradientSignFlipped(Network):
    """The residual has the wrong sign in the gradient.

    Each step climbs, and the loss grows without end. It is often seen where the loss is written with target minus
    prediction, which its square does not mind.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return -2 * r


@fault("target-added", "factors", "LOSS-1", "y != 0", wrong="r = y_pred + y", right="r = y_pred - y")
class _TargetAdded(Network):
    """The target is added to the prediction, not subtracted.

    The network learns the negated target. A gradient check finds nothing wrong, as the gradient fits the loss.
    """

    def residual(self, y_pred: Array, y: Array) -> Array:
        return y_pred + y


@fault(
    "residual-squared-in-gradient",
    "factors",
    "GRAD-1",
    "|r| other than 0 and 1",
    wrong="g = 2 * (y_pred - y) ** 2",
    right=_G,
)
class _ResidualSquaredInGradient(Network):
    """The residual is squared in the gradient too, as if the square had not been differentiated.

    All outputs are pushed down, whichever side of the target they are on. It is a slip in a derivation by hand.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * np.square(r)


@fault("first-layer-gradient-doubled", "factors", "GRAD-1", "always", wrong="ga = 2 * g @ w2.T", right="ga = g @ w2.T")
class _FirstLayerGradientDoubled(Network):
    """The factor 2, which g has already, is multiplied in again on the way to the first layer.

    The first layer learns twice as fast as the second. It is often seen where each layer was derived by itself.
    """

    def grad_a(self, g: Array, w2: Array) -> Array:
        return 2 * super().grad_a(g, w2)


@fault("w2-gradient-halved", "factors", "GRAD-3", "always", wrong="gw2 = a.T @ (y_pred - y)", right="gw2 = a.T @ g")
class _W2GradientHalved(Network):
    """The gradient of w2 is computed from the residual, not from twice the residual.

    The second layer's weights learn half as fast as all else. It is often seen where g and the residual have similar
    names.
    """

    def grad_w2(self, a: Array, g: Array) -> Array:
        return super().grad_w2(a, g / 2)


@fault(
    "b2-gradient-halved",
    "factors",
    "GRAD-4",
    "always",
    wrong="gb2 = (y_pred - y).sum(axis=0)",
    right="gb2 = g.sum(axis=0)",
)
class _B2GradientHalved(Network):
    """The gradient of b2 is the sum of the residuals, not of twice the residuals.

    The bias of the outputs learns half as fast as all else. It is often seen where g and the residual have similar
    names.
    """

    def grad_b2(self, g: Array, b2: Array) -> Array:
        return super().grad_b2(g / 2, b2)


@fault("w1-gradient-sign-flipped", "factors", "GRAD-1", "always", wrong="gw1 = -x.T @ gh", right="gw1 = x.T @ gh")
class _W1GradientSignFlipped(Network):
    """The gradient of w1 alone has the wrong sign.

    The first layer climbs while the second descends, and the loss often falls nevertheless. It is a minus that was
    carried along through a derivation and dropped in one place only.
    """

    def grad_w1(self, x: Array, gh: Array) -> Array:
        return -super().grad_w1(x, gh)


@fault("rate-inside-gradient", "factors", "GRAD-1", "always", wrong="g = 1e-3 * 2 * (y_pred - y)", right=_G)
class _RateInsideGradient(Network):
    """A rate is multiplied into the gradient, which is then multiplied by the rate again in the update.

    Each step is a thousand times too short. It is often seen where gradient and update were one function
    before.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return 1e-3 * (2 * r)


@fault(
    "fan-in-in-gradient",
    "factors",
    "GRAD-1",
    "H > 1",
    wrong="ga = g @ w2.T / H",
    right="ga = g @ w2.T",
)
class _FanInInGradient(Network):
    """What goes back to the first layer is divided by the number of units.

    The first layer learns more slowly the wider it is. It is often seen where a scale by the fan-in was meant for the
    initial weights.
    """

    def grad_a(self, g: Array, w2: Array) -> Array:
        return super().grad_a(g, w2) / max(1, len(w2))
