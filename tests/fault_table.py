"""The table fault x clause, ``spec/faults.md``: measured by running the whole suite on each fault.

``python tests/fault_table.py`` writes it anew, in a quarter of an hour; with names of faults, it measures these alone.
"""

import math
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from refnet import faults, specification
from refnet.conformance import engine, implementation, plan, run
from refnet.conformance.planning import EXAMPLES
from refnet.conformance.problem import TUTORIAL, work
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import Report
from refnet.faults import Fault

PAGE = Path(__file__).parents[1] / "spec" / "faults.md"

_HEAD = f"""# The faults that the suite refuses

Written by `tests/fault_table.py`, which runs the whole suite on each fault of the catalogue, and not by hand. The runs
are those of everyone: {EXAMPLES} examples a clause, no seed, in the formats in which the fault shows, with the first
activation with which it shows. `refnet faults NAME` explains a fault.

*Clause* is the one that speaks of the fault most plainly; *seen* is when it shows; *refused by* are all clauses that
fail in one format at least, and *warned of by* those that are a SHOULD. A clause for which another one speaks is
skipped, and is not in the list.
"""


class Row(NamedTuple):
    """What the suite says of one fault: the clauses that fail, and those that warn."""

    name: str
    clause: str
    seen: str
    refused_by: tuple[str, ...]
    warned_of_by: tuple[str, ...]


def unhurried(fault: Fault) -> Implementation:
    """Return the fault as an implementation that is given every example, however slow the machine is just now."""
    net = implementation(fault.make(), name=fault.name)
    net.pace.most_work = work(TUTORIAL)
    net.pace.seconds = -math.inf  # so that no clause ever takes too long
    return net


def verdicts(fault: Fault, **asked: Any) -> Report:
    """Run the suite, or what of it is asked for, on the fault, whose examples stay large and unexplained."""
    net = unhurried(fault)
    with mock.patch.object(engine, "minimised", lambda problem, *_, **__: problem):
        return run(net, plan(net, activations=net.activations[:1], **asked), diagnose=False)


def measured(fault: Fault) -> Row:
    """Run the whole suite on the fault."""
    found = verdicts(fault)
    return Row(fault.name, fault.clause, fault.seen, _with(found, "fail"), _with(found, "warn"))


def _with(report: Report, outcome: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(verdict.clause for verdict in report.verdicts if verdict.outcome == outcome))


def page(rows: list[Row]) -> str:
    """Return the page with these rows, in the order of the catalogue."""
    by_name = {row.name: row for row in rows}
    parts = [_HEAD]
    for family in faults.FAMILIES:
        parts.append(
            f"\n## Family {family}\n\n| fault | clause | seen | refused by | warned of by |\n{'| --- ' * 5}|\n"
        )
        listed = [
            by_name[name] for name, fault in faults.CATALOGUE.items() if fault.family == family and name in by_name
        ]
        parts += [f"| {' | '.join(_cells(row))} |\n" for row in listed]
    parts.append("\n## How many faults each clause refuses\n\n| clause | faults |\n| --- | --- |\n")
    for clause in specification.clauses():
        count = sum(clause in row.refused_by + row.warned_of_by for row in rows)
        if count:
            parts.append(f"| {clause} | {count} |\n")
    return "".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    seen = row.seen.replace("|", "\\|")
    return (row.name, row.clause, seen, ", ".join(row.refused_by), ", ".join(row.warned_of_by))


def rows(text: str) -> list[Row]:
    """Return the rows of a page."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[0] in faults.CATALOGUE:
            name, clause, seen, refused, warned = cells
            found.append(Row(name, clause, seen, tuple(refused.split(", ")), tuple(filter(None, warned.split(", ")))))
    return found


def main(names: list[str]) -> None:
    """Measure all faults and write the page, or measure some and say what was found."""
    measurements = []
    for done, name in enumerate(names or faults.CATALOGUE):
        row = measured(faults.named(name))
        measurements.append(row)
        print(done + 1, *_cells(row), sep=" | ", flush=True)
    if not names:
        PAGE.write_text(page(measurements), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
