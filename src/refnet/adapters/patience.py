"""How long a program is waited for, and what is not asked of it again: so that hanging costs minutes at most."""

from typing import NamedTuple

_LEAST, _TIMES = 1.0, 20.0  # once one has hung, what others get: by the slowest that has answered, this at least


class Silence(NamedTuple):
    """A request that was never answered."""

    operation: str
    line: str


class Patience:
    """What is known of the calls of one command, whichever of its processes they went to."""

    def __init__(self, seconds: float | None) -> None:
        self.most = seconds
        self._slowest: dict[str, float] = {}  # seconds of the slowest call of each operation that was answered
        self._hung: set[Silence] = set()
        self._given_up: dict[str, str] = {}
        self._losses = 0

    def seconds(self, operation: str) -> float | None:
        """Return how long this call may take: less once one has hung, but for what never answered yet."""
        if self.most is None or not self._hung or operation not in self._slowest:
            return self.most
        return min(self.most, max(_LEAST, _TIMES * self._slowest[operation]))

    def refused(self, operation: str, line: str) -> str:
        """Return why the call is not even tried, or ""."""
        if operation in self._given_up:
            return self._given_up[operation]
        return "did not answer before when it was given this" if Silence(operation, line) in self._hung else ""

    def answered(self, operation: str, seconds: float) -> None:
        """Remember a call that was answered."""
        self._slowest[operation] = max(self._slowest.get(operation, 0.0), seconds)

    def lost(self, operation: str, line: str, *, hung: bool) -> None:
        """Remember a call that was not."""
        self._losses += 1
        if hung:
            self._hung.add(Silence(operation, line))

    def give_up(self, operation: str, said: str) -> None:
        """Let the operation not be called any more: every other clause would cost as much, to say the same."""
        self._given_up[operation] = f"{said}; nor for an ordinary problem, so it is not called any more"

    def note(self) -> str:
        """Return what a reader of the report has to know of it."""
        calls = "a call" if self._losses == 1 else f"{self._losses} calls"
        note = f"{calls} never came back: the program was started again each time"
        shorter = [seconds for seconds in map(self.seconds, self._slowest) if seconds is not None]
        if self.most is not None and min(shorter, default=self.most) < self.most:
            note += f"; after the first that hung, calls had {min(shorter):.2g} s in place of {self.most:g} s"
        return note + (f"; not called any more: {', '.join(self._given_up)}" if self._given_up else "")
