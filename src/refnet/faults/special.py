"""Special values: NaN hidden or spread, large values cut off, small ones dropped, odd slopes at a kink."""
# ruff: noqa: ARG002
# mypy: disable-error-code="no-any-return"
# A fault may leave an argument out; NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params

_LOSS = "loss = np.square(y_pred - y).sum()"
_GH = "gh = np.where(h < 0, 0, ga)"
_Y_PRED = "y_pred = a @ w2 + b2"
_GRADS = "grads = [gw1, gb1, gw2, gb2]"


@fault(
    "nan-targets-ignored",
    "special",
    "SPECIAL-1",
    "NaN in y",
    wrong="loss = np.nansum(np.square(y_pred - y))",
    right=_LOSS,
)
class _NanTargetsIgnored(Network):
    """Targets that are not a number count as fitted.

    Broken data look like good ones, and the loss like a better one. It is often seen where missing targets were once
    allowed.
    """

    def residual(self, y_pred: Array, y: Array) -> Array:
        r = super().residual(y_pred, y)
        return np.where(np.isnan(r), 0, r)


@fault(
    "batch-with-nan-skipped",
    "special",
    "SPECIAL-1",
    "NaN in y",
    wrong="if not np.isfinite(gw1).all(): grads = [np.zeros_like(g) for g in grads]",
    right=_GRADS,
)
class _BatchWithNanSkipped(Network):
    """The gradients are 0 where any of them is not finite.

    One bad sample takes its whole batch along, in silence. It is often seen in mixed precision, where steps that
    overflow are left out.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        finite = all(np.isfinite(g).all() for g in grads)
        return grads if finite else Grads(*map(np.zeros_like, grads))


@fault(
    "scaled-by-largest-residual",
    "special",
    "SPECIAL-1",
    "NaN in y, or a perfect fit",
    wrong="g = 2 * (r / abs(r).max()) * abs(r).max()",
    right="g = 2 * r",
)
class _ScaledByLargestResidual(Network):
    """The residual is divided by its largest entry and multiplied by it again.

    One NaN spreads to the gradients of all outputs, and at a perfect fit they are 0 / 0. It is often seen where numbers
    are brought into the range of a small type.
    """

    def grad_y_pred(self, r: Array) -> Array:
        largest = np.abs(r).max(initial=0)
        return 2 * (r / largest) * largest


@fault(
    "nan-spreads-over-batch",
    "special",
    "SPECIAL-2",
    "NaN in x",
    wrong="h = (x - x.mean(axis=0)) @ w1 + x.mean(axis=0) @ w1 + b1",
    right="h = x @ w1 + b1",
)
class _NanSpreadsOverBatch(Network):
    """The mean of the batch is taken off the inputs and added again behind the product.

    A NaN in one sample makes all predictions NaN, and digits are lost where samples differ in size. It is often seen
    where data are centred for accuracy.
    """

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        mean = x.mean(axis=0) if len(x) else np.zeros(x.shape[1], x.dtype)
        return self.product(x - mean, w1) + (mean @ w1 + b1)


@fault(
    "prediction-nan-to-num",
    "special",
    "SPECIAL-3",
    "NaN or overflow",
    wrong="y_pred = np.nan_to_num(a @ w2 + b2)",
    right=_Y_PRED,
)
class _PredictionNanToNum(Network):
    """NaN becomes 0 in the prediction, and infinity the largest finite number.

    A network that has diverged still predicts numbers. It is often seen where a plot or a database would not take NaN.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        return np.nan_to_num(super().predict(a, w2, b2))


@fault(
    "overflow-clamped",
    "special",
    "SPECIAL-3",
    "overflow",
    wrong="y_pred = np.clip(a @ w2 + b2, np.finfo(x.dtype).min, np.finfo(x.dtype).max)",
    right=_Y_PRED,
)
class _OverflowClamped(Network):
    """Predictions beyond the largest finite number become that number.

    A network that has diverged still predicts numbers. It is saturating arithmetic, as integers in hardware have it.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        limits = np.finfo(a.dtype)
        return np.clip(super().predict(a, w2, b2), limits.min, limits.max)


@fault(
    "prediction-clamped",
    "special",
    "FWD-1",
    "|y_pred| > 10000",
    wrong="y_pred = np.clip(a @ w2 + b2, -1e4, 1e4)",
    right=_Y_PRED,
)
class _PredictionClamped(Network):
    """Predictions are cut off at 10000.

    Targets beyond that are never reached, and data of ordinary size never show it. It is often seen where a run once
    overflowed.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        return np.clip(super().predict(a, w2, b2), -1e4, 1e4)


@fault(
    "loss-capped",
    "special",
    "LOSS-1",
    "loss > 1000000",
    wrong="loss = min(np.square(y_pred - y).sum(), 1e6)",
    right=_LOSS,
)
class _LossCapped(Network):
    """The loss that is reported is cut off at a million.

    A run that diverges looks like one that stands still. It is often seen where a plot should keep its scale.
    """

    def reduce(self, r: Array) -> Any:
        return np.minimum(super().reduce(r), r.dtype.type(1e6))


@fault(
    "small-gradients-dropped",
    "special",
    "GRAD-1",
    "0 < |g| < 1e-8",
    wrong="grads = [np.where(abs(g) < 1e-8, 0, g) for g in grads]",
    right=_GRADS,
)
class _SmallGradientsDropped(Network):
    """Entries of the gradients below 1e-8 become 0.

    Networks whose data are small do not learn, and others never show it. It is often seen where gradients are stored as
    sparse arrays.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return Grads(*(np.where(np.abs(g) < 1e-8, 0, g) for g in grads))


@fault(
    "epsilon-in-loss",
    "special",
    "LOSS-4",
    "a loss near 0",
    wrong="loss = np.square(y_pred - y).sum() + 1e-8",
    right=_LOSS,
)
class _EpsilonInLoss(Network):
    """A small constant is added to the loss.

    The loss is never 0, and nothing else changes. It is meant for logarithms and roots, and often copied to where there
    are none.
    """

    def reduce(self, r: Array) -> Any:
        return super().reduce(r) + r.dtype.type(1e-8)


@fault("nan-at-kink", "special", "KINK-1", "h = 0", wrong="gh = ga * (a / h)", right=_GH)
class _NanAtKink(Network):
    """The slope is computed as a / h, which is 0 / 0 at a kink.

    Random data never meet it; whole numbers, and inputs that are all 0, do, and everything is NaN from then on. It is a
    formula in place of a comparison.
    """

    activation = ("relu",)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return ga * (a / h)


@fault(
    "slope-2-at-kink",
    "special",
    "KINK-1",
    "h = 0",
    wrong="gh = np.where(h >= 0, ga, 0) + np.where(h == 0, ga, 0)",
    right=_GH,
)
class _Slope2AtKink(Network):
    """A unit at its kink learns twice as fast as one that is on, as two branches claim it.

    Random data never meet it; whole numbers do. No line of slope 2 touches the ReLU there from below.
    """

    activation = ("relu",)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h >= 0, ga, 0) + np.where(h == 0, ga, 0)


@fault(
    "slope-below-0-at-kink",
    "special",
    "KINK-1",
    "h = 0",
    wrong="gh = np.where(h > 0, ga, 0) - np.where(h == 0, ga, 0)",
    right=_GH,
)
class _SlopeBelow0AtKink(Network):
    """A unit at its kink learns in the wrong direction.

    Random data never meet it; whole numbers do. It is a sign that the two sides of the kink do not share.
    """

    activation = ("relu",)

    def grad_h(self, h: Array, a: Array, ga: Array) -> Array:
        return np.where(h > 0, ga, 0) - np.where(h == 0, ga, 0)
