"""The network in exact arithmetic: float32 or float64 data in, exact results out, correctly rounded on demand.

It is the text of network.py itself that computes them, on integers. That is right because every layer is homogeneous
(LAW-1 is this for one unit): for positive s, t and u the data

    x / s    w1 * s / t    b1 / t    w2 * t / u    b2 / u    y / u

give h / t, then a / t since max(h, 0) commutes with a positive factor, y_pred / u and loss / u**2, and no sign of h
changes. A parameter divided by q therefore has the gradient times q / u**2. A float is an integer times a power of two,
so s, t and u can be powers of two that make integers of all six arrays; the network then runs on integers, exactly, and
the powers are put back in the end. ``update`` needs one such power for all that it adds.

The integers are Python ints in a small network and slices of digits (slicing.py) in a large one, where these are some
thirty times as fast. The same text runs on both, with the same results to the bit: the mathematics of network.py, below
its checks, as these take NumPy's arrays only and the floats have passed them.

Integer arrays are taken as float64. Every function raises what its namesake in network.py raises for arguments that do
not fit; besides, ArgumentValueError for NaN and infinity, which are no exact numbers, and ArgumentTypeError for object
arrays, on which network.py is exact as it stands.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.network import Activation, ArgumentTypeError, ArgumentValueError, Grads, Params
from refnet.slicing import MOST_SLICES, Sliced, slices

Float = TypeVar("Float", np.float32, np.float64)

# So many multiplications of Python ints take about as long as the calls of NumPy that slices of digits need, a few
# hundred of them whatever the size (tests/benchmarks/exactness.py).
INTS_UP_TO = 10_000


@dataclass(frozen=True, eq=False)
class Dyadic:
    """The exact numbers ``numbers * 2**exponent``: an array of whole numbers, and one exponent for all of it.

    ``numbers`` are an object array of Python ints, or slices of digits; ``integers`` are Python ints in any case.
    """

    numbers: NDArray[np.object_] | Sliced
    exponent: int

    @classmethod
    def of(cls, array: NDArray[Float]) -> Self:
        """Return the numbers that the finite float32 or float64 ``array`` holds, in its shape."""
        significands, places = _odd(array)
        exponent = _lowest(array)
        shifts = np.where(significands == 0, 0, places - exponent)
        return cls(np.asarray(significands.astype(np.object_) << shifts.astype(np.object_), np.object_), exponent)

    @cached_property
    def integers(self) -> NDArray[np.object_]:
        """The whole numbers as an object array of Python ints: of slices, converted when first asked for."""
        return self.numbers.integers() if isinstance(self.numbers, Sliced) else self.numbers

    def over(self, exponent: int) -> NDArray[np.object_]:
        """Return the numbers divided by ``2**exponent``, as integers; ``exponent`` is at most the one held."""
        return np.asarray(self.integers << self.exponent - exponent, dtype=np.object_)

    def fractions(self) -> NDArray[np.object_]:
        """Return the numbers as an object array of ``fractions.Fraction``, in the same shape."""
        unit = Fraction(2) ** self.exponent
        return _objects([unit * n for n in self.integers.ravel().tolist()], self.integers.shape)

    def rounded(self, dtype: type[Float]) -> NDArray[Float]:
        """Return the floats nearest to the numbers, in the same shape: rounded once, to float32 or to float64.

        As IEEE 754 rounds: ties go to the even neighbour, underflow is gradual, and what rounds above the largest
        finite magnitude is an infinity. A negative number that rounds to zero is -0.0; zero itself is 0.0.

        >>> Dyadic(np.array([2**53 + 1, -(2**53) - 3], dtype=object), -53).rounded(np.float64).tolist()
        [1.0, -1.0000000000000004]
        """
        if dtype not in (np.float32, np.float64):
            raise ArgumentTypeError(f"dtype is {dtype!r}, expected np.float32 or np.float64: round to one of these two")
        if isinstance(self.numbers, Sliced):
            return self.numbers.rounded(self.exponent, dtype)
        floats = [_rounded(n, self.exponent, np.finfo(dtype)) for n in self.numbers.ravel().tolist()]
        return np.array(floats, dtype=dtype).reshape(self.numbers.shape)


class ExactGrads(NamedTuple):
    """The exact gradient, in the shapes of the parameters."""

    w1: Dyadic
    b1: Dyadic
    w2: Dyadic
    b2: Dyadic

    def fractions(self) -> Grads[np.object_]:
        """Return the gradient as object arrays of Fraction."""
        return Grads(*(g.fractions() for g in self))

    def rounded(self, dtype: type[Float]) -> Grads[Float]:
        """Return the gradient correctly rounded, as ``Dyadic.rounded`` does it."""
        return Grads(*(g.rounded(dtype) for g in self))


class ExactParams(NamedTuple):
    """Exact parameters: what ``update`` returns."""

    w1: Dyadic
    b1: Dyadic
    w2: Dyadic
    b2: Dyadic

    def fractions(self) -> Params[np.object_]:
        """Return the parameters as object arrays of Fraction, ready for the exact path of network.py."""
        return Params(*(p.fractions() for p in self))

    def rounded(self, dtype: type[Float]) -> Params[Float]:
        """Return the parameters correctly rounded, as ``Dyadic.rounded`` does it."""
        return Params(*(p.rounded(dtype) for p in self))


def forward(params: Params[Float], x: NDArray[Float], *, activation: Activation = "relu") -> Dyadic:
    """Return the exact prediction, (N, O), for the batch ``x`` (FWD-1)."""
    params, x = network.checked(params, x, activation)
    no_target = np.zeros((x.shape[0], params.w2.shape[1]), dtype=x.dtype)
    scaled, x_scaled, _, exponents = _scaled(params, x, no_target)
    return Dyadic(network._prediction(scaled, x_scaled, activation), exponents[-1])


def loss(params: Params[Float], x: NDArray[Float], y: NDArray[Float], *, activation: Activation = "relu") -> Dyadic:
    """Return the exact sum of the squared residuals, an array of shape () (LOSS-1).

    >>> params = Params(*map(np.array, ([[0.1]], [0.2], [[1.0]], [0.0])))
    >>> loss(params, np.array([[1.0]]), np.array([[0.3]])).fractions().item() == Fraction(1, 2**55) ** 2
    True
    """
    params, x, y = network.checked_pair(params, x, y, activation)
    scaled, x_scaled, y_scaled, exponents = _scaled(params, x, y)
    total = network._squared_sum(network._prediction(scaled, x_scaled, activation) - y_scaled)
    return Dyadic(total if isinstance(total, Sliced) else _objects([total], ()), 2 * exponents[-1])


def grads(
    params: Params[Float], x: NDArray[Float], y: NDArray[Float], *, activation: Activation = "relu"
) -> ExactGrads:
    """Return the exact gradient of ``loss``, with slope 1 at h == 0 (GRAD-1 to GRAD-4, KINK-1)."""
    params, x, y = network.checked_pair(params, x, y, activation)
    scaled, x_scaled, y_scaled, exponents = _scaled(params, x, y)
    _, slopes = network._residual_and_gradient(scaled, x_scaled, y_scaled, activation)
    return ExactGrads(*(Dyadic(g, 2 * exponents[-1] - e) for g, e in zip(slopes, exponents, strict=True)))


def update(params: Params[Float], grads: Grads[Float], lr: float) -> ExactParams:
    """Return exactly ``p - lr * g`` for each parameter (UPD-1).

    ``lr`` is the float64 that it is, with float32 parameters too, where ``refnet.update`` takes the nearest float32:
    pass ``np.float32(lr)`` to mean that one.
    """
    params, grads, lr = network.checked_update(params, grads, lr)
    old = [Dyadic.of(_finite(name, p)) for name, p in zip(Params._fields, params, strict=True)]
    slopes = [Dyadic.of(_finite(f"grads.{name}", g)) for name, g in zip(Grads._fields, grads, strict=True)]
    rate: Dyadic = Dyadic.of(_finite("lr", np.array(lr)))
    common = min(*[p.exponent for p in old], *[rate.exponent + g.exponent for g in slopes])
    new = network.update(
        Params(*(p.over(common) for p in old)),
        Grads(*(g.over(common - rate.exponent) for g in slopes)),
        rate.integers.item(),
    )
    return ExactParams(*(Dyadic(p, common) for p in new))


def _scaled(
    params: Params[Float], x: NDArray[Float], y: NDArray[Float]
) -> tuple[Params[Any], Any, Any, tuple[int, int, int, int]]:
    """Return the data of the homogeneity above as whole numbers, and the exponents that the parameters were divided by.

    All are object arrays of Python ints, or all are slices of digits: in large networks, unless an array is so wide,
    from its largest number to its lowest bit, that its digits would not fit the range of a float64.
    """
    arrays: list[NDArray[Any]] = [*params, x, y]
    named = zip((*Params._fields, "x", "y"), arrays, strict=True)
    w1, b1, w2, b2, s, target = (_lowest(_finite(name, array)) for name, array in named)
    t = min(s + w1, b1)
    u = min(t + w2, b2, target)
    exponents: tuple[int, int, int, int] = (t - s, t, u - t, u)
    divided = list(zip(arrays, (*exponents, s, u), strict=True))
    (n, d), (h, o) = x.shape, params.w2.shape
    multiplications = 2 * n * d * h + 3 * n * h * o
    whole: list[Any]  # the mathematics of network.py takes slices as it takes arrays
    if multiplications > INTS_UP_TO and all(slices(array, e) <= MOST_SLICES for array, e in divided):
        whole = [Sliced.of(array, e) for array, e in divided]
    else:
        whole = [Dyadic.of(array).over(e) for array, e in divided]
    return Params(*whole[:4]), whole[4], whole[5], exponents


def _odd(array: NDArray[Float]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each number as an odd whole number, or 0, and the exponent of the power of two that it was divided by."""
    fractions, places = np.frexp(array.astype(np.float64))
    significands = np.ldexp(fractions, 53).astype(np.int64)
    _, zeros = np.frexp((significands & -significands).astype(np.float64))
    zeros = np.maximum(zeros - 1, 0)
    return significands >> zeros, places.astype(np.int64) - 53 + zeros


def _lowest(array: NDArray[Float]) -> int:
    """Return the exponent of the lowest set bit of all numbers, 0 where there is none.

    Looks for it among the smallest numbers first, then among those only that could have a lower one.
    """
    nonzero, (_, exponents) = array != 0, np.frexp(array)
    below = exponents.min(where=nonzero, initial=2**20) + 2
    lowest = 2**20
    for _ in range(2):
        _, places = _odd(array[nonzero & (exponents < below)])
        lowest = int(places.min(initial=lowest))
        below = lowest + 53  # a number from here on is a multiple of 2**lowest
    return lowest if lowest < 2**20 else 0


def _finite(name: str, array: NDArray[Float]) -> NDArray[Float]:
    if array.dtype == np.object_:
        raise ArgumentTypeError(
            f"{name} is an array of exact numbers, expected float32 or float64: call the function of the same name in"
            " refnet, which is exact on exact numbers"
        )
    finite = np.isfinite(array)
    if not finite.all():
        raise ArgumentValueError(
            f"{name} holds {array[~finite].flat[0]}, expected finite numbers: leave it out, or call the function of the"
            " same name in refnet, which propagates NaN and infinity"
        )
    return array


def _objects(numbers: list[Any], shape: tuple[int, ...]) -> NDArray[np.object_]:
    array = np.empty(len(numbers), dtype=np.object_)
    array[:] = numbers
    return array.reshape(shape)


def _rounded(n: int, exponent: int, info: np.finfo[Any]) -> float:
    magnitude, leading = abs(n), exponent + n.bit_length() - 1
    last = max(leading, int(info.minexp)) - int(info.nmant)  # the last place that the float near n has
    drop = last - exponent
    if drop > 0:
        # Half a place less one bit, and that bit back where the kept part is odd: a tie carries only towards even.
        odd = magnitude >> drop & 1
        magnitude = magnitude + (1 << drop - 1) - 1 + odd >> drop
        exponent = last
    overflows = magnitude and exponent + magnitude.bit_length() > int(info.maxexp)
    value = math.inf if overflows else math.ldexp(magnitude, exponent)
    return -value if n < 0 else value
