"""How the cost of a step and of a check grows with each size, and what it costs to split a batch."""

import functools
import math
import statistics
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import steps
from asked import Asked, section
from plot import panels
from steps import RATE, TUTORIAL, Problem, Shape
from timing import interleaved, ratio, readable, table

import refnet
from refnet import Grads

# Along each size the others are such that the products that grow with it are most of the work from the start.
ALONG: dict[str, Callable[[int], Shape]] = {
    "N": lambda n: (n, 512, 512, 32),
    "D": lambda d: (256, d, 256, 32),
    "H": lambda h: (512, 512, h, 32),
    "O": lambda o: (256, 16, 256, o),
}
SIZES = tuple(round(10 ** (2 + quarter / 4)) for quarter in range(9))  # two decades, five sizes in the last one
LINEAR = 1.1  # the largest exponent that counts as linear
LIMITS = {
    "time": "Time: an element costs more from where the arrays of a batch outgrow a cache, and from where they are so"
    " large that the C library asks the system for each of them anew. Both are steps and no powers: the columns of what"
    " a unit costs show how high they are.",
    "memory": "Memory: nothing that is allocated need grow faster than the sizes; this is a fault.",
}
CURVES = ("step", "check")


def measure(quick: bool) -> dict[str, Any]:
    """Measure the curves and the splits, in this process."""
    return {
        "growth": {name: _along(name, 3 if quick else 15) for name in ALONG},
        "splits": _splits(8192 if quick else 32768, 5 if quick else 9),
    }


def _along(name: str, rounds: int) -> list[dict[str, Any]]:
    """Measure all sizes in turns, so that no size has a quieter machine than another, and keep the fastest round."""
    print(f"  along {name}", file=sys.stderr)
    calls = {size: _calls(ALONG[name](size)) for size in SIZES}
    timed = interleaved({f"{curve} {size}": calls[size][curve] for size in SIZES for curve in CURVES}, rounds)
    return [
        {
            "size": size,
            "seconds": {curve: min(timed[f"{curve} {size}"]) for curve in CURVES},
            "bytes": {curve: peak(calls[size][curve]) for curve in CURVES},
        }
        for size in SIZES
    ]


def _calls(shape: Shape) -> dict[str, Callable[[], object]]:
    given = steps.problem(shape, "float64")
    gradient = refnet.grads(*given)
    return {
        "step": lambda: refnet.update(given.params, refnet.grads(*given), RATE),
        "check": lambda: refnet.assert_grads(gradient, *given),
    }


def peak(call: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at one time during the call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def sharded(given: Problem, rows: int) -> Grads[Any]:
    """Return the gradient of the whole batch as the sum of those of its shards, which are views of so many rows."""
    params, x, y = given
    shards = (refnet.grads(params, x[i : i + rows], y[i : i + rows]) for i in range(0, len(x), rows))
    return functools.reduce(lambda so_far, shard: Grads(*map(np.add, so_far, shard)), shards)


def _splits(whole: int, rounds: int) -> list[dict[str, Any]]:
    print("  splits", file=sys.stderr)
    given = steps.problem((whole, *TUTORIAL[1:]), "float64")
    shards = [whole >> 2 * i for i in range(6)]
    calls = {str(rows): functools.partial(sharded, given, rows) for rows in shards}
    timed = interleaved(calls, rounds)
    return [
        {
            "rows": rows,
            "seconds": timed[str(rows)],
            "bytes": peak(calls[str(rows)]),
        }
        for rows in shards
    ]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of the line that fits the logarithms best: p, where the cost is about ``size**p``."""
    x, y = (np.log(np.asarray(values, float)) for values in (sizes, costs))
    x = x - x.mean()
    return float(x @ y / (x @ x))


def picture(found: dict[str, Any]) -> str:
    """Return the plot, as SVG."""
    return panels(
        {
            f"{name}, at {_but(name)}": {
                curve: [(point["size"], point["seconds"][curve]) for point in points] for curve in CURVES
            }
            for name, points in found["growth"].items()
        }
    )


def _but(name: str) -> str:
    shape = ALONG[name](0)
    return ", ".join(f"{other} = {size}" for other, size in zip("NDHO", shape, strict=True) if other != name)


class Slope(NamedTuple):
    """How one cost grows along one size: the exponents over both decades and the last one, and its last decade."""

    what: str  # "time" or "memory"
    curve: str
    along: str
    both: float
    last: float
    unit_costs: tuple[float, float]  # of a unit of the size, where the last decade begins and where it ends
    cost: float


def slopes(growth: dict[str, Any]) -> list[Slope]:
    """Return the fitted exponents."""
    found = []
    for along, points in growth.items():
        sizes = [point["size"] for point in points]
        decade = slice(next(i for i, size in enumerate(sizes) if size >= max(sizes) / 10), None)
        for what, key in (("time", "seconds"), ("memory", "bytes")):
            for curve in CURVES:
                costs = [point[key][curve] for point in points]
                units = [cost / size for cost, size in zip(costs, sizes, strict=True)][decade]
                fitted = exponent(sizes, costs), exponent(sizes[decade], costs[decade])
                found.append(Slope(what, curve, along, *fitted, (units[0], units[-1]), costs[-1]))
    return found


def asked(found: Sequence[Slope]) -> list[Asked]:
    """Return what was asked of the growth: that it is linear, along each size."""
    rows = []
    for what in LIMITS:
        for curve in CURVES:
            of_each = {slope.along: slope.last for slope in found if (slope.what, slope.curve) == (what, curve)}
            most = max(of_each, key=lambda along: of_each[along])
            measured = f"at most {of_each[most]:.2f}, along {most}"
            linear = f"{what} of a {curve}: linear in {', '.join(of_each)}"
            rows.append(Asked(what, linear, measured, of_each[most] <= LINEAR))
    return rows


def body(found: dict[str, Any]) -> str:
    """Return the page in Markdown, beside its plot ``growth.svg``."""
    fitted = slopes(found["growth"])
    rows = [
        [
            f"{slope.what} of a {slope.curve} along {slope.along}",
            f"{slope.both:.2f}",
            f"{slope.last:.2f}",
            *(_cost(slope.what, cost) for cost in (*slope.unit_costs, slope.cost)),
        ]
        for slope in fitted
    ]
    return "\n\n".join(
        [
            "float64, one thread. A step is `grads` and `update`, a check is `assert_grads`. All sizes take turns; time"
            " is that of the fastest round, memory the most that is allocated at one time.",
            "![time of a step and of a check along N, D, H and O](growth.svg)",
            "The exponent p of the power that fits best, `size**p`, by least squares of the logarithms: over both"
            " decades, where what does not grow still counts at the small end, and over the last one, which is what"
            f" counts. The sizes go from {SIZES[0]} to {SIZES[-1]:,}, four a decade; behind the exponents stands what a"
            " unit of the size costs where the last decade begins and where it ends, and the cost of the last size.",
            table(
                ["", "both decades", "the last", f"a unit at {SIZES[4]:,}", f"at {SIZES[-1]:,}", "cost at the end"],
                rows,
            ),
            section(asked(fitted), LIMITS),
            f"Linear is an exponent of at most {LINEAR} over the last decade. Less is no better than linear: it means"
            " that what does not grow still counts.",
            "## Splitting a batch",
            _splitting(found["splits"]),
        ]
    )


def _cost(what: str, cost: float) -> str:
    if what == "time":
        return readable(cost)
    return f"{cost / 2**20:.0f} MiB" if cost >= 2**20 else f"{cost / 2**10:.1f} KiB"


def _splitting(splits: list[dict[str, Any]]) -> str:
    whole = splits[0]
    rows = [
        [
            f"{split['rows']:,}",
            f"{ratio(split['seconds'], whole['seconds']):.2f}",
            readable(statistics.median(split["seconds"])),
            f"{split['bytes'] / 2**20:.1f} MiB",
        ]
        for split in splits
    ]
    # The whole batch is among both, so that there is always one.
    best = min(splits, key=lambda split: ratio(split["seconds"], whole["seconds"]))
    free = [s for s in splits if ratio(s["seconds"], whole["seconds"]) <= 1.05]
    least = min(free, key=lambda split: int(split["rows"]))
    shape = (whole["rows"], *TUTORIAL[1:])
    return "\n\n".join(
        [
            "The gradient of a batch is the sum of those of its shards (LAW-4), so a batch that does not fit need not:"
            f" here one of shape {shape}, all of it and in shards. The first column is the rows of a shard, the second"
            " the time by that of the whole batch, the last the most memory at one time.",
            table(["rows", "by the whole", "time", "memory"], rows),
            f"Shards of {best['rows']:,} rows are the fastest. Those of {least['rows']:,} cost at most 5 % more time"
            f" than the whole batch, and take {whole['bytes'] / least['bytes']:.0f} times less memory: split there."
            " Smaller ones pay for each shard what does not depend on its rows: the sum of the gradients of the"
            f" weights, {math.prod(TUTORIAL[1:3]):,} additions, and the calls.",
        ]
    )
