"""Random data that are the same everywhere: splitmix64, and numbers made of its words by integer arithmetic alone.

NumPy promises no stream of normal numbers from one release to the next; sixty-four bits of integer arithmetic have one
result, in any language.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet.rounding import Floats

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TWELVE = 12


class Stream:
    """The words of splitmix64 from a seed, one after the other.

    >>> hex(Stream(0).words(1)[0])
    '0xe220a8397b1dcdaf'
    """

    def __init__(self, seed: int) -> None:
        self._state = np.uint64(seed)

    def words(self, count: int) -> NDArray[np.uint64]:
        """Return the next words, unsigned and of 64 bits."""
        z = self._state + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        self._state = z[-1] if count else self._state
        z = (z ^ (z >> np.uint64(30))) * _FIRST
        z = (z ^ (z >> np.uint64(27))) * _SECOND
        return z ^ (z >> np.uint64(31))

    def integers(self, least: int, most: int, shape: tuple[int, ...]) -> Floats:
        """Return whole numbers from ``least`` to ``most``, both included: a word modulo their number each."""
        span = np.uint64(most - least + 1)
        drawn = (self.words(_size(shape)) % span).astype(np.int64) + least
        return drawn.astype(np.float64).reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> Floats:
        """Return numbers that look normal: the sum of twelve uniform ones less 6, which has the variance 1.

        Twelve words a number, the upper 52 bits of each; their sum is a whole number, rounded once.
        """
        words = (self.words(_TWELVE * _size(shape)) >> np.uint64(12)).astype(np.int64)
        sums = words.reshape(*shape, _TWELVE).sum(axis=-1) - (6 << 52)
        numbers: Floats = np.ldexp(sums.astype(np.float64), -52)
        return numbers

    def scaled(self, most: int, shape: tuple[int, ...]) -> Floats:
        """Return such numbers, each times a power of two from ``2**-most`` to ``2**most``."""
        normal = self.normal(shape)
        numbers: Floats = np.ldexp(normal, self.integers(-most, most, shape).astype(np.int32))
        return numbers


def _size(shape: tuple[int, ...]) -> int:
    size: Any = np.prod(shape, dtype=np.int64)
    return int(size)
