"""Right programs: each result has the scalar type of the arguments."""

from collections.abc import Iterator
from typing import Literal, TypeAlias, assert_type

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Activation, Grads, Params, Step, forward, grads, init, loss, train, update

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
Exact: TypeAlias = NDArray[np.object_]


def float32_stays(params: Params[np.float32], x: F32, y: F32) -> Params[np.float32]:
    assert_type(params.w1, NDArray[np.float32])
    assert_type(forward(params, x), NDArray[np.float32])
    assert_type(loss(params, x, y), np.float32)
    gradient = grads(params, x, y)
    assert_type(gradient, Grads[np.float32])
    assert_type(gradient.b2, NDArray[np.float32])
    assert_type(update(params, gradient, 1e-3), Params[np.float32])
    assert_type(train(params, x, y, lr=1e-3, steps=10), Iterator[Step[np.float32]])
    for step in train(params, x, y, lr=1e-3, steps=10, activation="identity"):
        assert_type(step.t, int)
        assert_type(step.loss, np.float32)
        params = step.params
    return params


def float64_stays(x: F64, y: F64) -> float:
    params = init(np.random.default_rng(0), 3, 4, 2)
    assert_type(params, Params[np.float64])
    assert_type(forward(params, x, activation="identity"), NDArray[np.float64])
    assert_type(update(params, grads(params, x, y), 1), Params[np.float64])
    for t, value, new in train(params, x, y, lr=0.1, steps=3):
        assert_type((t, value, new), tuple[int, np.float64, Params[np.float64]])
    return float(loss(params, x, y))


def exact_numbers_stay(params: Params[np.object_], x: Exact, y: Exact) -> Grads[np.object_]:
    assert_type(forward(params, x), NDArray[np.object_])
    return grads(params, x, y)


def params_of_arrays(w1: F32, b1: F32, w2: F32, b2: F32) -> None:
    assert_type(Params(w1, b1, w2, b2), Params[np.float32])
    assert_type(Grads(w1=w1, b1=b1, w2=w2, b2=b2), Grads[np.float32])


def an_activation_by_name(params: Params[np.float32], x: F32, name: Activation) -> None:
    assert_type(name, Literal["relu", "identity"])
    forward(params, x, activation=name)


def keywords_of_a_test(net: object) -> None:
    refnet.conformance.parametrize(net, clauses=("FWD", "UPD-1"), dtypes=("float32",), activations=("relu",), seed=1)
    refnet.conformance.parametrize("refnet.seed", examples=5, expected=(("UPD-1[float32]", "why"),))


def errors_are_classes() -> tuple[type[ValueError], type[ValueError], type[TypeError]]:
    return refnet.ShapeError, refnet.ArgumentValueError, refnet.ArgumentTypeError
