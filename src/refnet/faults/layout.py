"""Layout: what is true of arrays in C order only, taken for granted."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from refnet.faults.pieces import Array, Network, fault

_COPY = "x = np.ascontiguousarray(x)"


@fault(
    "fortran-order-ignored", "layout", "LAYOUT-1", "Fortran order", wrong="kernel(x.ctypes.data, *x.shape)", right=_COPY
)
class _FortranOrderIgnored(Network):
    """The memory of an array in Fortran order is read as if it were in C order.

    Samples and features are mixed up, without an error. It is often seen where a pointer is handed to compiled code,
    and shows as soon as somebody passes a transpose.
    """

    def read(self, array: Array) -> Array:
        return array.ravel(order="K").reshape(array.shape)


@fault("strides-ignored", "layout", "LAYOUT-2", "strided input", wrong="kernel(x.ctypes.data, *x.shape)", right=_COPY)
class _StridesIgnored(Network):
    """The elements are read one after the other from where the array begins, whatever its strides are.

    Of every other row or column of a table, the rows and columns between are read as well. It is often seen where a
    pointer is handed to compiled code.
    """

    def read(self, array: Array) -> Array:
        extent = sum((size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True))
        inside = array.size and min(array.strides) > 0 and extent >= (array.size - 1) * array.itemsize
        return as_strided(array, strides=np.empty(array.shape, array.dtype).strides) if inside else array


@fault(
    "negative-strides-ignored",
    "layout",
    "LAYOUT-3",
    "negative strides",
    wrong="strides = np.abs(x.strides)",
    right="strides = x.strides",
)
class _NegativeStridesIgnored(Network):
    """An array that lies back to front is read front to back.

    A reversed batch meets targets that are not reversed. It is often seen where strides are kept in an unsigned type.
    """

    def read(self, array: Array) -> Array:
        return array[tuple(slice(None, None, -1 if stride < 0 else 1) for stride in array.strides)]


@fault(
    "negative-strides-refused",
    "layout",
    "LAYOUT-3",
    "negative strides",
    wrong="x = torch.from_numpy(x)",
    right="x = torch.from_numpy(x.copy())",
)
class _NegativeStridesRefused(Network):
    """An array that lies back to front is refused with an error.

    A run stops at the first flipped image. It is what some libraries do, and a copy is all they want.
    """

    def read(self, array: Array) -> Array:
        if any(stride < 0 for stride in array.strides):
            raise ValueError("at least one stride in the given numpy array is negative")
        return array


@fault(
    "contiguous-only",
    "layout",
    "LAYOUT-1",
    "any input not in C order",
    wrong="assert x.flags.c_contiguous",
    right=_COPY,
)
class _ContiguousOnly(Network):
    """Every array that is not in C order is refused with an error.

    Whoever transposes, slices or flips has to copy first. It is often seen where a typed memory view was declared as
    contiguous.
    """

    def read(self, array: Array) -> Array:
        if not array.flags.c_contiguous:
            raise ValueError("ndarray is not C-contiguous")
        return array


@fault(
    "view-read-from-its-base",
    "layout",
    "LAYOUT-2",
    "a view of a larger array",
    wrong="kernel(x.base.ctypes.data, *x.shape)",
    right=_COPY,
)
class _ViewReadFromItsBase(Network):
    """A view is read from the beginning of the array that it is a view of.

    Every batch is the first one. It is often seen where the offset of a buffer is lost between two languages.
    """

    def read(self, array: Array) -> Array:
        base = array.base
        if isinstance(base, np.ndarray) and base.dtype == array.dtype and base.size >= array.size:
            return base.ravel(order="K")[: array.size].reshape(array.shape)
        return array


@fault(
    "read-only-refused",
    "layout",
    "LAYOUT-4",
    "read-only input",
    wrong="kernel((ctypes.c_double * x.size).from_buffer(x))",
    right="kernel(x.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))",
)
class _ReadOnlyRefused(Network):
    """An array that cannot be written to is refused with an error, though nothing is written to it.

    Memory maps and the arrays of other libraries cannot be used. It is often seen where a buffer is asked
    for as one to write to.
    """

    def read(self, array: Array) -> Array:
        if not array.flags.writeable:
            raise TypeError("underlying buffer is not writable")
        return array
