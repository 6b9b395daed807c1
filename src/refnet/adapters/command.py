"""A program in any language that speaks JSON lines on its standard input and output (``spec/protocol.md``)."""

import math
import shlex
from collections.abc import Callable
from typing import Any

from refnet.adapters.messages import (
    DESCRIBE,
    Description,
    LineError,
    ProgramError,
    described,
    message,
    quoted,
    request,
    result,
)
from refnet.adapters.process import Child, ProcessError, after
from refnet.conformance.target import Implementation, LostError, Pace, RaisedError, TargetError
from refnet.network import Activation, Params

TIMEOUT = 10.0  # seconds that an answer may take
_START = 60.0  # seconds that the first one may take at least: some programs are compiled when they are started
_MOST = 1 << 20  # bytes of an answer, beside those of its numbers
_A_NUMBER = 64

# What shares no memory with refnet cannot break these, and cannot show that it holds them.
UNSEEN = frozenset({"PURE-1", "PURE-2", "PURE-3", "LAYOUT-1", "LAYOUT-2", "LAYOUT-3", "LAYOUT-4"})


class Program:
    """A command, started when it is first asked, and again after it has died, hung, or said what is no answer."""

    def __init__(self, command: str, timeout: float | None) -> None:
        self._words = shlex.split(command)
        self._timeout = timeout
        self._child: Child | None = None

    def describe(self) -> Description:
        """Start it, and return what it says of itself. Raises OSError, ProcessError and LineError."""
        self._child = Child(self._words)
        seconds = None if self._timeout is None else max(_START, self._timeout)
        return self._or_none(lambda child: described(_answer(child, DESCRIBE, _MOST, seconds)))

    def ask(self, line: str, numbers: int) -> dict[str, Any]:
        """Return its answer to a request, which holds that many numbers at most. Raises as `describe` does."""
        if self._child is None:
            self.describe()
        return self._or_none(lambda child: _answer(child, line, _MOST + _A_NUMBER * numbers, self._timeout))

    def _or_none(self, exchange: Callable[[Child], Any]) -> Any:
        """Return what the exchange does, or stop the program: nobody knows what its next line would answer."""
        child = self._child
        assert child is not None  # it was started just now, or is running
        try:
            return exchange(child)
        except BaseException:
            child.stop()
            self._child = None
            raise


def _answer(child: Child, line: str, most: int, seconds: float | None) -> dict[str, Any]:
    if count := child.unasked():
        raise LineError(
            f"{quoted(bytes(child.exactly(count, until=after(0.0))))} came before it was asked:"
            " write one line for each request, and anything else to standard error"
        )
    until = after(seconds)
    try:
        child.send([line.encode(), b"\n"], until=until)
        return message(child.line(most, until=until))
    except ProcessError as error:
        if most >= (count := child.unasked()) > 0:
            begun = quoted(bytes(child.exactly(count, until=until)))
            raise LineError(f"{begun} has no end of line, and then it {error}") from error
        raise


def load_command(command: str, *, timeout: float | None = TIMEOUT) -> Implementation:
    """Start a command, and return it as an implementation: it does what it says that it has.

    ``timeout``: seconds for an answer, None for ever. Raises TargetError where it cannot be started, or does not say
    what it is.
    """
    try:
        if not shlex.split(command):
            raise TargetError("the command is empty: give a program and its arguments")
    except ValueError as error:
        raise TargetError(f"the command cannot be split into words: {error}") from error
    program = Program(command, timeout)
    try:
        found = program.describe()
    except FileNotFoundError as error:
        raise TargetError(f"there is no program {error.filename}: one in this folder is ./{error.filename}") from error
    except OSError as error:
        raise TargetError(f"it cannot be started: {error.strerror or error}") from error
    except ProcessError as error:
        raise TargetError(f"asked {DESCRIBE}, it {error}") from error
    except LineError as error:
        raise TargetError(f"its answer to {DESCRIBE} cannot be read: {error}") from error
    return _implementation(command, timeout, program, found)


def _implementation(command: str, timeout: float | None, program: Program, found: Description) -> Implementation:
    return Implementation(
        command,
        f"refnet.adapters.load_command({command!r})",
        {operation: _operation(program, operation) for operation in found.operations},
        frozenset(found.operations),
        found.activations,
        found.dtypes,
        Pace(),
        notes=(f"the program calls itself {found.name}",),
        unseen=UNSEEN,
        written=request,
        renewed=lambda: _implementation(command, timeout, Program(command, timeout), found),
    )


def _operation(program: Program, operation: str) -> Callable[..., object]:
    def operate(params: Params[Any], *others: Any, activation: Activation) -> object:
        line = request(operation, params, *others, activation=activation)
        shapes = _shapes(operation, params, *others)
        numbers = sum(map(math.prod, shapes.values()))
        try:
            return result(operation, program.ask(line, numbers), shapes, params.w1.dtype)
        except ProgramError as error:
            raise RaisedError(operation, "an error", str(error)) from error
        except ProcessError as error:
            raise LostError(operation, str(error)) from error
        except LineError as error:
            raise LostError(operation, f"answered what cannot be read: {error}") from error
        except OSError as error:
            raise LostError(operation, f"cannot be asked: it does not start again ({error.strerror})") from error

    return operate


def _shapes(operation: str, params: Params[Any], *others: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each part of the answer."""
    if operation == "forward":
        return {"y_pred": (len(others[0]), params.w2.shape[1])}
    return {"loss": ()} if operation == "loss" else {key: p.shape for key, p in params._asdict().items()}
