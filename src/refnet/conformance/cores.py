"""Who has the cores while a target is checked: BLAS in this process takes no more than are left to it.

The threads of a BLAS go on spinning for a while after each large product. Where the target has a process of its own,
or this is one of several workers of pytest-xdist, they would do so on a core that somebody else needs.
"""

import contextlib
import os
from collections.abc import Iterator

from refnet.conformance.target import Elsewhere, Implementation


@contextlib.contextmanager
def shared(net: Implementation) -> Iterator[None]:
    """Let BLAS in this process have one thread beside a target elsewhere, and a worker's share of the cores.

    A target keeps its threads, here and in a process of its own, but for that share; what the environment says is as
    it was, and never exceeded. No verdict depends on it.
    """
    with at_most(1 if _is_elsewhere(net) else share()):
        yield


@contextlib.contextmanager
def at_most(most: int | None) -> Iterator[None]:
    """Let BLAS in this process have no more threads than that; as many as it has, where that is None."""
    if most is None:
        yield
        return
    from threadpoolctl import (  # type: ignore[import-untyped]  # it has no types
        threadpool_info,
        threadpool_limits,
    )

    threads = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    with threadpool_limits(limits=min([most, *threads]), user_api="blas"):
        yield


def _is_elsewhere(net: Implementation) -> bool:
    return net.line is not None or any(isinstance(one, Elsewhere) for one in net.operations.values())


def share() -> int | None:
    """Return how many cores there are for each worker of pytest-xdist; None where this is none."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return None if workers < 2 else max(1, (os.cpu_count() or 1) // workers)
