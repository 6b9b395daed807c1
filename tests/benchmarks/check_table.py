"""The tables of the check: one gradient certified, beside the numerical checks; its enclosure; a whole check."""

import statistics
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import checks
import steps
import whole
from asked import Asked, section
from checks import CHECKS, GRADCHECK, REFNET, SLOW, Found
from steps import SHAPES, TUTORIAL, Problem
from timing import interleaved, joined, now, ratio, readable, spread, table

import refnet

DTYPES = ("float64", "float32")
BURSTS = 1.0  # a check that takes longer than so many seconds is run once, the others take turns
ALL_OUTPUTS = "all outputs"

LIMITS = {
    "certified": "A certified check: it encloses the gradient and compares it, and is no faster than that.",
    "gradcheck": "Beside gradcheck: its time is that of two losses a component, by PyTorch's products.",
    "enclosure of float64": "The enclosure of float64 data: a centre is a product, and a radius takes another one, of"
    " magnitudes, where the data do not settle it; the bias, the mask and the sums have theirs too.",
    "enclosure of float32": "The enclosure of float32 data: its centre is computed in float64, which takes twice as"
    " long as the products of float32, before there is any radius.",
    **whole.LIMITS,
}


class Row(NamedTuple):
    """One check of a gradient in one format."""

    dtype: str
    check: str
    found: Found
    seconds: list[float]


def measure(quick: bool, slow: bool) -> dict[str, Any]:
    """Measure, in this process: the checks of one gradient, the ``slow`` ones too or not, and enclosures."""
    shapes = SHAPES[1:3] if quick else SHAPES[1:]
    return {
        "one gradient": [row for dtype in DTYPES for row in _of_one_gradient(dtype, quick, slow)],
        "enclosure": [_of_an_enclosure(shape, dtype, quick) for shape in shapes for dtype in DTYPES],
    }


def gathered(runs: Sequence[Any]) -> dict[str, Any]:
    """Put the rounds of several processes together. The first one has every check."""
    rows = [Row(dtype, check, Found(*said), seconds) for dtype, check, said, seconds in runs[0]["one gradient"]]
    for dtype, check, _, seconds in (row for run in runs[1:] for row in run["one gradient"]):
        next(row for row in rows if (row.dtype, row.check) == (dtype, check)).seconds.extend(seconds)
    by_cell = zip(*(run["enclosure"] for run in runs), strict=True)
    return {
        "one gradient": rows,
        "enclosure": [
            {"shape": cells[0]["shape"], "dtype": cells[0]["dtype"], **joined([cell["seconds"] for cell in cells])}
            for cells in by_cell
        ],
    }


def _of_one_gradient(dtype: str, quick: bool, slow: bool) -> list[Row]:
    given = steps.problem(TUTORIAL, dtype)
    rows, short = [], {}
    for name, make in CHECKS.items():
        if name in SLOW[dtype] and not slow:
            continue
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
    given = params, x, y = steps.problem(shape, dtype)
    gradient = refnet.grads(params, x, y)
    calls = {
        "grads": lambda: refnet.grads(params, x, y),
        "enclosure": lambda: refnet.enclosure.grads(params, x, y),
        ALL_OUTPUTS: lambda: _all_outputs(given),
        "assert": lambda: refnet.assert_grads(gradient, params, x, y),
    }
    if shape == SHAPES[3]:
        return {"shape": shape, "dtype": dtype, "seconds": interleaved(calls, 1)}  # each call takes seconds
    return {"shape": shape, "dtype": dtype, "seconds": interleaved(calls, 7 if quick else 11)}


def _all_outputs(given: Problem) -> object:
    """Enclose the prediction, the loss and the gradient, which share the forward pass."""
    layers = refnet.enclosure.layers(*given)
    loss, gradient = (enclose(*given, layers=layers) for enclose in (refnet.enclosure.loss, refnet.enclosure.grads))
    return layers.p, loss, gradient


def body(found: dict[str, Any]) -> str:
    """Return the tables in Markdown."""
    rows: list[Row] = found["one gradient"]
    shape = steps.problem(TUTORIAL, "float64")
    return "\n\n".join(
        [
            f"One check of a gradient that is right, at {TUTORIAL}: {checks.components(shape):,} components, one"
            " thread. The frameworks check the gradient that they compute themselves. Data, seed and tolerances are the"
            " same each time; the tolerances are the defaults of each checker, refnet's is proved. A fast mode that"
            " refuses looks at every component before it says so.",
            *(_one_gradient([row for row in rows if row.dtype == dtype], dtype) for dtype in DTYPES),
            section(_asked(rows, found), LIMITS),
            "## The enclosure beside the gradient",
            "What an enclosure and `refnet.assert_grads` cost, by the time of `refnet.grads`, one thread. All outputs"
            " are the prediction, the loss and the gradient, which share the enclosure of the forward pass, as in a"
            " whole check; `enclosure.grads` encloses every stage too, and returns the gradient alone.",
            _enclosures(found["enclosure"]),
            whole.body(found["whole"]),
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


def _asked(rows: list[Row], found: dict[str, Any]) -> list[Asked]:
    asked: list[Asked] = []
    for dtype in DTYPES:
        by = {row.check: statistics.median(row.seconds) for row in rows if row.dtype == dtype}
        certified = by[REFNET]
        asked.append(Asked("certified", f"{dtype}: a certified check in 10 ms", readable(certified), certified <= 0.01))
        if GRADCHECK in by:
            times = by[GRADCHECK] / certified
            what = f"{dtype}: 1,000 times faster than gradcheck"
            asked.append(Asked("gradcheck", what, f"{times:,.0f}", times >= 1000))
    for cell in found["enclosure"]:
        times = ratio(cell[ALL_OUTPUTS], cell["grads"])
        what = f"{cell['dtype']}, {tuple(cell['shape'])}: all outputs enclosed at 4 times the gradient"
        asked.append(Asked(f"enclosure of {cell['dtype']}", what, f"{times:.1f}", times <= 4))
    return [*asked, *whole.asked(found["whole"])]


def _enclosures(cells: list[dict[str, Any]]) -> str:
    rows = [
        [
            f"{cell['dtype']}, {tuple(cell['shape'])}",
            readable(statistics.median(cell["grads"])),
            f"{ratio(cell['enclosure'], cell['grads']):.1f}",
            f"{ratio(cell[ALL_OUTPUTS], cell['grads']):.1f}",
            f"{ratio(cell['assert'], cell['grads']):.1f} ({readable(statistics.median(cell['assert']))})",
        ]
        for cell in cells
    ]
    return table(["where", "`refnet.grads`", "`enclosure.grads`", "of all outputs", "`assert_grads`"], rows)
