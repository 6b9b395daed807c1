"""The table of the step: refnet beside the tutorial's script, the frameworks and the bare products."""

import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import steps
from asked import Asked, section
from steps import CONTENDERS, LIMITS, PRODUCTS, REFNET, SCRIPT, SHAPES, TUTORIAL, Shape
from timing import Seconds, interleaved, joined, ratio, readable, spread, table

import refnet

HERE = str(Path(__file__).parent)
DTYPES = ("float32", "float64")
Measured = dict[str, Seconds]

LIMITS_OF = {
    "script": "Beside the script: it changes its parameters in place and checks nothing. Out of place, a step asks"
    " for new arrays; checked, it looks at six arguments twice.",
    "frameworks": "Beside the frameworks: PyTorch's products are those of another library, which the row of its"
    " products alone shows, and JAX makes one pass of what NumPy makes several of. With two threads both divide"
    " everything; NumPy has one thread for all but the products.",
    "products": "Beside the products: bias, ReLU, mask, sums, update and the checks of the arguments come on top, some"
    " 25 calls of NumPy. NumPy runs all that on one thread, so with two threads the products alone are halved.",
    "faults": "Page faults: the C library gives memory back to the system whenever enough is free at the end of its"
    " heap, which `import refnet` has it do later; from 32 MiB on it does so with each array. NumPy offers no way to"
    " keep such memory, short of buffers that are held, and pure functions hold none.",
}


class Cell(NamedTuple):
    """One problem with so many threads."""

    threads: int
    dtype: str
    shape: Shape


def measure(quick: bool) -> list[Any]:
    """Time all contenders on all problems, in this process: for each problem the dtype, the shape and the timings."""
    found = []
    for shape in _shapes(quick):
        for dtype in DTYPES:
            print(f"  {dtype}, {shape}", file=sys.stderr)
            given = steps.problem(shape, dtype)
            calls = {name: made for name, make in CONTENDERS.items() if (made := _installed(make, given))}
            found.append((dtype, shape, interleaved(calls, _rounds(shape, quick), most=10 if quick else 60)))
    return found


def _rounds(shape: Shape, quick: bool) -> int:
    """Return the rounds of one process: where a step takes seconds, the three processes have one each."""
    return 1 if shape == SHAPES[3] else 5 if quick else 21


def _installed(make: Any, given: steps.Problem) -> steps.Step | None:
    try:
        step: steps.Step = make(given)
    except ModuleNotFoundError as error:
        print(f"    left out: {error}", file=sys.stderr)
        return None
    return step


def gathered(threads: int, runs: Sequence[Any]) -> dict[Cell, Measured]:
    """Put the rounds of several processes together."""
    cells: dict[Cell, list[Measured]] = {}
    for run in runs:
        for dtype, shape, timings in run:
            cells.setdefault(Cell(threads, dtype, tuple(shape)), []).append(timings)
    return {cell: joined(several) for cell, several in cells.items()}


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
    asked = section([*_asked(cells), *_asked_of_faults(costs)], LIMITS_OF)
    return "\n\n".join([*parts, asked, "## What else a step costs", _costs(costs)])


def _threads(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"


def _entry(measured: Measured, name: str) -> str:
    if name not in measured:
        return "not installed"
    seconds = measured[name]
    by = ratio(seconds, measured[REFNET])
    return f"{by:.2f} ({readable(statistics.median(seconds))} ± {spread(seconds):.0%})"


def _asked(cells: dict[Cell, Measured]) -> list[Asked]:
    rows: list[Asked] = []
    for cell, measured in cells.items():
        others = {name: seconds for name, seconds in measured.items() if name not in (REFNET, *LIMITS)}
        mine = measured[REFNET]
        where = f"{cell.dtype}, {_threads(cell.threads)}, {cell.shape}"
        if cell.shape in SHAPES[:2]:
            frameworks = {n: seconds for n, seconds in others.items() if cell.shape == TUTORIAL or n != SCRIPT}
            name = min(frameworks, key=lambda n: ratio(frameworks[n], mine))
            times = ratio(mine, frameworks[name])
            kind = "script" if name == SCRIPT else "frameworks"
            rows.append(Asked(kind, f"{where}: no slower than {name}", f"{times:.2f}", times <= 1))
        if cell.shape != SHAPES[0]:
            times = ratio(mine, measured[PRODUCTS])
            rows.append(Asked("products", f"{where}: at most 1.25 times the products", f"{times:.2f}", times <= 1.25))
    return rows


def _asked_of_faults(costs: dict[str, Any]) -> list[Asked]:
    return [
        Asked("faults", f"{dtype}, {tuple(shape)}: no page fault in the steady state", f"{own:.0f} a step", own < 1)
        for shape, dtype, own, _ in costs["faults"]
    ]


def costs(quick: bool) -> dict[str, Any]:
    """Measure memory and the import, in this process and in fresh ones."""
    return {
        "memory": [(shape, *_memory(shape)) for shape in SHAPES[1:3] if not quick or shape == TUTORIAL],
        "faults": [(shape, dtype, *_faults(shape, dtype)) for shape in _shapes(quick) for dtype in DTYPES],
        "import": _imports(5 if quick else 15),
    }


def _shapes(quick: bool) -> Sequence[Shape]:
    return SHAPES[:3] if quick else SHAPES


def _faults(shape: Shape, dtype: str) -> list[float]:
    """Return the page faults of a step in the steady state, refnet's and the script's, each alone in its process."""
    found = []
    for name in (REFNET, SCRIPT):
        program = (
            f"import sys; sys.path.insert(0, {HERE!r}); import step_table;"
            f" print(step_table.steady_faults({name!r}, {shape}, {dtype!r}))"
        )
        run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
        found.append(float(run.stdout))
    return found


def steady_faults(name: str, shape: Shape, dtype: str) -> float:
    """Return how many pages a step is given, after as many steps as are counted."""
    from resource import RUSAGE_SELF, getrusage

    step, steps_counted = CONTENDERS[name](steps.problem(shape, dtype)), 40 if shape != SHAPES[3] else 2
    for _ in range(steps_counted):
        step()
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(steps_counted):
        step()
    return (getrusage(RUSAGE_SELF).ru_minflt - before) / steps_counted


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


def _imports(rounds: int) -> dict[str, Seconds]:
    """Time an interpreter that imports, with what it compiled before at hand, as after any installation."""
    with TemporaryDirectory() as folder:
        compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        compiled["PYTHONPYCACHEPREFIX"] = folder

        def importing(module: str) -> Any:
            return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=compiled)

        modules = ("numpy", "refnet")
        return interleaved({module: importing(module) for module in modules}, rounds, clock=time.perf_counter)


def _costs(costs: dict[str, Any]) -> str:
    rows = [
        [
            f"memory, {tuple(shape)}",
            f"{peak / 2**20:.2f} MiB at the peak",
            f"{needed / 2**20:.2f} MiB",
            f"{peak / needed:.2f}",
        ]
        for shape, peak, needed in costs["memory"]
    ]
    numpy, own = (costs["import"][module] for module in ("numpy", "refnet"))
    beside = f"{readable(statistics.median(numpy))} (`import numpy`)"
    rows.append(["`import refnet`", readable(statistics.median(own)), beside, f"{ratio(own, numpy):.2f}"])
    rows += [
        [f"page faults, {dtype}, {tuple(shape)}", f"{own:.0f} a step", f"{script:.0f} (the script)", ""]
        for shape, dtype, own, script in costs["faults"]
    ]
    return table(["what", "refnet", "beside", "ratio"], rows)
