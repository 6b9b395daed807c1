"""Timers around functions, of which each second counts once: for the innermost one that runs."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Parts:
    """The seconds of each part so far. What runs under no timer is ``rest``."""

    def __init__(self, rest: str, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start to count."""
        self._clock = clock
        self._seconds = {rest: 0.0}
        self._running = [rest]
        self._since = clock()

    def timed(self, part: str, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function as one whose time is that of the part, but for what it calls of other parts."""

        @functools.wraps(function)
        def call(*arguments: P.args, **keywords: P.kwargs) -> R:
            self._charge()
            self._running.append(part)
            try:
                return function(*arguments, **keywords)
            finally:
                self._charge()
                self._running.pop()

        return call

    def move(self, seconds: float, part: str, to: str) -> None:
        """Count so many seconds of one part as those of another."""
        self._seconds[part] = self._seconds.get(part, 0.0) - seconds
        self._seconds[to] = self._seconds.get(to, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part up to now: together, all since the start."""
        self._charge()
        return dict(self._seconds)

    def _charge(self) -> None:
        now = self._clock()
        part = self._running[-1]
        self._seconds[part] = self._seconds.get(part, 0.0) + now - self._since
        self._since = now
