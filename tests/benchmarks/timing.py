"""How everything is timed here: side by side, in bursts that take turns, so that a busy machine is busy for all."""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Calls = Mapping[str, Callable[[], object]]
Seconds = list[float]  # of one call, one entry a round


def now() -> float:
    """Return the time: of the processor for this process, where it has one core, so that others do not count."""
    one_core = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1
    return time.process_time() if one_core else time.perf_counter()


def interleaved(
    calls: Calls, rounds: int, burst: float = 0.02, most: float = 60.0, clock: Callable[[], float] | None = None
) -> dict[str, Seconds]:
    """Time the calls in ``rounds`` rounds: in each, all of them in a new order, each in a burst of ``burst`` seconds.

    A burst begins with one call that is not timed, where calls are short: the next ones find the caches as in a loop.
    Its time is the median of its calls, a fifth of a millisecond of them at once where they are shorter, so that it
    means something where the system gives the core to somebody else in between. Rounds end early, though not before
    the third, when all of it has taken ``most`` seconds. ``clock`` is `now`, unless a call has others do the work.
    """
    clock = clock or now
    timed: dict[str, Seconds] = {name: [] for name in calls}
    once = {name: _roughly(call, clock) for name, call in calls.items()}
    order, shuffle = list(calls), random.Random(0).shuffle
    start = clock()
    for done in range(rounds):
        if done >= 3 and clock() - start > most:
            break
        shuffle(order)
        for name in order:
            at_once = max(1, round(2e-4 / once[name]))
            times = max(1, round(burst / once[name] / at_once))
            if once[name] < burst:
                calls[name]()
            timed[name].append(statistics.median([_seconds_of(calls[name], at_once, clock) for _ in range(times)]))
    return timed


def _roughly(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long a call takes, about: not the first one, which may compile or import, unless that is long."""
    first = _seconds_of(call, 1, clock)
    if first > 1:
        return first
    again = _seconds_of(call, 1, clock)
    return again if again > 0.1 else min(again, *(_seconds_of(call, 1, clock) for _ in range(2)))


def _seconds_of(call: Callable[[], object], count: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Return the median of the ratios, each within one round: what slows a round down slows down both.

    What is slow is timed in the first of several processes alone: the rounds that it has are the first ones of others.
    """
    rounds = min(len(of), len(to))
    return statistics.median(a / b for a, b in zip(of[:rounds], to[:rounds], strict=True))


def joined(runs: Sequence[Mapping[str, Seconds]]) -> dict[str, Seconds]:
    """Put the rounds of several processes together, those of the first one first."""
    together: dict[str, Seconds] = {}
    for run in runs:
        for name, seconds in run.items():
            together.setdefault(name, []).extend(seconds)
    return together


def spread(seconds: Sequence[float]) -> float:
    """Return half the distance of the quartiles, relative to the median."""
    if len(seconds) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return (high - low) / 2 / middle


def readable(seconds: float) -> str:
    """Return a time in the unit that fits it.

    >>> [readable(s) for s in (3.14159e-5, 0.0123, 71.9, 5400)]
    ['31.4 µs', '12.3 ms', '71.9 s', '1.5 h']
    """
    for size, unit in ((1e-3, "µs"), (1.0, "ms"), (600.0, "s")):
        if seconds < size:
            return f"{seconds * {'µs': 1e6, 'ms': 1e3, 's': 1.0}[unit]:.3g} {unit}"
    return f"{seconds / 3600:.2g} h"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its first column aligned to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def apart(script: Path, arguments: Sequence[str], threads: int, first: int = 0) -> Any:
    """Run the script in a process of its own, which has that many cores and threads; return the JSON that it prints.

    Libraries choose their threads as they are imported, each in its own way, and all of them keep to the cores that
    the process has: from the core ``first`` on.
    """
    for_one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    environment = {**os.environ, **limits, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    if threads == 1:
        environment["XLA_FLAGS"] = for_one
    command = [sys.executable, "-W", "ignore", str(script), *arguments, "--cores", f"{first}:{threads}"]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def forget_kernels() -> None:
    """Let NumPy's BLAS choose the code for this processor itself, in this process and in those that it starts.

    A machine may name a kernel for older releases of OpenBLAS, which did not know its processor. Another release takes
    the name as well, and its products are then not those that a user's are. To be called before NumPy is imported.
    """
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)


def keep_to(cores: str) -> None:
    """Keep this process to ``first:count`` of the cores that it has: before NumPy is imported, on Linux."""
    first, count = map(int, cores.split(":"))
    if hasattr(os, "sched_setaffinity"):
        here = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {here[(first + i) % len(here)] for i in range(count)})
