"""Measure refnet beside the tutorial's script, the frameworks and their limits; print the tables, and keep them.

    python tests/benchmarks/tables.py [--quick] [--save] [step] [checking] [exactness] [growth]

Without a name, all of them. ``--quick`` takes minutes rather than the better part of an hour: it leaves the largest
shape out, and measures a sample where it says so. ``--save`` writes the pages under tests/benchmarks/results. What is
not installed is left out, and said so; the extra ``benchmark`` has all of it. Everything is timed in processes apart,
in turns with what it is compared with, and in three of them one after the other, unless the run is quick; what takes
minutes is timed in the first of these alone. Growth, which is no comparison, is measured in one.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from timing import apart, forget_kernels, keep_to

HERE = Path(__file__)
RESULTS = HERE.parent / "results"


class Page(NamedTuple):
    """A page of results: its title, what it says, and the picture that goes with it."""

    title: str
    body: str
    picture: str = ""


def main() -> None:
    """Measure what is asked for, in processes apart, and print it page by page."""
    asked = _arguments()
    forget_kernels()
    if asked.cores:
        keep_to(asked.cores)
        json.dump(_measured(asked.tables[0], asked.quick, asked.run), sys.stdout)
        return
    for name in asked.tables or PAGES:
        page = PAGES[name](asked.quick)
        text = f"# {page.title}\n\n{_made_by(name, asked.quick)}\n\n{page.body}\n"
        print(text)
        if asked.save:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
            if page.picture:
                (RESULTS / f"{name}.svg").write_text(page.picture, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", nargs="*", choices=[*PAGES, []], metavar="TABLE", help=", ".join(PAGES))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no large shape, samples")
    parser.add_argument("--save", action="store_true", help="write the pages under tests/benchmarks/results")
    parser.add_argument("--cores", help=argparse.SUPPRESS)  # this is a process apart, which measures one table
    parser.add_argument(
        "--run", type=int, default=0, help=argparse.SUPPRESS
    )  # of several such processes, the how-manyth
    return parser.parse_args()


def _made_by(name: str, quick: bool) -> str:
    from machine import machine, versions

    command = " ".join(["python tests/benchmarks/tables.py", *(["--quick"] if quick else []), "--save", name])
    return f"Written by `{command}`, and not by hand.\n\n{machine()}\n- packages: {versions()}"


def _measured(name: str, quick: bool, run: int) -> Any:
    """Measure one table, in this process. What is imported here must not be imported before `keep_to`.

    ``run`` is 0 in the first of several processes: it alone measures what takes long, and what is counted, not timed.
    """
    first = run == 0
    if name == "step":
        import step_table

        return {"cells": step_table.measure(quick), "costs": step_table.costs(quick) if first else {}}
    if name == "checking":
        import check_table

        return check_table.measure(quick, slow=first)
    if name == "exactness":
        import exact_table

        return exact_table.measure(quick, slow=first and not quick)
    import growth_table

    return growth_table.measure(quick)


def _apart(name: str, quick: bool, threads: int, run: int = 0) -> Any:
    began = time.perf_counter()
    found = apart(HERE, [name, *(["--quick"] if quick else []), "--run", str(run)], threads, first=run)
    took = time.perf_counter() - began
    print(f"{name}, {threads} thread{'s' * (threads > 1)}, run {run + 1}: {took:.0f} s", file=sys.stderr)
    return found


def _runs(name: str, quick: bool, threads: int, before: int = 0) -> list[Any]:
    """Measure a table in three processes, or in one, after so many ``before``."""
    return [_apart(name, quick, threads, before + run) for run in range(1 if quick else 3)]


def _step(quick: bool) -> Page:
    import step_table

    cells: dict[step_table.Cell, step_table.Measured] = {}
    costs: dict[str, Any] = {}
    for threads in (1, 2):
        runs = _runs("step", quick, threads, before=3 * (threads - 1))
        cells.update(step_table.gathered(threads, [run["cells"] for run in runs]))
        costs = costs or runs[0]["costs"]
    return Page("A step of gradient descent", step_table.body(cells, costs))


def _checking(quick: bool) -> Page:
    import check_table
    import whole

    found = check_table.gathered(_runs("checking", quick, threads=1))
    return Page("A check", check_table.body({**found, "whole": whole.measure(quick)}))


def _exactness(quick: bool) -> Page:
    import exact_table

    found = exact_table.gathered(_runs("exactness", quick, threads=1))
    return Page("Exact results, and numerical gradients", exact_table.body(found))


def _growth(quick: bool) -> Page:
    import growth_table

    found = _apart("growth", quick, threads=1)
    return Page("Growth", growth_table.body(found), growth_table.picture(found))


PAGES: Mapping[str, Callable[[bool], Page]] = {
    "step": _step,
    "checking": _checking,
    "exactness": _exactness,
    "growth": _growth,
}

if __name__ == "__main__":
    main()
