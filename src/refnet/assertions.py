"""Assertions for one result: `numpy.testing.assert_allclose` without a tolerance to choose.

Each takes what an implementation returned and the arguments it was given, encloses what a correct implementation can
return in their dtype, or in the ``precision`` given, and raises AssertionError for a component outside. Where nothing
can be claimed (NaN or infinite arguments, a rate without digits, a sum that might overflow) they raise
ArgumentValueError rather than pass.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import enclosure
from refnet.enclosure import Balls
from refnet.formats import Precision
from refnet.judgement import as_array, as_four, compare, holds, sentence
from refnet.network import Activation, ArgumentValueError, Grads, Params
from refnet.rounding import Ball

Float = TypeVar("Float", np.float32, np.float64)


def assert_forward(
    actual: object,
    params: Params[Float],
    x: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
) -> None:
    """Assert that ``actual`` is a prediction, (N, O), that a correct ``forward(params, x)`` can return (FWD-1).

    ``actual`` is any array-like. Raises AssertionError for a wrong one, and for ``params`` and ``x`` what
    `refnet.forward` raises.
    """
    ball = enclosure.forward(params, x, activation=activation, precision=precision)
    _assert_inside("forward", "FWD-1", as_array("forward", actual, ball.centre.shape), ball)


def assert_loss(
    actual: object,
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
) -> None:
    """Assert that ``actual`` is a loss, one number, that a correct ``loss(params, x, y)`` can return (LOSS-1).

    Raises as `assert_forward` does.
    """
    ball = enclosure.loss(params, x, y, activation=activation, precision=precision)
    _assert_inside("loss", "LOSS-1", as_array("loss", actual, ()), ball)


def assert_grads(
    actual: object,
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
) -> None:
    """Assert that ``actual`` is a gradient that a correct ``grads(params, x, y)`` can return (GRAD-1 to GRAD-4).

    ``actual`` is four array-likes in the order w1, b1, w2, b2, a mapping with these keys, or an object with these
    attributes. Raises as `assert_forward` does.

    >>> params = Params(*map(np.array, ([[1.0, -1.0]], [0.0, 0.5], [[1.0], [2.0]], [0.25])))
    >>> x, y = np.array([[3.0], [-2.0]]), np.array([[1.0], [0.0]])
    >>> right = {"w1": [[13.5, -42.0]], "b1": [4.5, 21.0], "w2": [[13.5], [26.25]], "b2": [15.0]}
    >>> assert_grads(right, params, x, y)
    >>> assert_grads({**right, "b2": [10.5]}, params, x, y)
    Traceback (most recent call last):
        ...
    AssertionError: grads.b2[0] = 10.5, GRAD-4 allows 15 alone
    """
    balls = enclosure.grads(params, x, y, activation=activation, precision=precision)
    _assert_four_inside("grads", ("GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4"), actual, balls)


def assert_update(
    actual: object, params: Params[Float], grads: Grads[Float], lr: float, *, precision: Precision | None = None
) -> None:
    """Assert that ``actual`` is ``p - lr * g``, four array-likes, as a correct ``update`` can return it (UPD-1).

    Raises as `assert_grads` does.
    """
    balls = enclosure.update(params, grads, lr, precision=precision)
    _check_rate(lr, params, precision)
    _assert_four_inside("update", ("UPD-1",) * 4, actual, balls)


def assert_step(
    actual: object,
    params: Params[Float],
    x: NDArray[Float],
    y: NDArray[Float],
    lr: float,
    *,
    activation: Activation = "relu",
    precision: Precision | None = None,
) -> None:
    """Assert that ``actual`` are the parameters after one step of gradient descent (STEP-1).

    Raises as `assert_grads` does.
    """
    balls = enclosure.step(params, x, y, lr, activation=activation, precision=precision)
    _check_rate(lr, params, precision)
    _assert_four_inside("step", ("STEP-1",) * 4, actual, balls)


def _check_rate(lr: float, params: Params[Float], precision: Precision | None) -> None:
    fmt = (precision or enclosure.native_precision(params)).stores
    if lr != 0 and not fmt.smallest_normal <= abs(lr) <= fmt.largest:  # so written that NaN fails
        raise ArgumentValueError(
            f"lr is {lr}, expected 0 or a normal number of {fmt.name}: pass one whose size is from"
            f" {fmt.smallest_normal:.2g} to {fmt.largest:.2g}"
        )


def _assert_four_inside(name: str, clauses: tuple[str, ...], actual: object, balls: Balls) -> None:
    arrays = as_four(name, actual, [ball.centre.shape for ball in balls])
    for key, clause, array, ball in zip(Params._fields, clauses, arrays, balls, strict=True):
        _assert_inside(f"{name}.{key}", clause, array, ball)


def _assert_inside(name: str, clause: str, actual: NDArray[Any], ball: Ball) -> None:
    if not ball.radius.max(initial=0.0) < np.inf:  # so written that NaN fails
        raise ArgumentValueError(
            f"{name} cannot be judged for these arguments, expected finite numbers whose sums stay below a quarter of"
            " the largest of their dtype: scale the arguments down, or compare in float64"
        )
    miss = None if holds(actual, ball) else compare(actual, ball).miss  # all of which is seldom needed
    if miss is not None:
        raise AssertionError(sentence(name, clause, miss, actual.dtype))
