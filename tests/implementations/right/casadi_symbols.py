"""CasADi: matrices of symbols and their reverse mode, a function a shape. It computes in float64 alone."""

from functools import cache
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from refnet import Params

dtypes = "float64"


@cache
def _functions(n: int, d: int, h: int, o: int) -> tuple[Any, Any, Any]:
    w1, b1, w2, b2 = (ca.MX.sym(name, *size) for name, size in _sizes(d, h, o).items())
    x, y = ca.MX.sym("x", n, d), ca.MX.sym("y", n, o)
    y_pred = ca.fmax(x @ w1 + ca.repmat(b1, n, 1), 0) @ w2 + ca.repmat(b2, n, 1)
    loss = ca.sumsqr(y_pred - y)
    given = [w1, b1, w2, b2, x]
    return (
        ca.Function("forward", given, [y_pred]),
        ca.Function("loss", [*given, y], [loss]),
        ca.Function("grads", [*given, y], [ca.gradient(loss, p) for p in (w1, b1, w2, b2)]),
    )


def _sizes(d: int, h: int, o: int) -> dict[str, tuple[int, int]]:
    return {"w1": (d, h), "b1": (1, h), "w2": (h, o), "b2": (1, o)}


def _called(which: int, params: Params[Any], *data: NDArray[Any]) -> Any:
    w1, b1, w2, b2 = params
    function = _functions(len(data[0]), *w1.shape, w2.shape[1])[which]
    return function(*(ca.DM(np.atleast_2d(array)) for array in (w1, b1, w2, b2, *data)))


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    return np.array(_called(0, params, x))


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(_called(1, params, x, y))


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> list[NDArray[Any]]:
    four = _called(2, params, x, y)
    return [np.array(g).reshape(p.shape) for g, p in zip(four, params, strict=True)]
