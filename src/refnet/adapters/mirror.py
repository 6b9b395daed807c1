"""Arrays on both sides of a process border: what a call over there did to them is done here too.

The checks look at memory: whether an argument was written to, whether a result lies in it, or in an earlier result, and
whether that one changed. All of these the other side reports, and here it is made so, with arrays that really share
memory. What is reported is believed as far as it fits the arrays that are here, and refused where it does not.
"""

import math
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet.adapters import frames
from refnet.adapters.frames import FrameError, Layout, extent

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Fill: TypeAlias = Callable[[memoryview], None]  # reads as many bytes as there is room for

_MOST_GIVEN = 64  # arrays whose like the other side is to keep
_ALWAYS_WHOLE, _TIMES_WHOLE = 1 << 16, 16  # bytes of what an argument is a view of
_MOST_AROUND = 1 << 26  # bytes of memory that a result may be part of


class Result(NamedTuple):
    """An array of a result, as it is told."""

    dtype: np.dtype[Any]
    shape: Shape
    has_dtype: bool
    home: list[Any]  # where it lies: the rest is for `Mirror` to check, which knows the arrays


class Answer(NamedTuple):
    """What an answer says, in so far as it can be without the arrays.

    ``failed`` is what brought no result: "raised" or "no_result", and two words of that. ``size`` is that of the
    results in bytes.
    """

    results: tuple[Result, ...]
    changed: list[Any]
    stale: list[Any]
    failed: tuple[str, str, str] | None
    size: int


def answer(text: bytes, shapes: tuple[Shape, ...]) -> Answer:
    """Return what the JSON of an answer says, where the results are to have these shapes. Raises FrameError."""
    return (_known_answer if len(text) <= frames.REMEMBERED else _answer)(text, shapes)


def _answer(text: bytes, shapes: tuple[Shape, ...]) -> Answer:
    said = frames.header(text)
    changed, stale, told = (_list(said.get(key)) for key in ("changed", "stale", "results"))
    failed = next(((key, said[key]) for key in ("raised", "no_result") if key in said), None)
    if failed is not None:
        shapes = ()
        key, words = failed
        if not isinstance(words, list) or len(words) != 2 or not all(isinstance(word, str) for word in words):
            raise FrameError("an error is not described")
    if len(told) != len(shapes):
        raise FrameError(f"{len(told)} arrays are no result of {len(shapes)}")
    results = tuple(_told(_list(one), shape) for one, shape in zip(told, shapes, strict=True))
    size = sum(math.prod(one.shape) * one.dtype.itemsize for one in results)
    return Answer(results, changed, stale, None if failed is None else (key, *words), size)


_known_answer = lru_cache(maxsize=1024)(_answer)


def _told(said: list[Any], shape: Shape) -> Result:
    if len(said) != 4 or not isinstance(said[0], str):
        raise FrameError("a result is not described")
    name, its, has_dtype, home = said
    if its != list(shape):
        raise FrameError(f"a result of shape {its} is described, expected {list(shape)}")
    return Result(frames.dtype_of(name), shape, has_dtype is True, _list(home))


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

    def described(self, array: Array) -> tuple[int, Layout, Array]:
        """Return the number of an argument, how it lies, and the array whose memory is to be sent for it."""
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
        return token, said, whole

    def take(self, answer: Answer, call: int, given: dict[int, Array] | None, fill: Fill) -> list[object]:
        """Do here what the answer says was done over there, and return the arrays of the result, `Plain` ones too.

        ``call`` is the number of the call; ``given`` are its arguments, by number, None where these and the results
        are nobody else's; ``fill`` reads what follows the answer. Raises FrameError for what cannot be.
        """
        for token in answer.changed:
            if given is None or not _is_in(token, given):
                raise FrameError("an array is said to have changed that was not given")
            _write(given[token], self._given[token][1], fill)
        for number in answer.stale:
            if not _is_in(number, self._results):
                raise FrameError("a result is said to have changed that there is not")
            ref, size = self._results[number]
            now = np.empty(size, np.uint8)
            fill(now.data)
            if (array := ref()) is not None:
                array[...] = now.view(array.dtype).reshape(array.shape)
        if given is None:
            return _apart(answer, fill)
        return [self._result(one, result_number(call, at), given, fill) for at, one in enumerate(answer.results)]

    def _result(self, said: Result, number: int, given: dict[int, Array], fill: Fill) -> object:
        array = np.empty(said.shape, said.dtype)
        fill(frames.row(array))
        if said.home:
            array = self._at_home(array, said.home, given)
        elif array.size:
            self._owners[number] = weakref.ref(array)
        self._results[number] = _ref(array, number, self._dead_results), array.nbytes
        return array if said.has_dtype else Plain(array)

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


def result_number(call: int, at: int) -> int:
    """Return the number by which both sides know the array at that place in the result of a call: there are four."""
    return 4 * call + at


def _apart(answer: Answer, fill: Fill) -> list[object]:
    """Return the arrays of a result that nobody compares with any other: they are read at once, side by side."""
    if any(one.home for one in answer.results):
        raise FrameError("a result is said to lie somewhere, and is nobody else's")
    whole = np.empty(answer.size, np.uint8)
    fill(whole.data)
    found: list[object] = []
    start = 0
    for dtype, shape, has_dtype, _ in answer.results:
        array = np.ndarray(shape, dtype, whole, start)
        found.append(array if has_dtype else Plain(array))
        start += array.nbytes
    return found


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
