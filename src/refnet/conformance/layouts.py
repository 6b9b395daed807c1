"""The memory layouts in which an implementation may be given its arguments: the same values, other strides."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fortran(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy with its columns one after the other."""
    return np.array(array, order="F")


def strided(array: NDArray[Any]) -> NDArray[Any]:
    """Return every other element, in each direction, of a larger array that holds sevens in between."""
    every_other = tuple(slice(None, None, 2) for _ in array.shape)
    wide = np.full([2 * size for size in array.shape], 7, array.dtype)
    wide[every_other] = array
    return wide[every_other]


def negative(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view, back to front in each direction, of a copy that is back to front.

    A direction of one entry has no front: NumPy calls such an array contiguous, whatever its stride.
    """
    back = tuple(slice(None, None, -1 if size > 1 else None) for size in array.shape)
    return np.array(array[back], order="C")[back]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that cannot be written to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
