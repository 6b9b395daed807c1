"""Wrong programs: mypy refuses each line that is marked with the code of its error, and no other."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params, Step, conformance, forward, grads, init, loss, train, update

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]


def float32_parameters_with_float64_data(params: Params[np.float32], x: F64, y: F64, x32: F32, y32: F32) -> None:
    forward(params, x)  # error: misc
    loss(params, x, y)  # error: misc
    loss(params, x32, y)  # error: misc
    loss(params, x, y32)  # error: misc
    grads(params, x, y)  # error: misc
    train(params, x, y, lr=0.1, steps=3)  # error: misc


def float64_parameters_with_float32_data(params: Params[np.float64], x: F32, y: F32) -> None:
    forward(params, x)  # error: misc
    grads(params, x, y)  # error: misc


def a_gradient_of_another_precision(params: Params[np.float32], gradient: Grads[np.float64]) -> None:
    update(params, gradient, 0.1)  # error: misc


def parameters_of_two_precisions(w: F32, b: F64) -> None:
    Params(w, b, w, b)  # error: type-var


def update_with_its_arguments_swapped(params: Params[np.float64], gradient: Grads[np.float64]) -> None:
    update(gradient, params, 0.1)  # error: arg-type, arg-type
    update(params, 0.1, gradient)  # error: arg-type, arg-type


def a_gradient_is_no_parameters(params: Params[np.float64], x: F64, y: F64) -> Params[np.float64]:
    forward(grads(params, x, y), x)  # error: arg-type
    update(params, params, 0.1)  # error: arg-type
    return grads(params, x, y)  # error: return-value


def a_tuple_is_no_parameters(params: Params[np.float64], x: F64) -> None:
    w1, b1, w2, b2 = params
    forward((w1, b1, w2, b2), x)  # error: arg-type


def an_unknown_activation(params: Params[np.float64], x: F64, y: F64, name: str) -> None:
    forward(params, x, activation="tanh")  # error: arg-type
    grads(params, x, y, activation=name)  # error: arg-type
    train(params, x, y, lr=0.1, steps=3, activation="ReLU")  # error: arg-type


def a_result_of_another_precision(params: Params[np.float32], x: F32, y: F32) -> F64:
    gradient: Grads[np.float64] = grads(params, x, y)  # error: arg-type, arg-type, arg-type
    del gradient
    return forward(params, x)  # error: arg-type, arg-type


def precisions_that_the_network_has_not(x: NDArray[np.float16], z: NDArray[np.complex128]) -> None:
    Params(x, x, x, x)  # error: type-var
    Params(z, z, z, z)  # error: type-var


def no_such_scalar(params: Params[np.float16]) -> None:  # error: type-var
    del params


def rates_and_counts_that_are_no_numbers(p: Params[np.float64], x: F64, y: F64, g: Grads[np.float64]) -> None:
    update(p, g, "0.1")  # error: arg-type
    update(p, g, None)  # error: arg-type
    update(p, g)  # error: call-arg
    train(p, x, y, lr=0.1, steps=1.5)  # error: arg-type
    train(p, x, y, lr=0.1)  # error: call-arg
    init(np.random.default_rng(0), 2.0, 3, 1)  # error: arg-type
    init(0, 2, 3, 1)  # error: arg-type


def results_that_are_misread(params: Params[np.float32], x: F32, y: F32) -> float:
    steps: list[Step[np.float32]] = train(params, x, y, lr=0.1, steps=3)  # error: assignment
    params.w1 = x  # error: misc
    print(steps, grads(params, x, y).w3)  # error: attr-defined
    return loss(params, x, y)  # error: return-value


def keywords_of_a_test_that_are_misspelt(net: object) -> None:
    conformance.parametrize(net, clause=("FWD",))  # error: call-arg
    conformance.parametrize(net, clauses="FWD")  # error: arg-type
    conformance.parametrize(net, dtypes=("float8",))  # error: arg-type
    conformance.parametrize(net, expected=("FWD-1", "why"))  # error: arg-type
