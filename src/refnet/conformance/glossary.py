"""What a clause demands and what a fault is, as pages for the terminal."""

import textwrap
from collections.abc import Iterator

from refnet import faults, specification
from refnet.conformance.engine import run
from refnet.conformance.loading import load
from refnet.conformance.planning import plan
from refnet.conformance.views import evidence
from refnet.faults import Fault
from refnet.specification import Clause

_WIDTH = 100


class UnknownClauseError(ValueError):
    """There is no clause of that id."""


def target_of(fault: Fault) -> str:
    """Return the target by which ``refnet check`` and `refnet.conformance.load` know the fault."""
    return f"refnet.faults:{fault.name.replace('-', '_')}"


def fault_list() -> Iterator[str]:
    """Yield the catalogue, a line a fault: its name, the clause that it breaks, when it shows."""
    yield f"{len(faults.CATALOGUE)} known mistakes, each with the clause that it breaks, and when it shows."
    yield "`refnet faults NAME` explains one; `refnet check --demo NAME` runs the suite on it."
    longest = max(map(len, faults.CATALOGUE))
    for family in faults.FAMILIES:
        yield from ("", family)
        for fault in faults.CATALOGUE.values():
            if fault.family == family:
                yield f"  {fault.name:{longest}}  {fault.clause:10} {fault.seen}"


def fault_page(fault: Fault) -> Iterator[str]:
    """Yield what went wrong, the wrong line and the right one, and, from a short run, what the report says."""
    clause = specification.clauses()[fault.clause]
    yield f"{fault.name} ({fault.family})"
    yield from ("", *textwrap.wrap(fault.note, _WIDTH), "")
    yield from _code("wrong", fault.wrong)
    yield from _code("right", fault.right)
    yield f"shows  {fault.seen}"
    yield f"breaks {clause.id} ({clause.level}): {clause.title}"
    if fault.ties:
        yield f"as     {', '.join(fault.ties)}: the same function, so no check can tell them apart"
    net = load(target_of(fault))
    some = plan(net, clauses=(fault.clause,), dtypes=net.dtypes[:1], activations=net.activations[:1])
    yield from ("", f"What `refnet check --demo {fault.name}` says of it:", "")
    for verdict in run(net, some).verdicts:
        yield from evidence(verdict, notes=False)


def _code(word: str, lines: str) -> Iterator[str]:
    for number, line in enumerate(lines.splitlines()):
        yield f"{'' if number else word:6} {line}"


def clause_page(clause: Clause) -> Iterator[str]:
    """Yield the clause as the specification has it, and the listed faults that break it first of all."""
    yield from (f"{clause.id} ({clause.level}) {clause.title}", "", *clause.text.splitlines())
    broken = [fault.name for fault in faults.CATALOGUE.values() if fault.clause == clause.id]
    if broken:
        listed = textwrap.wrap(", ".join(broken), _WIDTH, break_on_hyphens=False)
        yield from ("", "Known mistakes that break it (`refnet faults NAME` explains one):", *listed)


def clause_named(name: str) -> Clause:
    """Return the clause of that id, in capitals or not. Raises UnknownClauseError that lists those there are."""
    every = specification.clauses()
    if name.upper() in every:
        return every[name.upper()]
    family = [other for other in every if other.partition("-")[0] == name.upper().partition("-")[0]]
    raise UnknownClauseError(f"there is no clause {name!r}; there are {', '.join(family or every)}")
