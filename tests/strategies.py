"""Data for the tests: small problems in numbers of every kind."""

from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refnet import Activation, Params

Array: TypeAlias = NDArray[Any]
Float: TypeAlias = type[Any]  # np.float32 or np.float64
FLOATS: tuple[Float, ...] = (np.float32, np.float64)

LATTICE = st.integers(-3, 3)  # h == 0 is common


class Case(NamedTuple):
    """The arguments of one call."""

    params: Params[Any]
    x: Array
    y: Array
    activation: Activation

    def arrays(self) -> list[Array]:
        return [*self.params, self.x, self.y]

    def exact(self) -> "Case":
        """The same numbers as Fractions."""
        return Case(Params(*map(fractions, self.params)), fractions(self.x), fractions(self.y), self.activation)


def fractions(array: Array) -> Array:
    return np.array([Fraction(number) for number in array.ravel().tolist()], dtype=np.object_).reshape(array.shape)


def wide(dtype: Float) -> st.SearchStrategy[float]:
    """Any finite number of the format: of every exponent, subnormal ones and zeros of both signs."""
    width, info = _width(dtype), np.finfo(dtype)
    powers = st.integers(int(info.minexp) - int(info.nmant), int(info.maxexp) - 1)
    return st.one_of(
        LATTICE.map(float),
        st.floats(width=width, allow_nan=False, allow_infinity=False),
        st.builds(lambda sign, power: sign * 2.0**power, st.sampled_from((-1, 1)), powers),
    )


def moderate(dtype: Float) -> st.SearchStrategy[float]:
    """Multiples of 2**-12 (float64: 2**-41) up to 2**8, so sums and products of theirs do not under- or overflow.

    Whatever the network computes of them, rounded or not, is a multiple of products of that unit, so zero or normal.
    """
    bits = int(np.finfo(dtype).nmant) - 3
    return st.integers(-(2**bits), 2**bits).map(lambda n: n * 2.0 ** (8 - bits))


def _width(dtype: Float) -> Literal[32, 64]:
    return 32 if dtype is np.float32 else 64


@st.composite
def cases(
    draw: st.DrawFn,
    elements: st.SearchStrategy[Any],
    dtype: Float = np.float64,
    *,
    samples: st.SearchStrategy[int] = st.integers(0, 3),  # noqa: B008 -- a strategy is a value
) -> Case:
    """Draw shapes up to 3, both forms of bias and both activations."""
    n = draw(samples, label="N")
    d, h, o = (draw(st.integers(1, 3), label=size) for size in "DHO")
    row = draw(st.sampled_from([(), (1,)]), label="form of the biases")
    shapes = [(d, h), (*row, h), (h, o), (*row, o), (n, d), (n, o)]
    w1, b1, w2, b2, x, y = (draw(hnp.arrays(dtype, shape, elements=elements)) for shape in shapes)
    activation: Activation = draw(st.sampled_from(("relu", "identity")))
    return Case(Params(w1, b1, w2, b2), x, y, activation)


def lattice_cases(**sizes: Any) -> st.SearchStrategy[Case]:
    """Integers of which every sum of at most three is exact, in any order.

    Up to 3 in float32: gradients stay below 2**16, the loss below 2**20. Up to 100 in float64: the loss stays below
    2**50, and the gradients, below 2**41, leave float32 far behind.
    """
    larger = cases(st.integers(-100, 100), np.float64, **sizes)
    return st.one_of(larger, *(cases(LATTICE, dtype, **sizes) for dtype in FLOATS))


def exact_cases(**sizes: Any) -> st.SearchStrategy[Case]:
    """Fractions: small integers, where kinks are common, or floats of any exponent."""
    return st.one_of(cases(LATTICE, **sizes), cases(wide(np.float64), **sizes)).map(Case.exact)
