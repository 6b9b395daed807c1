"""Extras left on: penalties, clipping, dropout, accumulation, scales and optimisers that plain descent has not."""
# mypy: disable-error-code="no-any-return"
# NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.faults.state import Key, key
from refnet.network import Activation, Grads, Params

_UPDATE = "p = p - lr * g"
_GRADS = "grads = [gw1, gb1, gw2, gb2]"


@fault("weight-decay", "extras", "UPD-1", "p != 0", wrong="p = p - lr * (g + 1e-2 * p)", right=_UPDATE)
class _WeightDecay(Network):
    """The update shrinks each parameter by a hundredth of the rate, besides following the gradient.

    Training ends at smaller weights and a larger loss. It is often the default of an optimiser object.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return super().descend(p, g + 1e-2 * p, lr)


@fault(
    "l2-penalty",
    "extras",
    "LOSS-1",
    "w != 0",
    wrong="loss = np.square(y_pred - y).sum() + 1e-2 * (np.square(w1).sum() + np.square(w2).sum())",
    right="loss = np.square(y_pred - y).sum()",
)
class _L2Penalty(Network):
    """The loss has a penalty on the weights, and the gradient its derivative.

    The loss is not 0 at a perfect fit, and training does not reach one. A gradient check finds nothing wrong, as the
    gradient fits the loss.
    """

    def loss(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        penalty = np.square(params.w1).sum() + np.square(params.w2).sum()
        return super().loss(params, x, y, activation=activation) + 1e-2 * penalty

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return grads._replace(w1=grads.w1 + 2e-2 * params.w1, w2=grads.w2 + 2e-2 * params.w2)


@fault(
    "gradients-clipped-by-value",
    "extras",
    "GRAD-1",
    "|g| > 5",
    wrong="grads = [np.clip(g, -5, 5) for g in grads]",
    right=_GRADS,
)
class _GradientsClippedByValue(Network):
    """Each entry of the gradients is cut off at 5.

    Large gradients change their direction, and tests with small numbers pass. It is often seen where a run once
    diverged.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return Grads(*(np.clip(g, -5, 5) for g in grads))


def _norm(grads: Grads[Any]) -> Any:
    return np.sqrt(sum(np.square(g).sum() for g in grads))


@fault(
    "gradients-clipped-by-norm",
    "extras",
    "GRAD-1",
    "gradient of norm above 1",
    wrong="grads = [g * min(1, 1 / norm) for g in grads]",
    right=_GRADS,
)
class _GradientsClippedByNorm(Network):
    """All gradients together are shortened to norm 1.

    Steps far from the minimum are short, and the rate means something else there. It is often kept from the training of
    recurrent networks.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        norm = _norm(grads)
        return Grads(*(g / norm for g in grads)) if norm > 1 else grads


@fault("gradients-normalised", "extras", "GRAD-1", "always", wrong="grads = [g / norm for g in grads]", right=_GRADS)
class _GradientsNormalised(Network):
    """All gradients together are brought to norm 1, however small they are.

    Steps do not grow shorter near the minimum, and where the gradient is 0 it becomes 0 / 0. It is often seen where
    clipping lacks its condition.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        norm = _norm(grads)
        return Grads(*(g / norm for g in grads))


@fault(
    "loss-scale-left-in",
    "extras",
    "GRAD-1",
    "always",
    wrong="g = 1024 * 2 * (y_pred - y)",
    right="g = 2 * (y_pred - y)",
)
class _LossScaleLeftIn(Network):
    """The gradients are those of a loss scaled by 1024, and are not scaled back.

    The first step leaves the data behind. It is often seen in mixed precision, where the scale keeps small gradients
    from becoming 0.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return 1024 * (2 * r)


@fault(
    "gradients-not-reset",
    "extras",
    "PURE-4",
    "second call",
    wrong="self.gw1 += x.T @ gh",
    right="self.gw1 = x.T @ gh",
)
class _GradientsNotReset(Network):
    """The gradients of each call are added to those of the calls before it.

    Steps grow longer and follow gradients of long ago. It is a forgotten `zero_grad`.
    """

    def __init__(self) -> None:
        self.kept: dict[Key, Grads[Any]] = {}

    def gradient(self, params: Params[Any], x: Array, y: Array, activation: Activation) -> Grads[Any]:
        grads = super().gradient(params, x, y, activation)
        before = self.kept.get(key(*grads), Grads(*map(np.zeros_like, grads)))
        self.kept = {key(*grads): Grads(*(b + g for b, g in zip(before, grads, strict=True)))}
        return Grads(*map(np.copy, self.kept[key(*grads)]))


@fault(
    "update-every-other-call",
    "extras",
    "UPD-1",
    "every call",
    wrong="self.g += g; p = p - lr * self.g if self.calls % 2 == 0 else p",
    right=_UPDATE,
)
class _UpdateEveryOtherCall(Network):
    """Gradients are added up over two calls, and only the second one changes the parameters.

    Half of the steps do nothing, and the others are twice as long. It is gradient accumulation, made for large batches.
    """

    def __init__(self) -> None:
        self.kept: dict[Key, Grads[Any]] = {}

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        before = self.kept.pop(key(*params), None)
        if before is None:
            self.kept = {key(*params): Grads(*map(np.copy, grads))}
            return Params(*map(np.copy, params))
        return super().descended(params, Grads(*(b + g for b, g in zip(before, grads, strict=True))), lr)


@fault(
    "dropout-left-on",
    "extras",
    "FWD-1",
    "a != 0",
    wrong="a = np.maximum(h, 0) * (rng.random(h.shape) < 0.9) / 0.9",
    right="a = np.maximum(h, 0)",
)
class _DropoutLeftOn(Network):
    """One unit in ten is dropped at random, and the others are scaled up.

    The same input is predicted differently each time. It is often seen where a model was not switched to evaluation.
    """

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        h, a, _ = super().layers(params, x, activation)
        a = a * ((self.rng.random(h.shape) < 0.9) / 0.9).astype(h.dtype)
        return Layers(h, a, self.predict(a, params.w2, params.b2))


@fault(
    "inputs-standardised",
    "extras",
    "FWD-1",
    "always",
    wrong="x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-5)",
    right="x = np.asarray(x)",
)
class _InputsStandardised(Network):
    """Each feature is brought to mean 0 and deviation 1 over the batch.

    A prediction depends on the other samples of its batch, and a batch of one tells nothing of its input. It is often
    seen where preprocessing was put into the network.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        return super().layers(params, self.standardised(x), activation)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, self.standardised(x), layers, r, activation)

    def standardised(self, x: Array) -> Array:
        return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-5)


@fault(
    "adam-for-descent",
    "extras",
    "UPD-1",
    "g != 0",
    wrong="p = p - lr * g / (np.sqrt(np.square(g)) + 1e-8)",
    right=_UPDATE,
)
class _AdamForDescent(Network):
    """Each gradient is divided by its own size, as in the first step of Adam.

    All parameters move by the rate, however small their gradients are. It is often the default of an optimiser object.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return super().descend(p, g / (np.abs(g) + 1e-8), lr)


@fault("weights-clipped", "extras", "UPD-1", "|p| > 1", wrong="p = np.clip(p - lr * g, -1, 1)", right=_UPDATE)
class _WeightsClipped(Network):
    """Parameters are cut off at 1 after the update.

    Networks with larger weights cannot be learned, nor kept. It is often left over from adversarial training.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return np.clip(super().descend(p, g, lr), -1, 1)
