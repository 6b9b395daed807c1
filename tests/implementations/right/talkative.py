"""NumPy code that prints, logs and warns in every call: what it says is no business of the report."""

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    print("forward", x.shape, "DOES NOT CONFORM")
    print("warning: no GPU found", file=sys.stderr)
    warnings.warn("forward is deprecated", DeprecationWarning, stacklevel=2)
    np.float64(1) / np.float64(0)
    y_pred: NDArray[Any] = np.maximum(x @ params.w1 + params.b1, 0) @ params.w2 + params.b2
    return y_pred
