"""The operands of every product are rounded to 10 bits behind the leading one, as matrix units do when told nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Grads, Params


def _rounded(array: NDArray[Any]) -> Any:
    significand, exponent = np.frexp(array)
    return np.ldexp(np.rint(significand * 2048) / 2048, exponent).astype(array.dtype)


def _product(one: NDArray[Any], two: NDArray[Any]) -> Any:
    return _rounded(one) @ _rounded(two)


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    return _product(np.maximum(_product(x, params.w1) + params.b1, 0), params.w2) + params.b2


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    w1, b1, w2, b2 = params
    a = np.maximum(_product(x, w1) + b1, 0)
    g = 2 * (_product(a, w2) + b2 - y)
    gh = np.where(a > 0, _product(g, w2.T), 0)
    return Grads(_product(x.T, gh), gh.sum(0).reshape(b1.shape), _product(a.T, g), g.sum(0).reshape(b2.shape))
