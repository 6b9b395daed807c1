"""State and purity: arguments written to, memory shared, results and parameters kept from another call."""

from typing import Any, TypeAlias

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params, checked_update

Key: TypeAlias = tuple[object, ...]


def key(*arrays: Array) -> Key:
    """Return what two calls have in common whose arrays are of the same dtype and shapes."""
    return (arrays[0].dtype, *(array.shape for array in arrays))


@fault(
    "target-overwritten",
    "state",
    "PURE-1",
    "y is looked at again",
    wrong="r = np.subtract(y_pred, y, out=y)",
    right="r = np.subtract(y_pred, y)",
)
class _TargetOverwritten(Network):
    """The residual is written over the target, to save an array.

    From the second step on the network learns from residuals. It is often seen in code that was tuned for memory.
    """

    def residual(self, y_pred: Array, y: Array) -> Array:
        return np.subtract(y_pred, y, out=y)


@fault(
    "input-overwritten",
    "state",
    "PURE-1",
    "D >= H, x is looked at again",
    wrong="h = np.matmul(x, w1, out=x[:, :H])",
    right="h = np.matmul(x, w1)",
)
class _InputOverwritten(Network):
    """The hidden layer is written over the input, where it has room.

    The first prediction is right, and the next one is made from a hidden layer. It is often seen in code for small
    devices.
    """

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        y_pred = super().forward(params, x, activation=activation)
        n_hidden = len(params.w2)
        if n_hidden <= x.shape[1]:
            np.matmul(x, params.w1, out=x[:, :n_hidden])
        return y_pred


@fault(
    "weight-left-perturbed",
    "state",
    "PURE-1",
    "w1 is looked at again",
    wrong="w1[0, 0] += 1e-4",
    right="w1 = w1.copy(); w1[0, 0] += 1e-4",
)
class _WeightLeftPerturbed(Network):
    """The gradient function moves a weight of its caller's a little, and does not put it back.

    The parameters drift, by a little in each step. It is what a gradient check leaves behind that was not removed.
    """

    def grads(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        grads = super().grads(params, x, y, activation=activation)
        params.w1[:1, :1] += 1e-4
        return grads


@fault(
    "gradients-overwritten",
    "state",
    "PURE-1",
    "the gradients are looked at again",
    wrong="g *= lr; return p - g",
    right="return p - lr * g",
)
class _GradientsOverwritten(Network):
    """The update multiplies its caller's gradients by the rate, in place.

    Whoever logs them afterwards, or updates with them twice, has something else. It saves an array.
    """

    def update(self, params: Params[Any], grads: Grads[Any], lr: float) -> Any:
        params, grads, lr = checked_update(params, grads, lr)
        for g in grads:
            g *= lr
        return self.descended(params, grads, 1.0)


@fault(
    "parameters-returned-at-rate-0",
    "state",
    "PURE-2",
    "lr = 0",
    wrong="if lr == 0: return params",
    right="return Params(*(p - lr * g for p, g in zip(params, grads)))",
)
class _ParametersReturnedAtRate0(Network):
    """With a rate of 0 the parameters themselves are returned, not new ones.

    Who changes the result changes the argument. It is a short cut that saves nothing.
    """

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        return params if lr == 0 else super().descended(params, grads, lr)


@fault(
    "prediction-in-shared-buffer",
    "state",
    "PURE-3",
    "second call",
    wrong="return np.matmul(a, w2, out=self.buffer)",
    right="return np.matmul(a, w2)",
)
class _PredictionInSharedBuffer(Network):
    """All predictions of one shape are written into the same array, which is returned.

    A prediction that was kept becomes the next one. It is often seen where a buffer was introduced for speed.
    """

    def __init__(self) -> None:
        self.buffers: dict[Key, Array] = {}

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        y_pred = super().forward(params, x, activation=activation)
        buffer = self.buffers.setdefault(key(y_pred), y_pred)
        buffer[...] = y_pred
        return buffer


@fault(
    "prediction-cached-by-shape",
    "state",
    "FWD-1",
    "second call",
    wrong="if x.shape in self.cache: return self.cache[x.shape].copy()",
    right="return a @ w2 + b2",
)
class _PredictionCachedByShape(Network):
    """The first prediction for each shape is kept, and returned for all other arguments of that shape.

    The loss stands still. It is often seen where the key of a cache leaves an argument out.
    """

    def __init__(self) -> None:
        self.cache: dict[Key, Array] = {}

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        y_pred = super().forward(params, x, activation=activation)
        return self.cache.setdefault(key(x, *params), y_pred).copy()


@fault(
    "prediction-one-call-late",
    "state",
    "PURE-4",
    "second call",
    wrong="device.start(params, x); return device.result()",
    right="device.start(params, x); device.wait(); return device.result()",
)
class _PredictionOneCallLate(Network):
    """Each call returns the prediction of the call before it, if the shapes are the same.

    Samples and predictions are shifted against each other by a batch. It is often seen where the result of a device is
    fetched before it is there.
    """

    def __init__(self) -> None:
        self.before: dict[Key, Array] = {}

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        y_pred = super().forward(params, x, activation=activation)
        late = self.before.get(key(x, *params), y_pred)
        self.before = {key(x, *params): y_pred.copy()}
        return late


@fault(
    "w2-one-call-late",
    "state",
    "PURE-4",
    "second call",
    wrong="ga = g @ self.w2_transposed; self.w2_transposed = w2.T.copy()",
    right="ga = g @ w2.T",
)
class _W2OneCallLate(Network):
    """The gradient goes back through the w2 of the call before, of which a transposed copy is kept.

    With a small rate it is nearly right, and nobody notices. It is often seen where a copy in another layout is brought
    up to date too late.
    """

    def __init__(self) -> None:
        self.kept: dict[Key, Array] = {}

    def grad_a(self, g: Array, w2: Array) -> Array:
        late = self.kept.get(key(w2), w2)
        self.kept = {key(w2): w2.copy()}
        return super().grad_a(g, late)


@fault(
    "hidden-layer-of-last-forward",
    "state",
    "PURE-4",
    "grads after forward with other arguments",
    wrong="gw2 = self.a.T @ g",
    right="a = np.maximum(x @ w1 + b1, 0); gw2 = a.T @ g",
)
class _HiddenLayerOfLastForward(Network):
    """The gradient is made from the hidden layer that the last call of forward left behind.

    A prediction between the two, for a validation batch say, changes the gradient. It is often seen in layer objects
    that keep what their backward pass needs.
    """

    def __init__(self) -> None:
        self.kept: dict[Key, Layers] = {}

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        params, x = self.accept(params, x, activation)
        layers = self.layers(params, x, activation)
        self.kept = {key(x, *params): layers}
        return layers.y_pred.copy()

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, x, self.kept.get(key(x, *params), layers), r, activation)


@fault(
    "own-parameters",
    "state",
    "PURE-4",
    "second call",
    wrong="self.params = descended(self.params, grads, lr)",
    right="return descended(params, grads, lr)",
)
class _OwnParameters(Network):
    """A step starts from the parameters that the step before it ended with, whatever it is given.

    As long as these are handed back all is well; a restart from a checkpoint goes on from elsewhere. It is often seen
    in adapters around objects that own their parameters.
    """

    def __init__(self) -> None:
        self.own: dict[Key, Params[Any]] = {}

    def step(self, params: Params[Any], x: Array, y: Array, lr: float, *, activation: Activation = "relu") -> Any:
        own = self.own.get(key(*params), params)
        self.own = {key(*params): super().step(own, x, y, lr, activation=activation)}
        return Params(*map(np.copy, self.own[key(*params)]))


@fault(
    "momentum-left-on",
    "state",
    "STEP-3",
    "second step",
    wrong="v = 0.9 * v + g; p = p - lr * v",
    right="p = p - lr * g",
)
class _MomentumLeftOn(Network):
    """The update follows a running sum of the gradients, which it keeps from call to call.

    The first step is right, and later ones are up to ten times as long. It is often the default of an optimiser object.
    """

    def __init__(self) -> None:
        self.velocity: dict[Key, Grads[Any]] = {}

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        before = self.velocity.get(key(*params), Grads(*map(np.zeros_like, grads)))
        velocity = Grads(*(0.9 * v + g for v, g in zip(before, grads, strict=True)))
        self.velocity = {key(*params): velocity}
        return super().descended(params, velocity, lr)


@fault(
    "rate-decays-by-call",
    "state",
    "UPD-1",
    "second call",
    wrong="self.calls += 1; lr = lr / (1 + 0.01 * self.calls)",
    right="lr = lr",
)
class _RateDecaysByCall(Network):
    """The rate becomes smaller with each call, by a counter that nobody sees.

    Training slows down, and a second run in the same process is slow from the start. It is often seen where a schedule
    lives in the optimiser.
    """

    def __init__(self) -> None:
        self.calls = 0

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        lr /= 1 + 0.01 * self.calls
        self.calls += 1
        return super().descended(params, grads, lr)


@fault(
    "every-tenth-update-lost",
    "state",
    "UPD-1",
    "tenth call",
    wrong="if self.calls % 10: params = descended(params, grads, lr)",
    right="params = descended(params, grads, lr)",
)
class _EveryTenthUpdateLost(Network):
    """Every tenth call returns the parameters as they were.

    Training is a tenth slower, and a look at single steps finds nothing. It is often seen where a step that logs, or
    saves, returns early.
    """

    def __init__(self) -> None:
        self.calls = 0

    def descended(self, params: Params[Any], grads: Grads[Any], lr: float) -> Params[Any]:
        self.calls += 1
        return super().descended(params, grads, lr) if self.calls % 10 else Params(*map(np.copy, params))


@fault(
    "noise-in-gradient",
    "state",
    "GRAD-1",
    "always",
    wrong="gw1 = gw1 * (1 + 1e-3 * rng.standard_normal(gw1.shape))",
    right="gw1 = x.T @ gh",
)
class _NoiseInGradient(Network):
    """The gradients carry noise of a tenth of a percent.

    Training goes well, and no two runs are the same. It is often seen where noise was added on purpose, for privacy or
    as a regulariser, and not taken out.
    """

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return Grads(*(g * (1 + 1e-3 * self.rng.standard_normal(g.shape)).astype(g.dtype) for g in grads))
