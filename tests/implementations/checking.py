"""Checking the implementations of this folder: each once for all the tests of a process."""

import importlib.util
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from refnet.conformance import Report, load, plan, run
from refnet.conformance.planning import EXAMPLES
from refnet.formats import Dtype

HERE = Path(__file__).parent


class Checked(NamedTuple):
    """A report, and the seconds of processor time that it took."""

    report: Report
    seconds: float

    def clauses(self, *outcomes: str, dtype: str = "") -> set[str]:
        """Return the clauses with one of these outcomes, for that dtype or any."""
        found = (v for v in self.report.verdicts if v.outcome in outcomes and dtype in ("", v.dtype))
        return {verdict.clause for verdict in found}


@cache
def checked(
    target: str,
    *,
    examples: int = EXAMPLES,
    seed: int | None = None,
    dtypes: tuple[Dtype, ...] = (),
) -> Checked:
    """Return the report on a target, as ``refnet check`` makes it."""
    net = load(target)
    start = time.process_time()
    report = run(net, plan(net, examples=examples, seed=seed, dtypes=dtypes))
    return Checked(report, time.process_time() - start)


def missing(*packages: str) -> list[str]:
    """Return those of the packages that are not installed."""
    return [package for package in packages if importlib.util.find_spec(package) is None]
