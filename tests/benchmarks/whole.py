"""A whole check as its user meets it: the command in a process of its own, and the plugin with one worker and two.

Nothing is pinned and no thread is forbidden here: what is timed has the environment and all the cores of this process,
but for one row, which shows what the threads of BLAS do.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from asked import Asked
from profiled import BOUNDS, COMPARING, DRAWING, EXCHANGE, IMPLEMENTATION, MAKING, OWN, REST, START
from timing import ratio, readable, spread, table

DEFAULT = "`refnet check`"
IN_PROCESS = "`refnet check --in-process`"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Command(NamedTuple):
    """What is run, the exit status that it is to have, and what it finds in its environment besides."""

    arguments: list[str]
    status: int = 0
    environment: Mapping[str, str] = MappingProxyType({})


COMMANDS = {
    DEFAULT: Command(["check"]),
    f"{DEFAULT}, BLAS with one thread": Command(["check"], environment=ONE_THREAD),
    IN_PROCESS: Command(["check", "--in-process"]),
    "`refnet check --demo mean-over-batch`, refused and explained": Command(["check", "--demo", "mean-over-batch"], 1),
}
PROFILED = {name: COMMANDS[name].arguments for name in (DEFAULT, IN_PROCESS)}
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--refnet", "refnet.seed"]
LONGER = ["--refnet-examples", "150"]
WAYS = {
    "in a process of its own": [],
    "in a process of its own, 150 examples a clause": LONGER,
    "`--refnet-in-process`": ["--refnet-in-process"],
    "`--refnet-in-process`, 150 examples a clause": ["--refnet-in-process", *LONGER],
}
WORKERS: dict[str, list[str]] = {"one process": [], "`-n 2`": ["-n", "2"]}
SECONDS, GAIN, SHARE = 10.0, 1.6, 1 / 3

LIMITS = {
    "whole": "A whole check: the table of where its time goes says which part takes how long.",
    "own": "The share of refnet: a call of a small NumPy implementation takes 20 to 30 microseconds, which is less than"
    " copying its arguments, carrying them to another process and back, and comparing with a proved bound can take.",
    "xdist": "Two workers: they take one and a half to two seconds to start, a fifth of a run of 30 examples a clause"
    " in one process; and with a target in a process of its own, one process keeps more than one core busy already."
    " Longer runs gain more.",
}


def measure(quick: bool) -> dict[str, Any]:
    """Time the commands, a profile of each way, and pytest: in turns, in fresh processes in an empty folder."""
    times = 1 if quick else 3
    found: dict[str, Any] = {"commands": {}, "parts": {}, "pytest": {}}
    for _ in range(times):
        for name, command in COMMANDS.items():
            seconds, _ = _run(["-m", "refnet", *command.arguments], command.status, command.environment)
            found["commands"].setdefault(name, []).append(seconds)
        for name, arguments in PROFILED.items():
            found["parts"].setdefault(name, []).append(_profile(arguments))
        for way, options in WAYS.items():
            for workers, more in _workers().items():
                seconds, _ = _run([*PYTEST, *options, *more])
                found["pytest"].setdefault(way, {}).setdefault(workers, []).append(seconds)
    return found


def _workers() -> dict[str, list[str]]:
    if importlib.util.find_spec("xdist") is not None:
        return WORKERS
    print("    left out: pytest-xdist is not installed", file=sys.stderr)
    return {name: more for name, more in WORKERS.items() if not more}


def _run(
    arguments: Sequence[str], status: int = 0, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[float, str]:
    """Run Python in an empty folder; return the seconds by the clock, and what it printed."""
    print(f"  python {' '.join(arguments).replace(str(Path(__file__).parent), '.')}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - start
    if run.returncode != status:
        raise RuntimeError(f"exit status {run.returncode}, expected {status}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return seconds, run.stdout


def _profile(arguments: Sequence[str]) -> dict[str, float]:
    """Return the seconds of each part; what is not of the command line itself is its start, or its end."""
    seconds, printed = _run([str(Path(__file__).with_name("profiled.py")), *arguments])
    parts: dict[str, float] = json.loads(printed)
    parts[START] = parts.get(START, 0.0) + seconds - sum(parts.values())
    return parts


def asked(found: dict[str, Any]) -> list[Asked]:
    """Return what was asked of a whole check, and what was measured."""
    middle = statistics.median(found["commands"][DEFAULT])
    own = share(_middle(found["parts"][DEFAULT]))
    rows = [
        Asked("whole", f"{DEFAULT} of the tutorial's script in {SECONDS:g} s", readable(middle), middle < SECONDS),
        Asked(
            "own",
            "under a third of it is refnet's, outside Hypothesis and the implementation",
            f"{own:.0%}",
            own < SHARE,
        ),
    ]
    for way, by in found["pytest"].items():
        if len(by) == len(WORKERS):
            gain = ratio(*by.values())
            rows.append(Asked("xdist", f"`pytest -n 2` gains {GAIN} times, {way}", f"{gain:.2f}", gain >= GAIN))
    return rows


def share(parts: dict[str, float]) -> float:
    """Return the share of refnet's own work."""
    return sum(parts.get(part, 0.0) for part in OWN) / sum(parts.values())


def body(found: dict[str, Any]) -> str:
    """Return the tables in Markdown."""
    return "\n\n".join(
        [
            "## A whole check",
            "The command as a process of its own, by the clock, with all cores and the environment as it is: all"
            " clauses and formats, of the tutorial's script where nothing is said.",
            table(["command", "time"], [[name, _entry(seconds)] for name, seconds in found["commands"].items()]),
            "### Where the time of a check goes",
            "Timers around functions of refnet, in which each second counts for the innermost one alone; what the"
            " target takes in a process of its own is what that process says. The timers add a few percent.",
            _parts(found["parts"]),
            "refnet's own work are all parts but the start, Hypothesis and the implementation.",
            "### `pytest --refnet` with two workers",
            "`pytest -q -p no:cacheprovider --refnet refnet.seed` in an empty folder, by the clock.",
            _pytest(found["pytest"]),
        ]
    )


def _entry(seconds: Sequence[float]) -> str:
    return readable(statistics.median(seconds)) + (f" ± {spread(seconds):.0%}" if len(seconds) > 1 else "")


def _middle(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the run whose whole time is the median: its parts add up, as medians of parts would not."""
    return sorted(runs, key=lambda parts: sum(parts.values()))[len(runs) // 2]


def _parts(found: dict[str, list[dict[str, float]]]) -> str:
    runs = {name: _middle(several) for name, several in found.items()}

    def entries(seconds: dict[str, float]) -> list[str]:
        return [f"{seconds[name]:.2f} s ({seconds[name] / sum(parts.values()):.0%})" for name, parts in runs.items()]

    rows = [
        [part, *entries({name: parts.get(part, 0.0) for name, parts in runs.items()})]
        for part in (START, DRAWING, IMPLEMENTATION, EXCHANGE, MAKING, BOUNDS, COMPARING, REST)
    ]
    rows.append(["**all**", *entries({name: sum(parts.values()) for name, parts in runs.items()})])
    rows.append(["**refnet's own**", *(f"{share(parts):.0%}" for parts in runs.values())])
    return table(["part", *runs], rows)


def _pytest(found: dict[str, dict[str, list[float]]]) -> str:
    rows = []
    for way, by in found.items():
        gain = f"{ratio(*by.values()):.2f}" if len(by) == len(WORKERS) else "-"
        rows.append([way, *(_entry(by[workers]) if workers in by else "not installed" for workers in WORKERS), gain])
    return table(["the target", *WORKERS, "gain"], rows)
