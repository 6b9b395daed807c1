"""The table of the check: one gradient certified, beside the numerical checks; and the whole of ``refnet check``."""

import statistics
import sys
from typing import Any, NamedTuple

import checks
import steps
from checks import CHECKS, GRADCHECK, REFNET, Found
from steps import SHAPES, TUTORIAL
from timing import interleaved, now, ratio, readable, spread, table

import refnet
from refnet.conformance import load, plan, run

DTYPES = ("float64", "float32")
BURSTS = 1.0  # a check that takes longer than so many seconds is run once, the others take turns


class Row(NamedTuple):
    """One check of a gradient in one format."""

    dtype: str
    check: str
    found: Found
    seconds: list[float]


def measure(quick: bool) -> dict[str, Any]:
    """Measure, in this process: the checks of one gradient, the cost of an enclosure, and whole checks."""
    return {
        "one gradient": [row for dtype in DTYPES for row in _of_one_gradient(dtype, quick)],
        "enclosure": [_of_an_enclosure(shape, dtype, quick) for shape in SHAPES[1:3] for dtype in DTYPES],
        "whole": _of_an_implementation(1 if quick else 3),
    }


def _of_one_gradient(dtype: str, quick: bool) -> list[Row]:
    given = steps.problem(TUTORIAL, dtype)
    rows, short = [], {}
    for name, make in CHECKS.items():
        print(f"  {name}, {dtype}", file=sys.stderr)
        try:
            check = make(given, quick)
        except ModuleNotFoundError as error:
            print(f"    left out: {error}", file=sys.stderr)
            continue
        found, seconds = _once(check)
        if seconds < BURSTS and found.seconds is None:
            short[name] = check
        rows.append(Row(dtype, name, found, [found.seconds or seconds]))
    timed = interleaved(short, 7 if quick else 21)
    return [row._replace(seconds=timed[row.check]) if row.check in timed else row for row in rows]


def _once(check: checks.Check) -> tuple[Found, float]:
    """Run a check, and once more where that is short: its first run imports, compiles and fills caches."""
    for _ in range(2):
        start = now()
        found = check()
        seconds = now() - start
        if seconds > 10 * BURSTS:
            break
    return found, seconds


def _of_an_enclosure(shape: steps.Shape, dtype: str, quick: bool) -> dict[str, Any]:
    params, x, y = steps.problem(shape, dtype)
    gradient = refnet.grads(params, x, y)
    calls = {
        "grads": lambda: refnet.grads(params, x, y),
        "enclosure": lambda: refnet.enclosure.grads(params, x, y),
        "assert": lambda: refnet.assert_grads(gradient, params, x, y),
    }
    timed = interleaved(calls, 7 if quick else 21)
    return {"shape": shape, "dtype": dtype, **timed}


def _of_an_implementation(times: int) -> dict[str, list[float]]:
    """Time the default run on the tutorial's script, and a run that fails, with what explains it and without."""
    whole: dict[str, list[float]] = {}
    for name, target, diagnose in (
        ("the tutorial's script, which conforms", "refnet.seed", True),
        ("a mean over the batch, refused", "refnet.faults:mean_over_batch", False),
        ("a mean over the batch, refused and explained", "refnet.faults:mean_over_batch", True),
    ):
        for _ in range(times):
            print(f"  {name}", file=sys.stderr)
            net = load(target)
            start = now()
            run(net, plan(net), diagnose=diagnose)
            whole.setdefault(name, []).append(now() - start)
    return whole


def body(found: dict[str, Any]) -> str:
    """Return the tables in Markdown."""
    rows = [Row(dtype, check, Found(*said), seconds) for dtype, check, said, seconds in found["one gradient"]]
    shape = steps.problem(TUTORIAL, "float64")
    return "\n\n".join(
        [
            f"One check of a gradient that is right, at {TUTORIAL}: {checks.components(shape):,} components, one"
            " thread. The frameworks check the gradient that they compute themselves. Data, seed and tolerances are the"
            " same each time; the tolerances are the defaults of each checker, refnet's is proved. A fast mode that"
            " refuses looks at every component before it says so.",
            *(_one_gradient([row for row in rows if row.dtype == dtype], dtype) for dtype in DTYPES),
            "## What was asked for",
            _asked(rows, found),
            "## The enclosure beside the gradient",
            "What `refnet.enclosure.grads` and `refnet.assert_grads` cost, by the time of `refnet.grads`, one thread.",
            _enclosures(found["enclosure"]),
            "## A whole check",
            "`refnet check` of an implementation, all clauses and formats, one thread.",
            table(
                ["implementation", "time"],
                [[name, readable(statistics.median(seconds))] for name, seconds in found["whole"].items()],
            ),
        ]
    )


def _one_gradient(rows: list[Row], dtype: str) -> str:
    mine = next(statistics.median(row.seconds) for row in rows if row.check == REFNET)
    cells = []
    for _, check, found, seconds in rows:
        middle = statistics.median(seconds)
        estimated = ", estimated from a part" if found.seconds is not None and "all" not in found.looked_at else ""
        shown = readable(middle) + (f" ± {spread(seconds):.0%}" if len(seconds) > 1 else "") + estimated
        cells.append([check, found.looked_at, shown, f"{middle / mine:,.3g}", found.said])
    head = [dtype, "looks at", "time", "by refnet's", "the right gradient is"]
    return f"## {dtype}\n\n" + table(head, cells)


def _asked(rows: list[Row], found: dict[str, Any]) -> str:
    asked = []
    for dtype in DTYPES:
        by = {row.check: statistics.median(row.seconds) for row in rows if row.dtype == dtype}
        asked.append([f"{dtype}: a certified check in 10 ms", readable(by[REFNET]), _holds(by[REFNET] <= 0.01)])
        if GRADCHECK in by:
            times = by[GRADCHECK] / by[REFNET]
            asked.append([f"{dtype}: 1,000 times faster than gradcheck", f"{times:,.0f}", _holds(times >= 1000)])
    for cell in found["enclosure"]:
        times = ratio(cell["enclosure"], cell["grads"])
        where = f"{cell['dtype']}, {tuple(cell['shape'])}"
        asked.append([f"{where}: an enclosure at 4 times the gradient", f"{times:.1f}", _holds(times <= 4)])
    return table(["asked", "measured", "holds"], asked)


def _holds(it_does: bool) -> str:
    return "yes" if it_does else "**no**"


def _enclosures(cells: list[dict[str, Any]]) -> str:
    rows = [
        [
            f"{cell['dtype']}, {tuple(cell['shape'])}",
            readable(statistics.median(cell["grads"])),
            f"{ratio(cell['enclosure'], cell['grads']):.1f}",
            f"{ratio(cell['assert'], cell['grads']):.1f} ({readable(statistics.median(cell['assert']))})",
        ]
        for cell in cells
    ]
    return table(["where", "`refnet.grads`", "`enclosure.grads`", "`assert_grads`"], rows)
