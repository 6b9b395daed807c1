"""What was asked for, what was measured, and the limit where it does not hold."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from timing import table


class Asked(NamedTuple):
    """One thing that was asked for: its ``kind`` is that of the limit which explains why it does not hold."""

    kind: str
    what: str
    measured: str
    holds: bool


def section(rows: Sequence[Asked], limits: Mapping[str, str]) -> str:
    """Return the table, and below it a sentence for each kind of which some row does not hold: ``limits`` has them."""
    shown = [[row.what, row.measured, "yes" if row.holds else "**no**"] for row in rows]
    missed = {row.kind for row in rows if not row.holds}
    if unexplained := {row.kind for row in rows} - set(limits):
        raise KeyError(f"no limit is known of {', '.join(sorted(unexplained))}: write its sentence")
    sentences = [f"- {sentence}" for kind, sentence in limits.items() if kind in missed]
    said = ["Where one does not hold, this is the limit:\n\n" + "\n".join(sentences)] if sentences else []
    return "\n\n".join(["## What was asked for", table(["asked", "measured", "holds"], shown), *said])
