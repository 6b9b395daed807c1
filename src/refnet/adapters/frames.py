"""What goes between a checker and the process of its target: a few numbers, JSON, and the bytes of arrays behind it.

A frame is a start of fixed length, the JSON whose length that says, and the bytes of what the JSON speaks of, in its
order. Nothing in it is code: nothing is unpickled, or evaluated.

The JSON says what many calls have in common, such as shapes and dtypes. The checks call with the same few again and
again, so both sides remember what they have made of it; what is another in each call stands in the start or in the
bytes.
"""

import json
import re
import struct
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet.formats import BFLOAT16, numpy_dtype

Bytes: TypeAlias = bytes | bytearray | memoryview

LONGEST = 10_000_000  # bytes of JSON: an answer speaks of a few arrays, and of an error in a few words
REMEMBERED = 10_000  # bytes of JSON at most that is worth remembering
_SMALL = 4096  # bytes that are copied sooner than they are described
_START = struct.Struct("<Iqqd")
START = _START.size
WORD = struct.Struct("<q")  # the number of an array, before its bytes
NUMBER = struct.Struct("<d")  # an argument that is no array
_encoded = json.JSONEncoder(separators=(",", ":")).encode
_decoded = json.JSONDecoder().decode  # its own, whatever a target makes of json.loads in its process
_PLAIN = re.compile(r"[<>|=][fiu]\d{1,2}")


class FrameError(ValueError):
    """What came is no frame, or speaks of something that cannot be."""


class Start(NamedTuple):
    """The start of a frame. ``number`` is that of the call, 0 where it is neither a call nor an answer to one.

    ``net`` is the number of the implementation that is called, ``seconds`` what that took.
    """

    length: int  # of the JSON
    number: int
    net: int
    seconds: float


def frame(text: bytes, number: int = 0, net: int = 0, seconds: float = 0.0) -> bytes:
    """Return the frame, up to the bytes of its arrays."""
    return _START.pack(len(text), number, net, seconds) + text


def start(found: bytes | bytearray) -> Start:
    """Return the start of a frame. Raises FrameError."""
    start = Start(*_START.unpack(found))
    if start.length > LONGEST:  # as every text would have it
        raise FrameError(f"no frame starts with {bytes(found[:8])!r}")
    return start


def written(header: object) -> bytes:
    """Return the JSON of a frame."""
    return _encoded(header).encode()


def said(header: object) -> bytes:
    """Return a frame that says this, and is neither a call nor an answer to one."""
    return frame(written(header))


@lru_cache(maxsize=1024)
def written_again(**header: Hashable) -> bytes:
    """Return what `written` does, for a header that is likely to be met again: its lists are tuples."""
    return written(header)


def header(text: bytes) -> dict[str, Any]:
    """Return the JSON of a frame. Raises FrameError."""
    try:
        found = _decoded(text.decode())
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise FrameError("the JSON is no object")
    return found


class Layout(NamedTuple):
    """How an argument lies in memory: in C order and alone where ``strides`` is None.

    ``offset`` is that of its first element in the ``size`` bytes that are sent, which are those of an array of the
    shape ``around`` where it is a view of one.
    """

    name: str  # of the dtype, as `name_of` gives it
    shape: Sequence[int]
    strides: Sequence[int] | None
    offset: int
    size: int
    around: Sequence[int] | None


@lru_cache(maxsize=64)
def dtype_of(name: str) -> np.dtype[Any]:
    """Return the dtype of numbers that has that name, as `name_of` gives it. Raises FrameError."""
    if _PLAIN.fullmatch(name) or name == BFLOAT16.name:
        try:
            return numpy_dtype(name)
        except TypeError as error:
            raise FrameError(f"there is no dtype {name!r} here: {error}") from error
    raise FrameError(f"{name!r} is no dtype of numbers")


def name_of(dtype: np.dtype[Any]) -> str:
    """Return the name by which a frame calls a dtype."""
    return dtype.str if dtype.kind in "fiu" else dtype.name


def can_be_sent(dtype: np.dtype[Any]) -> bool:
    """Return whether frames have a name for the dtype."""
    return dtype.kind in "fiu" or dtype.name == BFLOAT16.name


class Extent(NamedTuple):
    """Where an array lies: the addresses [low, high) of its bytes, and that of its first element."""

    low: int
    high: int
    first: int


def extent(array: NDArray[Any]) -> Extent:
    """Return where the array lies in memory, whatever its strides."""
    first: int = array.__array_interface__["data"][0]
    if array.flags.c_contiguous or not array.size:
        return Extent(first, first + array.nbytes, first)
    low, high = np.lib.array_utils.byte_bounds(array)
    return Extent(int(low), int(high), first)


class _Memory:
    """Bytes of memory that an array owns, for NumPy to see as an array; it keeps the owner."""

    def __init__(self, owner: NDArray[Any], low: int, size: int) -> None:
        self.owner = owner
        self.__array_interface__ = {"data": (low, True), "shape": (size,), "typestr": "|u1", "version": 3}


def memory(array: NDArray[Any]) -> Bytes:
    """Return the bytes from the first to the last that the array touches, those in between included, to be read."""
    if array.flags.c_contiguous:
        return array.tobytes() if array.nbytes <= _SMALL else row(array)
    if not array.size:
        return b""
    where = extent(array)
    return np.asarray(_Memory(array, where.low, where.high - where.low)).data


def row(array: NDArray[Any]) -> memoryview:
    """Return the bytes of an array in C order, to be read or written to."""
    return array.reshape(-1).view(np.uint8).data


class _View:
    """Part of the memory of an array, in other strides, for NumPy to see as an array; it keeps the owner."""

    def __init__(
        self, owner: NDArray[Any], first: int, dtype: np.dtype[Any], shape: list[int], strides: list[int]
    ) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "data": (first, False),
            "typestr": f"|V{dtype.itemsize}",  # the dtype itself may be one that has no such name
            "shape": tuple(shape),
            "strides": tuple(strides),
            "version": 3,
        }


def view(owner: NDArray[Any], offset: int, dtype: np.dtype[Any], shape: list[int], strides: list[int]) -> NDArray[Any]:
    """Return an array that lies that many bytes behind the lowest address of the owner, in its memory.

    Raises FrameError where it would reach beyond.
    """
    low, high, _ = extent(owner)
    if len(shape) != len(strides):
        raise FrameError("an array has not a stride for each axis")
    reach = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    start = low + offset + sum(min(0, step) for step in reach)
    end = low + offset + sum(max(0, step) for step in reach) + dtype.itemsize
    if any(size <= 0 for size in shape) or not low <= start <= end <= high:
        raise FrameError("an array reaches beyond the memory that it is said to lie in")
    return np.asarray(_View(owner, low + offset, dtype, shape, strides)).view(dtype)
