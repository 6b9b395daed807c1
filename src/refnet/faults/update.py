"""Update: the sign, the rate, the parameters that are left out, and what is returned."""
# ruff: noqa: ARG002
# mypy: disable-error-code="no-any-return"
# A fault may leave an argument out; NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Network, fault
from refnet.faults.precision import rounded
from refnet.network import Activation, Grads, Params

_UPDATE = "p = p - lr * g"
_BFLOAT16 = 8


@fault("update-sign-flipped", "update", "UPD-1", "lr g != 0", wrong="p = p + lr * g", right=_UPDATE)
class _UpdateSignFlipped(Network):
    """The update follows the gradient in place of its opposite.

    The loss grows with each step. It is often seen where a score was to be maximised before.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return p + lr * g


@fault("rate-squared", "update", "UPD-1", "lr other than 0 and 1", wrong="p = p - lr * (lr * g)", right=_UPDATE)
class _RateSquared(Network):
    """The rate is multiplied in twice.

    Small rates become tiny, and nothing seems to happen. It is often seen where the gradient function and the update
    both know the rate.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return super().descend(p, lr * g, lr)


@fault("rate-missing", "update", "UPD-1", "lr != 1", wrong="p = p - g", right=_UPDATE)
class _RateMissing(Network):
    """The gradient is subtracted as it is, without the rate.

    The first step leaves the data behind. It is often seen where a tuned rate had been 1 in all tests.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return p - g


@fault("rate-in-float16", "update", "UPD-1", "rates of more than 11 bits", wrong="p = p - half(lr) * g", right=_UPDATE)
class _RateInFloat16(Network):
    """The rate is stored in half precision.

    It is off by up to a twentieth of a percent, and below 3e-8 it is 0. It is often seen where settings travel with
    compressed weights.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return super().descend(p, g, float(np.float16(lr)))


@fault("increments-returned", "update", "UPD-1", "p != 0", wrong="return -lr * g", right="return p - lr * g")
class _IncrementsReturned(Network):
    """What is returned is the change of the parameters, not the parameters.

    The network forgets what it had learned. It is the interface of some optimiser libraries, whose result is yet to be
    added.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return -lr * g


@fault("update-in-place", "update", "PURE-1", "the parameters are looked at again", wrong="p -= lr * g", right=_UPDATE)
class _UpdateInPlace(Network):
    """The parameters are changed where they are, and returned.

    Whoever kept the best ones so far has the last ones. It is how scripts do it, the tutorial's among them, and right
    there.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        p -= lr * g
        return p


@fault(
    "biases-not-updated",
    "update",
    "UPD-1",
    "lr g != 0",
    wrong="return Params(w1 - lr * gw1, b1.copy(), w2 - lr * gw2, b2.copy())",
    right="return Params(w1 - lr * gw1, b1 - lr * gb1, w2 - lr * gw2, b2 - lr * gb2)",
)
class _BiasesNotUpdated(Network):
    """The update changes the weights only.

    The network trains, but never moves the points where its units switch. It is often seen where biases were added to
    the network later.
    """

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        return super().descended(params, grads, lr)._replace(b1=params.b1.copy(), b2=params.b2.copy())


@fault(
    "first-layer-not-updated",
    "update",
    "UPD-1",
    "lr g != 0",
    wrong="return Params(w1.copy(), b1.copy(), w2 - lr * gw2, b2 - lr * gb2)",
    right="return Params(w1 - lr * gw1, b1 - lr * gb1, w2 - lr * gw2, b2 - lr * gb2)",
)
class _FirstLayerNotUpdated(Network):
    """The update changes the second layer only.

    The loss falls all the same, as the second layer fits random features. It is often seen where layers were frozen for
    fine-tuning.
    """

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        return super().descended(params, grads, lr)._replace(w1=params.w1.copy(), b1=params.b1.copy())


@fault(
    "bias-gradient-summed-again",
    "update",
    "UPD-1",
    "H > 1 or O > 1",
    wrong="b1 = b1 - lr * np.sum(gb1, 0)",
    right="b1 = b1 - lr * gb1",
)
class _BiasGradientSummedAgain(Network):
    """The update sums the gradients of the biases over their first axis, though they are summed already.

    All biases of a layer move by the same number. The tutorial's update has this line, where its gradients have a row a
    sample.
    """

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        summed = grads._replace(b1=np.asarray(np.sum(grads.b1, 0)), b2=np.asarray(np.sum(grads.b2, 0)))
        return super().descended(params, summed, lr)


@fault(
    "zero-rate-replaced", "update", "UPD-3", "lr = 0", wrong="lr = lr or 1e-2", right="lr = 1e-2 if lr is None else lr"
)
class _ZeroRateReplaced(Network):
    """A rate of 0 is taken for a rate that was not given.

    A schedule that ends at 0, or a layer frozen by its rate, goes on learning. It is a trap of Python's `or`.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return super().descend(p, g, lr or 1e-2)


@fault("update-in-float64", "update", "UPD-2", "float32", wrong="p = p - np.asarray(lr) * g", right=_UPDATE)
class _UpdateInFloat64(Network):
    """float32 parameters become float64, as the rate is an array of float64.

    From the first step on everything takes twice the memory. A NumPy scalar or array widens what it meets, and a Python
    float does not.
    """

    dtypes = ("float32",)

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return p - np.asarray(lr) * g


@fault(
    "parameters-stored-in-bfloat16",
    "update",
    "UPD-1",
    "parameters of more than 8 bits",
    wrong="p = bfloat16(p - lr * g)",
    right=_UPDATE,
)
class _ParametersStoredInBfloat16(Network):
    """The parameters are rounded to bfloat16 after each update.

    Steps shorter than a 500th of a parameter are lost, and training stops early. It is often seen where no copy in full
    precision is kept.
    """

    def descend(self, p: Array, g: Array, lr: float) -> Array:
        return rounded(super().descend(p, g, lr), _BFLOAT16)


@fault(
    "two-steps-in-one",
    "update",
    "STEP-1",
    "in a step",
    wrong="params = step(step(params, x, y, lr), x, y, lr)",
    right="params = step(params, x, y, lr)",
)
class _TwoStepsInOne(Network):
    """A step is taken twice.

    Training seems to be twice as fast, and the loss that is logged belongs to every other step. It is often seen where
    a wrapper and what it wraps both update.
    """

    def step(self, params: Params[Any], x: Array, y: Array, lr: float, *, activation: Activation = "relu") -> Any:
        once = super().step(params, x, y, lr, activation=activation)
        return super().step(once, x, y, lr, activation=activation)
