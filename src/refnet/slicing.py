"""Arrays of whole numbers of any size, held as slices of digits, so that their products are those of float64.

A number is ``sum(digits[k] * 2**(21 * k))``, each digit a whole number of at most 2**20 in magnitude, in a float64. A
product of two arrays is then a product of polynomials in 2**21, whose coefficients are matrix products of digits. Each
product of two digits is at most 2**40, so up to 2**12 of them sum to at most 2**52: every partial sum is a whole number
that a float64 holds, and the coefficient is exact, whatever order, threads or fused operations BLAS computes it with.
Carrying brings the coefficients back to digits. ``spec/exact.md`` has the proofs.

``Sliced`` has those operations of an array that the mathematics of network.py asks for, so that its text runs on them
as it runs on Python ints.
"""

import math
from collections.abc import Iterator
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Float = TypeVar("Float", np.float32, np.float64)

BITS = 21
MOST_SLICES = 48  # of an array of floats: the unit of its lowest digit, 2**-(21 * 47) of the highest, is a normal float
_RADIX = 2.0**BITS
_SUMMANDS = 2 ** (52 - 2 * (BITS - 1))  # so many products of digits have a sum of at most 2**52
_CARRIES = 2  # the carry from sums of at most 2**52 is at most 2**32: two digits more hold it
_BLOCK = 2**13  # numbers carried or rounded at a time: what is at work then stays in a cache


class Sliced:
    """An array of whole numbers: ``digits`` has the shape (slices, *shape), the lowest digits first."""

    def __init__(self, digits: Floats) -> None:
        self.digits = digits

    @classmethod
    def of(cls, array: NDArray[Float], exponent: int) -> Self:
        """Return ``array / 2**exponent``, of which each element has to be a whole number (`slices` of digits)."""
        count = slices(array, exponent)
        rest = np.ldexp(array.astype(np.float64), -(exponent + BITS * (count - 1)))
        digits = np.empty((count, *array.shape))
        for digit in digits[::-1]:
            np.rint(rest, out=digit)
            rest -= digit
            rest *= _RADIX
        return cls(digits)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of numbers."""
        return self.digits.shape[1:]

    @property
    def T(self) -> "Sliced":
        """The transpose of a matrix."""
        return Sliced(self.digits.transpose(0, 2, 1))

    def reshape(self, shape: tuple[int, ...]) -> "Sliced":
        """Return the same numbers in another shape."""
        return Sliced(self.digits.reshape(len(self.digits), *shape))

    def __matmul__(self, other: "Sliced") -> "Sliced":
        (slices_left, rows, inner), (slices_right, _, columns) = self.digits.shape, other.digits.shape
        most = max(1, _SUMMANDS // min(slices_left, slices_right))
        total = None
        for start in range(0, max(1, inner), most):
            # Slices side by side in the left factor, and in reverse in the right one, so that the coefficient of a
            # power, the sum of all digit products i + j = power, is one matrix product of two contiguous parts.
            left, right = self.digits[:, :, start : start + most], other.digits[::-1, start : start + most]
            n = left.shape[2]
            left = left.transpose(1, 0, 2).reshape(rows, slices_left * n)
            right = right.reshape(slices_right * n, columns)
            sums = np.empty((slices_left + slices_right - 1 + _CARRIES, rows, columns))
            for power in range(slices_left + slices_right - 1):
                first, last = max(0, power - slices_right + 1), min(power, slices_left - 1)
                opposite = slices_right - 1 - power
                np.matmul(
                    left[:, first * n : (last + 1) * n],
                    right[(opposite + first) * n : (opposite + last + 1) * n],
                    out=sums[power],
                )
            part = _carried(sums)
            total = part if total is None else total + part
        assert total is not None  # the loop runs at least once
        return total

    def __add__(self, other: "Sliced") -> "Sliced":
        return self._sum(np.add, other)

    def __sub__(self, other: "Sliced") -> "Sliced":
        return self._sum(np.subtract, other)

    def __rmul__(self, factor: int) -> "Sliced":
        if factor != 2:
            return NotImplemented
        return self + self

    def __lt__(self, other: int) -> NDArray[np.bool_]:
        if other != 0:
            return NotImplemented
        # The sign of a number is that of its highest digit that is not 0: all digits below it are less than one of it.
        negative = np.zeros(self.shape, np.bool_)
        for digit in self.digits:
            np.less(digit, 0, out=negative, where=digit != 0)
        return negative

    def sum(self, axis: int | None = None) -> "Sliced":
        """Return the sum of all numbers, or along one axis: of at most 2**32 numbers."""
        axes = tuple(range(1, self.digits.ndim)) if axis is None else axis + 1
        sums = self.digits.sum(axis=axes)
        return _carried(np.concatenate([sums, np.zeros((_CARRIES, *sums.shape[1:]))]))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute ``np.maximum(numbers, 0, out=numbers)`` and ``np.square(numbers)``."""
        if method == "__call__":
            if ufunc is np.maximum and inputs[0] is self and inputs[1] == 0 and options == {"out": (self,)}:
                self.digits = self._zeroed(self < 0).digits
                return self
            if ufunc is np.square and not options:
                return self._square()
        return NotImplemented

    def __array_function__(self, function: object, types: object, inputs: Any, options: Any) -> Any:
        """Compute ``np.where(mask, 0, numbers)``."""
        if function is np.where and inputs[1:] == (0, self) and not options:
            return self._zeroed(inputs[0])
        return NotImplemented

    def integers(self) -> NDArray[np.object_]:
        """Return the numbers as Python ints, an object array."""
        total = np.zeros(self.shape, dtype=np.object_)
        for end in range(len(self.digits), 0, -3):  # three digits fit an int64
            start = max(0, end - 3)
            part = np.zeros(self.shape, dtype=np.int64)
            for digit in self.digits[start:end][::-1]:
                part = (part << BITS) + digit.astype(np.int64)
            total = (total << BITS * (end - start)) + part.astype(np.object_)
        return np.asarray(total, dtype=np.object_)

    def rounded(self, exponent: int, dtype: type[Float]) -> NDArray[Float]:
        """Return the floats nearest to the numbers times ``2**exponent``, as `refnet.exact.Dyadic.rounded` does."""
        result = np.empty(self.shape, dtype)
        digits, flat = self.digits.reshape(len(self.digits), -1), result.reshape(-1)
        for block in _blocks(flat.size):
            flat[block] = _rounded(*_leading(digits, block, exponent), np.finfo(dtype))
        return result

    def _sum(self, add: np.ufunc, other: "Sliced") -> "Sliced":
        count, dimensions = max(len(self.digits), len(other.digits)), max(len(self.shape), len(other.shape))
        a, b = (n.reshape((1,) * (dimensions - len(n.shape)) + n.shape).digits for n in (self, other))
        shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
        sums = np.zeros((count + _CARRIES, *shape))
        sums[: len(a)] = a
        add(sums[: len(b)], b, out=sums[: len(b)])
        return _carried(sums)

    def _square(self) -> "Sliced":
        count = len(self.digits)
        sums = np.zeros((2 * count - 1 + _CARRIES, *self.shape))
        for i, digit in enumerate(self.digits):
            sums[i : i + count] += digit * self.digits
        return _carried(sums)

    def _zeroed(self, mask: NDArray[np.bool_]) -> "Sliced":
        return Sliced(np.where(mask, 0.0, self.digits))


def slices(array: NDArray[Float], exponent: int) -> int:
    """Return how many slices of digits ``array / 2**exponent`` takes."""
    largest = np.abs(array).max(initial=0.0)
    _, top = math.frexp(largest)
    return max(1, -(-(top - exponent + 1) // BITS)) if largest else 1


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, _BLOCK):
        yield slice(start, start + _BLOCK)


def _carried(sums: Floats) -> Sliced:
    """Bring sums of at most 2**52 to digits, in place: all but the last slices, which are not read, but written."""
    flat = sums.reshape(len(sums), -1)
    for block in _blocks(flat.shape[1]):
        carry: Floats = np.zeros(flat[0, block].shape)
        scaled = np.empty_like(carry)
        for digit in flat[:-_CARRIES, block]:
            digit += carry
            np.rint(np.multiply(digit, 1 / _RADIX, out=carry), out=carry)
            digit -= np.multiply(carry, _RADIX, out=scaled)
        for digit in flat[-_CARRIES:, block]:
            digit[...] = carry
            np.rint(np.multiply(digit, 1 / _RADIX, out=carry), out=carry)
            digit -= np.multiply(carry, _RADIX, out=scaled)
    count = len(sums)
    while count > 1 and not sums[count - 1].any():
        count -= 1
    return Sliced(sums[:count])


def _leading(digits: Floats, block: slice, exponent: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``m`` and ``e``: a number times ``2**exponent`` is ``m * 2**e``, or less than ``2**e`` from it and m odd.

    So both round alike to a float of at most 58 bits ("rounding to odd"). m is 0 or has 60 to 62 bits.
    """
    count, size = digits.shape
    here = np.arange(size)[block]
    lead = np.zeros(len(here), np.intp)
    unset = np.ones(len(here), np.bool_)
    for k in reversed(range(count)):
        np.copyto(lead, k, where=unset)
        unset &= digits[k, block] == 0
        if not unset.any():
            break

    flat, leading, lowest = digits.reshape(-1), lead * size + here, int(lead.min(initial=count))

    def below(places: int) -> Floats:
        if places <= lowest:  # as nearly always, where there are many slices
            found: Floats = flat.take(leading - places * size)
            return found
        k = lead - places
        return np.where(k < 0, 0.0, flat.take(np.maximum(k, 0) * size + here))

    # The sign of what lies below the first four digits is that of the highest of those that is not 0.
    tail, places = below(4), 5
    while places < count and not tail.all():
        tail, places = np.where(tail == 0, below(places), tail), places + 1
    first, second, third, fourth = (below(places) for places in range(4))
    high, low = first * _RADIX + second, third * _RADIX + fourth
    # It is less than one unit of the last of the four: half a unit stands for it.
    low += 0.5 * np.sign(tail)
    _, bits = np.frexp(high)
    shift = 61 - bits.astype(np.int64)
    low = np.ldexp(low, shift - 2 * BITS)
    down = np.floor(low)
    m = np.ldexp(high, shift).astype(np.int64) + down.astype(np.int64)
    m |= low != down
    return m, exponent + BITS * (lead - 1) - shift


def _rounded(m: NDArray[np.int64], exponents: NDArray[np.int64], info: np.finfo[Any]) -> Floats:
    magnitude = np.abs(m)
    _, bits = np.frexp((magnitude >> 9).astype(np.float64))
    leading = exponents + 9 + bits - 1
    last = np.maximum(leading, int(info.minexp)) - int(info.nmant)  # the last place that the float near it has
    drop = np.clip(last - exponents, 1, 63)  # 7 or more, but for 0; 63 are more than there are
    # Half a place less one bit, and that bit back where the kept part is odd: a tie carries only towards even.
    odd = magnitude >> drop & 1
    kept = magnitude + (np.int64(1) << drop - 1) - 1 + odd >> drop
    with np.errstate(over="ignore"):
        value = np.ldexp(kept.astype(np.float64), exponents + drop)
        overflows = value > float(info.max)
    value[overflows] = math.inf
    signed: Floats = np.copysign(value, m)
    return signed
