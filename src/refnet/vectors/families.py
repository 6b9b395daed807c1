"""The families of vectors, each a list of groups in float64 and in float32."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from refnet import exact
from refnet.network import Activation, Params
from refnet.rounding import Floats, format_of
from refnet.vectors import special
from refnet.vectors.balls import matmul
from refnet.vectors.drawing import Stream
from refnet.vectors.groups import Data, Group, Operation, Vector, group, is_exact, vector

Number: TypeAlias = type[Any]  # np.float32 or np.float64
Shape: TypeAlias = tuple[int, int, int, int]
Flags: TypeAlias = dict[Operation, Sequence[str]]

FORMATS: tuple[Number, ...] = (np.float64, np.float32)
TUTORIAL: Shape = (64, 1000, 100, 10)


class Family(NamedTuple):
    """A file of vectors. ``raw``: whether its arrays lie beside it, in files of their own."""

    name: str
    about: str
    groups: Callable[[Number, Stream], Iterator[Group]]
    raw: bool = False

    @property
    def place(self) -> int:
        """The place in the order in which they are best read, counted from 1: first what is simple."""
        return 1 + [family.name for family in FAMILIES].index(self.name)

    @property
    def file(self) -> str:
        """The name of the JSON file; sorted by name, the files are in that order."""
        return f"{self.place:02}-{self.name}.json"

    def make(self) -> list[Group]:
        """Return the groups in every format, the same ones every time."""
        made: list[Group] = []
        for number in FORMATS:
            with np.errstate(all="ignore"):
                made += self.groups(number, Stream(1000 * self.place + np.finfo(number).bits))
        return made


def _all(*flags: str, **more: Sequence[str]) -> Flags:
    """Return these flags for every operation, and more for some."""
    operations: tuple[Operation, ...] = ("forward", "loss", "grads", "update", "step")
    return {operation: (*flags, *more.get(operation, ())) for operation in operations}


def _some(operations: str, *flags: str) -> Flags:
    return {operation: flags for operation in ("forward", "loss", "grads", "update", "step") if operation in operations}


def _by_hand(number: Number, lr: float, activation: Activation = "relu", **arrays: Any) -> Data:
    six = {name: np.array(value, number) for name, value in arrays.items()}
    params = Params(*(six[name] for name in Params._fields))
    return Data(params, six["x"], six["y"], float(number(lr)), activation)


def _drawn(
    number: Number,
    shape: Shape,
    draw: Callable[[tuple[int, ...]], Floats],
    lr: float = 0.1,
    activation: Activation = "relu",
) -> Data:
    """Return data of which each array is drawn alike."""
    n, d, h, o = shape
    sizes = {"w1": (d, h), "b1": (h,), "w2": (h, o), "b2": (o,), "x": (n, d), "y": (n, o)}
    return _by_hand(number, lr, activation, **{name: draw(size) for name, size in sizes.items()})


# What a general group of each operation shows.
_VALUES: Flags = {
    "forward": ("bias", "relu"),
    "loss": ("sum-not-mean",),
    "grads": ("factor", "mask"),
    "update": ("update",),
    "step": ("step-order",),
}


def _tiny(number: Number, _: Stream) -> Iterator[Group]:
    one = _by_hand(number, 0.5, x=[[3]], y=[[1]], w1=[[2]], b1=[1], w2=[[0.5]], b2=[0.25])
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
    yield group("The same without a ReLU: a = h = -5.", linear, _some("forward loss grads step", "no-relu"))
    bias = one._replace(params=one.params._replace(b1=np.array([-7], number)))
    yield group(
        "x w1 = 6 is positive and h = -1 is not: the bias of the hidden layer decides.",
        bias,
        {"forward": ("bias", "relu"), "grads": ("mask",), "step": ("mask",)},
    )
    two = _by_hand(number, 0.125, x=[[3], [-2]], y=[[1], [0]], w1=[[1, -1]], b1=[0, 0.5], w2=[[1], [2]], b2=[0.25])
    yield group(
        "Two samples and two units, each on for one sample: the example of the README of refnet.",
        two,
        {**_VALUES, "loss": ("sum-not-mean",), "grads": ("bias-gradient", "mask")},
    )
    three = _by_hand(
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


def _lattice(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield groups of whole numbers, as large as exactness allows; N O is a power of two, so that a mean is exact."""
    shapes: tuple[Shape, ...] = ((2, 3, 4, 1), (4, 5, 6, 2), (8, 9, 7, 4), (16, 33, 17, 2))
    for shape in shapes:
        yield _dense(number, stream, shape, "relu", _all("inexact-sum"))
    yield _dense(number, stream, shapes[1], "identity", _all("inexact-sum"))


def _dense(number: Number, stream: Stream, shape: Shape, activation: Activation, flags: Flags) -> Group:
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


def _rounding(number: Number, stream: Stream) -> Iterator[Group]:
    flags: Flags = {
        "forward": ("precision", "bias", "relu"),
        "loss": ("precision", "sum-not-mean"),
        "grads": ("precision", "factor", "bias-gradient", "wiring", "mask"),
        "update": ("precision", "update"),
        "step": ("precision", "step-order"),
    }
    linear: Flags = {**_all("precision"), "grads": ("precision", "no-relu"), "forward": ("precision", "no-relu")}
    for shape in ((4, 5, 6, 3), (5, 9, 11, 3)):
        yield group(f"Ordinary numbers, {shape}.", _drawn(number, shape, stream.normal), flags)
    data = _drawn(number, (4, 5, 6, 3), stream.normal, activation="identity")
    yield group("Ordinary numbers, without a ReLU.", data, linear)
    flat = _drawn(number, (6, 4, 5, 2), lambda size: np.full(size, stream.normal(()).item()))
    yield group("All numbers of an array are equal, so that errors add up.", flat, _all("precision"))
    yield group("Sums that cancel all but a few bits.", _cancelling(number, stream), _all("cancellation"))
    fitted = _drawn(number, (5, 4, 6, 3), stream.normal)
    prediction = exact.forward(fitted.params, fitted.x).rounded(number)
    close = (prediction * (1 + np.ldexp(stream.normal(prediction.shape), -10))).astype(number)
    yield group(
        "Targets within a thousandth of the prediction, as at the end of a descent.",
        fitted._replace(y=close),
        _some("loss grads step", "cancellation"),
    )


def _cancelling(number: Number, stream: Stream) -> Data:
    data = _drawn(number, (4, 8, 6, 3), stream.normal)
    u = format_of(np.dtype(number)).unit_roundoff
    x, w1 = data.x.astype(np.float64), data.params.w1.copy()
    x[:, 4:] = -x[:, :4] * (1 + stream.integers(-2, 2, (4, 4)) * 4 * u)
    w1[4:] = w1[:4]
    return data._replace(x=x.astype(number), params=data.params._replace(w1=w1))


def _exponents(number: Number, stream: Stream) -> Iterator[Group]:
    emin = format_of(np.dtype(number)).emin
    wide = _drawn(number, (4, 3, 5, 2), lambda size: stream.scaled(-emin // 8, size), lr=2.0**-5)
    yield group("Exponents over an eighth of the range, in each array.", wide, _all("large-values"))
    wide = _drawn(number, (3, 4, 4, 2), lambda size: stream.scaled(8, size), lr=0.3)
    yield group("Numbers from a thousandth to a thousand.", wide, _all("large-values"))
    for exponent, flag, word in ((emin // 4, "small-values", "Small"), (-emin // 4, "large-values", "Large")):
        yield group(
            f"{word} numbers: x, y and the biases are about 2^{exponent}, the weights about 1.",
            _in_units(_drawn(number, (4, 3, 5, 2), stream.normal), exponent),
            _all(flag),
        )
    yield group(
        "Everything is about a millionth.",
        _drawn(number, (4, 3, 5, 2), lambda size: np.ldexp(stream.normal(size), -20)),
        _all("small-values"),
    )


def _in_units(data: Data, exponent: int) -> Data:
    """Return the same network in other units: every layer scales once, the loss and the weights' gradients twice."""
    p = data.params
    x, y, b1, b2 = (np.ldexp(array, exponent) for array in (data.x, data.y, p.b1, p.b2))
    return data._replace(x=x, y=y, params=p._replace(b1=b1, b2=b2))


def _subnormals(number: Number, stream: Stream) -> Iterator[Group]:
    emin = format_of(np.dtype(number)).emin
    shape = (3, 2, 4, 2)
    flags = _all("underflow")
    data = _drawn(number, shape, stream.normal)
    yield group(
        "Inputs below the smallest normal number, which may be read as 0.",
        data._replace(x=np.ldexp(data.x, emin - 3)),
        flags,
    )
    data = _drawn(number, shape, stream.normal)
    yield group(
        "Subnormal inputs times large weights: what is read as 0 is lost for good, and both are right.",
        data._replace(
            x=np.ldexp(data.x, emin - 3), params=data.params._replace(w1=np.ldexp(data.params.w1, -emin // 2))
        ),
        flags,
    )
    data = _drawn(number, shape, stream.normal)
    yield group(
        "Products of small numbers, which underflow on the way, added to ordinary ones.",
        data._replace(
            x=np.ldexp(data.x, emin // 2 - 3), params=data.params._replace(w1=np.ldexp(data.params.w1, emin // 2))
        ),
        flags,
    )
    data = _in_units(_drawn(number, shape, stream.normal), emin + 4)
    yield group("Everything but the weights is near the smallest normal number.", data, flags)
    data = _drawn(number, shape, stream.normal)
    tiny = Params(*(np.ldexp(p, emin - 2) for p in data.params))
    yield group("Subnormal parameters.", data._replace(params=tiny), flags)


def _kinks(number: Number, stream: Stream) -> Iterator[Group]:
    both: Flags = _some("grads step", "kink")
    one = _by_hand(number, 0.5, x=[[2]], y=[[1]], w1=[[3]], b1=[-6], w2=[[4]], b2=[3])
    yield group("One unit, at its kink: h = 0, ga = 16, so gb1 is in [0, 16] and gw1 in [0, 32].", one, both, "KINK-1")
    both_ways = _by_hand(number, 0.125, x=[[1], [-2], [1]], y=[[0], [0], [9]], w1=[[1]], b1=[-1], w2=[[3]], b2=[2])
    yield group(
        "Three samples, two of them at the kink with slopes of their own: ga is 12 and -42 there.",
        both_ways,
        both,
        "KINK-1",
    )
    inputs_zero = _by_hand(
        number, 0.5, x=[[0, 0], [1, -1]], y=[[1], [-2]], w1=[[1, 2], [3, -1]], b1=[0, 0], w2=[[1], [-1]], b2=[0.5]
    )
    yield group("A sample of zeros and biases of 0: both units are at their kink.", inputs_zero, both, "KINK-1")
    for shape in ((3, 2, 4, 2), (6, 3, 5, 2)):
        n, d, h, o = shape
        lattice = _by_hand(
            number,
            0.125,
            x=stream.integers(-2, 2, (n, d)),
            y=stream.integers(-3, 3, (n, o)),
            w1=stream.integers(-1, 1, (d, h)),
            b1=stream.integers(-2, 2, (h,)),
            w2=stream.integers(-1, 1, (h, o)),
            b2=stream.integers(-2, 2, (o,)),
        )
        yield group(f"Small whole numbers, many h exactly 0, {shape}.", lattice, both, "KINK-1")
    near = _drawn(number, (4, 3, 6, 2), stream.normal)
    sample = near.x[stream.integers(0, 3, (6,)).astype(int)]
    products = matmul(exact.Dyadic.of(sample), exact.Dyadic.of(near.params.w1))
    b1 = -np.diagonal(products.rounded(number))
    yield group(
        "Each unit is at 0 but for rounding in one sample: whether it is on is for its own rounding to say.",
        near._replace(params=near.params._replace(b1=b1.astype(number))),
        both,
        "KINK-1",
    )
    yield group(
        "h is 1e-4, -1e-4, 1e-9, -1e-9, 1e-12 and -1e-12: small, and certainly not 0.",
        _by_hand(
            number,
            0.5,
            x=[[1]],
            y=[[3]],
            w1=[[1e-4, -1e-4, 1e-9, -1e-9, 1e-12, -1e-12]],
            b1=[0] * 6,
            w2=[[1], [2], [3], [4], [5], [6]],
            b2=[1],
        ),
        _some("grads step", "threshold"),
    )
    yield group(
        "The same h times weights so large that the prediction shows them.",
        _by_hand(
            number, 0.5, x=[[1]], y=[[3]], w1=[[1e-4, 1e-9, 1e-12]], b1=[0] * 3, w2=[[1e4], [2e9], [3e12]], b2=[1]
        ),
        _some("forward loss", "threshold"),
    )


_ENDS = (7, 8, 9, 16, 17, 33, 63, 65, 129)


def _edges(number: Number, stream: Stream) -> Iterator[Group]:
    for shape in ((0, 3, 4, 2), (0, 1, 1, 1)):
        data = _drawn(number, shape, stream.normal)
        yield group(f"An empty batch, {shape}.", data, _all("empty-batch"), "EDGE-1")
    for pattern in range(1, 16):
        n, d, h, o = (1 if pattern >> i & 1 else 3 for i in range(4))
        data = _drawn(number, (n, d, h, o), stream.normal)
        yield group(f"Sizes of 1, {(n, d, h, o)}.", data, _some("forward loss grads step", "size-1"), "EDGE-2")
    for size in (2, 3, 4, 8):
        data = _drawn(number, (size,) * 4, stream.normal)
        yield group(f"All sizes are {size}.", data, _some("forward grads step", "equal-sizes"), "EDGE-4")
    for size in _ENDS:
        shapes: tuple[Shape, ...] = ((size, 3, 3, 3), (3, size, 3, 3), (3, 3, size, 3), (3, 3, 3, size))
        for shape in shapes:
            data = _drawn(number, shape, stream.normal)
            yield group(f"One size at the end of a tile, {shape}.", data, _some("loss grads", "tile-end"), "EDGE-3")


def _steps(number: Number, stream: Stream) -> Iterator[Group]:
    shape = (4, 3, 5, 2)
    for lr in (0.1, 1e-3, 3.0):
        data = _drawn(number, shape, stream.normal, lr)
        about = f"Ordinary numbers, with the rate {lr}."
        yield group(about, data, {"update": ("update",), "step": ("update", "step-order")})
    still = _drawn(number, shape, stream.normal, 0.0)
    yield group("A rate of 0.", still, _some("update step", "zero-rate"), "UPD-3")
    yield from _descent(_drawn(number, shape, stream.normal, 2.0**-6))
    yield from _remembered(number, stream)


def _descent(data: Data) -> Iterator[Group]:
    for t in range(11):
        about = f"Step {t} of a descent: the parameters are those of the step before, rounded once."
        made = group(about, data, _some("step", "memory"), "STEP-3")
        yield made
        data = data._replace(params=Params(**made.vectors[0].result))


def _remembered(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield one group in which every operation is called on other data of the same sizes, one after the other."""
    first = _drawn(number, (4, 3, 5, 2), stream.normal)
    vectors: list[Vector] = []
    for _ in range(2):
        other = _drawn(number, (4, 3, 5, 2), stream.normal)._replace(params=first.params)
        vectors += [vector(operation, other, ("memory",)) for operation in ("forward", "loss")]
        again = other._replace(x=other.x[::-1].copy())
        vectors += [vector(operation, again, ("memory",)) for operation in ("grads", "update", "step", "forward")]
    yield Group("Calls in turn, on other data of the same sizes.", "relu", first.params, 4, vectors)
    for about in ("The same with other parameters.", "And with others again."):
        data = _drawn(number, (4, 3, 5, 2), stream.normal)
        yield group(about, data, _some("grads step forward", "memory"))


def _special(number: Number, stream: Stream) -> Iterator[Group]:
    data = _drawn(number, (3, 2, 4, 2), stream.normal)
    yield special.nan_in_target(data)
    yield special.nan_in_input(data)
    yield special.overflow(number)


def _full_size(number: Number, stream: Stream) -> Iterator[Group]:
    relu = _drawn(number, TUTORIAL, stream.normal, 1e-6)
    yield group(
        "The tutorial's first network: its sizes and its rate, numbers that look normal.",
        relu,
        # In float32 the gradient of the last group says more, and the files are large.
        _some("loss grads step" if number is np.float64 else "loss step", "full-size"),
    )
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float64)
    points = np.concatenate([corners * stretch for stretch in ([1, 1], [10, 1], [1, 10])])
    linear = _drawn(number, (12, 2, 10, 4), stream.normal, 1e-5, "identity")
    linear = linear._replace(x=points.astype(number), y=np.tile(np.eye(4, dtype=number), (3, 1)))
    yield group(
        "The tutorial's second network: its twelve points, its targets and its rate.",
        linear,
        _some("forward loss grads step", "full-size"),
    )
    if number is np.float32:
        n, d, h, _ = TUTORIAL
        yield _dense(number, stream, (n, d, h, 8), "relu", _some("loss grads", "inexact-sum"))


FAMILIES: tuple[Family, ...] = (
    Family("tiny", "Networks that one can work by hand.", _tiny),
    Family("lattice", "Whole numbers, on which every right program agrees to the last bit.", _lattice),
    Family("rounding", "Ordinary numbers, which every program rounds in its own way.", _rounding),
    Family("exponents", "Large and small numbers.", _exponents),
    Family("subnormals", "Numbers below the smallest normal one: to flush them to zero is right.", _subnormals),
    Family("kinks", "Units at their kink, h = 0, and beside it.", _kinks),
    Family("edges", "Sizes of 0 and 1, equal sizes, sizes at the ends of tiles.", _edges),
    Family("steps", "Updates, steps, and what must not be remembered between them.", _steps),
    Family("special", "NaN and infinity.", _special),
    Family("full-size", "The tutorial's two networks, and whole numbers at such a size.", _full_size, raw=True),
)
