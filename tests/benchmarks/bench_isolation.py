"""What a process of its own costs: a call over there beside the same call here. Nothing fails by time.

    pytest -s tests/benchmarks/bench_isolation.py

The two are called in turn, so that a busy machine slows both: the difference of the medians is what a call costs more.
Under 0.15 ms on small examples, and the copy of the arrays on large ones, is what it is meant to be. A good part of it
may be that one core wakes another: with `taskset -c 0` in front, both processes share one, and that is left out.
"""

import statistics
import time

import pytest

from refnet.adapters import isolated
from refnet.conformance import generate, load
from refnet.conformance.problem import TUTORIAL, Shape
from refnet.formats import Dtype


@pytest.mark.parametrize("operation", ["forward", "grads", "update"])
@pytest.mark.parametrize(("shape", "rounds"), [((3, 2, 4, 2), 500), (TUTORIAL, 50)], ids=["small", "tutorial"])
def test_a_call(operation: str, shape: Shape, rounds: int) -> None:
    """A call of the tutorial's own script, with the copies that every check makes."""
    dtype: Dtype = "float64"
    problem = generate("normal", shape, dtype, "relu", 0)
    here, there = load("refnet.seed"), isolated.load("refnet.seed")
    took: dict[str, list[float]] = {"here": [], "there": []}
    for _ in range(rounds):
        for name, net in (("here", here), ("there", there)):
            start = time.perf_counter()
            net.run(operation, problem)
            took[name].append(time.perf_counter() - start)
    here_, there_ = (1000 * statistics.median(took[name]) for name in ("here", "there"))
    more = f"{there_ - here_:.3f} ms more"
    print(f"\n{operation} {shape}: {here_:.3f} ms here, {there_:.3f} ms there, {more}")
    assert len(took["there"]) == rounds
