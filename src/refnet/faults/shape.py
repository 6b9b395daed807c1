"""Shape: axes squeezed away, empty batches, rests of tiles that are lost or taken twice, sizes that were built in."""
# ruff: noqa: ARG002
# A fault may leave an argument out.

from typing import Any, Literal

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params, checked_pair

_Y_PRED = "y_pred = a @ w2 + b2"
_R = "r = y_pred - y"


class _OfRows(Network):
    """The network of the faults that compute loss and gradient from other rows than the batch has."""

    def rows(self, array: Array) -> Array:
        raise NotImplementedError

    def loss(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        params, x, y = checked_pair(params, x, y, activation)
        return super().loss(params, self.rows(x), self.rows(y), activation=activation)

    def gradient(self, params: Params[Any], x: Array, y: Array, activation: Activation) -> Grads[Any]:
        params, x, y = checked_pair(params, x, y, activation)
        return super().gradient(params, self.rows(x), self.rows(y), activation)


@fault(
    "prediction-squeezed", "shape", "FWD-2", "N = 1 or O = 1", wrong="y_pred = np.squeeze(a @ w2 + b2)", right=_Y_PRED
)
class _PredictionSqueezed(Network):
    """Axes of length 1 are dropped from the prediction.

    It has shape (N,) for one output, and broadcasts against targets of shape (N, 1). It is often seen where a column
    was in the way of a plot.
    """

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        return np.squeeze(super().forward(params, x, activation=activation))


@fault(
    "batch-of-one-flattened",
    "shape",
    "FWD-2",
    "N = 1",
    wrong="y_pred = (a @ w2 + b2)[0] if len(x) == 1 else a @ w2 + b2",
    right=_Y_PRED,
)
class _BatchOfOneFlattened(Network):
    """The prediction for a batch of one has lost the axis of the samples.

    Callers that loop over samples loop over outputs there. It is often seen where a function takes single samples and
    batches alike.
    """

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        y_pred = super().forward(params, x, activation=activation)
        return y_pred[0] if len(y_pred) == 1 else y_pred


@fault("prediction-transposed", "shape", "FWD-2", "N O > 1", wrong="y_pred = w2.T @ a.T + b2[:, None]", right=_Y_PRED)
class _PredictionTransposed(Network):
    """The prediction has a column a sample.

    Where N = O it has the right shape and the wrong numbers. It is often seen in code that follows a book with samples
    in columns.
    """

    def forward(self, params: Params[Any], x: Array, *, activation: Activation = "relu") -> Any:
        return super().forward(params, x, activation=activation).T


@fault(
    "flat-prediction-broadcast",
    "shape",
    "EDGE-2",
    "O = 1 and N > 1",
    wrong="r = y_pred.squeeze() - y",
    right=_R,
)
class _FlatPredictionBroadcast(Network):
    """With one output the prediction is flat, (N,), and minus a target of shape (N, 1) it becomes an array (N, N).

    Each prediction is compared with all targets, and the network learns their mean. It is among the most frequent
    mistakes in the use of these networks, and raises no error.
    """

    def accept_target(self, params: Params[Any], x: Array, y: Array, activation: Activation) -> Array:
        return np.asarray(y)

    def residual(self, y_pred: Array, y: Array) -> Array:
        return y_pred[:, 0] - y if y_pred.shape[1] == 1 else y_pred - y

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        own = r if r.shape == layers.y_pred.shape else np.atleast_2d(r).sum(axis=0)[:, None]
        return super().backward(params, x, layers, own, activation)


@fault(
    "gradients-squeezed", "shape", "GRAD-5", "D, H or O = 1", wrong="gw1 = np.squeeze(x.T @ gh)", right="gw1 = x.T @ gh"
)
class _GradientsSqueezed(Network):
    """Axes of length 1 are dropped from the gradients.

    The update broadcasts them along the wrong axis where it can, and is right by luck elsewhere. It is often seen where
    a helper tidies up all arrays.
    """

    def grads(self, params: Params[Any], x: Array, y: Array, *, activation: Activation = "relu") -> Any:
        return Grads(*map(np.squeeze, self.gradient(params, x, y, activation)))


@fault("w1-gradient-transposed", "shape", "GRAD-5", "D H > 1", wrong="gw1 = gh.T @ x", right="gw1 = x.T @ gh")
class _W1GradientTransposed(Network):
    """The gradient of w1 has a row a unit, as in a library that stores its weights so.

    Where D = H it has the right shape, and training goes astray without an error. It is often seen where gradients are
    read out of `torch.nn.Linear`.
    """

    def grad_w1(self, x: Array, gh: Array) -> Array:
        return super().grad_w1(x, gh).T


@fault(
    "loss-keeps-axes",
    "shape",
    "LOSS-2",
    "always",
    wrong="loss = np.square(y_pred - y).sum(keepdims=True)",
    right="loss = np.square(y_pred - y).sum()",
)
class _LossKeepsAxes(Network):
    """The loss has shape (1, 1).

    It looks like a number, and is none to whoever formats, compares or stacks it. It is often seen where every value of
    a program is a matrix.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum(keepdims=True)


@fault(
    "empty-batch-refused",
    "shape",
    "EDGE-1",
    "N = 0",
    wrong="y_pred = np.stack([row @ w2 + b2 for row in a])",
    right=_Y_PRED,
)
class _EmptyBatchRefused(Network):
    """An empty batch raises an error, since there is nothing to stack.

    A run stops at the end of an epoch, with an error that names no batch. It is often seen in loops over samples, when
    a filter lets nothing through.
    """

    def predict(self, a: Array, w2: Array, b2: Array) -> Array:
        if not len(a):
            raise ValueError("need at least one array to stack")
        return super().predict(a, w2, b2)


@fault(
    "empty-batch-nan",
    "shape",
    "EDGE-1",
    "N = 0",
    wrong="loss = np.square(y_pred - y).mean() * y.size",
    right="loss = np.square(y_pred - y).sum()",
)
class _EmptyBatchNan(Network):
    """The loss is a mean, multiplied back, and so 0 / 0 for an empty batch.

    One empty batch makes the loss of the whole epoch NaN. It is often seen around a library's mean.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).mean() * r.size


@fault("first-output-only", "shape", "LOSS-1", "O > 1", wrong="r = y_pred[:, :1] - y[:, :1]", right=_R)
class _FirstOutputOnly(Network):
    """Only the first output counts in the loss, and has a gradient.

    The other outputs never learn. It is often seen where code for one output was given several.
    """

    def residual(self, y_pred: Array, y: Array) -> Array:
        return np.where(np.arange(y.shape[1]) == 0, y_pred - y, 0)


@fault(
    "last-row-of-odd-batch-lost",
    "shape",
    "LOSS-1",
    "N odd",
    wrong="for n in range(0, N - 1, 2): total += of(x[n : n + 2])",
    right="for n in range(0, N, 2): total += of(x[n : n + 2])",
)
class _LastRowOfOddBatchLost(_OfRows):
    """Samples are taken in pairs, and the last one of an odd batch has no partner.

    It does not count in loss and gradient. It is often seen in loops that were unrolled by two.
    """

    def rows(self, array: Array) -> Array:
        return array[: len(array) // 2 * 2]


@fault(
    "first-32-samples-only",
    "shape",
    "EDGE-3",
    "N > 32",
    wrong="for n in range(min(N, 32)): total += of(n)",
    right="for n in range(N): total += of(n)",
)
class _First32SamplesOnly(_OfRows):
    """Loss and gradient are those of the first 32 samples, whatever the batch holds.

    Part of the data is never learned. It is often seen where the batch size was built in, or one block of threads was
    started for all.
    """

    def rows(self, array: Array) -> Array:
        return array[:32]


@fault(
    "last-block-twice",
    "shape",
    "EDGE-3",
    "N > 8 and N not a multiple of 8",
    wrong="for n in [*range(0, N - 8, 8), N - 8]: total += block(n, n + 8)",
    right="for n in range(0, N, 8): total += block(n, min(n + 8, N))",
)
class _LastBlockTwice(_OfRows):
    """The last block of 8 samples is moved back until it fits, and meets samples that were counted already.

    These count twice. It is often seen in kernels that may only read whole blocks; it is right for what is written, and
    wrong for what is summed.
    """

    def rows(self, array: Array) -> Array:
        whole = len(array) // 8 * 8
        again = array[-8:] if whole and whole < len(array) else array[whole:]
        return np.concatenate([array[:whole], again])


@fault(
    "padding-counted",
    "shape",
    "LOSS-1",
    "N not a multiple of 4",
    wrong="x, y = np.pad(x, rows_of_zeros), np.pad(y, rows_of_zeros)",
    right="x, y = x[:N], y[:N]",
)
class _PaddingCounted(_OfRows):
    """The batch is padded with samples of zeros to a multiple of 4, and these count in loss and gradient.

    The biases are drawn towards 0, by how much depends on the batch size. It is often seen where a compiler wants fixed
    shapes.
    """

    def rows(self, array: Array) -> Array:
        return np.pad(array, ((0, -len(array) % 4), (0, 0)))


@fault(
    "first-512-features-only",
    "shape",
    "FWD-1",
    "D > 512",
    wrong="for d in range(min(len(w1), 512)): h += np.outer(x[:, d], w1[d])",
    right="h = x @ w1 + b1",
)
class _First512FeaturesOnly(Network):
    """Features past the 512th are left out of the prediction, and an input with too many is taken without an error.

    Small networks are right. It is often seen where a buffer or a block of threads has a fixed size.
    """

    def accept(self, params: Params[Any], x: Array, activation: Activation) -> tuple[Params[Any], Array]:
        return params, np.asarray(x)

    def hidden(self, x: Array, w1: Array, b1: Array) -> Array:
        features = min(len(w1), 512)
        return super().hidden(x[:, :features], w1[:features], b1)


Part = Literal["rows", "columns", "terms"]


class Tiled(Network):
    """The network by a matrix product in tiles, which forgets the rest of its rows, its columns or its terms."""

    def __init__(self, part: Part, tile: int) -> None:
        self.part, self.tile = part, tile

    def product(self, left: Array, right: Array) -> Array:
        """Return the product as far as whole tiles go; a product smaller than one tile is made in another way."""
        if self.part == "terms":
            terms = self.whole(len(right))
            return left[:, :terms] @ right[:terms]
        product = left @ right
        if self.part == "rows":
            product[self.whole(len(product)) :] = 0
        else:
            product[:, self.whole(product.shape[1]) :] = 0
        return product

    def whole(self, size: int) -> int:
        """Return how much of the size is taken."""
        return size // self.tile * self.tile or size


@fault(
    "rest-of-4-columns-lost",
    "shape",
    "FWD-1",
    "H or O above 4 and not a multiple of 4",
    wrong="for j in range(0, columns - 3, 4): c[:, j : j + 4] = a @ b[:, j : j + 4]",
    right="for j in range(0, columns, 4): c[:, j : j + 4] = a @ b[:, j : j + 4]",
)
class _RestOf4ColumnsLost(Tiled):
    """Matrix products are made four columns at a time, and the columns of the rest stay 0.

    The last outputs, or units, see their bias only. It is often seen in hand-written kernels for vectors of four.
    """

    def __init__(self) -> None:
        super().__init__("columns", 4)


@fault(
    "rest-of-8-terms-lost",
    "shape",
    "EDGE-3",
    "a size above 8 and not a multiple of 8",
    wrong="for k in range(0, terms - 7, 8): c += a[:, k : k + 8] @ b[k : k + 8]",
    right="for k in range(0, terms, 8): c += a[:, k : k + 8] @ b[k : k + 8]",
)
class _RestOf8TermsLost(Tiled):
    """The sums of the matrix products are unrolled by eight, and their last terms are left out.

    Every number is a little off, which training tolerates. It is often seen in vectorised inner loops without a loop
    for the rest.
    """

    def __init__(self) -> None:
        super().__init__("terms", 8)


@fault(
    "rest-of-16-rows-lost",
    "shape",
    "EDGE-3",
    "N, D or H above 16 and not a multiple of 16",
    wrong="for i in range(0, rows - 15, 16): c[i : i + 16] = a[i : i + 16] @ b",
    right="for i in range(0, rows, 16): c[i : i + 16] = a[i : i + 16] @ b",
)
class _RestOf16RowsLost(Tiled):
    """Matrix products are made sixteen rows at a time, and the rows of the rest stay 0.

    The last samples are predicted by the bias alone. It is often seen in kernels for tensor cores, whose tiles are of
    this size.
    """

    def __init__(self) -> None:
        super().__init__("rows", 16)


@fault(
    "rest-of-32-terms-lost",
    "shape",
    "EDGE-3",
    "a size above 32 and not a multiple of 32",
    wrong="for k in range(terms // 32): c += tile(a, b, k)",
    right="for k in range(-(-terms // 32)): c += tile(a, b, k)",
)
class _RestOf32TermsLost(Tiled):
    """The sums of the matrix products are cut into tiles of 32, and the rest of the terms is left out.

    Every number is a little off, which training tolerates. It is a division rounded down, where a grid of threads is
    sized.
    """

    def __init__(self) -> None:
        super().__init__("terms", 32)


@fault(
    "rest-of-64-columns-lost",
    "shape",
    "EDGE-3",
    "H or O above 64 and not a multiple of 64",
    wrong="grid = columns // 64",
    right="grid = -(-columns // 64)",
)
class _RestOf64ColumnsLost(Tiled):
    """Matrix products are made in blocks of 64 columns, and the columns of the rest stay 0.

    The last units, or outputs, see their bias only. Sizes that are powers of two, which most people test with, never
    show it.
    """

    def __init__(self) -> None:
        super().__init__("columns", 64)
