"""Large float32 products go to a unit that rounds their operands to 10 bits, as matrix units do when told nothing.

A sum of so many terms may lose as much in float32 itself, in the worst order: it is within its bound, and not exact
where it could be.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Params

LARGE = 50_000  # multiplications


def _product(one: NDArray[Any], two: NDArray[Any]) -> Any:
    if one.dtype == np.float32 and one.size * two.shape[1] > LARGE:
        return _rounded(one) @ _rounded(two)
    return one @ two


def _rounded(array: NDArray[Any]) -> Any:
    significand, exponent = np.frexp(array)
    return np.ldexp(np.rint(significand * 2048) / 2048, exponent).astype(array.dtype)


def _layers(params: Params[Any], x: NDArray[Any]) -> tuple[Any, Any]:
    a = np.maximum(_product(x, params.w1) + params.b1, 0)
    return a, _product(a, params.w2) + params.b2


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    return _layers(params, x)[1]


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return np.square(_layers(params, x)[1] - y).sum()


def step(params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float) -> Params[Any]:
    a, y_pred = _layers(params, x)
    g = 2 * (y_pred - y)
    gh = np.where(a > 0, _product(g, params.w2.T), 0)
    b1, b2 = gh.sum(axis=0).reshape(params.b1.shape), g.sum(axis=0).reshape(params.b2.shape)
    four = _product(x.T, gh), b1, _product(a.T, g), b2
    return Params(*(p - lr * g for p, g in zip(params, four, strict=True)))
