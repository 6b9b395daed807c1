"""How long a call is waited for, and what is not called again: so that one who hangs or dies costs minutes at most."""

from collections.abc import Hashable

TIMEOUT = 20.0  # seconds that a call may take: a compiler may need many for its first
_LEAST, _TIMES = 1.0, 20.0  # once one has hung, what others get: by the slowest that has answered, this at least


class Patience:
    """What is known of the calls of one target, whichever of its processes they went to.

    A call is told from others by its operation and a key of the arguments. ``losses`` counts those that hung or died.
    """

    def __init__(self, seconds: float | None, started_again: str) -> None:
        """``seconds`` for a call, None for ever; ``started_again`` is what a note calls that which is."""
        self.most = seconds
        self.losses = 0
        self._started_again = started_again
        self._slowest: dict[str, float] = {}  # seconds of the slowest call of each operation that was answered
        self._has_hung = False
        self._died: set[tuple[str, Hashable]] = set()
        self._lost: dict[tuple[str, Hashable], str] = {}  # what is not called again, and what was said
        self._given_up: dict[str, str] = {}

    def seconds(self, operation: str) -> float | None:
        """Return how long this call may take: less once one has hung, but for what never answered yet.

        One that never answered may need its compiler still.
        """
        if self.most is None or not self._has_hung or operation not in self._slowest:
            return self.most
        return min(self.most, max(_LEAST, _TIMES * self._slowest[operation]))

    def refused(self, operation: str, call: Hashable) -> str:
        """Return why the call is not even tried, or ""."""
        return self._given_up.get(operation) or self._lost.get((operation, call), "")

    def answered(self, operation: str, seconds: float) -> None:
        """Remember a call that was answered."""
        self._slowest[operation] = max(self._slowest.get(operation, 0.0), seconds)

    def lost(self, operation: str, call: Hashable, said: str, *, hung: bool) -> None:
        """Remember a call that was not: after it has hung once, or died twice, it is not made again.

        One death may be due to the calls before it, a leak for instance, and the next process may do better.
        """
        self.losses += 1
        self._has_hung |= hung
        if hung or (operation, call) in self._died:
            self._lost[operation, call] = said
        self._died.add((operation, call))

    def give_up(self, operation: str, why: str) -> None:
        """Let the operation not be called any more: every other clause would cost as much, to say the same."""
        self._given_up[operation] = why

    def note(self) -> str:
        """Return what a reader of the report has to know of it."""
        calls, each = ("a call", "") if self.losses == 1 else (f"{self.losses} calls", " each time")
        note = f"{calls} never came back, and the {self._started_again} was started again{each}"
        shorter = [seconds for seconds in map(self.seconds, self._slowest) if seconds is not None]
        if self.most is not None and min(shorter, default=self.most) < self.most:
            note += f"; after the first that hung, calls had {min(shorter):.2g} s in place of {self.most:g} s"
        return note + (f"; {', '.join(self._given_up)}: not called any more" if self._given_up else "")


def hopeless(said: str) -> str:
    """Say of an operation that is given up, since it was lost on an ordinary problem too, why."""
    return f"{said}; nor for an ordinary problem, so it is not called any more"
