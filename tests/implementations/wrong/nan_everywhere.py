"""One input that is not a number makes the predictions of the whole batch NaN."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import refnet
from refnet import Params


def forward(params: Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    y_pred = refnet.forward(params, x)
    return np.full_like(y_pred, np.nan) if np.isnan(x).any() else y_pred
