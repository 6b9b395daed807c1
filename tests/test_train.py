"""A descent: `train` is `grads` and `update`, step by step, keeps no history, and is what the seed's two scripts do."""

import gc
import weakref
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from refnet import Activation, Params, grads, init, loss, train, update

Array: TypeAlias = NDArray[Any]

ACTIVATIONS: tuple[Activation, ...] = ("relu", "identity")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_train_is_grads_and_update_bit_for_bit(activation: Activation, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    params = Params(*(p.astype(dtype) for p in init(rng, 7, 9, 3)))
    x, y = rng.standard_normal((11, 7)).astype(dtype), rng.standard_normal((11, 3)).astype(dtype)
    count = 0
    for t, value, new in train(params, x, y, lr=1e-3, steps=20, activation=activation):
        assert (t, value.tobytes()) == (count, loss(params, x, y, activation=activation).tobytes())
        params = update(params, grads(params, x, y, activation=activation), 1e-3)
        assert [p.tobytes() for p in new] == [p.tobytes() for p in params]
        count += 1
    assert count == 20


def test_train_takes_exactly_the_steps_asked_for() -> None:
    params, x, y = init(np.random.default_rng(0), 3, 2, 1), np.ones((4, 3)), np.ones((4, 1))
    assert list(train(params, x, y, lr=0.1, steps=0)) == []
    steps = train(params, x, y, lr=0.1, steps=2)
    assert iter(steps) is steps
    assert [step.t for step in steps] == [0, 1]


def test_train_is_lazy_and_checks_its_arguments_at_once() -> None:
    params, x, y = init(np.random.default_rng(0), 3, 2, 1), np.ones((4, 3)), np.ones((4, 1))
    steps = train(params, x, y, lr=0.1, steps=10**9)
    assert next(steps).t == 0
    with pytest.raises(ValueError, match="y has shape"):
        train(params, x, y.T, lr=0.1, steps=1)  # not asked for a step
    with pytest.raises(TypeError, match="lr is a str"):
        train(params, x, y, lr="0.1", steps=1)  # type: ignore[arg-type]  # the very mistake
    with pytest.raises(ValueError, match="steps is -1"):
        train(params, x, y, lr=0.1, steps=-1)


def test_train_holds_the_latest_parameters_and_no_earlier_ones() -> None:
    start = init(np.random.default_rng(0), 3, 2, 1)
    seen = [[weakref.ref(array) for array in start]]
    steps = train(start, np.ones((4, 3)), np.ones((4, 1)), lr=1e-3, steps=6)
    del start
    seen += [[weakref.ref(array) for array in next(steps).params] for _ in range(4)]
    gc.collect()
    alive = [[array() is not None for array in params] for params in seen]
    assert alive == [[False] * 4] * 4 + [[True] * 4]


# The seed's two loops as they stand there, on copies: its update is in place. Only print became yield.


def seed_with_relu(params: Params[np.float64], x: Array, y: Array, learning_rate: float, steps: int) -> Iterator[Any]:
    w1, b1, w2, b2 = (p.copy() for p in params)
    for _ in range(steps):
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2) + b2
        yield np.square(y_pred - y).sum()
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_h_relu = grad_y_pred.dot(w2.T)
        grad_b2 = grad_y_pred
        grad_h = grad_h_relu.copy()
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h
        w1 -= learning_rate * grad_w1
        w2 -= learning_rate * grad_w2
        b1 -= learning_rate * np.sum(grad_b1, 0)
        b2 -= learning_rate * np.sum(grad_b2, 0)


def seed_without(params: Params[np.float64], x: Array, y: Array, learning_rate: float, steps: int) -> Iterator[Any]:
    w1, b1, w2, b2 = (p.copy() for p in params)
    for _ in range(steps):
        h = x.dot(w1) + b1
        y_pred = h.dot(w2) + b2
        yield np.square(y_pred - y).sum()
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h.T.dot(grad_y_pred)
        grad_b2 = grad_y_pred
        grad_h = grad_y_pred.dot(w2.T)
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h
        w1 -= learning_rate * grad_w1
        w2 -= learning_rate * grad_w2
        b1 -= learning_rate * np.sum(grad_b1, 0)
        b2 -= learning_rate * np.sum(grad_b2, 0)


SCRIPTS = {"relu": seed_with_relu, "identity": seed_without}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", [0, 4, 5, 6, 8, 9])
def test_a_descent_on_small_integers_is_the_exact_one_and_the_seeds(activation: Activation, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [(2, 3), (1, 3), (3, 2), (1, 2), (3, 2), (3, 2)]
    floats: list[Array] = [rng.integers(-1, 2, shape).astype(np.float64) for shape in shapes]
    whole: list[Array] = [array.astype(int).astype(object) for array in floats]
    lr: Any = Fraction(1, 8)  # with these seeds all numbers take 39 bits at most: exact, whatever the order of the sums
    exact = list(train(Params(*whole[:4]), whole[4], whole[5], lr=lr, steps=3, activation=activation))
    params, x, y = Params(*floats[:4]), floats[4], floats[5]
    for step, e in zip(train(params, x, y, lr=0.125, steps=3, activation=activation), exact, strict=True):
        assert step.loss == e.loss
        assert all((p == q).all() for p, q in zip(step.params, e.params, strict=True))
    assert list(SCRIPTS[activation](params, x, y, 0.125, 3)) == [step.loss for step in exact]


# At the seed's own sizes bit for bit too: both texts come down to the same calls of BLAS on the same layouts.


def test_the_first_script_of_the_seed_has_the_same_losses() -> None:
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((64, 1000)), rng.standard_normal((64, 10))
    w1, b1, w2, b2 = init(rng, 1000, 100, 10)
    params = Params(w1, b1.reshape(1, 100), w2, b2.reshape(1, 10))
    losses = [step.loss for step in train(params, x, y, lr=1e-6, steps=60)]
    assert losses == list(seed_with_relu(params, x, y, 1e-6, 60))


def test_the_second_script_of_the_seed_has_the_same_losses() -> None:
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    x: Any = np.vstack([corners, corners * [10, 1], corners * [1, 10]])
    y: Any = np.vstack([np.eye(4, dtype=int)] * 3)
    params = init(np.random.default_rng(13), 2, 10, 4)
    losses = [step.loss for step in train(params, x, y, lr=1e-5, steps=500, activation="identity")]
    assert losses == list(seed_without(params, x, y, 1e-5, 500))
