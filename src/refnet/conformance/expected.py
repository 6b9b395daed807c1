"""Reading what is expected to fail, a clause or a case of one: ``UPD-1: reason``, ``UPD-1[float32]: reason``."""

from collections.abc import Sequence

from refnet.conformance.planning import PlanError


def expected_failures(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of id and reason. Raises PlanError for a line without a reason.

    >>> expected_failures(["STEP-3: keeps momentum", "UPD-1[float32]: takes the rate in float16"])
    (('STEP-3', 'keeps momentum'), ('UPD-1[float32]', 'takes the rate in float16'))
    """
    pairs = []
    for line in lines:
        name, colon, reason = line.partition(":")
        if not colon or not reason.strip():
            raise PlanError(f'the expected failure {line!r} gives no reason: write "CLAUSE: reason"')
        pairs.append((name.strip(), reason.strip()))
    return tuple(pairs)
