"""``refnet check`` with timers around a few of its functions: where its time goes, as JSON. `whole.py` runs it.

    python tests/benchmarks/profiled.py check [--in-process]

The parts are exclusive: a bound that is needed to make a problem counts as a bound, a problem that Hypothesis asks for
as a problem.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from parts import Parts

from refnet import cli, enclosure
from refnet.adapters import isolated
from refnet.conformance import exploring, problem
from refnet.conformance.suite import values
from refnet.conformance.target import Elsewhere, Implementation

START = "start, imports, the end"
DRAWING = "Hypothesis, drawing"
IMPLEMENTATION = "the implementation"
EXCHANGE = "calling it: the exchange with its process, or silence in this one"
MAKING = "making the problems"
BOUNDS = "bounds"
COMPARING = "comparing"
REST = "the rest: copies, the checks' own lines, the report"
OWN = (EXCHANGE, MAKING, BOUNDS, COMPARING, REST)  # refnet's, outside Hypothesis and the implementation

ENCLOSURES = ("layers", "forward", "loss", "grads", "update", "step")


def main() -> None:
    """Run the command line with timers, and print the seconds of each part."""
    parts = Parts(REST)
    with contextlib.ExitStack() as patched, contextlib.redirect_stdout(io.StringIO()):
        for home, name, part in (
            (isolated, "loaded", START),  # starts another interpreter, or imports the target
            (exploring, "_drawn", DRAWING),
            (problem, "generate", MAKING),
            (problem, "assemble", MAKING),
            *((enclosure, name, BOUNDS) for name in ENCLOSURES),
            (values, "compare", COMPARING),
        ):
            patched.enter_context(patch.object(home, name, parts.timed(part, getattr(home, name))))
        patched.enter_context(patch.object(Implementation, "_called", parts.timed(EXCHANGE, _calling(parts))))
        status = cli.main(sys.argv[1:])
    json.dump(parts.seconds(), sys.stdout)
    sys.exit(status)


def _calling(parts: Parts) -> Callable[..., object]:
    """Return what stands for the method that calls an implementation: it counts what the implementation takes."""
    called: Callable[..., object] = Implementation._called

    def calling(net: Implementation, operation: str, function: Any, *rest: Any) -> object:
        if not isinstance(function, Elsewhere):
            return called(net, operation, parts.timed(IMPLEMENTATION, function), *rest)
        before = net.pace.seconds
        try:
            return called(net, operation, function, *rest)
        finally:
            parts.move(net.pace.seconds - before, EXCHANGE, to=IMPLEMENTATION)  # as its process says

    return calling


if __name__ == "__main__":
    main()
