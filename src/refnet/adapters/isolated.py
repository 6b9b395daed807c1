"""A target in a process of its own: it may hang, die, print and exit, and costs nothing but its own verdicts.

>>> net = load("refnet.seed")
>>> net.name, sorted(net.operations)
('refnet.seed', ['forward', 'grads', 'loss', 'step', 'update'])
"""

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_args

import numpy as np

import refnet
from refnet.adapters import frames
from refnet.adapters.frames import Bytes, FrameError, Layout, Start
from refnet.adapters.library import UNSEEN, is_library
from refnet.adapters.mirror import Array, Mirror, Shape
from refnet.adapters.mirror import answer as mirrored
from refnet.adapters.patience import TIMEOUT, Patience, hopeless
from refnet.adapters.process import CAN_ISOLATE, Child, EndedError, ProcessError, SlowError, Until, after
from refnet.adapters.worker import NO_PIPE, NO_ROOM
from refnet.conformance import cores
from refnet.conformance.loading import load as load_here
from refnet.conformance.loading import loading
from refnet.conformance.problem import remembered
from refnet.conformance.target import (
    OPERATIONS,
    Elsewhere,
    Implementation,
    LostError,
    Pace,
    RaisedError,
    Reported,
    TargetError,
    arguments,
)
from refnet.formats import Dtype, Precision
from refnet.judgement import ResultError
from refnet.network import Activation, ArgumentValueError, Grads, Params

_SECONDS_TO_LOAD = 120.0  # a framework on a slow disk may need many
_BOOT = "import sys; sys.path.append(sys.argv[1]); from refnet.adapters.worker import main; main()"


class Limits(NamedTuple):
    """What the target may take: seconds a call, seconds to load, and MiB of memory in all, None for what there is."""

    seconds: float = TIMEOUT
    memory: int | None = None
    to_load: float = _SECONDS_TO_LOAD


class Options(NamedTuple):
    """The keywords of `refnet.conformance.load`."""

    framework: str | None = None
    device: str | None = None


def load(target: str, limits: Limits | None = None, options: Options = Options()) -> Implementation:  # noqa: B008  # a constant
    """Load the target, as `refnet.conformance.load` does, in a process of its own.

    Where it hangs or dies in a call, the call is a LostError, and the process is started again. Raises TargetError
    where it cannot be loaded, hangs or dies meanwhile, or where there are no such processes, and says what to do.
    """
    if not isinstance(target, str):
        raise TargetError(f"target is a {type(target).__name__}, expected a name: an object stays in this process")
    if is_library(target) and any(options):
        raise TargetError(f"{target} is a shared library: framework and device are for a network of Python's")
    if not CAN_ISOLATE:
        raise TargetError(f"{target} cannot have a process of its own on this system: check it in this one")
    return Session(target, limits or Limits(), options).implementation(_Net(0))


def loaded(
    target: str,
    *,
    in_process: bool = False,
    timeout: float | None = None,
    memory: int | None = None,
    framework: str | None = None,
    device: str | None = None,
) -> Implementation:
    """Load the target in a process of its own, or in this one where that is asked for, or where there are no others.

    ``timeout`` are seconds a call, ``memory`` is in MiB, the others are those of `refnet.conformance.load`. Raises
    TargetError as `load` does, for a limit that is none, and for one that nothing in this process would keep.
    """
    for name, limit in (("timeout", timeout), ("memory", memory)):
        if limit is None:
            continue
        if not 0 < limit < float("inf"):
            raise TargetError(f"{name} is {limit}, expected more than 0")
        if in_process or not CAN_ISOLATE:
            raise TargetError(f"{name} is {limit}, and nothing limits what runs in this process: leave one of them out")
    if in_process and is_library(target) and Path(target).is_file():
        raise TargetError(
            f"{target} is a shared library, which changes the process that it is loaded into: give it its own"
        )
    if in_process or not CAN_ISOLATE:
        return load_here(target, framework=framework, device=device)
    return load(target, Limits(TIMEOUT if timeout is None else timeout, memory), Options(framework, device))


# How an array lies, and whether it may be written to; of one that is sent apart, dtype and shape.
_Said: TypeAlias = tuple[Layout, bool] | tuple[str, Shape]


class Session:
    """One target, and the process that runs it now."""

    def __init__(self, target: str, limits: Limits, options: Options) -> None:
        """Start the process. Raises TargetError."""
        self.target = target
        self.options = options
        self.limits = limits
        self.pace = Pace()
        self._gone: list[int] = []  # nets that nobody has any more
        self.patience = Patience(limits.seconds, "process")
        self._nets = 0
        self._seconds = 0.0  # that the target itself took for the last call, as it says
        self._start()

    def _start(self) -> None:
        """Start a process, and load the target there. Raises TargetError."""
        self._mirror = Mirror()
        self._number = 0
        root = str(Path(refnet.__file__).parents[1])
        try:
            self._child = Child([sys.executable, "-P", "-c", _BOOT, root])
        except OSError as error:
            raise TargetError(f"{self.target} cannot have a process of its own: {error}") from error
        # Linux kills the child with the thread that started it: only the main one lives as long as this process.
        parent = os.getpid() if threading.current_thread() is threading.main_thread() else None
        asked = {
            "target": self.target,
            "options": self.options._asdict(),
            "path": [str(entry) for entry in sys.path],
            "memory": self.limits.memory,
            "parent": parent,
            "threads": cores.share(),
        }
        until = after(self.limits.to_load)
        try:
            self._child.send([frames.said(asked)], until=until)
            self._said = frames.header(self._frame(until)[1])
        except ProcessError as error:
            raise TargetError(f"{self.target} cannot be loaded: its process {_because(error, self.limits)}") from error
        except FrameError as error:
            raise TargetError(f"{self.target} cannot be loaded: its process wrote to our pipe: {error}") from error
        if "cannot" in self._said:
            self._child.stop()
            raise TargetError(str(self._said["cannot"]))

    def _frame(self, until: Until) -> tuple[Start, bytes]:
        start = frames.start(self._child.exactly(frames.START, until=until))
        return start, bytes(self._child.exactly(start.length, until=until))

    def implementation(self, net: "_Net") -> Implementation:
        """Return the implementation that the process has loaded; two nets know nothing of each other's calls.

        Raises TargetError where what the process says of it cannot be.
        """
        operations = self._words("operations", OPERATIONS)
        in_c = is_library(self.target)
        return Implementation(
            self.target,
            f"refnet.adapters.load_isolated({self.target!r})"
            if in_c
            else loading(self.target, **self.options._asdict()),
            {operation: Remote(self, operation, net) for operation in operations},
            frozenset(self._words("told", OPERATIONS, at_least=0)),
            self._words("activations", get_args(Activation)),
            self._words("dtypes", get_args(Dtype)),
            self.pace,
            self._precisions(),
            self._renewed,
            lacks=tuple(zip(self._texts("lacking"), self._texts("reasons"), strict=False)),
            notes=self._texts("notes"),
            framework=self.options.framework,
            device=self.options.device,
            unseen=UNSEEN if in_c else {},
        )

    def _renewed(self) -> Implementation:
        self._nets += 1
        net = _Net(self._nets)
        weakref.finalize(net, self._gone.append, net.number).atexit = False
        return self.implementation(net)

    def _words(self, key: str, known: tuple[Any, ...], at_least: int = 1) -> tuple[Any, ...]:
        words = self._said.get(key)
        if not isinstance(words, list) or len(words) < at_least or not all(word in known for word in words):
            raise TargetError(f"{self.target} cannot be loaded: its process says {key} {words!r}")
        return tuple(words)

    def _texts(self, key: str) -> tuple[str, ...]:
        texts = self._said.get(key)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise TargetError(f"{self.target} cannot be loaded: its process says {key} {texts!r}")
        return tuple(" ".join(text.split()) for text in texts)

    def _precisions(self) -> tuple[Precision, ...]:
        said = self._said.get("precisions")
        try:
            return tuple(Precision(*one) for one in said) if isinstance(said, list) else ()
        except (TypeError, ArgumentValueError) as error:
            raise TargetError(f"{self.target} cannot be loaded: its process says precisions {said!r}") from error

    def called(
        self,
        operation: str,
        net: "_Net",
        given: tuple[object, ...],
        activation: Activation | None,
        *,
        apart: bool = False,
    ) -> object:
        """Return what the operation returns over there, as arrays here; called ``apart``, it changes none of them.

        Raises Reported with a RaisedError, a ResultError or a LostError, and TypeError for arguments that no operation
        has.
        """
        key = _digest(given, activation) if self.patience.losses else b""
        if why := self.patience.refused(operation, key):
            raise Reported(LostError(operation, why))
        start = time.perf_counter()
        try:
            until = after(self.patience.seconds(operation))
            result = self._exchange(operation, net, given, activation, until, apart=apart)
        except (ProcessError, FrameError) as error:
            raise Reported(self._lost(operation, activation, given, error)) from None
        except BaseException:  # an interrupt of the user's: nobody knows how far the answer came
            self._child.stop()
            raise
        took = time.perf_counter() - start
        self.patience.answered(operation, took)
        self.pace.seconds -= took - min(max(0.0, self._seconds), took)  # the rest is no time of the implementation's
        if isinstance(result, (RaisedError, ResultError)):
            raise Reported(result)
        return result

    def _exchange(
        self,
        operation: str,
        net: "_Net",
        given: tuple[object, ...],
        activation: Activation | None,
        until: Until,
        *,
        apart: bool = False,
    ) -> object:
        if not self._child.running:  # an interrupt has stopped it
            self._start()
        self._number += 1
        arrays: dict[int, Array] = {}
        parts: list[Bytes] = []
        shapes = _shapes(operation, given)

        def described(array: object) -> _Said:
            if not isinstance(array, np.ndarray) or not frames.can_be_sent(array.dtype):
                raise TypeError(f"an argument is {array!r}, expected an array of numbers, as a problem has them")
            if apart:
                parts.append(frames.memory(array if array.flags.c_contiguous else array.copy()))
                return frames.name_of(array.dtype), array.shape
            token, layout, whole = self._mirror.described(array)
            parts.append(frames.WORD.pack(token))
            if token not in arrays:
                parts.append(frames.memory(whole))
            arrays[token] = array
            return layout, array.flags.writeable

        asked = frames.written_again(
            operation=operation,
            activation=activation,
            apart=apart,
            arguments=tuple([_written(argument, described, parts) for argument in given]),
            shapes=shapes,
        )
        self._child.send(
            [*self._forgotten(), frames.frame(asked, self._number, net.number), *parts],
            until=until,
        )
        start, text = self._frame(until)
        if start.number != self._number:
            raise FrameError("the answer is to another question")
        self._seconds = start.seconds
        answer = mirrored(text, shapes)

        def fill(into: memoryview) -> None:
            self._child.fill(into, until=until)

        found = self._mirror.take(answer, self._number, None if apart else arrays, fill)
        if answer.failed is not None:
            kind, *words = answer.failed
            return RaisedError(operation, *words) if kind == "raised" else ResultError(*words)
        return found[0] if operation in ("forward", "loss") else tuple(found)

    def _forgotten(self) -> list[bytes]:
        """Return the frame that says which arguments, results and nets nobody here has any more; none if all are."""
        given, results = self._mirror.forgotten()
        gone = self._gone[:]
        del self._gone[: len(gone)]
        return [frames.said({"forget": (given, results, gone)})] if given or results or gone else []

    def _lost(
        self,
        operation: str,
        activation: Activation | None,
        given: tuple[object, ...],
        error: ProcessError | FrameError,
    ) -> LostError:
        """Start the process again, and see whether an ordinary problem goes well there; return what is to be said."""
        start = time.perf_counter()
        self._child.stop()
        said = _because(error, self.limits)
        said = said if isinstance(error, SlowError) else f"did not return: its process {said}"
        self.patience.lost(operation, _digest(given, activation), said, hung=isinstance(error, SlowError))
        try:
            self._start()
            self._try_an_ordinary_problem(operation, activation, given, said)
        except TargetError as again:
            for each in OPERATIONS:
                self.patience.give_up(each, f"is not called any more: {again}")
        finally:
            self.pace.seconds -= time.perf_counter() - start  # which is no time of the implementation's
        self.pace.lost_note = self.patience.note()
        return LostError(operation, said)

    def _try_an_ordinary_problem(
        self, operation: str, activation: Activation | None, given: tuple[object, ...], said: str
    ) -> None:
        """Give the operation up where it is lost here too: every other clause would cost as much, to say the same."""
        dtype = next((array.dtype.name for array in _arrays(given)), "")
        if dtype not in get_args(Dtype):
            return
        problem = remembered("normal", (4, 5, 6, 3), dtype, activation or "relu", 0)
        ordinary = arguments(operation, problem)
        try:
            self._exchange(operation, _Net(0), ordinary, activation, after(self.patience.seconds(operation)))
        except (ProcessError, FrameError):
            self.patience.give_up(operation, hopeless(said))
            self._start()


def _written(
    argument: object, described: Callable[[object], _Said], parts: list[Bytes]
) -> tuple[str, tuple[_Said, ...]]:
    if isinstance(argument, (Params, Grads)):
        return type(argument).__name__.lower(), tuple([described(array) for array in argument])
    if isinstance(argument, (int, float, np.floating)):
        parts.append(frames.NUMBER.pack(argument))
        return "number", ()
    return "array", (described(argument),)


class _Net:
    """The target as it was loaded once over there: its number."""

    def __init__(self, number: int) -> None:
        self.number = number


class Remote(Elsewhere):
    """One operation of the target, to be called like a function."""

    def __init__(self, session: Session, operation: str, net: _Net, *, apart: bool = False) -> None:
        self._session = session
        self._operation = operation
        self._net = net
        self._apart = apart

    def apart(self) -> "Remote":
        """Return it as one whose arguments are copied over there, and whose results are nobody's but the caller's."""
        return Remote(self._session, self._operation, self._net, apart=True)

    def __call__(self, *arguments: object, activation: Activation | None = None) -> object:
        """Call it over there. Raises as `Session.called` does."""
        return self._session.called(self._operation, self._net, arguments, activation, apart=self._apart)


def _shapes(operation: str, given: tuple[object, ...]) -> tuple[Shape, ...]:
    """Return the shapes of the arrays that the operation is to return: nothing larger is read."""
    params = given[0]
    if not isinstance(params, Params):
        raise TypeError(f"the first argument is a {type(params).__name__}, expected Params")
    if operation == "forward":
        x = given[1]
        return ((*(x.shape[:1] if isinstance(x, np.ndarray) else ()), *params.w2.shape[1:]),)
    return ((),) if operation == "loss" else tuple([array.shape for array in params])


def _arrays(given: tuple[object, ...]) -> Iterator[Array]:
    for argument in given:
        if isinstance(argument, np.ndarray):
            yield argument
        elif isinstance(argument, tuple):
            yield from argument


def _digest(given: tuple[object, ...], activation: Activation | None) -> bytes:
    """Return what tells one call of an operation from another."""
    found = blake2b(repr(activation).encode())
    for argument in given:
        if isinstance(argument, float):
            found.update(argument.hex().encode())
    for array in _arrays(given):
        found.update(repr((array.shape, array.dtype, array.strides, array.flags.writeable)).encode())
        found.update(array.tobytes())
    return found.digest()


def _because(error: ProcessError | FrameError, limits: Limits) -> str:
    """Return what happened, in words that follow "its process"."""
    if isinstance(error, FrameError):
        return f"wrote what is no answer: {error}"
    if isinstance(error, EndedError) and error.status == NO_PIPE:
        return "lost its pipes, since the target closes descriptors that it did not open"
    if isinstance(error, EndedError) and error.status == NO_ROOM:
        return "has no memory left for the arrays of a call"
    of = "" if limits.memory is None or not isinstance(error, EndedError) else f" (memory: {limits.memory} MiB at most)"
    return f"{error}{of}"
