"""How the cost of a step and of a check grows with each size, and what it costs to split a batch."""

import functools
import math
import statistics
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import steps
from plot import panels
from steps import RATE, TUTORIAL, Problem, Shape
from timing import interleaved, ratio, readable, table

import refnet
from refnet import Grads

# Along each size the others are such that the products that grow with it are most of the work from the start.
ALONG: dict[str, Callable[[int], Shape]] = {
    "N": lambda n: (n, 256, 256, 32),
    "D": lambda d: (256, d, 256, 32),
    "H": lambda h: (256, 256, h, 32),
    "O": lambda o: (256, 16, 256, o),
}
SIZES = (100, 215, 464, 1000, 2154, 4642, 10000)  # two decades
CURVES = ("step", "check")


def measure(quick: bool) -> dict[str, Any]:
    """Measure the curves and the splits, in this process."""
    sizes = SIZES[::2] if quick else SIZES
    return {
        "growth": {name: [_at(name, size, quick) for size in sizes] for name in ALONG},
        "splits": _splits(8192 if quick else 32768, 5 if quick else 9),
    }


def _at(name: str, size: int, quick: bool) -> dict[str, Any]:
    shape = ALONG[name](size)
    print(f"  {shape}", file=sys.stderr)
    given = steps.problem(shape, "float64")
    gradient = refnet.grads(*given)
    calls: dict[str, Callable[[], object]] = {
        "step": lambda: refnet.update(given.params, refnet.grads(*given), RATE),
        "check": lambda: refnet.assert_grads(gradient, *given),
    }
    timed = interleaved(calls, 5 if quick else 11, most=30)
    return {
        "size": size,
        "seconds": {curve: min(timed[curve]) for curve in CURVES},
        "bytes": {curve: peak(calls[curve]) for curve in CURVES},
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


def body(found: dict[str, Any]) -> str:
    """Return the page in Markdown, beside its plot ``growth.svg``."""
    rows = []
    for name, points in found["growth"].items():
        sizes = [point["size"] for point in points]
        last = [i for i, size in enumerate(sizes) if size >= max(sizes) / 10]
        for what in ("seconds", "bytes"):
            for curve in CURVES:
                costs = [point[what][curve] for point in points]
                over = exponent(sizes, costs), exponent([sizes[i] for i in last], [costs[i] for i in last])
                cost = readable(costs[-1]) if what == "seconds" else f"{costs[-1] / 2**20:.0f} MiB"
                rows.append(
                    [
                        f"{'time' if what == 'seconds' else 'memory'} of a {curve} along {name}",
                        *(f"{p:.2f}" for p in over),
                        cost,
                    ]
                )
    return "\n\n".join(
        [
            "float64, one thread. A step is `grads` and `update`, a check is `assert_grads`. Time is that of the"
            " fastest round, memory the most that is allocated at one time.",
            "![time of a step and of a check along N, D, H and O](growth.svg)",
            "The exponent p of the power that fits best, `size**p`: over both decades, where what does not grow still"
            f" counts at the small end, and over the last one. The sizes go from {SIZES[0]} to {SIZES[-1]:,}; the cost"
            " is that of the last.",
            table(["", "both decades", "the last", "cost at the end"], rows),
            "## Splitting a batch",
            _splitting(found["splits"]),
        ]
    )


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
