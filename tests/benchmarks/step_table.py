"""The table of the step: refnet beside the tutorial's script, the frameworks and the bare products."""

import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from typing import Any, NamedTuple

import steps
from steps import CONTENDERS, LIMITS, PRODUCTS, REFNET, SHAPES, TUTORIAL, Shape
from timing import Timed, interleaved, ratio, readable, spread, table

import refnet

DTYPES = ("float32", "float64")
Measured = dict[str, Timed]


class Cell(NamedTuple):
    """One problem with so many threads."""

    threads: int
    dtype: str
    shape: Shape


def measure(quick: bool) -> list[Any]:
    """Time all contenders on all problems, in this process: for each problem the dtype, the shape and the timings."""
    found = []
    for shape in SHAPES[:3] if quick else SHAPES:
        for dtype in DTYPES:
            print(f"  {dtype}, {shape}", file=sys.stderr)
            given = steps.problem(shape, dtype)
            calls = {name: made for name, make in CONTENDERS.items() if (made := _installed(make, given))}
            found.append((dtype, shape, interleaved(calls, 5 if quick else 11, most=10 if quick else 60)))
    return found


def _installed(make: Any, given: steps.Problem) -> steps.Step | None:
    try:
        step: steps.Step = make(given)
    except ModuleNotFoundError as error:
        print(f"    left out: {error}", file=sys.stderr)
        return None
    return step


def gathered(threads: int, runs: Sequence[Any]) -> dict[Cell, Measured]:
    """Put the rounds of several processes together."""
    cells: dict[Cell, Measured] = {}
    for run in runs:
        for dtype, shape, timings in run:
            cell = cells.setdefault(Cell(threads, dtype, tuple(shape)), {})
            for name, (seconds, faults) in timings.items():
                so_far = cell.setdefault(name, Timed([], []))
                so_far.seconds.extend(seconds)
                so_far.faults.extend(faults)
    return cells


def body(cells: dict[Cell, Measured], costs: dict[str, Any]) -> str:
    """Return the tables in Markdown: what was asked, whether it holds, and all times."""
    shapes = sorted({cell.shape for cell in cells})
    parts = [
        "Each entry: the time of one step by refnet's in the same round, in the median of all rounds (more than 1 is"
        " slower than refnet), then the median time itself and half the distance of its quartiles."
    ]
    for threads in sorted({cell.threads for cell in cells}):
        for dtype in DTYPES:
            rows = [
                [name, *(_entry(cells[Cell(threads, dtype, shape)], name) for shape in shapes)] for name in CONTENDERS
            ]
            parts += [
                f"## {dtype}, {_threads(threads)}",
                table([f"{dtype}, {_threads(threads)}", *map(str, shapes)], rows),
            ]
    return "\n\n".join(
        [*parts, "## What was asked for", _asked(cells), "## What else a step costs", _costs(cells, costs)]
    )


def _threads(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"


def _entry(measured: Measured, name: str) -> str:
    if name not in measured:
        return "not installed"
    seconds = measured[name].seconds
    by = ratio(seconds, measured[REFNET].seconds)
    return f"{by:.2f} ({readable(statistics.median(seconds))} ± {spread(seconds):.0%})"


def _asked(cells: dict[Cell, Measured]) -> str:
    rows = []
    for cell, measured in cells.items():
        others = {name: timed for name, timed in measured.items() if name not in (REFNET, *LIMITS)}
        mine = measured[REFNET].seconds
        where = f"{cell.dtype}, {_threads(cell.threads)}, {cell.shape}"
        if cell.shape in SHAPES[:2]:
            frameworks = {n: t for n, t in others.items() if cell.shape == TUTORIAL or "script" not in n}
            name = min(frameworks, key=lambda n: ratio(frameworks[n].seconds, mine))
            rows.append(_row(where, f"no slower than {name}", ratio(mine, frameworks[name].seconds), 1.0))
        if cell.shape != SHAPES[0]:
            rows.append(_row(where, "at most 1.25 times the products", ratio(mine, measured[PRODUCTS].seconds), 1.25))
    return table(["where", "asked", "measured", "holds"], rows)


def _row(where: str, asked: str, measured: float, most: float) -> list[str]:
    return [where, asked, f"{measured:.2f}", "yes" if measured <= most else "**no**"]


def costs(quick: bool) -> dict[str, Any]:
    """Measure memory and the import, in this process and in fresh ones."""
    return {
        "memory": [(shape, *_memory(shape)) for shape in SHAPES[1:3] if not quick or shape == TUTORIAL],
        "import": _imports(5 if quick else 15),
    }


def _memory(shape: Shape) -> tuple[int, int]:
    """Return the peak of one gradient and update in bytes, and the bytes of the arrays that the mathematics names.

    These are h, a and gh (N, H), g (N, O) and the gradient; when it is there, the new parameters take the room that
    h, a and gh have left, or more where they are larger.
    """
    n, d, h, o = shape
    params, x, y = steps.problem(shape, "float64")
    result = 8 * (d * h + h + h * o + o)
    needed = result + max(result, 8 * (3 * n * h + n * o))

    def step() -> object:
        return refnet.update(params, refnet.grads(params, x, y), steps.RATE)

    step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    step()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak, needed


def _imports(rounds: int) -> dict[str, Timed]:
    def importing(module: str) -> Any:
        return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

    return interleaved({module: importing(module) for module in ("numpy", "refnet")}, rounds)


def _costs(cells: dict[Cell, Measured], costs: dict[str, Any]) -> str:
    rows = [
        [
            f"memory, {tuple(shape)}",
            f"{peak / 2**20:.2f} MiB at the peak",
            f"{needed / 2**20:.2f} MiB",
            f"{peak / needed:.2f}",
        ]
        for shape, peak, needed in costs["memory"]
    ]
    numpy, own = (costs["import"][module][0] for module in ("numpy", "refnet"))
    rows.append(
        [
            "`import refnet`",
            readable(statistics.median(own)),
            f"{readable(statistics.median(numpy))} (`import numpy`)",
            f"{ratio(own, numpy):.2f}",
        ]
    )
    faults = [
        [
            f"page faults, {cell.dtype}, {cell.shape}",
            f"{statistics.median(measured[REFNET].faults):.0f} a step",
            f"{statistics.median(measured[PRODUCTS].faults):.0f} (the products alone)",
            "",
        ]
        for cell, measured in cells.items()
        if cell.threads == 1
    ]
    return table(["what", "refnet", "beside", "ratio"], rows + faults)
