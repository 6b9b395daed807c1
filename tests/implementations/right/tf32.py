"""float32, whose products read 19 bits of each factor, the last ones left out: what a matrix unit calls TF32."""

from typing import Any

import numpy as np

precision = {"storage": "float32", "operands": "tf32"}


def read(array: Any) -> Any:
    return (np.ascontiguousarray(array).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


def product(left: Any, right: Any) -> Any:
    return read(left) @ read(right)


def forward(params: Any, x: Any) -> Any:
    w1, b1, w2, b2 = params
    return product(np.maximum(product(x, w1) + b1, 0), w2) + b2


def loss(params: Any, x: Any, y: Any) -> Any:
    return np.square(forward(params, x) - y).sum()


def grads(params: Any, x: Any, y: Any) -> Any:
    w1, b1, w2, b2 = params
    h = product(x, w1) + b1
    a = np.maximum(h, 0)
    g = 2 * (product(a, w2) + b2 - y)
    gh = np.where(h > 0, product(g, w2.T), 0)
    return product(x.T, gh), gh.sum(axis=0).reshape(b1.shape), product(a.T, g), g.sum(axis=0).reshape(b2.shape)
