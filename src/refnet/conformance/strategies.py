"""Hypothesis strategies for the data of the suite, for use in tests of your own.

>>> from hypothesis import given, settings
>>> @settings(max_examples=5, database=None)
... @given(problems("float32"))
... def test_mine(problem):
...     assert problem.x.dtype == np.float32
>>> test_mine()
"""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from refnet.conformance.problem import KINDS, TUTORIAL, AnyProblem, Numbers, Shape, generate, work
from refnet.network import Activation

__all__ = ["NO_LIMIT", "TAILS", "lattices", "problems", "shapes_with_ones", "some_shapes", "tile_shapes"]

# Where tiles, vectors and unrolled loops end: each multiple of 8 up to 64, one less and one more.
TAILS = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)
NO_LIMIT = work(TUTORIAL)

_SMALL, _SMALLER = st.integers(1, 5), st.integers(1, 3)
_SEEDS = st.integers(0, 2**16 - 1)


@st.composite
def some_shapes(draw: st.DrawFn, most_work: int = NO_LIMIT) -> Shape:
    """Draw sizes (N, D, H, O) of which most are small, some are 1, and one or two lie where a tile ends."""
    small = _SMALL if work((5, 5, 5, 5)) <= most_work else _SMALLER
    sizes = [draw(small) for _ in range(4)]
    for place in draw(st.lists(st.integers(0, 3), max_size=2, unique=True)):
        size = draw(st.sampled_from(TAILS))
        grown = (*sizes[:place], size, *sizes[place + 1 :])
        if work((grown[0], grown[1], grown[2], grown[3])) <= most_work:
            sizes[place] = size
    return (sizes[0], sizes[1], sizes[2], sizes[3])


def problems(
    dtype: Numbers,
    activation: Activation = "relu",
    *,
    kinds: tuple[str, ...] = tuple(KINDS),
    shapes: st.SearchStrategy[Shape] | None = None,
    most_work: int = NO_LIMIT,
    make: Callable[..., AnyProblem] = generate,
) -> st.SearchStrategy[AnyProblem]:
    """Draw generic problems: normal, wide exponents, subnormals, exact zeros, cancelling, near the kink, ...

    ``make`` is `generate`, or a function that remembers what it made.
    """
    sizes = some_shapes(most_work) if shapes is None else shapes
    return st.builds(make, st.sampled_from(kinds), sizes, st.just(dtype), st.just(activation), _SEEDS)


def lattices(
    dtype: Numbers,
    activation: Activation = "relu",
    *,
    kind: str = "dense",
    shapes: st.SearchStrategy[Shape] | None = None,
    most_work: int = NO_LIMIT,
    make: Callable[..., AnyProblem] = generate,
) -> st.SearchStrategy[AnyProblem]:
    """Draw problems on which floating point is exact: "dense" without a kink, "kinked" with many.

    N and O are powers of two, so that a mean, multiplied back, is exact as well; where ``shapes`` are given, as there.
    """
    powers = st.sampled_from((1, 2, 4, 8))
    sizes = st.tuples(powers, st.integers(1, 9), st.integers(1, 9), powers) if shapes is None else shapes
    fitting = sizes.filter(lambda shape: work(shape) <= max(most_work, 32))
    return st.builds(make, st.just(kind), fitting, st.just(dtype), st.just(activation), _SEEDS)


def tile_shapes() -> list[Shape]:
    """Return the shapes that every run visits: each size in turn where a tile ends, up to 1025, the others small."""
    sizes = (*TAILS, 127, 128, 129, 257, 513, 1025)
    base = (3, 3, 3, 3)
    # A slow implementation sees the first of these only: so each of N, D, H and O comes first for each size.
    return [(*base[:place], size, *base[place + 1 :]) for size in sizes for place in range(4)]  # type: ignore[misc]


def shapes_with_ones() -> list[Shape]:
    """Return every shape in which some sizes are 1 and the others 3."""
    shapes = np.ndindex(2, 2, 2, 2)
    return [(3 - 2 * n, 3 - 2 * d, 3 - 2 * h, 3 - 2 * o) for n, d, h, o in shapes if n or d or h or o]
