"""Arrays on both sides of a process border: what a call over there did to them is done here too.

The checks look at memory: whether an argument was written to, whether a result lies in it, or in an earlier result, and
whether that one changed. All of these the other side reports, and here it is made so, with arrays that really share
memory. What is reported is believed as far as it fits the arrays that are here, and refused where it does not.
"""

import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet.adapters import frames
from refnet.adapters.frames import FrameError, Layout, extent, memory

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Fill: TypeAlias = Callable[[memoryview], None]  # reads as many bytes as there is room for

_MOST_GIVEN = 64  # arrays whose like the other side is to keep
_ALWAYS_WHOLE, _TIMES_WHOLE = 1 << 16, 16  # bytes of what an argument is a view of
_MOST_AROUND = 1 << 26  # bytes of memory that a result may be part of


class Plain:
    """An array that has no dtype of its own, since the implementation returned a list, or a number of Python's."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return the array: to NumPy, a list of its numbers and this are the same."""
        return self._array if dtype is None else self._array.astype(dtype)


class Mirror:
    """The arrays that both sides know, by number, held no longer than others hold them here."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[weakref.ref[Array], Layout, int]] = {}  # with the identity of each array
        self._tokens: dict[int, int] = {}  # by that identity, as long as the array lives
        self._count = 0
        self._results: dict[int, tuple[weakref.ref[Array], int]] = {}
        self._owners: dict[int, weakref.ref[Array]] = {}  # of the memory of results
        # Each array that dies tells its number: to ask all that live, before every call, would take longer.
        self._dead_given: list[int] = []
        self._dead_results: list[int] = []

    def forgotten(self) -> tuple[list[int], list[int]]:
        """Return the numbers of the arguments and of the results that nobody here holds any more, each once."""
        given = [token for token in _taken(self._dead_given) if self._forget(token)]
        given += [token for token in list(self._given)[: max(0, len(self._given) - _MOST_GIVEN)] if self._forget(token)]
        results = [number for number in _taken(self._dead_results) if self._results.pop(number, None) is not None]
        if results and self._owners:
            self._owners = {number: ref for number, ref in self._owners.items() if ref() is not None}
        return given, results

    def _forget(self, token: int) -> bool:
        """Forget the argument; return whether it was known."""
        if token not in self._given:
            return False
        _, _, identity = self._given.pop(token)
        if self._tokens.get(identity) == token:  # another array may have that identity by now
            del self._tokens[identity]
        return True

    def described(self, array: Array, parts: dict[int, memoryview]) -> tuple[int, Layout]:
        """Return the number of an argument, and how it lies; its bytes are put into ``parts``, by its number."""
        whole = _whole(array)
        strides, offset, size, around = None, 0, array.nbytes, None
        if whole is not array:
            low, high, _ = extent(whole)
            strides, offset, size, around = array.strides, extent(array).first - low, high - low, whole.shape
        elif not array.flags.c_contiguous:
            low, high, first = extent(array)
            strides, offset, size = array.strides, first - low, high - low
        said = Layout(frames.name_of(array.dtype), array.shape, strides, offset, size, around)
        token = self._tokens.get(id(array))
        if token is not None:
            ref, before, _ = self._given[token]
            if ref() is not array or before != said:
                token = None
        if token is None:
            self._count += 1
            token = self._count
            self._tokens[id(array)] = token
            self._given[token] = _ref(array, token, self._dead_given), said, id(array)
        parts[token] = memory(whole).data
        return token, said

    def take(
        self, answer: dict[str, Any], shapes: list[Shape], given: dict[int, Array], fill: Fill, *, apart: bool = False
    ) -> list[object]:
        """Do here what the answer says was done over there, and return the arrays of the result, `Plain` ones too.

        ``shapes`` are those that they are to have, none where there is no result; ``given`` are the arguments of the
        call, by number; ``fill`` reads what follows the answer; what comes ``apart`` is not known over there any more.
        Raises FrameError for what cannot be.
        """
        changed, stale, told = (_list(answer.get(key)) for key in ("changed", "stale", "results"))
        for token in changed:
            if not _is_in(token, given):
                raise FrameError("an array is said to have changed that was not given")
            _write(given[token], self._given[token][1], fill)
        for number in stale:
            if not _is_in(number, self._results):
                raise FrameError("a result is said to have changed that there is not")
            ref, size = self._results[number]
            now = np.empty(size, np.uint8)
            fill(now.data)
            if (array := ref()) is not None:
                array[...] = now.view(array.dtype).reshape(array.shape)
        if len(told) != len(shapes):
            raise FrameError(f"{len(told)} arrays are no result of {len(shapes)}")
        known = None if apart else given
        return [self._result(_list(said), shape, known, fill) for said, shape in zip(told, shapes, strict=True)]

    def _result(self, said: list[Any], shape: Shape, given: dict[int, Array] | None, fill: Fill) -> object:
        if len(said) != 5:
            raise FrameError("a result is not described")
        number, name, its, has_dtype, home = said
        if not isinstance(name, str) or type(number) is not int or number in self._results:
            raise FrameError("a result is not described")
        if its != list(shape):
            raise FrameError(f"a result of shape {its} is described, expected {list(shape)}")
        array = np.empty(shape, frames.dtype_of(name))
        fill(_bytes(array))
        if given is None:
            if home:
                raise FrameError("a result is said to lie somewhere, and is nobody else's")
            return array if has_dtype is True else Plain(array)
        if home:
            array = self._at_home(array, _list(home), given)
        elif array.size:
            self._owners[number] = weakref.ref(array)
        self._results[number] = _ref(array, number, self._dead_results), array.nbytes
        return array if has_dtype is True else Plain(array)

    def _at_home(self, array: Array, home: list[Any], given: dict[int, Array]) -> Array:
        """Return the array with its elements in the memory where they lie over there."""
        if len(home) != 5:
            raise FrameError("where a result lies is not described")
        kind, number, offset, strides, size = home
        if not all(type(value) is int for value in (number, offset, size, *_list(strides))):
            raise FrameError("where a result lies is not described in numbers")
        if kind == "argument":
            if number not in given:
                return array  # the memory of an argument of an earlier call: nobody here asks about that
            owner = _whole(given[number])
        else:
            ref = self._owners.get(number)
            found = None if ref is None else ref()
            if found is None:
                if not 0 <= size <= _MOST_AROUND + 64 * array.nbytes:
                    raise FrameError(f"a result is said to lie in {size} bytes")
                found = np.empty(size, np.uint8)
                self._owners[number] = weakref.ref(found)
            owner = found
        there = frames.view(owner, offset, array.dtype, list(array.shape), strides)
        if kind != "argument":
            there[...] = array
        elif there.tobytes() != array.tobytes():
            return array  # it lies between the elements of the argument, of which only these are the same here
        return there


def _ref(array: Array, number: int, dead: list[int]) -> weakref.ref[Array]:
    """Return a reference by which the array, once it is dead, has its number among the dead."""
    return weakref.ref(array, lambda _: dead.append(number))


def _taken(numbers: list[int]) -> list[int]:
    """Return the numbers, and take them out: an array may die meanwhile, and add its own."""
    taken = numbers[:]
    del numbers[: len(taken)]
    return taken


def _whole(array: Array) -> Array:
    """Return the array that this one is a view of, if it is not much larger, and otherwise itself.

    A target may look at what it was given a view of, and read from its beginning, say.
    """
    base = array.base
    if isinstance(base, np.ndarray) and base.dtype == array.dtype and base.flags.c_contiguous:
        return base if base.nbytes <= _ALWAYS_WHOLE + _TIMES_WHOLE * array.nbytes else array
    return array


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise FrameError(f"{value!r} is no list")
    return value


def _is_in(number: object, table: dict[int, Any]) -> bool:
    return type(number) is int and number in table


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _write(array: Array, said: Layout, fill: Fill) -> None:
    """Write what comes into an argument, one that cannot be written to as well, as over there; unless it never can."""
    raw = np.empty(said.size, np.uint8)
    fill(raw.data)
    writeable = array.flags.writeable
    try:
        array.flags.writeable = True
        array[...] = np.ndarray(said.shape, array.dtype, raw, said.offset, said.strides)
        array.flags.writeable = writeable
    except ValueError:  # it is a view of memory that nobody may write to
        return
