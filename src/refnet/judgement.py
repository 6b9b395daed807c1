"""Reading a result, and comparing it with its ball: the worst component, how far off it is, and the one sentence.

Nothing here knows which function was called, or why.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.formats import BFLOAT16, FLOAT32, FLOAT64, STORAGE, Format
from refnet.network import Params
from refnet.rounding import Ball


class ResultError(AssertionError):
    """What was returned is not a result at all: it cannot be read as numbers, or has the wrong shape."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name} {said}")
        self.operation = name.partition(".")[0]


class Miss(NamedTuple):
    """The component that is furthest outside its interval [low, high]."""

    at: tuple[int, ...]
    value: float
    low: float
    high: float
    times: float  # |value - centre| / radius; infinite where the radius is 0 or the value is not finite


class Comparison(NamedTuple):
    """What comparing an array with its ball shows.

    ``ratio``: the largest |value - centre| / radius, 1 at most where all is well. ``width``: the largest radius by the
    largest |centre|, None where that is 0. ``judged``: how many components have a finite radius. ``miss``: the worst
    component outside.
    """

    ratio: float
    width: float | None
    judged: int
    miss: Miss | None


def compare(actual: NDArray[Any], ball: Ball) -> Comparison:
    """Compare each component with its interval. The shapes agree; NaN is outside every interval of finite radius."""
    value, off, inside = _distance(actual, ball)
    widest, size = ball.widest, ball.furthest
    judged = None if widest < np.inf else np.isfinite(ball.radius)  # None: all of them
    count = value.size if judged is None else int(np.count_nonzero(judged))
    if not count:
        return Comparison(0.0, None, 0, None)
    with np.errstate(all="ignore"):
        times = np.divide(off, ball.radius, out=off)
    if judged is not None:
        inside |= ~judged
        some = Ball(ball.centre[judged], ball.radius[judged])
        widest, size = some.widest, some.furthest
    ratio = float(times.max())
    if np.isnan(ratio):  # 0/0 is a hit, and what is not judged; x/0 is an infinite miss
        times = np.where(np.isnan(times), np.where(inside, 0.0, np.inf), times)
        ratio = float(times.max())
    width = widest / size if size > 0 else None
    if inside.all():
        return Comparison(ratio, width, count, None)
    flat = int(np.argmax(np.where(inside, -1.0, times)))
    at = tuple(int(i) for i in np.unravel_index(flat, value.shape))
    centre, radius = float(ball.centre[at]), float(ball.radius[at])
    miss = Miss(at, float(value[at]), _end(centre, -radius), _end(centre, radius), float(times[at]))
    return Comparison(ratio, width, count, miss)


def holds(actual: NDArray[Any], ball: Ball) -> bool:
    """Return whether each component lies in its interval, where all radii are finite: as `compare` without a miss."""
    return bool(_distance(actual, ball)[2].all())


def _distance(actual: NDArray[Any], ball: Ball) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the values, their distance from the centre, and whether that is at most the radius."""
    value = actual.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        off = np.asarray(value - ball.centre)
        np.abs(off, out=off)
        return value, off, np.asarray(off <= ball.radius)


def _end(centre: float, reach: float) -> float:
    """Return the last number of the interval in that direction: the sum, rounded inwards."""
    end = centre + reach
    return end if abs(end - centre) <= abs(reach) else float(np.nextafter(end, centre))


def sentence(name: str, clause: str, miss: Miss, dtype: np.dtype[Any]) -> str:
    """Say a miss in one line: the component, its value, what the clause allows, how many times the bound.

    >>> miss = Miss((2, 0), 4.1, 2.0499998, 2.0500002, 1.025e7)
    >>> sentence("grads.w1", "GRAD-1", miss, np.dtype(np.float32))
    'grads.w1[2, 0] = 4.1, GRAD-1 allows [2.0499998, 2.0500002]; 1e+07 times the bound'
    """
    place = f"{name}[{', '.join(map(str, miss.at))}]" if miss.at else name
    fmt = STORAGE.get(dtype.name, FLOAT64)
    digits = math.ceil(1 + fmt.precision * math.log10(2))  # to tell each number of the format from its neighbours
    value = _shortest(miss.value, fmt, digits)
    low, high = (f"{bound:.{digits}g}" for bound in (miss.low, miss.high))
    if float(low) <= float(value) <= float(high):  # so near a miss that these digits do not show it
        value, low, high = (f"{number:.17g}" for number in (miss.value, miss.low, miss.high))
    if miss.low == miss.high:
        return f"{place} = {value}, {clause} allows {low} alone"
    how_far = f"{miss.times:.2g} times the bound" if np.isfinite(miss.value) else "not a finite number"
    return f"{place} = {value}, {clause} allows [{low}, {high}]; {how_far}"


def _shortest(value: float, fmt: Format, digits: int) -> str:
    if fmt in (FLOAT32, FLOAT64):
        return str(np.float32(value) if fmt == FLOAT32 else value)
    return f"{value:.{digits}g}"


def as_array(name: str, value: object, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return ``value`` as an array of real numbers of that shape, without copying where NumPy need not.

    Raises ResultError that says what was returned.
    """
    try:
        array = np.asarray(value)
    except Exception as error:  # any class: the value is a stranger's
        raise ResultError(name, f"cannot be read as an array: {_in_one_line(error)}") from error
    if array.dtype.kind not in "fiu" and array.dtype.name != BFLOAT16.name:
        given = "None" if value is None else f"{type(value).__name__} (dtype {array.dtype})"
        raise ResultError(name, f"is {given}, expected an array of real numbers of shape {shape}")
    if array.shape != shape and isinstance(value, list) and not value and shape[:1] == (0,):
        return array.reshape(shape)  # a list of no rows cannot say how long a row would be
    if array.shape != shape:
        raise ResultError(name, f"has shape {array.shape}, expected {shape}")
    return array


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def as_four(name: str, value: object, shapes: Sequence[tuple[int, ...]]) -> tuple[NDArray[Any], ...]:
    """Return the four arrays of a mapping, an object or a sequence, in the order w1, b1, w2, b2.

    Raises ResultError that says what was returned.
    """
    try:
        four = _four(name, value)
    except ResultError:
        raise
    except Exception as error:  # any class: the value is a stranger's
        raise ResultError(name, f"cannot be read: {_in_one_line(error)}") from error
    return tuple(
        as_array(f"{name}.{key}", part, shape) for key, part, shape in zip(Params._fields, four, shapes, strict=True)
    )


def _four(name: str, value: object) -> Sequence[object]:
    if isinstance(value, Mapping) and all(key in value for key in Params._fields):
        return [value[key] for key in Params._fields]
    if all(hasattr(value, key) for key in Params._fields):
        return [getattr(value, key) for key in Params._fields]
    what = "None" if value is None else f"a {type(value).__name__}"
    if isinstance(value, Mapping):
        what += f" without {', '.join(key for key in Params._fields if key not in value)}"
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes)):
        if len(value) == len(Params._fields):
            return list(value)
        what += f" of length {len(value)}"
    raise ResultError(
        name,
        f"is {what}, expected w1, b1, w2, b2: a sequence of four arrays, a mapping with these keys, or an object with"
        " these attributes",
    )
