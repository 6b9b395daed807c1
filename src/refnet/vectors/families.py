"""The families of vectors, each a list of groups in float64 and in float32."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from refnet.vectors import corners, values
from refnet.vectors.drawing import Stream
from refnet.vectors.groups import Group
from refnet.vectors.making import Number

FORMATS: tuple[Number, ...] = (np.float64, np.float32)


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


FAMILIES: tuple[Family, ...] = (
    Family("tiny", "Networks that one can work by hand.", values.tiny),
    Family("lattice", "Whole numbers, on which every right program agrees to the last bit.", values.lattice),
    Family("rounding", "Ordinary numbers, which every program rounds in its own way.", values.rounding),
    Family("exponents", "Large and small numbers.", values.exponents),
    Family("subnormals", "Numbers below the smallest normal one: to flush them to zero is right.", values.subnormals),
    Family("kinks", "Units at their kink, h = 0, and beside it.", corners.kinks),
    Family("edges", "Sizes of 0 and 1, equal sizes, sizes at the ends of tiles.", corners.edges),
    Family("steps", "Updates, steps, and what must not be remembered between them.", corners.steps),
    Family("special", "NaN and infinity.", corners.special_values),
    Family("full-size", "The tutorial's two networks, and whole numbers at such a size.", corners.full_size, raw=True),
)
