"""The families of values: small networks, whole numbers, ordinary numbers, large and small ones."""

from collections.abc import Iterator

import numpy as np

from refnet import exact
from refnet.network import Activation, Params
from refnet.rounding import format_of
from refnet.vectors.drawing import Stream
from refnet.vectors.groups import Data, Group, group, is_exact
from refnet.vectors.making import Flags, Number, Shape, by_hand, drawn, every, in_units, some

# What a general group of each operation shows.
_VALUES: Flags = {
    "forward": ("bias", "relu"),
    "loss": ("sum-not-mean",),
    "grads": ("factor", "mask"),
    "update": ("update",),
    "step": ("step-order",),
}


def tiny(number: Number, _: Stream) -> Iterator[Group]:
    """Yield networks that one can work by hand."""
    one = by_hand(number, 0.5, x=[[3]], y=[[1]], w1=[[2]], b1=[1], w2=[[0.5]], b2=[0.25])
    flags: Flags = {
        "forward": ("bias",),
        "loss": ("sum-not-mean",),
        "grads": ("factor", "mask"),
        "update": ("update",),
        "step": ("step-order",),
    }
    yield group("One of each, and the unit is on: h = 7, y_pred = 3.75, r = 2.75.", one, flags)
    off = one._replace(params=one.params._replace(w1=np.array([[-2]], number)))
    yield group(
        "The same with the unit off: h = -5, a = 0, and w1, b1 and w2 have no gradient.",
        off,
        {"forward": ("relu",), "loss": ("relu",), "grads": ("mask",), "step": ("mask",)},
    )
    linear = off._replace(activation="identity")
    yield group("The same without a ReLU: a = h = -5.", linear, some("forward loss grads step", "no-relu"))
    bias = one._replace(params=one.params._replace(b1=np.array([-7], number)))
    yield group(
        "x w1 = 6 is positive and h = -1 is not: the bias of the hidden layer decides.",
        bias,
        {"forward": ("bias", "relu"), "grads": ("mask",), "step": ("mask",)},
    )
    two = by_hand(number, 0.125, x=[[3], [-2]], y=[[1], [0]], w1=[[1, -1]], b1=[0, 0.5], w2=[[1], [2]], b2=[0.25])
    yield group(
        "Two samples and two units, each on for one sample: the example of the README of refnet.",
        two,
        {**_VALUES, "loss": ("sum-not-mean",), "grads": ("bias-gradient", "mask")},
    )
    three = by_hand(
        number,
        0.125,
        x=[[1, 2], [0, -1], [3, 1]],
        y=[[1, 0], [0, 2], [-1, 1]],
        w1=[[1, -1, 2], [0.5, 2, -1]],
        b1=[0.25, -0.5, 1.5],
        w2=[[1, 0], [2, -1], [-1, 3]],
        b2=[0.5, -2],
    )
    yield group(
        "Three samples, three units, two outputs, and no two sizes that matter alike.",
        three,
        {
            "forward": ("bias", "relu"),
            "loss": ("sum-not-mean",),
            "grads": ("sum-not-mean", "bias-gradient", "mask", "wiring"),
            "update": ("update",),
            "step": ("step-order",),
        },
    )
    yield group(
        "The same without a ReLU.",
        three._replace(activation="identity"),
        {"forward": ("no-relu",), "loss": ("sum-not-mean",), "grads": ("no-relu", "factor"), "step": ("no-relu",)},
    )


def lattice(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield groups of whole numbers, as large as exactness allows; N O is a power of two, so that a mean is exact."""
    shapes: tuple[Shape, ...] = ((2, 3, 4, 1), (4, 5, 6, 2), (8, 9, 7, 4), (16, 33, 17, 2))
    for shape in shapes:
        yield dense(number, stream, shape, "relu", every("inexact-sum"))
    yield dense(number, stream, shapes[1], "identity", every("inexact-sum"))


def dense(number: Number, stream: Stream, shape: Shape, activation: Activation, flags: Flags) -> Group:
    """Return a group of whole numbers with as many bits as leave every interval a single number."""
    n, d, h, o = shape
    for bits in range((np.finfo(number).nmant - d.bit_length()) // 2, 0, -1):
        most = 2**bits
        params = Params(
            w1=stream.integers(-most, most, (d, h)).astype(number),
            b1=(stream.integers(-most, most - 1, (h,)) + 0.5).astype(number),
            w2=stream.integers(-2, 2, (h, o)).astype(number),
            b2=stream.integers(-most, most, (o,)).astype(number),
        )
        x = stream.integers(-most, most, (n, d)).astype(number)
        small = stream.integers(1, 3, (n, o)) * (2 * stream.integers(0, 1, (n, o)) - 1)
        # The magnitude starts afresh behind the residual, and the backward pass may use all the bits again.
        prediction = exact.forward(params, x, activation=activation).rounded(number)
        data = Data(params, x, (prediction - small).astype(number), 0.125, activation)
        about = f"Whole numbers of up to {bits} bits, (N, D, H, O) = {shape}, {activation}; the rate is 1/8."
        made = group(about, data, flags, exact_only=True)
        if all(map(is_exact, made.vectors)):
            return made
    raise ValueError(f"there is no lattice for the shape {shape}: its sums are too long to be exact")


def rounding(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield ordinary numbers, which every program rounds in its own way."""
    flags: Flags = {
        "forward": ("precision", "bias", "relu"),
        "loss": ("precision", "sum-not-mean"),
        "grads": ("precision", "factor", "bias-gradient", "wiring", "mask"),
        "update": ("precision", "update"),
        "step": ("precision", "step-order"),
    }
    linear: Flags = {**every("precision"), "grads": ("precision", "no-relu"), "forward": ("precision", "no-relu")}
    for shape in ((4, 5, 6, 3), (5, 9, 11, 3)):
        yield group(f"Ordinary numbers, {shape}.", drawn(number, shape, stream.normal), flags)
    data = drawn(number, (4, 5, 6, 3), stream.normal, activation="identity")
    yield group("Ordinary numbers, without a ReLU.", data, linear)
    flat = drawn(number, (6, 4, 5, 2), lambda size: np.full(size, stream.normal(()).item()))
    yield group("All numbers of an array are equal, so that errors add up.", flat, every("precision"))
    yield group("Sums that cancel all but a few bits.", _cancelling(number, stream), every("cancellation"))
    fitted = drawn(number, (5, 4, 6, 3), stream.normal)
    prediction = exact.forward(fitted.params, fitted.x).rounded(number)
    close = (prediction * (1 + np.ldexp(stream.normal(prediction.shape), -10))).astype(number)
    yield group(
        "Targets within a thousandth of the prediction, as at the end of a descent.",
        fitted._replace(y=close),
        some("loss grads step", "cancellation"),
    )


def _cancelling(number: Number, stream: Stream) -> Data:
    data = drawn(number, (4, 8, 6, 3), stream.normal)
    u = format_of(np.dtype(number)).unit_roundoff
    x, w1 = data.x.astype(np.float64), data.params.w1.copy()
    x[:, 4:] = -x[:, :4] * (1 + stream.integers(-2, 2, (4, 4)) * 4 * u)
    w1[4:] = w1[:4]
    return data._replace(x=x.astype(number), params=data.params._replace(w1=w1))


def exponents(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield large and small numbers."""
    emin = format_of(np.dtype(number)).emin
    wide = drawn(number, (4, 3, 5, 2), lambda size: stream.scaled(-emin // 8, size), lr=2.0**-5)
    yield group("Exponents over an eighth of the range, in each array.", wide, every("large-values"))
    wide = drawn(number, (3, 4, 4, 2), lambda size: stream.scaled(8, size), lr=0.3)
    yield group("Numbers from a thousandth to a thousand.", wide, every("large-values"))
    for exponent, flag, word in ((emin // 4, "small-values", "Small"), (-emin // 4, "large-values", "Large")):
        yield group(
            f"{word} numbers: x, y and the biases are about 2^{exponent}, the weights about 1.",
            in_units(drawn(number, (4, 3, 5, 2), stream.normal), exponent),
            every(flag),
        )
    yield group(
        "Everything is about a millionth.",
        drawn(number, (4, 3, 5, 2), lambda size: np.ldexp(stream.normal(size), -20)),
        every("small-values"),
    )


def subnormals(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield numbers near the smallest normal one, and below it."""
    emin = format_of(np.dtype(number)).emin
    shape = (3, 2, 4, 2)
    flags = every("underflow")
    data = drawn(number, shape, stream.normal)
    yield group(
        "Inputs below the smallest normal number, which may be read as 0.",
        data._replace(x=np.ldexp(data.x, emin - 3)),
        flags,
    )
    data = drawn(number, shape, stream.normal)
    yield group(
        "Subnormal inputs times large weights: what is read as 0 is lost for good, and both are right.",
        data._replace(
            x=np.ldexp(data.x, emin - 3), params=data.params._replace(w1=np.ldexp(data.params.w1, -emin // 2))
        ),
        flags,
    )
    data = drawn(number, shape, stream.normal)
    yield group(
        "Products of small numbers, which underflow on the way, added to ordinary ones.",
        data._replace(
            x=np.ldexp(data.x, emin // 2 - 3), params=data.params._replace(w1=np.ldexp(data.params.w1, emin // 2))
        ),
        flags,
    )
    data = in_units(drawn(number, shape, stream.normal), emin + 4)
    yield group("Everything but the weights is near the smallest normal number.", data, flags)
    data = drawn(number, shape, stream.normal)
    tiny = Params(*(np.ldexp(p, emin - 2) for p in data.params))
    yield group("Subnormal parameters.", data._replace(params=tiny), flags)
