"""The sums over the batch are kept in float16."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Grads, Params


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Grads[Any]:
    samples = [refnet.grads(params, x[n : n + 1], y[n : n + 1]) for n in range(len(x))]
    total = [np.zeros(p.shape, np.float16) for p in params]
    for sample in samples:
        total = [(t + g).astype(np.float16) for t, g in zip(total, sample, strict=True)]
    return Grads(*(t.astype(x.dtype) for t in total))
