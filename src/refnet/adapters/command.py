"""A program in any language that speaks JSON lines on its standard input and output (``spec/protocol.md``)."""

import math
import shlex
import time
from typing import Any, get_args

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
from refnet.adapters.patience import TIMEOUT, Patience, hopeless
from refnet.adapters.process import Child, ProcessError, SlowError, after
from refnet.conformance.problem import remembered
from refnet.conformance.target import Implementation, LostError, Pace, RaisedError, Reported, TargetError, arguments
from refnet.formats import Dtype
from refnet.judgement import ResultError
from refnet.network import Activation, Params

_START = 60.0  # seconds that the first one may take at least: some commands compile their program first
_MOST = 1 << 20  # bytes of an answer, beside those of its numbers
_A_NUMBER = 64

# What shares no memory with refnet cannot break these, and cannot show that it holds them.
UNSEEN = dict.fromkeys(
    ("PURE-1", "PURE-2", "PURE-3", "LAYOUT-1", "LAYOUT-2", "LAYOUT-3", "LAYOUT-4"),
    "cannot be seen in a program that shares no memory",
)


class Program:
    """A command, started when it is first asked, and again after it has died, hung, or said what is no answer."""

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)
        self._child: Child | None = None

    def describe(self, seconds: float | None) -> Description:
        """Start it, and return what it says of itself. Raises OSError, ProcessError and LineError."""
        self._child = Child(self._words)
        return described(
            self._exchange(self._child, DESCRIBE, _MOST, None if seconds is None else max(_START, seconds))
        )

    def ask(self, line: str, numbers: int, seconds: float | None) -> dict[str, Any]:
        """Return its answer to a request, which holds that many numbers at most. Raises as `describe` does."""
        if self._child is None:
            self.describe(seconds)
        assert self._child is not None  # it has described itself
        return self._exchange(self._child, line, _MOST + _A_NUMBER * numbers, seconds)

    def _exchange(self, child: Child, line: str, most: int, seconds: float | None) -> dict[str, Any]:
        try:
            return _answer(child, line, most, seconds)
        except BaseException:  # an interrupt too: nobody knows what its next line would answer
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; the next request starts it again."""
        if self._child is not None:
            self._child.stop()
        self._child = None


def _answer(child: Child, line: str, most: int, seconds: float | None) -> dict[str, Any]:
    until = after(seconds)
    if count := child.unasked():
        raise LineError(
            f"{quoted(bytes(child.exactly(count, until=until)))} came before it was asked:"
            " write one line for each request, and anything else to standard error"
        )
    try:
        child.send([line.encode(), b"\n"], until=until)
        return message(child.line(most, until=until))
    except ProcessError as error:
        if most >= (count := child.unasked()) > 0:
            begun = quoted(bytes(child.exactly(count, until=until)))
            raise LineError(f"{begun} has no end of line, and then it {error}") from error
        raise


def load_command(command: str, *, timeout: float | None = TIMEOUT) -> Implementation:
    """Start a command, and return it as an implementation of what it says that it has.

    ``timeout``: seconds for an answer, None for ever. Raises TargetError where it cannot be started, or does not say
    what it is.
    """
    if timeout is not None and not 0 < timeout < math.inf:
        raise TargetError(f"timeout is {timeout}, expected more than 0")
    try:
        if not shlex.split(command):
            raise TargetError("the command is empty: give a program and its arguments")
    except ValueError as error:
        raise TargetError(f"the command cannot be split into words: {error}") from error
    program = Program(command)
    try:
        found = program.describe(timeout)
    except FileNotFoundError as error:
        name = str(error.filename)
        hint = "" if "/" in name else f": one in this folder is ./{name}"
        raise TargetError(f"there is no program {name}{hint}") from error
    except OSError as error:
        raise TargetError(f"it cannot be started: {error.strerror or error}") from error
    except ProcessError as error:
        raise TargetError(f"asked {DESCRIBE}, it {error}") from error
    except LineError as error:
        raise TargetError(f"its answer to {DESCRIBE} cannot be read: {error}") from error
    return _implementation(command, program, found, Patience(timeout, "program"), Pace())


def _implementation(
    command: str, program: Program, found: Description, patience: Patience, pace: Pace
) -> Implementation:
    operations = {operation: _Asked(program, operation, patience, pace) for operation in found.operations}
    lacks = {*get_args(Activation), *get_args(Dtype)} - {*found.activations, *found.dtypes}
    return Implementation(
        command,
        f"refnet.adapters.load_command({command!r})",
        dict(operations),
        frozenset(operations),
        found.activations,
        found.dtypes,
        pace,
        found.precisions,
        lacks=tuple(
            (word, "it does not say that it has that, when asked to describe itself") for word in sorted(lacks)
        ),
        notes=(f"the program calls itself {found.name}",),
        unseen=UNSEEN,
        line=request,
        renewed=lambda: _implementation(command, Program(command), found, patience, pace),
    )


class _Asked:
    """One operation of a program, to be called like a function."""

    def __init__(self, program: Program, operation: str, patience: Patience, pace: Pace) -> None:
        self._program = program
        self._operation = operation
        self._patience = patience
        self._pace = pace
        self._waited = 0.0  # seconds, for the last call

    def __call__(self, *given: Any, activation: Activation) -> object:
        """Ask for it. Raises Reported with a RaisedError, a ResultError or a LostError."""
        start = time.perf_counter()
        self._waited = 0.0
        try:
            return self._called(*given, activation=activation)
        finally:  # to write a request, and to read an answer, takes no time of the program's
            self._pace.seconds -= time.perf_counter() - start - self._waited

    def _called(self, *given: Any, activation: Activation) -> object:
        line = request(self._operation, *given, activation=activation)
        if why := self._patience.refused(self._operation, line):
            raise Reported(LostError(self._operation, why))
        try:
            return self._asked(line, *given)
        except ProgramError as error:
            raise Reported(RaisedError(self._operation, "an error", str(error))) from error
        except ResultError as error:
            raise Reported(error) from error
        except (ProcessError, LineError, OSError) as error:
            said = _said(error)
            self._patience.lost(self._operation, line, said, hung=isinstance(error, SlowError))
            self._try_an_ordinary_problem(given[0].w1.dtype.name, activation, said)
            self._pace.lost_note = self._patience.note()
            raise Reported(LostError(self._operation, said)) from error

    def _asked(self, line: str, *given: Any) -> object:
        shapes = _shapes(self._operation, *given)
        numbers = sum(map(math.prod, shapes.values()))
        start = time.perf_counter()
        try:
            answer = self._program.ask(line, numbers, self._patience.seconds(self._operation))
        finally:
            self._waited = time.perf_counter() - start
        self._patience.answered(self._operation, self._waited)
        return result(self._operation, answer, shapes, given[0].w1.dtype)

    def _try_an_ordinary_problem(self, dtype: Any, activation: Activation, said: str) -> None:
        """Give the operation up where it is lost here too."""
        waited = self._waited
        ordinary = arguments(self._operation, remembered("normal", (4, 5, 6, 3), dtype, activation, 0))
        try:
            self._asked(request(self._operation, *ordinary, activation=activation), *ordinary)
        except (ProgramError, ResultError):  # that is an answer
            pass
        except (ProcessError, LineError, OSError):
            self._patience.give_up(self._operation, hopeless(said))
        self._waited = waited


def _said(error: Exception) -> str:
    """Return what happened, in words that follow the name of the operation."""
    if isinstance(error, LineError):
        return f"answered what cannot be read: {error}"
    if isinstance(error, OSError):
        return f"cannot be asked, since the program does not start again: {error.strerror}"
    return str(error) if isinstance(error, SlowError) else f"did not answer: the program {error}"


def _shapes(operation: str, params: Params[Any], *others: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each part of the answer."""
    if operation == "forward":
        return {"y_pred": (len(others[0]), params.w2.shape[1])}
    return {"loss": ()} if operation == "loss" else {key: p.shape for key, p in params._asdict().items()}
