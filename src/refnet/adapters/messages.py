"""The messages of a program that speaks JSON lines (``spec/protocol.md``): written and read here, without effects.

A line that is no message raises LineError; a message that is no result of what was asked raises ResultError.
"""

import json
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn, Self, get_args

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.target import ARGUMENTS, OPERATIONS
from refnet.formats import Dtype, Precision
from refnet.judgement import ResultError
from refnet.network import Activation, ArgumentValueError, Params

DESCRIBE = '{"op": "describe"}'
_EXAMPLE = '{"loss": 1.5}'
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

# What an answer has, beside {"error": "..."}, which answers any request.
ANSWERS: dict[str, tuple[str, ...]] = {"forward": ("y_pred",), "loss": ("loss",)}
ANSWERS |= dict.fromkeys(("grads", "update", "step"), Params._fields)


class LineError(ValueError):
    """A line that is no message at all: what is wrong with it, and what to write instead."""


class ProgramError(Exception):
    """The error that the program answered, in its own words."""


class Description(NamedTuple):
    """What a program says of itself."""

    name: str
    operations: tuple[str, ...]
    activations: tuple[Activation, ...]
    dtypes: tuple[Dtype, ...]
    precisions: tuple[Precision, ...] = ()


class Number(float):
    """A number, and the digits that it was written with."""

    __slots__ = ("digits",)
    digits: str

    def __new__(cls, digits: str) -> Self:
        """Read the digits. Raises LineError where they are beyond float64, which would read them as infinite."""
        number = super().__new__(cls, digits)
        if math.isinf(number):
            raise LineError(f'{quoted(digits)} is beyond the largest float64: write "Infinity", with the quotes')
        number.digits = digits
        return number


# Writing.


def request(operation: str, *arguments: Any, activation: Activation) -> str:
    """Return the line that asks for the operation on these arguments, without the end of the line.

    The sizes are those of the parameters, and n the number of rows of x: what is made not to fit them shows in the
    arrays themselves.
    """
    given = dict(zip(ARGUMENTS[operation], arguments, strict=True))
    params: Params[Any] = given.pop("params")
    dtype = params.w1.dtype
    sizes = dict(zip("dho", (*params.w1.shape, params.w2.shape[1]), strict=True))
    if "x" in given:
        sizes = {"n": len(given["x"])} | sizes
    arrays = params._asdict()
    for name, value in given.items():
        arrays |= {f"g{key}": g for key, g in value._asdict().items()} if name == "grads" else {name: value}
    if "lr" in arrays:
        arrays["lr"] = _rate(arrays["lr"], dtype)
    head = json.dumps({"op": operation, "activation": activation, "dtype": dtype.name, **sizes})
    body = ", ".join(f'"{name}": {written(array)}' for name, array in arrays.items())
    return f"{head[:-1]}, {body}}}"


def _rate(lr: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the rate in the format of the parameters where that holds it, and so in as few digits."""
    narrow = np.asarray(lr, dtype)
    return narrow if float(narrow) == lr else np.asarray(lr, np.float64)


def written(array: NDArray[Any]) -> str:
    """Return the array, of two axes at most, as JSON: each number in as few digits as give it back.

    They give it back to those who read them in the array's own format, and to those who read them as float64 first.

    >>> written(np.array([[0.1, -0.0], [np.inf, 3e-45]], np.float32))
    '[[0.1, -0.0], ["Infinity", 3e-45]]'
    """
    digits = _digits(array)
    if not array.ndim:
        return digits[0]
    if array.ndim == 1:
        return _list(digits)
    width = array.shape[1]
    return _list(_list(digits[row * width : (row + 1) * width]) for row in range(len(array)))


def _list(parts: Iterable[str]) -> str:
    return f"[{', '.join(parts)}]"


def _digits(array: NDArray[Any]) -> list[str]:
    wide = array.ravel().tolist()
    # As few as tell the number from its neighbours in its own format; that of float64 is Python's, too, and faster.
    texts = list(map(repr, wide) if array.dtype == np.float64 else map(str, array.ravel()))
    if array.dtype != np.float64:
        # Read as float64, a few of them lie halfway between two numbers of the format and round to the wrong one.
        again = np.array(list(map(float, texts))).astype(array.dtype)
        for at in np.flatnonzero(again != array.ravel()):
            texts[at] = repr(wide[at])
    for at in np.flatnonzero(~np.isfinite(array.ravel())):
        texts[at] = _word(wide[at])
    return texts


def _word(number: float) -> str:
    return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'


# Reading.


def message(line: bytes) -> dict[str, Any]:
    """Return the object that a line holds. Raises LineError."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(f"{quoted(line)} is not UTF-8 (byte {error.start}): write JSON in UTF-8 or ASCII") from error
    try:
        found = json.loads(
            text,
            object_pairs_hook=_without_doubles,
            parse_float=Number,
            parse_int=Number,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise LineError(f"{quoted(text)} is nested too deeply: no array has more than two levels") from error
    except json.JSONDecodeError as error:
        raise LineError(
            f"{quoted(text)} is not JSON ({error.msg} at character {error.pos}): write one JSON object a line,"
            " and anything else to standard error"
        ) from error
    if not isinstance(found, dict):
        raise LineError(f"{quoted(text)} is {_kind(found)}, expected a JSON object, such as {_EXAMPLE}")
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for key, _ in pairs if len(found) < len(pairs) else ():
        if sum(other == key for other, _ in pairs) > 1:
            raise LineError(f"it has the key {quoted(key)} twice: write each once")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise LineError(f'it has the bare word {word}, which JSON does not have: write "{word}", with the quotes')


def described(found: dict[str, Any]) -> Description:
    """Return what the answer to describe says. Raises LineError that says what is missing or unknown."""
    if "error" in found:
        raise LineError(f"it answers describe with an error: {_error(found)}")
    _check_keys("describe", found, Description._fields[:-1], optional=("precisions",))
    if not isinstance(found["name"], str) or not found["name"].strip():
        raise LineError(f"name is {_kind(found['name'])}, expected a word or two of what the program is")
    return Description(
        " ".join(found["name"].split()),
        _some("operations", found["operations"], OPERATIONS),
        _some("activations", found["activations"], get_args(Activation)),
        _some("dtypes", found["dtypes"], get_args(Dtype)),
        tuple(map(_precision, found.get("precisions", []))),
    )


def _precision(said: Any) -> Precision:
    expected = 'expected an object such as {"storage": "float16", "accumulate": "float32"}'
    if not isinstance(said, dict) or not all(isinstance(word, str) for word in said.values()):
        raise LineError(f"precisions has {_kind(said)}, {expected}")
    try:
        return Precision(**said)
    except (TypeError, ArgumentValueError) as error:
        raise LineError(f"precisions cannot be read, {expected}: {error}") from error


def _some(name: str, words: Any, known: tuple[Any, ...]) -> tuple[Any, ...]:
    expected = f"expected a list of some of {', '.join(known)}"
    if not isinstance(words, list) or not words:
        raise LineError(f"{name} is {_kind(words)}, {expected}")
    for word in words:
        if word not in known:
            raise LineError(f"{name} has {_kind(word)}, {expected}")
        if words.count(word) > 1:
            raise LineError(f"{name} has {_kind(word)} twice, {expected}")
    return tuple(word for word in known if word in words)


def _check_keys(what: str, found: dict[str, Any], expected: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    missing = [key for key in expected if key not in found]
    more = [quoted(key) for key in found if key not in (*expected, *optional)]
    if missing or more:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(more)} too"] * bool(more)
        raise LineError(f"the answer to {what} {' and '.join(said)}, expected {', '.join(expected)} and nothing else")


def _error(found: dict[str, Any]) -> str:
    _check_keys("a request that cannot be met", found, ("error",))
    if not isinstance(found["error"], str) or not found["error"].strip():
        raise LineError(f"error is {_kind(found['error'])}, expected a sentence that says what is wrong")
    return " ".join(found["error"].split())


def result(operation: str, found: dict[str, Any], shapes: dict[str, tuple[int, ...]], dtype: np.dtype[Any]) -> Any:
    """Return the result of the operation: an array, a scalar, or the four arrays by name.

    ``shapes``: that of each part, by its name in the answer. Raises ProgramError where the program answered an error,
    and ResultError that says what else is no such result.
    """
    try:
        if "error" in found:
            raise ProgramError(_error(found))
        _check_keys(operation, found, ANSWERS[operation])
    except LineError as error:
        raise ResultError(operation, f"cannot be read: {error}") from error
    parts = {}
    for key, shape in shapes.items():
        name = operation if key == operation else f"{operation}.{key}"
        parts[key] = _rounded(name, _flat(name, found[key], shape), dtype).reshape(shape)
    return parts if len(parts) > 1 else parts[ANSWERS[operation][0]]


def _flat(name: str, value: Any, shape: tuple[int, ...]) -> list[float]:
    """Return the numbers of a value of that shape, row by row. Raises ResultError that names the place."""
    if not shape:
        return [_number(name, value)]
    parts = "numbers" if len(shape) == 1 else "rows"
    if not isinstance(value, list):
        raise ResultError(name, f"is {_kind(value)}, expected a list of {shape[0]} {parts}")
    if len(value) != shape[0]:
        raise ResultError(name, f"has {len(value)} {parts}, expected {shape[0]}")
    if len(shape) == 1:
        if set(map(type, value)) <= {Number}:
            return value
        return [_number(f"{name}[{at}]", number) for at, number in enumerate(value)]
    return [number for at, row in enumerate(value) for number in _flat(f"{name}[{at}]", row, shape[1:])]


def _number(name: str, value: Any) -> float:
    if isinstance(value, Number):
        return value
    if isinstance(value, str) and value in WORDS:
        return WORDS[value]
    raise ResultError(name, f'is {_kind(value)}, expected a number, or "NaN", "Infinity" or "-Infinity"')


def _rounded(name: str, numbers: list[float], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the numbers of the format that are nearest to the digits. Raises ResultError for those beyond it."""
    wide = np.array(numbers, np.float64)
    if dtype == wide.dtype:
        return wide
    with np.errstate(all="ignore"):
        narrow = wide.astype(dtype)
        beyond = np.isinf(narrow) & np.isfinite(wide)
        if beyond.any():
            worst, largest = wide[np.argmax(beyond)], np.finfo(dtype).max
            raise ResultError(name, f'has {worst:.9g}, beyond the largest {dtype}, {largest:.9g}: write "Infinity"')
        # Digits that float64 rounds to the middle of two numbers of the format are on one side of it, or on the other.
        other = np.nextafter(narrow, np.where(wide > narrow, np.inf, -np.inf).astype(dtype))
        halfway = (wide != narrow) & (wide == (narrow.astype(np.float64) + other.astype(np.float64)) / 2)
    for at in np.flatnonzero(halfway):
        digits = Decimal(numbers[at].digits)  # type: ignore[attr-defined]  # a word is not halfway: it is a Number
        if (digits > Decimal(wide[at])) == (other[at] > narrow[at]) and digits != Decimal(wide[at]):
            narrow[at] = other[at]
    return narrow


def _kind(value: object) -> str:
    """Say what a JSON value is, in a few words."""
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    if isinstance(value, Number):
        return f"the number {quoted(value.digits)}"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else "null"


def quoted(text: str | bytes, most: int = 60) -> str:
    """Quote the beginning of what a stranger wrote, in one line of plain characters."""
    shown = text[:most].decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text[:most]
    return f"{shown!a}{'...' if len(text) > most else ''}"
