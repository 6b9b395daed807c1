"""Two faults at once are refused as well: one does not hide the other.

A pair is a class below both faults. It is left out where

- the two are of one family, or replace the same piece, so that one of them would be shadowed;
- there is no activation, or no format, with which both show;
- together they compute what the network does, to the bit: mistakes that cancel out are none.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fault_table import verdicts
from test_faults import FAULTS, trace

from refnet.conformance.engine import VALUE_CLAUSES
from refnet.conformance.loading import implementation
from refnet.faults import Fault, Network
from refnet.faults.pieces import Array

PARTNERS = 2  # that each fault is given, beside those faults to which it is given itself

_EVERY_CLASS = set(vars(type("Empty", (), {})))
_OF_THE_VALUE = tuple(clause for clauses in VALUE_CLAUSES.values() for clause in clauses)


class Pair(NamedTuple):
    """Two faults, and a class with both."""

    one: Fault
    other: Fault
    both: Any

    def fails(self, *clauses: str) -> bool:
        fault = self.one._replace(name=f"{self.one.name} and {self.other.name}", make=self.both)
        found = verdicts(fault, clauses=clauses, dtypes=self.both.dtypes[:1])
        return any(verdict.outcome == "fail" for verdict in found.verdicts)

    def cancels_out(self) -> bool:
        """Return whether nothing can be seen of either fault."""
        cases = [(dtype, activation) for dtype in self.both.dtypes for activation in self.both.activation]
        return all(_seen(self.both(), *of) == _seen(Network(), *of) for of in cases)


def _seen(net: Network, dtype: Any, activation: Any) -> str:
    return repr(trace(implementation(net), dtype, activation))


def pieces(fault: Fault) -> set[str]:
    """Return the names of what the fault replaces in the network, or keeps beside it."""
    below = set(type(fault.make()).__mro__) - set(Network.__mro__)
    return {name for each in below for name in vars(each)} - {"activation", "dtypes", *_EVERY_CLASS}


def paired(one: Fault, other: Fault) -> Pair | None:
    """Return both faults in one, or None where they replace the same piece or never show together."""
    classes = type(one.make()), type(other.make())
    common: dict[str, Any] = {}
    for key in ("activation", "dtypes"):
        mine, its = (getattr(each, key) for each in classes)
        common[key] = tuple(word for word in mine if word in its)
    if one.family == other.family or pieces(one) & pieces(other) or not all(common.values()):
        return None
    return Pair(one, other, type("Both", classes, common))


def pairs() -> Iterator[Pair]:
    """Yield each fault with its partners: the next ones that fit, from the one half the catalogue away on."""
    found: set[frozenset[str]] = set()
    for place, one in enumerate(FAULTS):
        partners = 0
        for distance in range(len(FAULTS)):
            other = FAULTS[(place + len(FAULTS) // 2 + distance) % len(FAULTS)]
            names = frozenset((one.name, other.name))
            if partners < PARTNERS and names not in found and (pair := paired(one, other)):
                partners += 1
                found.add(names)
                yield pair


PAIRS = list(pairs())


def test_there_are_many_pairs_and_every_fault_is_in_some() -> None:
    assert len(PAIRS) >= 200
    taking_part = Counter(fault.name for pair in PAIRS for fault in (pair.one, pair.other))
    assert min(taking_part[fault.name] for fault in FAULTS) >= PARTNERS


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.one.name}+{pair.other.name}")
def test_two_faults_at_once_are_refused(pair: Pair) -> None:
    if not (pair.fails(pair.one.clause) or pair.fails(pair.other.clause) or pair.fails(*_OF_THE_VALUE)):
        assert pair.cancels_out(), "neither clause refuses the pair, nor does one of the value"


class _Reversed(Network):
    def residual(self, y_pred: Array, y: Array) -> Array:
        return y - y_pred


class _ReversedAgain(Network):
    def grad_y_pred(self, r: Array) -> Array:
        return 2 * (0 - r)


def test_mistakes_that_cancel_out_are_told_from_those_that_do_not() -> None:
    one, other = FAULTS[:2]
    assert Pair(one, other, type("Both", (_Reversed, _ReversedAgain), {})).cancels_out()
    assert not Pair(one, other, _Reversed).cancels_out()
    assert not PAIRS[0].cancels_out()
