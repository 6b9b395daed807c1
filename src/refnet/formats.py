"""Binary floating-point formats, and the precision of an implementation: what it stores, what it reads, where it sums.

>>> half = Precision("float16", accumulate="float32")
>>> half.stores.largest, half.sums.precision
(65504.0, 24)
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np

from refnet.network import ArgumentTypeError, ArgumentValueError

Dtype: TypeAlias = Literal["float16", "bfloat16", "float32", "float64"]


class Format(NamedTuple):
    """A binary floating-point format: significand of ``precision`` bits, smallest normal number ``2**emin``."""

    name: str
    precision: int
    emin: int

    @property
    def unit_roundoff(self) -> float:
        """The largest relative error of rounding to nearest, ``u = 2**-precision`` (Higham, Theorem 2.2)."""
        return 2.0**-self.precision

    @property
    def smallest_normal(self) -> float:
        """``lambda = 2**emin``: below it a result may lose all its digits (gradual underflow) or be flushed to 0."""
        return 2.0**self.emin

    @property
    def largest(self) -> float:
        """The largest finite number, ``(2 - 2u) * 2**emax`` with ``emax = 1 - emin``."""
        return (2.0 - 2.0 * self.unit_roundoff) * 2.0 ** (1 - self.emin)

    @property
    def is_narrow(self) -> bool:
        """Whether it is narrower than what the network computes in: such arrays are data for a bound alone."""
        return self.precision < 24

    def holds(self, other: "Format") -> bool:
        """Return whether every number of the other format is one of this format, the subnormal ones aside."""
        return self.precision >= other.precision and self.emin <= other.emin


FLOAT16 = Format("float16", 11, -14)
BFLOAT16 = Format("bfloat16", 8, -126)
TF32 = Format("tf32", 11, -126)
FLOAT32 = Format("float32", 24, -126)
FLOAT64 = Format("float64", 53, -1022)
# A matrix unit that sums in float32, but cuts the bits of each term below those of the largest one (spec/precision.md).
TENSOR32 = Format("tensor32", 22, -126)

STORAGE = {fmt.name: fmt for fmt in (FLOAT16, BFLOAT16, FLOAT32, FLOAT64)}
OPERANDS = STORAGE | {TF32.name: TF32}
ACCUMULATE = STORAGE | {TENSOR32.name: TENSOR32}


@dataclass(frozen=True)
class Precision:
    """How an implementation computes: the formats it stores in, reads operands of products in, and sums in.

    ``storage``: of the arguments, and of every result, also in between: "float16", "bfloat16", "float32" or "float64".
    ``operands``: to which the factors of a product are rounded on their way in; "tf32" as well. ``accumulate``: of the
    sums; "tensor32" as well. Either is the storage format where it is not given. Raises ArgumentValueError for a name
    that is none of these.
    """

    storage: Dtype
    operands: str = ""
    accumulate: str = ""

    def __post_init__(self) -> None:
        """Put the storage format where none is given."""
        for field, known in (("storage", STORAGE), ("operands", OPERANDS), ("accumulate", ACCUMULATE)):
            name = getattr(self, field) or self.storage
            if name not in known:
                expected = ", ".join(known)
                raise ArgumentValueError(f"{field} is {name!r}, expected one of {expected}: pass the name of a format")
            object.__setattr__(self, field, name)

    @property
    def stores(self) -> Format:
        """The format of what is stored."""
        return STORAGE[self.storage]

    @property
    def reads(self) -> Format:
        """The format of the factors of a product."""
        return OPERANDS[self.operands]

    @property
    def sums(self) -> Format:
        """The format of the sums."""
        return ACCUMULATE[self.accumulate]

    @property
    def is_native(self) -> bool:
        """Whether all is one format."""
        return self.storage == self.operands == self.accumulate

    def __str__(self) -> str:
        """Return it as a line of a report has it: ``bfloat16, summed in float32``."""
        read = "" if self.operands == self.storage else f", operands read in {self.operands}"
        summed = "" if self.accumulate == self.storage else f", summed in {self.accumulate}"
        return f"{self.storage}{read}{summed}"


@lru_cache(maxsize=64)
def format_of(dtype: np.dtype[Any]) -> Format:
    """Return the format of the arrays of that dtype.

    Raises ArgumentTypeError for any but float16, bfloat16, float32 and float64.
    """
    if dtype.name not in STORAGE:
        exactly = "; exact numbers have no rounding to enclose, so compare them with ==" if dtype.kind == "O" else ""
        raise ArgumentTypeError(
            f"the arrays are {dtype}, expected float16, bfloat16, float32 or float64, the formats with an error"
            f" analysis: convert all of them with .astype(np.float64){exactly}"
        )
    return STORAGE[dtype.name]


@lru_cache(maxsize=64)
def precision_of(dtype: np.dtype[Any]) -> Precision:
    """Return the precision in which all is in the format of that dtype. Raises as `format_of` does."""
    return Precision(cast(Dtype, format_of(dtype).name))  # a cast: these names are the words of Dtype


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return NumPy's dtype of that name; that of bfloat16 comes from the package ml_dtypes.

    Raises ArgumentTypeError where that is not installed.
    """
    if name == BFLOAT16.name:
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            raise ArgumentTypeError(
                "NumPy has no bfloat16 of its own, expected the package ml_dtypes: pip install 'refnet[bfloat16]'"
            ) from None
        found: np.dtype[Any] = np.dtype(bfloat16)
        return found
    return np.dtype(name)
