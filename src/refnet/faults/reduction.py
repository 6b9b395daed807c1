"""Reduction: a mean for a sum, over whatever there is to average over, or another measure of the residual."""
# mypy: disable-error-code="no-any-return"
# NumPy's stubs lose the type of some arithmetic.

from typing import Any

import numpy as np

from refnet.faults.pieces import Array, Layers, Network, fault
from refnet.network import Activation, Grads, Params

_SUM = "loss = np.square(y_pred - y).sum()"
_SHARD = 32  # samples that one worker takes


@fault("mean-over-elements", "reduction", "LOSS-1", "N O > 1", wrong="loss = np.square(y_pred - y).mean()", right=_SUM)
class _MeanOverElements(Network):
    """The loss is averaged over all N O residuals, and its gradient with it.

    Each step is N O times too short, and the rate that suits one batch size suits no other. It is the default of the
    squared-error losses of PyTorch and Keras.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).mean()

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * r / r.size


@fault(
    "mean-over-batch", "reduction", "LOSS-1", "N > 1", wrong="loss = np.square(y_pred - y).sum() / len(x)", right=_SUM
)
class _MeanOverBatch(Network):
    """The loss is averaged over the samples, and its gradient with it.

    Each step is N times too short. It is the convention of most textbooks, and comes along with code that was written
    for them.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum() / len(r)

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * r / len(r)


@fault(
    "mean-over-outputs",
    "reduction",
    "LOSS-1",
    "O > 1",
    wrong="loss = np.square(y_pred - y).mean(axis=1).sum()",
    right=_SUM,
)
class _MeanOverOutputs(Network):
    """The loss is averaged over the outputs of each sample, and its gradient with it.

    Each step is O times too short, so that tasks with many outputs learn slowly. Keras averages its losses over the
    last axis in this way.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).mean(axis=1).sum()

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * r / r.shape[1]


@fault("half-loss", "reduction", "LOSS-1", "always", wrong="loss = np.square(y_pred - y).sum() / 2", right=_SUM)
class _HalfLoss(Network):
    """The loss has a half in front, which cancels the 2 of its gradient.

    Each step is half as long as it should be. Textbooks put the half there, and a gradient check finds nothing wrong.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum() / 2

    def grad_y_pred(self, r: Array) -> Array:
        return r


@fault(
    "half-mean", "reduction", "LOSS-1", "always", wrong="loss = np.square(y_pred - y).sum() / (2 * len(x))", right=_SUM
)
class _HalfMean(Network):
    """The loss is averaged over the samples and halved, and its gradient with it.

    Each step is 2 N times too short. It is the cost function of a well-known course on machine learning.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum() / (2 * len(r))

    def grad_y_pred(self, r: Array) -> Array:
        return r / len(r)


@fault(
    "mean-over-shards",
    "reduction",
    "EDGE-3",
    "N > 32",
    wrong="loss = np.mean([loss_of(shard) for shard in shards])",
    right="loss = np.sum([loss_of(shard) for shard in shards])",
)
class _MeanOverShards(Network):
    """A batch of more than 32 samples is split into shards, and loss and gradient are averaged over these.

    The more machines take part, the more slowly they learn. Data-parallel training averages gradients by default, which
    suits a mean and not a sum.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum() / self.shards(r)

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * r / self.shards(r)

    def shards(self, r: Array) -> int:
        return max(1, -(-len(r) // _SHARD))


@fault(
    "uneven-shards-averaged",
    "reduction",
    "EDGE-3",
    "N > 32 and N not a multiple of 32",
    wrong="loss = N * np.mean([loss_of(shard) / len(shard) for shard in shards])",
    right="loss = np.sum([loss_of(shard) for shard in shards])",
)
class _UnevenShardsAveraged(Network):
    """The means of the shards are averaged as if all were of one size, and multiplied by N.

    The samples of a last, smaller shard count for more than the others. It is often seen where the loss of an epoch is
    the average of the losses of its batches.
    """

    def reduce(self, r: Array) -> Any:
        return (np.square(r) * self.weights(r)).sum()

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * r * self.weights(r)

    def weights(self, r: Array) -> Array:
        starts = np.arange(len(r)) // _SHARD
        sizes = np.bincount(starts)
        return (len(r) / max(1, len(sizes)) / sizes[starts]).astype(r.dtype)[:, None]


@fault(
    "loss-averaged-gradient-summed",
    "reduction",
    "LOSS-1",
    "N O > 1",
    wrong="loss = np.square(y_pred - y).mean()  # and g = 2 * (y_pred - y)",
    right=_SUM,
)
class _LossAveragedGradientSummed(Network):
    """The loss that is reported is a mean, and the gradient is that of the sum.

    Training is right, and the curve of the loss lies N O times too low. It is often seen where the loss is computed for
    the display only.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).mean()


@fault(
    "gradient-averaged-loss-summed",
    "reduction",
    "GRAD-1",
    "N > 1",
    wrong="g = 2 * (y_pred - y) / len(x)",
    right="g = 2 * (y_pred - y)",
)
class _GradientAveragedLossSummed(Network):
    """The gradient is averaged over the samples, and the loss is not.

    Each step is N times shorter than the loss says. It is often seen in back-propagation by hand, where a 1 / N was
    copied from a derivation with a mean.
    """

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * r / len(r)


@fault("norm-not-squared", "reduction", "LOSS-1", "always", wrong="loss = np.linalg.norm(y_pred - y)", right=_SUM)
class _NormNotSquared(Network):
    """The loss is the norm of the residual, not its square, and the gradient is that of the norm.

    All steps have about the same length, so training does not settle, and at a perfect fit the gradient is 0 / 0. It is
    often seen where `norm` was taken for the sum of the squares.
    """

    def reduce(self, r: Array) -> Any:
        return np.sqrt(np.square(r).sum())

    def grad_y_pred(self, r: Array) -> Array:
        return r / np.sqrt(np.square(r).sum())


@fault("square-of-sum", "reduction", "LOSS-1", "N O > 1", wrong="loss = np.square((y_pred - y).sum())", right=_SUM)
class _SquareOfSum(Network):
    """The residuals are added up before they are squared.

    Errors of opposite sign cancel, and the network learns the mean of the targets only. It is a misplaced bracket.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r.sum())

    def grad_y_pred(self, r: Array) -> Array:
        return np.full_like(r, 2 * r.sum())


@fault(
    "absolute-error",
    "reduction",
    "LOSS-1",
    "|r| other than 0 and 1",
    wrong="loss = np.abs(y_pred - y).sum()",
    right=_SUM,
)
class _AbsoluteError(Network):
    """The residuals are taken by their absolute value, not squared.

    The network learns medians in place of means, by steps that do not grow shorter. It is often seen where the wrong
    loss was picked from a list.
    """

    def reduce(self, r: Array) -> Any:
        return np.abs(r).sum()

    def grad_y_pred(self, r: Array) -> Array:
        return np.sign(r)


@fault(
    "huber-loss",
    "reduction",
    "LOSS-1",
    "|r| > 1",
    wrong="loss = np.where(abs(r) <= 1, r**2, 2 * abs(r) - 1).sum()",
    right="loss = np.square(r).sum()",
)
class _HuberLoss(Network):
    """Residuals above 1 count linearly, and their gradient is cut off.

    Large errors pull less than they should, and small ones as usual, so tests with small data pass. It is often seen
    where a smooth L1 loss was kept from another project.
    """

    def reduce(self, r: Array) -> Any:
        return np.where(np.abs(r) <= 1, np.square(r), 2 * np.abs(r) - 1).sum()

    def grad_y_pred(self, r: Array) -> Array:
        return 2 * np.clip(r, -1, 1)


@fault(
    "loss-not-reduced",
    "reduction",
    "LOSS-2",
    "always",
    wrong="loss = np.square(y_pred - y).sum(axis=1)",
    right=_SUM,
)
class _LossNotReduced(Network):
    """The loss is an array with a number a sample, not one number.

    Whoever compares two losses, or writes one down, gets an error or an array. It is often seen where the reduction of
    a library's loss was set to none.
    """

    def reduce(self, r: Array) -> Any:
        return np.square(r).sum(axis=1)


@fault(
    "gradient-of-last-sample",
    "reduction",
    "GRAD-1",
    "N > 1",
    wrong="for n in range(N): gw1 = np.outer(x[n], gh[n])",
    right="for n in range(N): gw1 += np.outer(x[n], gh[n])",
)
class _GradientOfLastSample(Network):
    """The gradient of each sample overwrites that of the one before, so only the last one counts.

    Training sees one sample of each batch. It is often seen in loops with `=` in place of `+=`.
    """

    def backward(self, params: Params[Any], x: Array, layers: Layers, r: Array, activation: Activation) -> Grads[Any]:
        last = Layers(*(array[-1:] for array in layers))
        return super().backward(params, x[-1:], last, r[-1:], activation)
