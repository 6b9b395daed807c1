"""The tables of exact results and of numerical gradients, beside other means to the same numbers."""

import statistics
import sys
from typing import Any

import exactness
import numerical
from exactness import MEANS
from timing import Seconds, interleaved, ratio, readable, spread, table

REFNET = next(iter(MEANS))
FLINT = "python-flint, `fmpz_mat`"


def measure(quick: bool) -> dict[str, Any]:
    """Time all means on all problems, in this process. Each has returned the right numbers before it is timed."""
    rounds = 3 if quick else 9
    exact, differences = [], []
    for shape in exactness.SHAPES:
        for dtype in exactness.DTYPES:
            print(f"  {dtype}, {shape}", file=sys.stderr)
            exact.append((shape, dtype, interleaved(exactness.calls(shape, dtype), rounds)))
    for shape in numerical.SHAPES[:1] if quick else numerical.SHAPES:
        print(f"  differences, {shape}", file=sys.stderr)
        timed = interleaved(numerical.calls(shape), rounds)
        differences.append((shape, timed, numerical.errors(shape)))
    return {"exact": exact, "differences": differences}


def body(found: dict[str, Any]) -> str:
    """Return the tables in Markdown."""
    parts = [
        "One thread. Each entry: the time by refnet's, then the median time and half the distance of its quartiles."
    ]
    for shape in exactness.SHAPES:
        by = {dtype: timed for where, dtype, timed in found["exact"] if tuple(where) == shape}
        rows = [[name, *(_entry(by[dtype], name, REFNET) for dtype in exactness.DTYPES)] for name in MEANS]
        parts += [f"## Exact results at {shape}", table(["", *exactness.DTYPES], rows)]
    parts += ["## What was asked for", _asked(found)]
    for shape, timed, errors in found["differences"]:
        _, d, h, o = shape
        rows = [
            [name, _entry(timed, name, numerical.ALL), *(f"{error:.1e}" for error in errors[name])] for name in timed
        ]
        parts += [
            f"## Central differences at {tuple(shape)}, {d * h + h + h * o + o:,} parameters",
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


def _asked(found: dict[str, Any]) -> str:
    rows = []
    for shape, dtype, timed in found["exact"]:
        if tuple(shape) != exactness.SHAPES[-1]:
            continue
        seconds, most = statistics.median(timed[REFNET]), {"float64": 0.12, "float32": 0.06}[dtype]
        rows.append([f"{dtype}, {tuple(shape)}: in {readable(most)}", readable(seconds), _holds(seconds <= most)])
        if FLINT in timed:
            times = ratio(timed[FLINT], timed[REFNET])
            rows.append([f"{dtype}, {tuple(shape)}: 4 times faster than FLINT", f"{times:.1f}", _holds(times >= 4)])
    for shape, timed, _ in found["differences"]:
        if numerical.LOOP in timed:
            times = ratio(timed[numerical.LOOP], timed[numerical.ALL])
            asked = f"differences, {tuple(shape)}: 50 times faster than a loop"
            rows.append([asked, f"{times:.0f}", _holds(times >= 50)])
    return table(["asked", "measured", "holds"], rows)


def _holds(it_does: bool) -> str:
    return "yes" if it_does else "**no**"
