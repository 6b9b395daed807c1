"""PyTensor: one symbolic graph for the prediction, the loss and its gradient, each a function once a dtype."""

from functools import cache
from typing import Any

import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from refnet import Params


@cache
def _compiled(dtype: str) -> tuple[Any, Any, Any]:
    w1, w2, x, y = (pt.matrix(name, dtype=dtype) for name in ("w1", "w2", "x", "y"))
    b1, b2 = (pt.vector(name, dtype=dtype) for name in ("b1", "b2"))
    y_pred = pt.dot(pt.maximum(pt.dot(x, w1) + b1, 0), w2) + b2
    loss = pt.sum(pt.sqr(y_pred - y))
    gradient = pt.grad(loss, [w1, b1, w2, b2])
    given = [w1, b1, w2, b2, x]
    return (
        pytensor.function(given, y_pred, mode="FAST_COMPILE"),
        pytensor.function([*given, y], loss, mode="FAST_COMPILE"),
        pytensor.function([*given, y], gradient, mode="FAST_COMPILE"),
    )


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    return _compiled(x.dtype.name)[0](*params, x)


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return _compiled(x.dtype.name)[1](*params, x, y)


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return _compiled(x.dtype.name)[2](*params, x, y)
