"""Reading what is expected to fail: ``CLAUSE: reason``."""

from collections.abc import Sequence

from refnet.conformance.engine import PlanError


def expected_failures(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of clause and reason. Raises PlanError for a line without a reason.

    >>> expected_failures(["STEP-3: keeps momentum, issue 12"])
    (('STEP-3', 'keeps momentum, issue 12'),)
    """
    pairs = []
    for line in lines:
        clause, colon, reason = line.partition(":")
        if not colon or not reason.strip():
            raise PlanError(f'the expected failure {line!r} gives no reason: write "CLAUSE: reason"')
        pairs.append((clause.strip(), reason.strip()))
    return tuple(pairs)
