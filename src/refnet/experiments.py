"""The seed's two experiments, what the seed printed of them, and what can be proved from the printed digits.

A printed number stands for every real number that prints so: an ``Interval``, in exact arithmetic. What is computed
from printed numbers here (the constant row of the predictions, the loss) is an interval too: it holds the true value.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.network import (
    Activation,
    ArgumentTypeError,
    ArgumentValueError,
    Grads,
    Params,
    Step,
    forward,
    grads,
    init,
    train,
    update,
)
from refnet.rounding import FLOAT64, gamma
from refnet.specification import spec_folder


class Experiment(NamedTuple):
    """A start: parameters drawn at random, the batch ``x`` (N, D), its targets ``y`` (N, O), the seed's rate ``lr``."""

    name: Literal["relu", "identity"]
    activation: Activation
    lr: float
    params: Params[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


class Interval(NamedTuple):
    """Real numbers of which only ``lower <= number <= upper`` is known: two arrays of Fractions, of one shape."""

    lower: NDArray[np.object_]
    upper: NDArray[np.object_]

    @property
    def centre(self) -> NDArray[np.object_]:
        """The middle of each interval."""
        centre: NDArray[np.object_] = (self.lower + self.upper) / 2
        return centre

    @property
    def radius(self) -> NDArray[np.object_]:
        """Half the width of each interval; negative where it is empty."""
        radius: NDArray[np.object_] = (self.upper - self.lower) / 2
        return radius


class LeastSquares(NamedTuple):
    """The affine map ``x @ weights + row`` of least ``loss``, exactly: (D, O), (O,), a Fraction."""

    weights: NDArray[np.object_]
    row: NDArray[np.object_]
    loss: Fraction


def relu(seed: int) -> Experiment:
    """Return the first experiment: (N, D, H, O) = (64, 1000, 100, 10), random data, biases of shape (1, H) and (1, O).

    All is standard normal, drawn in the seed's order: x, y, then w1, b1, w2, b2 by ``refnet.init`` (DOC-7).
    Raises ArgumentTypeError or ArgumentValueError for a seed that is not a whole number of at least 0.
    """
    rng = _generator(seed)
    x = rng.standard_normal((64, 1000))
    y = rng.standard_normal((64, 10))
    w1, b1, w2, b2 = init(rng, 1000, 100, 10)
    return Experiment("relu", "relu", 1e-6, Params(w1, b1.reshape(1, 100), w2, b2.reshape(1, 10)), x, y)


def identity(seed: int) -> Experiment:
    """Return the second experiment: (N, D, H, O) = (12, 2, 10, 4), twelve points, one-hot targets, by their quadrant.

    Raises ArgumentTypeError or ArgumentValueError for a seed that is not a whole number of at least 0.
    """
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], dtype=np.float64)
    x = np.concatenate([corners * stretch for stretch in ([1, 1], [10, 1], [1, 10])])
    y = np.tile(np.eye(4), (3, 1))
    return Experiment("identity", "identity", 1e-5, init(_generator(seed), 2, 10, 4), x, y)


def identity_test_inputs() -> NDArray[np.float64]:
    """Return the inputs, (4, 2), on which the seed printed the predictions of its second network."""
    return np.array([[111, -111], [1, 9], [8, 1], [1, 8]], dtype=np.float64)


def run(experiment: Experiment, *, steps: int = 500, lr: float | None = None) -> Iterator[Step[np.float64]]:
    """Iterate over the steps of an experiment, at its own rate unless ``lr`` is given. Raises as ``refnet.train``."""
    _, activation, own, params, x, y = experiment
    return train(params, x, y, lr=own if lr is None else lr, steps=steps, activation=activation)


def classified(experiment: Experiment, params: Params[np.float64]) -> int:
    """Return at how many points the largest prediction of ``params``, and no other, is that of the target (DOC-8)."""
    p = forward(params, experiment.x, activation=experiment.activation)
    others = np.where(experiment.y == 1, -np.inf, p).max(axis=1)
    return int((np.where(experiment.y == 1, p, -np.inf).max(axis=1) > others).sum())


# What the seed printed.


def printed_losses(name: Literal["relu", "identity"]) -> Interval:
    """Return the printed losses of an experiment, (60,), the loss before step t at index t.

    Raises FileNotFoundError for an unknown name, ValueError for a file that does not count t = 0, 1, 2, ...
    """
    rows = [line.split() for line in _printed_text(f"{name}-losses").splitlines()]
    if any(len(row) != 2 or row[0] != str(t) for t, row in enumerate(rows)):
        raise ValueError(f"{name}-losses.txt has a line other than `t loss`, t counted from 0: restore it as printed")
    return _interval([row[1] for row in rows])


def printed_matrix(name: Literal["identity-w1", "identity-w2", "identity-predictions"]) -> Interval:
    """Return a printed matrix of the second experiment: w1 (2, 10), w2 (10, 4), predictions (4, 4).

    Raises FileNotFoundError for an unknown name, ValueError for a file that holds no matrix.
    """
    rows = [row.replace(",", " ").split() for row in re.findall(r"\[([^][]+)\]", _printed_text(name))]
    if not rows or len({len(row) for row in rows}) != 1:
        raise ValueError(f"{name}.txt holds no matrix, expected bracketed rows of one length: restore it as printed")
    return _interval(rows)


def printed_linear(x: NDArray[np.float64]) -> Interval:
    """Return what ``x @ w1 @ w2``, (N, 4), can be for ``x`` (N, 2) and any w1, w2 that print as the seed's (DOC-5).

    With w1 = m1 + d1, |d1| <= e1, and w2 likewise, ``x w1 w2 - x m1 m2 = (x m1) d2 + (x d1) (m2 + d2)``.
    """
    w1, w2 = printed_matrix("identity-w1"), printed_matrix("identity-w2")
    exact_x = _fractions(x)
    hidden = exact_x @ w1.centre
    centre = _predicted(w1.centre, w2.centre, exact_x)
    radius = abs(hidden) @ w2.radius + abs(exact_x) @ w1.radius @ (abs(w2.centre) + w2.radius)
    return Interval(centre - radius, centre + radius)


def printed_row() -> Interval:
    """Return the constant row, (4,), that the unprinted biases add to each prediction: b1 w2 + b2 (DOC-5).

    Each printed prediction confines the row to an interval, and the row lies in all four; ``lower > upper`` where they
    have no point in common, that is, where the printed weights do not give the printed predictions.
    """
    linear, predictions = printed_linear(identity_test_inputs()), printed_matrix("identity-predictions")
    lower: NDArray[np.object_] = (predictions.lower - linear.upper).max(axis=0)
    upper: NDArray[np.object_] = (predictions.upper - linear.lower).min(axis=0)
    return Interval(lower, upper)


def printed_predictions() -> Interval:
    """Return the predictions, (12, 4), for the twelve points, of any network that printed what the seed's did."""
    linear, row = printed_linear(identity(0).x), printed_row()
    return Interval(linear.lower + row.lower, linear.upper + row.upper)


def printed_loss() -> tuple[Fraction, Fraction]:
    """Return the least and the greatest loss of any network that printed what the seed's did (DOC-6)."""
    predictions = printed_predictions()
    residual = abs(predictions.centre - _fractions(identity(0).y))
    least = np.square(np.maximum(residual - predictions.radius, 0)).sum()
    greatest = np.square(residual + predictions.radius).sum()
    return Fraction(least), Fraction(greatest)


# What can be proved of a start.


def least_squares(x: NDArray[np.float64], y: NDArray[np.float64]) -> LeastSquares:
    """Return the best affine map from ``x`` (N, D) to ``y`` (N, O), exactly, from the normal equations (DOC-6).

    Raises ValueError where the points do not determine the map.
    """
    points, targets = _fractions(np.column_stack([x, np.ones(len(x))])), _fractions(y)
    left, right = points.T @ points, points.T @ targets
    for i in range(len(left)):
        if left[i, i] == 0:  # of a positive semidefinite matrix, then its whole row: no exchange of rows would help
            raise ValueError(f"x of shape {x.shape} lies in a plane of lower dimension, expected points that span")
        right[i], left[i] = right[i] / left[i, i], left[i] / left[i, i]
        for j in range(len(left)):
            if j != i:
                right[j], left[j] = right[j] - left[j, i] * right[i], left[j] - left[j, i] * left[i]
    return LeastSquares(right[:-1], right[-1], Fraction(np.square(points @ right - targets).sum()))


def curvature(experiment: Experiment, direction: Grads[np.float64]) -> float:
    """Return a proved lower bound of the largest eigenvalue of the Hessian at the start of an experiment (DOC-2).

    It is the Rayleigh quotient of ``direction``, the second derivative of the loss that way, less a bound of every
    rounding error made here; minus infinity where that proves nothing, as where a unit may lie on its kink.
    Underflow is not bounded: the data are of the order of 1.
    """
    _, activation, _, params, x, y = experiment
    form, h = _second_derivative(params, x, y, direction, activation)
    # The same polynomial of the absolute values, where every unit is on, adds up the size of each monomial. Each takes
    # at most n roundings: h and its derivative D + 1, r and its derivative H + 2 more, that twice in a product (1),
    # and the sum over the batch and of its two parts N O.
    sizes, largest = _second_derivative(
        Params(*map(np.abs, params)), np.abs(x), -np.abs(y), Grads(*map(np.abs, direction)), "identity"
    )
    n = 2 * (sum(params.w1.shape) + 3) + 1 + y.size
    certain = activation == "identity" or bool((np.abs(h) > 2 * float(gamma(n, FLOAT64)) * largest).all())
    proved = form - 2 * float(gamma(n, FLOAT64)) * sizes  # the factor 2 covers the rounding of ``sizes`` itself
    if not certain or not proved > 0:
        return -np.inf
    norm = sum(float(np.square(d).sum()) for d in direction)
    return proved / (norm * (1 + 2 * float(gamma(sum(d.size for d in direction) + 4, FLOAT64))))


def sharp_direction(experiment: Experiment) -> Grads[np.float64]:
    """Return a direction in which the loss curves strongly: the Hessian times the gradient, roughly.

    One step of the power method, by a difference of gradients over a step so short that next to no unit crosses its
    kink. Its error costs nothing: a Rayleigh quotient bounds the largest eigenvalue from below in every direction.
    """
    _, activation, lr, params, x, y = experiment
    here = grads(params, x, y, activation=activation)
    there = grads(update(params, here, lr * 2.0**-20), x, y, activation=activation)
    return Grads(*(b - a for a, b in zip(here, there, strict=True)))


def _second_derivative(
    params: Params[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    direction: Grads[np.float64],
    activation: Activation,
) -> tuple[float, NDArray[np.float64]]:
    """Return the second derivative of ``loss(params + t * direction)`` at t = 0, and h.

    With r(t) the residual, ``loss'' = 2 sum(r'^2 + r r'')``; off a kink h(t) = h + t k, so that
    ``r' = k w2 + a d2 + db2`` and ``r'' = 2 k d2``, k masked as h is.
    """
    w1, b1, w2, b2 = params
    h = x @ w1 + b1
    k = x @ direction.w1 + direction.b1
    a, k = (h, k) if activation == "identity" else (np.maximum(h, 0), np.where(h < 0, 0, k))
    r = a @ w2 + b2 - y
    r1 = k @ w2 + a @ direction.w2 + direction.b2
    r2 = 2 * (k @ direction.w2)
    return float(2 * (np.square(r1).sum() + (r * r2).sum())), h


def _predicted(w1: NDArray[np.object_], w2: NDArray[np.object_], x: NDArray[np.object_]) -> NDArray[np.object_]:
    # Through the network itself, so that the printed numbers are held against it and not against a copy.
    zeros = np.array([0], dtype=object)
    params = Params(w1, zeros.repeat(w1.shape[1]), w2, zeros.repeat(w2.shape[1]))
    return forward(params, x, activation="identity")


def _fractions(array: NDArray[np.float64]) -> NDArray[np.object_]:
    return np.array([Fraction(number) for number in array.flat], dtype=object).reshape(array.shape)


def _printed_text(name: str) -> str:
    return (spec_folder() / "documented" / f"{name}.txt").read_text(encoding="ascii")


def _interval(tokens: list[str] | list[list[str]]) -> Interval:
    texts = np.array(tokens, dtype=object)
    return Interval(*(np.frompyfunc(lambda text, end=end: _printed(text)[end], 1, 1)(texts) for end in (0, 1)))


def _printed(text: str) -> tuple[Fraction, Fraction]:
    """Return the least and the greatest number that prints as ``text``: half a unit of the last digit to either side.

    Trailing zeros may have been left out, which only widens the interval. A text that ends in its point was cut off
    there: the digits that follow are lost, and the number lies in the whole unit above (or, if negative, below).
    """
    match = re.fullmatch(r"(-?)(\d+)\.(\d*)(?:e([+-]\d+))?", text)
    if match is None:
        raise ValueError(f"{text!r} is no printed number, expected digits with a decimal point: restore it as printed")
    sign, whole, digits, exponent = match.groups()
    unit = Fraction(10) ** (int(exponent or 0) - len(digits))
    size = int(whole + digits) * unit
    low, high = (size - unit / 2, size + unit / 2) if digits else (size, size + unit)
    return (-high, -low) if sign else (low, high)


def _generator(seed: int) -> np.random.Generator:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ArgumentTypeError(f"seed is a {type(seed).__name__}, expected a whole number: write int(seed)")
    if seed < 0:
        raise ArgumentValueError(f"seed is {seed}, expected at least 0: pass its absolute value")
    return np.random.default_rng(seed)
