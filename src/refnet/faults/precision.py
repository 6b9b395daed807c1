"""Precision: digits that are lost in the operands, the sums or the results, and dtypes that change on the way."""
# mypy: disable-error-code="no-any-return"
# NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params

_H = "h = x @ w1 + b1"
_Y_PRED = "y_pred = a @ w2 + b2"
_BFLOAT16, _TF32 = 8, 11  # bits of the significand, the leading one included


def rounded(array: Array, bits: int) -> Array:
    """Return the array rounded to nearest, ties to even, with that many significant bits, in its own dtype.

    >>> rounded(np.array([257.0, 1.0, -3.1415927]), 8).tolist()
    [256.0, 1.0, -3.140625]
    """
    significand, exponent = np.frexp(array)
    return np.ldexp(np.rint(np.ldexp(significand, bits)), exponent - bits)


def through(array: Array, dtype: type[np.floating[Any]]) -> Array:
    """Return the array after a visit to that dtype, in its own again."""
    with np.errstate(over="ignore"):
        return array.astype(dtype).astype(array.dtype)


@fault(
    "float32-inside",
    "precision",
    "FWD-1",
    "float64",
    wrong="h = (x.astype(np.float32) @ w1.astype(np.float32)).astype(float) + b1",
    right=_H,
)
class _Float32Inside(Network):
    """Matrix products are made in float32, and handed on as float64.

    Half of the digits are noise, and nothing says so. It is often seen where float32 is the default of a library, or of
    its compiled code.
    """

    dtypes = ("float64",)

    def product(self, left: Array, right: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return (left.astype(np.float32) @ right.astype(np.float32)).astype(left.dtype)


@fault(
    "float16-operands",
    "precision",
    "FWD-1",
    "values of more than 11 bits",
    wrong="h = half(x) @ half(w1) + b1",
    right=_H,
)
class _Float16Operands(Network):
    """The operands of the matrix products are rounded to half precision.

    Three decimal digits are left, and values above 65504 become infinite. It is often seen where autocasting was not
    switched off.
    """

    def product(self, left: Array, right: Array) -> Array:
        return through(left, np.float16) @ through(right, np.float16)


@fault(
    "bfloat16-operands",
    "precision",
    "FWD-1",
    "values of more than 8 bits",
    wrong="h = bfloat16(x) @ bfloat16(w1) + b1",
    right=_H,
)
class _Bfloat16Operands(Network):
    """The operands of the matrix products are rounded to bfloat16.

    Two decimal digits are left. It is the default precision of matrix products on some accelerators.
    """

    def product(self, left: Array, right: Array) -> Array:
        return rounded(left, _BFLOAT16) @ rounded(right, _BFLOAT16)


@fault(
    "tf32-operands",
    "precision",
    "FWD-1",
    "values of more than 11 bits",
    wrong="torch.backends.cuda.matmul.allow_tf32 = True",
    right="torch.backends.cuda.matmul.allow_tf32 = False",
)
class _Tf32Operands(Network):
    """The operands of the matrix products are rounded to TF32.

    Three decimal digits are left where seven were expected. Graphics cards do so on request, and some releases of some
    libraries request it by default.
    """

    def product(self, left: Array, right: Array) -> Array:
        return rounded(left, _TF32) @ rounded(right, _TF32)


@fault(
    "tf32-in-backward-pass",
    "precision",
    "GRAD-1",
    "values of more than 11 bits",
    wrong="gw1 = tf32(x.T) @ tf32(gh)",
    right="gw1 = x.T @ gh",
)
class _Tf32InBackwardPass(Network):
    """The operands of the matrix products of the backward pass are rounded to TF32, those of the forward pass are not.

    The prediction is right to all digits, and the gradient to three. It is often seen where the precision is set in the
    forward pass only.
    """

    def product_back(self, left: Array, right: Array) -> Array:
        return rounded(left, _TF32) @ rounded(right, _TF32)


@fault(
    "bfloat16-in-forward-pass",
    "precision",
    "FWD-1",
    "values of more than 8 bits",
    wrong="with autocast(): y_pred = forward(params, x)",
    right="y_pred = forward(params, x)",
)
class _Bfloat16InForwardPass(Network):
    """The operands of the matrix products of the forward pass are rounded to bfloat16, those of the backward pass not.

    The gradient is an exact one, at another point. It is often seen where a region of mixed precision ends before the
    loss.
    """

    def product(self, left: Array, right: Array) -> Array:
        return rounded(left, _BFLOAT16) @ rounded(right, _BFLOAT16)

    def product_back(self, left: Array, right: Array) -> Array:
        return left @ right


@fault(
    "bfloat16-weights",
    "precision",
    "FWD-1",
    "weights of more than 8 bits",
    wrong="w1, w2 = bfloat16(w1), bfloat16(w2)",
    right="w1, w2 = params.w1, params.w2",
)
class _Bfloat16Weights(Network):
    """The weights are rounded to bfloat16 before they are used, and nothing else is.

    The network that predicts is not the one that is trained. It is often seen where a checkpoint was stored in less
    precision.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        stored = params._replace(w1=rounded(params.w1, _BFLOAT16), w2=rounded(params.w2, _BFLOAT16))
        return super().layers(stored, x, activation)


@fault(
    "float32-accumulation",
    "precision",
    "FWD-1",
    "float64, two terms or more",
    wrong="total = np.float32(0)",
    right="total = np.float64(0)",
)
class _Float32Accumulation(Network):
    """Products of float64 numbers are added up in float32.

    Half of the digits are noise, and nothing says so. It is often seen where the variable that sums was declared as a
    float.
    """

    dtypes = ("float64",)

    def product(self, left: Array, right: Array) -> Array:
        return summed(left, right, lambda total: through(total, np.float32))


@fault(
    "float16-accumulation",
    "precision",
    "FWD-1",
    "sums of more than 11 bits",
    wrong="total = half(total + a * b)",
    right="total = total + a * b",
)
class _Float16Accumulation(Network):
    """Every partial sum of the matrix products is rounded to half precision.

    Long sums stop growing, as what is added is below half a unit of the last place. It is often seen in kernels that
    sum in the type of their operands.
    """

    def product(self, left: Array, right: Array) -> Array:
        return summed(left, right, lambda total: through(total, np.float16))


@fault(
    "bfloat16-accumulation",
    "precision",
    "FWD-1",
    "sums of more than 8 bits",
    wrong="total = bfloat16(total + a * b)",
    right="total = total + a * b",
)
class _Bfloat16Accumulation(Network):
    """Every partial sum of the matrix products is rounded to bfloat16.

    Sums stop growing at 256 equal terms. It is often seen in kernels that sum in the type of their operands.
    """

    def product(self, left: Array, right: Array) -> Array:
        return summed(left, right, lambda total: rounded(total, _BFLOAT16))


@fault(
    "float16-prediction",
    "precision",
    "FWD-1",
    "predictions of more than 11 bits",
    wrong="y_pred = half(a @ w2 + b2)",
    right=_Y_PRED,
)
class _Float16Prediction(Network):
    """The prediction is stored in half precision.

    Three decimal digits are left, and predictions above 65504 become infinite. It is often seen where outputs are
    packed for transport.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        return through(super().predict(a, w2, b2), np.float16)


@fault(
    "float16-gradients",
    "precision",
    "GRAD-1",
    "gradients of more than 11 bits",
    wrong="grads = [half(g) for g in grads]",
    right="grads = [gw1, gb1, gw2, gb2]",
)
class _Float16Gradients(Network):
    """The gradients are stored in half precision.

    Small ones become 0 and large ones infinite, so training stalls or breaks off. It is often seen where gradients are
    compressed before they are exchanged.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return Grads(*(through(g, np.float16) for g in grads))


@fault(
    "float16-loss",
    "precision",
    "LOSS-1",
    "losses of more than 11 bits",
    wrong="loss = half(np.square(y_pred - y).sum())",
    right="loss = np.square(y_pred - y).sum()",
)
class _Float16Loss(Network):
    """The loss is summed up right, and stored in half precision.

    The curve of the loss has steps, and above 65504 it is infinite. The gradient is right, so training is.
    """

    def reduce(self, r: Array) -> Any:
        return through(np.asarray(super().reduce(r)), np.float16)[()]


@fault(
    "float64-prediction-for-float32",
    "precision",
    "FWD-2",
    "float32",
    wrong="x = np.asarray(x, dtype=float)",
    right="x = np.asarray(x)",
)
class _Float64PredictionForFloat32(Network):
    """float32 arguments give a float64 prediction.

    Whatever is computed from it takes twice the memory. `float` is float64 in NumPy, and so is the default of most of
    its constructors.
    """

    dtypes = ("float32",)

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        return super().predict(a, w2, b2).astype(np.float64)

    def residual(self, y_pred: Array, y: Array) -> Array:
        return super().residual(y_pred, y).astype(y.dtype)


@fault(
    "float64-gradients-for-float32",
    "precision",
    "GRAD-5",
    "float32",
    wrong="gw1 = np.zeros((D, H))",
    right="gw1 = np.zeros((D, H), x.dtype)",
)
class _Float64GradientsForFloat32(Network):
    """float32 arguments give float64 gradients.

    The first update turns the parameters into float64, and all that follows. It is often seen where gradients are added
    up in arrays of zeros.
    """

    dtypes = ("float32",)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        grads = super().backward(params, x, layers, r, activation)
        return Grads(*(g.astype(np.float64) for g in grads))


@fault(
    "float64-loss-for-float32",
    "precision",
    "LOSS-2",
    "float32",
    wrong="loss = np.square(y_pred - y).sum(dtype=float)",
    right="loss = np.square(y_pred - y).sum()",
)
class _Float64LossForFloat32(Network):
    """float32 arguments give a loss that is a NumPy float64.

    Unlike a Python float it widens whatever it meets. It is often seen where a sum was meant to be more accurate.
    """

    dtypes = ("float32",)

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum(dtype=np.float64)


@fault(
    "float32-prediction-for-float64",
    "precision",
    "FWD-2",
    "float64",
    wrong="y_pred = (a @ w2 + b2).astype(np.float32)",
    right=_Y_PRED,
)
class _Float32PredictionForFloat64(Network):
    """float64 arguments give a float32 prediction.

    Half of the digits are lost at the last moment. It is often seen where a library hands over its own default type.
    """

    dtypes = ("float64",)

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        with np.errstate(over="ignore"):
            return super().forward(params, x, activation=activation).astype(np.float32)


@fault(
    "fixed-point",
    "precision",
    "FWD-1",
    "values that are no multiples of 2**-16",
    wrong="x = np.rint(x * 2**16) / 2**16",
    right="x = np.asarray(x)",
)
class _FixedPoint(Network):
    """Every argument is rounded to a multiple of 2**-16.

    Numbers of ordinary size keep five digits, and small ones none. It is often seen in code for hardware without
    floating point.
    """

    def read(self, array: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.rint(array * 2.0**16) / 2.0**16


@fault(
    "inputs-truncated-to-integers",
    "precision",
    "FWD-1",
    "x other than whole numbers",
    wrong="h = x.astype(int) @ w1 + b1",
    right=_H,
)
class _InputsTruncatedToIntegers(Network):
    """The inputs lose their fraction.

    Data of whole numbers are right, and features that were scaled to [0, 1] become 0. It is often seen where a buffer
    of integers is filled with them.
    """

    def layers(self, params: Params[Any], x: Array, activation: Activation) -> Layers:
        return super().layers(params, np.trunc(x), activation)

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        return super().backward(params, np.trunc(x), layers, r, activation)


@fault(
    "prediction-rounded-to-six-decimals",
    "precision",
    "FWD-1",
    "more than six decimals",
    wrong='print(f"{y_pred[n, o]:.6f}")',
    right="print(repr(y_pred[n, o]))",
)
class _PredictionRoundedToSixDecimals(Network):
    """The prediction passes through text with six decimals.

    Small predictions lose their digits. It is the default of `%f`, and often seen where a program is called from
    another one.
    """

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        return np.round(super().forward(params, x, activation=activation), 6)


@fault(
    "square-expanded",
    "precision",
    "LOSS-1",
    "residuals much smaller than the prediction",
    wrong="loss = (y_pred**2).sum() - 2 * (y_pred * y).sum() + (y**2).sum()",
    right="loss = np.square(y_pred - y).sum()",
)
class _SquareExpanded(Network):
    """The square of the residual is expanded, so that large numbers cancel.

    The better the fit, the fewer digits the loss has, and it may come out negative. It is often seen where matrix
    products were to be reused, as with distances.
    """

    def loss(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        y_pred = self.forward(params, x, activation=activation)
        if np.shape(y_pred) != np.shape(y):
            return super().loss(params, x, y, activation=activation)  # which raises the error
        return np.square(y_pred).sum() - 2 * (y_pred * y).sum() + np.square(y).sum()


def summed(left: Array, right: Array, stored: Any) -> Array:
    """Return the product of two matrices, each partial sum as it is ``stored``."""
    total = np.zeros((len(left), right.shape[1]), left.dtype)
    for k in range(len(right)):
        total = stored(total + left[:, k : k + 1] * right[k])
    return total
