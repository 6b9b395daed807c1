"""The network in exact arithmetic: float32 or float64 data in, exact results out, correctly rounded on demand.

It is the text of network.py itself that computes them, on integers. That is right because every layer is homogeneous
(LAW-1 is this for one unit): for positive s, t and u the data

    x / s    w1 * s / t    b1 / t    w2 * t / u    b2 / u    y / u

give h / t, then a / t since max(h, 0) commutes with a positive factor, y_pred / u and loss / u**2, and no sign of h
changes. A parameter divided by q therefore has the gradient times q / u**2. A float is an integer times a power of two,
so s, t and u can be powers of two that make integers of all six arrays; the network then runs on Python ints, exactly,
and the powers are put back in the end. ``update`` needs one such power for all that it adds.

Integer arrays are taken as float64. Every function raises what its namesake in network.py raises for arguments that do
not fit; besides, ArgumentValueError for NaN and infinity, which are no exact numbers, and ArgumentTypeError for object
arrays, on which network.py is exact as it stands.
"""

import math
from fractions import Fraction
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.network import Activation, ArgumentTypeError, ArgumentValueError, Grads, Params

Float = TypeVar("Float", np.float32, np.float64)


class Dyadic(NamedTuple):
    """The exact numbers ``integers * 2**exponent``: an object array of Python ints, and one exponent for all of it."""

    integers: NDArray[np.object_]
    exponent: int

    @classmethod
    def of(cls, array: NDArray[Float]) -> Self:
        """Return the numbers that the finite float32 or float64 ``array`` holds, in its shape."""
        ratios = [value.as_integer_ratio() for value in array.ravel().tolist()]
        places = [denominator.bit_length() - 1 for _, denominator in ratios]
        most = max(places, default=0)
        integers = [numerator << most - place for (numerator, _), place in zip(ratios, places, strict=True)]
        return cls(_objects(integers, array.shape), -most)

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
        floats = [_rounded(n, self.exponent, np.finfo(dtype)) for n in self.integers.ravel().tolist()]
        return np.array(floats, dtype=dtype).reshape(self.integers.shape)


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
    scaled, x_scaled, _, exponents = _integers(params, x, no_target)
    return Dyadic(network.forward(scaled, x_scaled, activation=activation), exponents[-1])


def loss(params: Params[Float], x: NDArray[Float], y: NDArray[Float], *, activation: Activation = "relu") -> Dyadic:
    """Return the exact sum of the squared residuals, an array of shape () (LOSS-1).

    >>> params = Params(*map(np.array, ([[0.1]], [0.2], [[1.0]], [0.0])))
    >>> loss(params, np.array([[1.0]]), np.array([[0.3]])).fractions().item() == Fraction(1, 2**55) ** 2
    True
    """
    params, x, y = network.checked_pair(params, x, y, activation)
    scaled, x_scaled, y_scaled, exponents = _integers(params, x, y)
    total = network.loss(scaled, x_scaled, y_scaled, activation=activation)
    return Dyadic(_objects([total], ()), 2 * exponents[-1])


def grads(
    params: Params[Float], x: NDArray[Float], y: NDArray[Float], *, activation: Activation = "relu"
) -> ExactGrads:
    """Return the exact gradient of ``loss``, with slope 1 at h == 0 (GRAD-1 to GRAD-4, KINK-1)."""
    params, x, y = network.checked_pair(params, x, y, activation)
    scaled, x_scaled, y_scaled, exponents = _integers(params, x, y)
    slopes = network.grads(scaled, x_scaled, y_scaled, activation=activation)
    return ExactGrads(*(Dyadic(g, 2 * exponents[-1] - e) for g, e in zip(slopes, exponents, strict=True)))


def update(params: Params[Float], grads: Grads[Float], lr: float) -> ExactParams:
    """Return exactly ``p - lr * g`` for each parameter (UPD-1).

    ``lr`` is the float64 that it is, with float32 parameters too, where ``refnet.update`` takes the nearest float32:
    pass ``np.float32(lr)`` to mean that one.
    """
    params, grads, lr = network.checked_update(params, grads, lr)
    old = [_dyadic(name, p) for name, p in zip(Params._fields, params, strict=True)]
    slopes = [_dyadic(f"grads.{name}", g) for name, g in zip(Grads._fields, grads, strict=True)]
    rate: Dyadic = _dyadic("lr", np.array(lr))
    common = min(*[p.exponent for p in old], *[rate.exponent + g.exponent for g in slopes])
    new = network.update(
        Params(*(p.over(common) for p in old)),
        Grads(*(g.over(common - rate.exponent) for g in slopes)),
        rate.integers.item(),
    )
    return ExactParams(*(Dyadic(p, common) for p in new))


def _integers(
    params: Params[Float], x: NDArray[Float], y: NDArray[Float]
) -> tuple[Params[np.object_], NDArray[np.object_], NDArray[np.object_], tuple[int, int, int, int]]:
    """Return the data of the homogeneity above as integers, and the exponents that the parameters were divided by."""
    w1, b1, w2, b2 = (_dyadic(name, p) for name, p in zip(Params._fields, params, strict=True))
    inputs, targets = _dyadic("x", x), _dyadic("y", y)
    s = inputs.exponent
    t = min(s + w1.exponent, b1.exponent)
    u = min(t + w2.exponent, b2.exponent, targets.exponent)
    scaled = Params(w1.over(t - s), b1.over(t), w2.over(u - t), b2.over(u))
    return scaled, inputs.over(s), targets.over(u), (t - s, t, u - t, u)


def _dyadic(name: str, array: NDArray[Float]) -> Dyadic:
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
    return Dyadic.of(array)


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
