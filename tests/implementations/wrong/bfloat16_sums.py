"""Declares sums in float32, and adds up in bfloat16."""

from typing import Any

import numpy as np

precision = {"storage": "bfloat16", "accumulate": "float32"}


def product(left: Any, right: Any) -> Any:
    total = np.zeros((left.shape[0], right.shape[1]), left.dtype)
    for k in range(left.shape[1]):
        total = total + left[:, k : k + 1] * right[k : k + 1]
    return total


def forward(params: Any, x: Any) -> Any:
    w1, b1, w2, b2 = params
    h = product(x, w1) + b1
    return product(np.maximum(h, h.dtype.type(0)), w2) + b2
