"""The process of an isolated target: it loads the target, and answers each call with arrays, or with what went wrong.

``python -c "from refnet.adapters.worker import main; main()"``, with frames (`refnet.adapters.frames`) on its standard
input and output, which it keeps for itself: the target finds both at the null device. Whatever the target does here, to
refnet's own modules too, it can only spoil its own answers, and the other side believes none of them unseen.
"""

import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet.adapters import frames, library
from refnet.adapters.frames import Bytes, Layout, Start, extent
from refnet.adapters.mirror import Shape, result_number
from refnet.conformance import cores
from refnet.conformance.loading import load
from refnet.conformance.target import Implementation, TargetError, has_dtype, raised
from refnet.judgement import ResultError, as_array, as_four
from refnet.network import Grads, Params

_Told: TypeAlias = tuple[str, Shape, bool, tuple[Any, ...]]  # dtype, shape, whether that is its own, where it lies

_MADE: dict[str, Callable[..., object]] = {"params": Params, "grads": Grads, "array": lambda array: array}
_HIGH = 400  # a target that closes all descriptors closes the first few hundred
_MOST_WORDS = 2000
_PART = 1 << 16  # bytes
_MOST_KEPT = 64  # results
# A result may be part of something larger, a buffer that is used again: as much of that is told.
_MOST_AROUND, _ALWAYS_AROUND = 16, 1 << 16
NO_PIPE, NO_ROOM = 97, 98  # the status where the pipes have been closed here, where there is no memory for arrays


class _Given(NamedTuple):
    """An argument: the array that the target sees, and its bytes."""

    array: NDArray[Any]
    raw: NDArray[np.uint8]


class _Returned(NamedTuple):
    """An earlier result that the checker still holds: the array, its bytes then, and the memory it is part of.

    That is ``part``: the memory of the argument or of the result with that number, and its ends; None where the array
    has its own.
    """

    array: NDArray[Any]
    was: bytes
    part: tuple[str, int, int, int] | None


class _Asked(NamedTuple):
    """What a call has in common with others: of each argument its kind, and what it takes to make its arrays."""

    operation: str
    keywords: dict[str, str]
    apart: bool
    arguments: tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...]
    shapes: tuple[Shape, ...]


@lru_cache(maxsize=1024)
def _asked(text: bytes) -> _Asked:
    """Read the JSON of a call."""
    said = frames.header(text)
    apart = said["apart"]

    def leaf(described: list[Any]) -> tuple[Any, ...]:
        if apart:
            name, shape = described
            return frames.dtype_of(name), tuple(shape)
        layout, writeable = described
        return Layout(*layout), writeable

    return _Asked(
        said["operation"],
        {} if said["activation"] is None else {"activation": said["activation"]},
        apart,
        tuple((kind, tuple(map(leaf, arrays))) for kind, arrays in said["arguments"]),
        tuple(map(tuple, said["shapes"])),
    )


class Pipes:
    """The two pipes to the checker, in private descriptors."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._in = io.BufferedReader(io.FileIO(incoming, "rb", closefd=False), 1 << 16)
        self._out = outgoing
        self._pid = os.getpid()

    def receive(self, size: int) -> bytes:
        """Return that many bytes. Ends this process where there are no more: the checker has gone."""
        try:
            found = self._in.read(size)
        except OSError:
            os._exit(NO_PIPE)
        if len(found) < size:
            os._exit(0)
        return found

    def fill(self, array: NDArray[Any]) -> None:
        """Read the bytes of the array, which is in C order, into it. Ends this process as `receive` does."""
        # NumPy makes no buffer of a dtype that it does not know, such as bfloat16.
        into = array.data if array.dtype.kind in "fiu" else frames.row(array)
        try:
            found = self._in.readinto(into)
        except OSError:
            os._exit(NO_PIPE)
        if found < array.nbytes:
            os._exit(0)

    def frame(self) -> tuple[Start, bytes]:
        """Return the start and the JSON of the next frame."""
        start = frames.start(self.receive(frames.START))
        return start, self.receive(start.length)

    def send(self, frame: bytes, parts: Sequence[Bytes] = ()) -> None:
        """Write a frame. A fork of this process, which the target made and which came back here, ends instead."""
        if os.getpid() != self._pid:
            os._exit(0)
        left = [memoryview(part) for part in (frame, *parts) if len(part)]
        while left:
            try:
                written = os.writev(self._out, left)
            except OSError:
                os._exit(NO_PIPE)
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if left:
                left[0] = left[0][written:]


def main() -> None:
    """Serve the checker on standard input and output until it closes them."""
    pipes = _private_pipes()
    asked = frames.header(pipes.frame()[1])
    sys.path[:] = asked["path"]
    if asked["parent"] is not None:
        _die_with(asked["parent"])
    if asked["memory"] is not None:
        _limit_memory(asked["memory"])
    try:
        net = _loaded(asked["target"], **asked["options"])
    except TargetError as error:
        pipes.send(frames.said({"cannot": str(error)}))
        return
    except BaseException as error:  # an interrupt that the target raises by itself
        pipes.send(frames.said({"cannot": f"{asked['target']} cannot be imported: {type(error).__name__}: {error}"}))
        return
    described = {
        "operations": list(net.operations),
        "told": sorted(net.told),
        "activations": list(net.activations),
        "dtypes": list(net.dtypes),
        "lacking": [dtype for dtype, _ in net.lacks],
        "reasons": [why for _, why in net.lacks],
        "notes": list(net.notes),
        "precisions": [[one.storage, one.operands, one.accumulate] for one in net.precisions],
    }
    pipes.send(frames.said(described))
    with cores.at_most(asked["threads"]):
        _serve(Worker(net), pipes)


def _serve(worker: "Worker", pipes: Pipes) -> NoReturn:
    while True:
        start, text = pipes.frame()
        try:
            if start.number:
                pipes.send(*worker.answered(start, _asked(text), pipes))
            else:
                worker.forget(frames.header(text)["forget"])
        except MemoryError:  # not in the target, which may raise it: there is no room for the arrays themselves
            os._exit(NO_ROOM)


def _loaded(target: str, *, framework: str | None, device: str | None) -> Implementation:
    if library.is_library(target):
        return library.load_here(target)
    return load(target, framework=framework, device=device)


def _private_pipes() -> Pipes:
    """Take standard input and output away from the target, which may print, read and close what it likes."""
    import fcntl  # both of POSIX alone, as isolation is
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    high = _HIGH if most < 0 else min(_HIGH, most - 8)
    incoming, outgoing = (fcntl.fcntl(standard, fcntl.F_DUPFD_CLOEXEC, high) for standard in (0, 1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return Pipes(incoming, outgoing)


def _die_with(parent: int) -> None:
    """Let Linux kill this process when the checker dies: a target that hangs sees no end of its input."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
        if os.getppid() != parent:
            os._exit(0)


def _limit_memory(mebibytes: int) -> None:
    import resource  # of POSIX alone

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    size = mebibytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (size if most == resource.RLIM_INFINITY else min(size, most), most))


class Worker:
    """The target, its arguments, and those of its results that the checker still holds."""

    def __init__(self, net: Implementation) -> None:
        self._nets = {0: net}  # by the number that the checker gives each that it loads anew
        self._given: dict[int, _Given] = {}
        self._returned: dict[int, _Returned] = {}

    def forget(self, forgotten: list[list[int]]) -> None:
        """Forget the arguments, the results and the nets with these numbers."""
        tables: tuple[dict[int, Any], ...] = self._given, self._returned, self._nets
        for table, numbers in zip(tables, forgotten, strict=True):
            for number in numbers:
                table.pop(number, None)

    def answered(self, start: Start, asked: _Asked, pipes: Pipes) -> tuple[bytes, list[Bytes]]:
        """Make one call, and return the frame of the answer and the bytes behind it."""
        before: dict[int, bytes] = {}
        # Those of a call apart are new, and forgotten with the results once these are sent.
        array = partial(_new, pipes) if asked.apart else partial(self._array, pipes, before)
        arguments = [_argument(pipes, array, kind, said) for kind, said in asked.arguments]
        failed: dict[str, tuple[str, ...]] = {}
        since = time.perf_counter()
        arrays: list[tuple[NDArray[Any], bool]] = []
        try:
            _let_it_be()
            result = self._net(start.net).operations[asked.operation](*arguments, **asked.keywords)
            arrays = _arrays(asked.operation, result, asked.shapes)
        except ResultError as error:
            failed["no_result"] = tuple(_few(str(error)).split(" ", 1))
        except BaseException as error:  # SystemExit, and an interrupt that the target raises by itself, included
            cause = raised(asked.operation, error)
            failed["raised"] = _few(cause.kind), _few(cause.why)
        took = time.perf_counter() - since
        changed = {
            token: self._given[token].raw.tobytes()
            for token, was in before.items()
            if not _same(self._given[token].raw, was)
        }
        stale = self._stale()
        told = [
            _told(*each) if asked.apart else self._kept(result_number(start.number, at), *each)
            for at, each in enumerate(arrays)
        ]
        text = frames.written_again(
            changed=tuple(changed), stale=tuple(stale), results=tuple([said for said, _ in told]), **failed
        )
        parts = [*changed.values(), *stale.values(), *[data for _, data in told]]
        return frames.frame(text, start.number, start.net, took), parts

    def _net(self, number: int) -> Implementation:
        if number not in self._nets:
            try:
                first = self._nets[0]
                self._nets[number] = _loaded(first.name, framework=first.framework, device=first.device)
            except TargetError:  # as `refnet.conformance.loading.anew` has it
                self._nets[number] = self._nets[0]
        return self._nets[number]

    def _array(self, pipes: Pipes, before: dict[int, bytes], layout: Layout, writeable: bool) -> NDArray[Any]:
        """Return the array that was described, and read its bytes: the same object where it was there before."""
        (token,) = frames.WORD.unpack(pipes.receive(frames.WORD.size))
        given = self._given.get(token)
        if given is None:
            given = self._given[token] = _laid_out(layout)
        if token not in before:  # it may be given twice in one call, and comes once
            before[token] = pipes.receive(given.raw.nbytes)
            given.raw.data[:] = before[token]
            given.array.flags.writeable = writeable
        return given.array

    def _stale(self) -> dict[int, bytes]:
        """Return the bytes of the earlier results that are not as they were, by number."""
        stale = {}
        for number, returned in self._returned.items():
            now = returned.array.tobytes()
            if now != returned.was:
                stale[number] = now
        for number, now in stale.items():
            self._returned[number] = self._returned[number]._replace(was=now)
        return stale

    def _kept(self, number: int, array: NDArray[Any], its_own: bool) -> tuple[_Told, bytes]:
        """Return what describes a result, with where it lies, and its bytes in C order.

        It is kept by that number, to see whether it stays as it is.
        """
        home: tuple[Any, ...] = ()
        data = array.tobytes()
        if array.size:
            part = self._part_of(array, number)
            if part is not None:
                kind, its, low, high = part
                home = kind, its, extent(array).first - low, array.strides, high - low
            if len(self._returned) >= _MOST_KEPT:
                del self._returned[next(iter(self._returned))]
            self._returned[number] = _Returned(array, data, part)
        return (frames.name_of(array.dtype), array.shape, its_own, home), data

    def _part_of(self, array: NDArray[Any], mine: int) -> tuple[str, int, int, int] | None:
        """Return in whose memory the result lies: an argument's, an earlier result's, or its own, and its ends.

        The memory of a result is all of the array that it is a view of, if that is not much larger. None is memory of
        its own with nothing around it; ``mine`` is the number of the result.
        """
        known = [each.array for table in (self._given, self._returned) for each in table.values()]
        if array.base is None and array.flags.c_contiguous and not any(array is other for other in known):
            return None
        low, high, _ = extent(array)
        near = [("argument", token, given.raw) for token, given in self._given.items()]
        near += [("own", number, earlier.array) for number, earlier in self._returned.items() if not earlier.part]
        for kind, number, other in near:
            if np.may_share_memory(array, other):  # it is quick, and looks at the ends alone
                its_low, its_high, _ = extent(other)
                if its_low <= low and high <= its_high:
                    return kind, number, its_low, its_high
        for earlier in self._returned.values():
            if earlier.part and earlier.part[2] <= low and high <= earlier.part[3]:
                return earlier.part
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        whole = extent(root)
        if whole.low <= low and high <= whole.high <= whole.low + _ALWAYS_AROUND + _MOST_AROUND * (high - low):
            low, high = whole[:2]
        if high - low == array.nbytes and array.flags.c_contiguous:
            return None
        return "own", mine, low, high


def _same(raw: NDArray[np.uint8], was: bytes) -> bool:
    """Return whether these are the bytes; of many, a part that fits the processor's cache at a time."""
    if len(was) <= _PART:
        return raw.tobytes() == was
    return all(raw[i : i + _PART].tobytes() == was[i : i + _PART] for i in range(0, len(was), _PART))


def _argument(pipes: Pipes, array: Callable[..., NDArray[Any]], kind: str, said: Sequence[tuple[Any, ...]]) -> object:
    if kind == "number":
        return frames.NUMBER.unpack(pipes.receive(frames.NUMBER.size))[0]
    return _MADE[kind](*[array(*each) for each in said])


def _new(pipes: Pipes, dtype: np.dtype[Any], shape: Shape) -> NDArray[Any]:
    """Return a new array in C order, and read its bytes."""
    array = np.empty(shape, dtype)
    pipes.fill(array)
    return array


def _told(array: NDArray[Any], its_own: bool) -> tuple[_Told, Bytes]:
    """Return what describes a result, wherever it lies, and its bytes in C order."""
    data = frames.memory(array if array.flags.c_contiguous else array.copy())
    return (frames.name_of(array.dtype), array.shape, its_own, ()), data


def _laid_out(layout: Layout) -> _Given:
    """Return an array as the checker has it: where its elements lie, what lies between them, what it is a view of."""
    name, shape, strides, offset, size, around = layout
    dtype = frames.dtype_of(name)
    if around is not None:
        whole = np.empty(around, dtype)
        return _Given(np.ndarray(shape, dtype, whole, offset, strides), whole.reshape(-1).view(np.uint8))
    if strides is None:  # in C order, so it owns its memory, as most arrays do
        array = np.empty(shape, dtype)
        return _Given(array, array.reshape(-1).view(np.uint8))
    array = np.empty(shape, dtype, "F")
    if array.strides == tuple(strides) and size == array.nbytes:
        return _Given(array, array.ravel("K").view(np.uint8))
    raw = np.empty(size, np.uint8)
    return _Given(np.ndarray(shape, dtype, raw, offset, strides), raw)


def _arrays(operation: str, result: object, shapes: tuple[Shape, ...]) -> list[tuple[NDArray[Any], bool]]:
    """Return the arrays of a result, and whether each has a dtype of its own. Raises ResultError."""
    found: tuple[NDArray[Any], ...]
    try:
        if operation in ("forward", "loss"):
            names, found = [operation], (as_array(operation, result, shapes[0]),)
        else:
            names = [f"{operation}.{key}" for key in Params._fields]
            found = as_four(operation, result, list(shapes))
        return [(array, has_dtype(result, name)) for name, array in zip(names, found, strict=True)]
    except ResultError:
        raise
    except BaseException as error:  # to read it may run a stranger's code, which may raise anything
        raise ResultError(operation, f"cannot be read: {type(error).__name__}: {error}") from error


def _few(words: str) -> str:
    return words if len(words) <= _MOST_WORDS else words[:_MOST_WORDS] + "..."


def _let_it_be() -> None:
    """Let the target warn, and divide by 0, whatever it asked for in its last call; what it prints goes nowhere."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
