"""The tables of exact results and of numerical gradients, beside other means to the same numbers."""

import statistics
import sys
from collections.abc import Sequence
from typing import Any

import exactness
import numerical
from asked import Asked, section
from exactness import ARB, FLINT, FLINT_ROUNDED, MEANS, UNROUNDED
from timing import Seconds, interleaved, joined, ratio, readable, spread, table

REFNET = next(iter(MEANS))
MOST = {"float64": 0.12, "float32": 0.06}  # seconds, at the tutorial's size
LIMITS = {
    "time": "The time of exact results: most of it is products of digits, as many as the numbers have slices of 21 bits"
    " times those of their factors; carrying and rounding are passes that NumPy makes one by one.",
    "FLINT": "Beside FLINT: what `refnet.exact` returns is rounded to floats, and the fastest of FLINT's is not. To"
    " round every component correctly takes refnet a part of its time, as its row without rounding shows, and FLINT"
    " more.",
    "differences": "Numerical gradients of a small network: 50 times faster than the loop would be the time of three"
    " losses. The pre-activations, the limits of the steps and the differences of both layers take some 45 calls of"
    " NumPy, of half a microsecond or more each.",
}


def measure(quick: bool, slow: bool) -> dict[str, Any]:
    """Time all means on all problems, in this process. Each has returned the right numbers before it is timed.

    ``slow``: also Python ints at the largest size.
    """
    rounds = 3 if quick else 7
    exact, differences = [], []
    for shape in exactness.SHAPES:
        for dtype in exactness.DTYPES:
            print(f"  {dtype}, {shape}", file=sys.stderr)
            calls = exactness.calls(shape, dtype, slow=slow)
            exact.append((shape, dtype, interleaved(calls, 3 if shape == exactness.SHAPES[-1] else rounds)))
    for shape in numerical.SHAPES[:1] if quick else numerical.SHAPES:
        print(f"  differences, {shape}", file=sys.stderr)
        timed = interleaved(numerical.calls(shape), rounds)
        differences.append((shape, timed, numerical.errors(shape)))
    return {"exact": exact, "differences": differences}


def gathered(runs: Sequence[Any]) -> dict[str, Any]:
    """Put the rounds of several processes together: of the first one what each has, and the errors."""
    exact = zip(*(run["exact"] for run in runs), strict=True)
    differences = zip(*(run["differences"] for run in runs), strict=True)
    return {
        "exact": [(tuple(same[0][0]), same[0][1], joined([timed for _, _, timed in same])) for same in exact],
        "differences": [(tuple(same[0][0]), joined([d[1] for d in same]), same[0][2]) for same in differences],
    }


def body(found: dict[str, Any]) -> str:
    """Return the tables in Markdown."""
    parts = [
        "One thread. Each entry: the time by refnet's, then the median time and half the distance of its quartiles."
    ]
    for shape in exactness.SHAPES:
        by = {dtype: timed for where, dtype, timed in found["exact"] if where == shape}
        rows = [[name, *(_entry(by[dtype], name, REFNET) for dtype in exactness.DTYPES)] for name in MEANS]
        parts += [f"## Exact results at {shape}", table(["", *exactness.DTYPES], rows)]
    parts.append(section(_asked(found), LIMITS))
    for shape, timed, errors in found["differences"]:
        _, d, h, o = shape
        rows = [
            [name, _entry(timed, name, numerical.ALL), *(f"{error:.1e}" for error in errors[name])] for name in timed
        ]
        parts += [
            f"## Central differences at {shape}, {d * h + h + h * o + o:,} parameters",
            table(["", "time", "error in w1", "b1", "w2", "b2"], rows),
        ]
    parts.append("An error is the largest one, by the largest entry of the exact gradient.")
    return "\n\n".join(parts)


def _entry(timed: dict[str, Seconds], name: str, reference: str) -> str:
    if name not in timed:
        return "-"
    seconds = timed[name]
    by = ratio(seconds, timed[reference])
    return f"{by:.3g} ({readable(statistics.median(seconds))} ± {spread(seconds):.0%})"


def _asked(found: dict[str, Any]) -> list[Asked]:
    rows: list[Asked] = []
    for shape, dtype, timed in found["exact"]:
        if shape != exactness.SHAPES[-1]:
            continue
        seconds, most = statistics.median(timed[REFNET]), MOST[dtype]
        rows.append(Asked("time", f"{dtype}, {shape}: in {readable(most)}", readable(seconds), seconds <= most))
        if FLINT in timed:
            by = {name: ratio(timed[name], timed[REFNET]) for name in (FLINT, FLINT_ROUNDED, ARB)}
            fastest = min((FLINT, ARB), key=lambda name: by[name])
            neither, both = ratio(timed[fastest], timed[UNROUNDED]), by[FLINT_ROUNDED]
            beside = f"{by[fastest]:.1f} ({fastest}); {neither:.1f} where neither rounds, {both:.1f} where both do"
            rows.append(Asked("FLINT", f"{dtype}, {shape}: 4 times faster than FLINT", beside, by[fastest] >= 4))
    for shape, timed, _ in found["differences"]:
        if numerical.LOOP in timed:
            times = ratio(timed[numerical.LOOP], timed[numerical.ALL])
            what = f"differences, {shape}: 50 times faster than a loop"
            rows.append(Asked("differences", what, f"{times:.0f}", times >= 50))
    return rows
