"""The families of corners: kinks, edges, steps, special values, and the full size."""

from collections.abc import Iterator

import numpy as np

from refnet import exact
from refnet.network import Params
from refnet.vectors import special
from refnet.vectors.balls import matmul
from refnet.vectors.drawing import Stream
from refnet.vectors.groups import Data, Group, Vector, group, vector
from refnet.vectors.making import Flags, Number, Shape, by_hand, drawn, every, some
from refnet.vectors.values import dense

TUTORIAL: Shape = (64, 1000, 100, 10)


def kinks(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield units at their kink, and beside it."""
    both: Flags = some("grads step", "kink")
    one = by_hand(number, 0.5, x=[[2]], y=[[1]], w1=[[3]], b1=[-6], w2=[[4]], b2=[3])
    yield group("One unit, at its kink: h = 0, ga = 16, so gb1 is in [0, 16] and gw1 in [0, 32].", one, both, "KINK-1")
    both_ways = by_hand(number, 0.125, x=[[1], [-2], [1]], y=[[0], [0], [9]], w1=[[1]], b1=[-1], w2=[[3]], b2=[2])
    yield group(
        "Three samples, two of them at the kink with slopes of their own: ga is 12 and -42 there.",
        both_ways,
        both,
        "KINK-1",
    )
    inputs_zero = by_hand(
        number, 0.5, x=[[0, 0], [1, -1]], y=[[1], [-2]], w1=[[1, 2], [3, -1]], b1=[0, 0], w2=[[1], [-1]], b2=[0.5]
    )
    yield group("A sample of zeros and biases of 0: both units are at their kink.", inputs_zero, both, "KINK-1")
    for shape in ((3, 2, 4, 2), (6, 3, 5, 2)):
        n, d, h, o = shape
        lattice = by_hand(
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
    near = drawn(number, (4, 3, 6, 2), stream.normal)
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
        by_hand(
            number,
            0.5,
            x=[[1]],
            y=[[3]],
            w1=[[1e-4, -1e-4, 1e-9, -1e-9, 1e-12, -1e-12]],
            b1=[0] * 6,
            w2=[[1], [2], [3], [4], [5], [6]],
            b2=[1],
        ),
        some("grads step", "threshold"),
    )
    yield group(
        "The same h times weights so large that the prediction shows them.",
        by_hand(number, 0.5, x=[[1]], y=[[3]], w1=[[1e-4, 1e-9, 1e-12]], b1=[0] * 3, w2=[[1e4], [2e9], [3e12]], b2=[1]),
        some("forward loss", "threshold"),
    )


_ENDS = (7, 8, 9, 16, 17, 33, 63, 65, 129)


def edges(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield sizes of 0 and 1, equal sizes, and sizes at the ends of tiles."""
    for shape in ((0, 3, 4, 2), (0, 1, 1, 1)):
        data = drawn(number, shape, stream.normal)
        yield group(f"An empty batch, {shape}.", data, every("empty-batch"), "EDGE-1")
    for pattern in range(1, 16):
        n, d, h, o = (1 if pattern >> i & 1 else 3 for i in range(4))
        data = drawn(number, (n, d, h, o), stream.normal)
        yield group(f"Sizes of 1, {(n, d, h, o)}.", data, some("forward loss grads step", "size-1"), "EDGE-2")
    for size in (2, 3, 4, 8):
        data = drawn(number, (size,) * 4, stream.normal)
        yield group(f"All sizes are {size}.", data, some("forward grads step", "equal-sizes"), "EDGE-4")
    for size in _ENDS:
        shapes: tuple[Shape, ...] = ((size, 3, 3, 3), (3, size, 3, 3), (3, 3, size, 3), (3, 3, 3, size))
        for shape in shapes:
            data = drawn(number, shape, stream.normal)
            yield group(f"One size at the end of a tile, {shape}.", data, some("loss grads", "tile-end"), "EDGE-3")


def steps(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield updates and steps, and calls in turn."""
    shape = (4, 3, 5, 2)
    for lr in (0.1, 1e-3, 3.0):
        data = drawn(number, shape, stream.normal, lr)
        about = f"Ordinary numbers, with the rate {lr}."
        yield group(about, data, {"update": ("update",), "step": ("update", "step-order")})
    still = drawn(number, shape, stream.normal, 0.0)
    yield group("A rate of 0.", still, some("update step", "zero-rate"), "UPD-3")
    yield from _descent(drawn(number, shape, stream.normal, 2.0**-6))
    yield from _remembered(number, stream)


def _descent(data: Data) -> Iterator[Group]:
    for t in range(11):
        about = f"Step {t} of a descent: the parameters are those of the step before, rounded once."
        made = group(about, data, some("step", "memory"), "STEP-3")
        yield made
        data = data._replace(params=Params(**made.vectors[0].result))


def _remembered(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield one group in which every operation is called on other data of the same sizes, one after the other."""
    first = drawn(number, (4, 3, 5, 2), stream.normal)
    vectors: list[Vector] = []
    for _ in range(2):
        other = drawn(number, (4, 3, 5, 2), stream.normal)._replace(params=first.params)
        vectors += [vector(operation, other, ("memory",)) for operation in ("forward", "loss")]
        again = other._replace(x=other.x[::-1].copy())
        vectors += [vector(operation, again, ("memory",)) for operation in ("grads", "update", "step", "forward")]
    yield Group("Calls in turn, on other data of the same sizes.", "relu", first.params, 4, vectors)
    for about in ("The same with other parameters.", "And with others again."):
        data = drawn(number, (4, 3, 5, 2), stream.normal)
        yield group(about, data, some("grads step forward", "memory"))


def special_values(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield NaN in the data, and results beyond the range."""
    data = drawn(number, (3, 2, 4, 2), stream.normal)
    yield special.nan_in_target(data)
    yield special.nan_in_input(data)
    yield special.overflow(number)


def full_size(number: Number, stream: Stream) -> Iterator[Group]:
    """Yield the tutorial's two networks, and whole numbers at such a size."""
    relu = drawn(number, TUTORIAL, stream.normal, 1e-6)
    yield group(
        "The tutorial's first network: its sizes and its rate, numbers that look normal.",
        relu,
        # In float32 the gradient of the last group says more, and the files are large.
        some("loss grads step" if number is np.float64 else "loss step", "full-size"),
    )
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float64)
    points = np.concatenate([corners * stretch for stretch in ([1, 1], [10, 1], [1, 10])])
    linear = drawn(number, (12, 2, 10, 4), stream.normal, 1e-5, "identity")
    linear = linear._replace(x=points.astype(number), y=np.tile(np.eye(4, dtype=number), (3, 1)))
    yield group(
        "The tutorial's second network: its twelve points, its targets and its rate.",
        linear,
        some("forward loss grads step", "full-size"),
    )
    if number is np.float32:
        n, d, h, _ = TUTORIAL
        yield dense(number, stream, (n, d, h, 8), "relu", some("loss grads", "inexact-sum"))
