r"""A child process that may hang, die, or answer with anything: every wait has an end, and every end has words.

>>> import sys
>>> child = Child([sys.executable, "-c", "print(input()[::-1])"])
>>> child.send([b"olleh\n"], until=after(60.0))
>>> child.line(1000, until=after(60.0))
b'hello'
>>> child.line(1000, until=after(60.0))
Traceback (most recent call last):
    ...
refnet.adapters.process.EndedError: ended with status 0
>>> child.running
False

Needs POSIX (process groups, poll on pipes): elsewhere a `Child` is refused with an error that says so.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from refnet.adapters.frames import Bytes

CAN_ISOLATE = sys.platform != "win32"  # where pipes can be polled, and a process has a group
_LAST_WORDS = 400  # characters of what the child wrote to standard error that a message ends with
_TAIL = 8192  # bytes of it that are kept
_CHUNK = 1 << 16
_MOST_PARTS = 64  # that are written at once: some systems take no more than 1024
_LARGE_PIPE = 1 << 20  # what Linux lets anyone have
_UNASKED = 1 << 26  # bytes that it may say while it is still being written to
_SPINS = 60  # tries to read before it is waited for: to be woken takes longer than many a call
_GRACE = 1.0  # seconds from the end of the output to the end of a process that is ending


class ProcessError(Exception):
    """The child did not do what was asked of it: ``str`` says what happened, in words that follow its name.

    The child and its group are stopped then. ``last_words`` is the end of what it wrote to standard error.
    """

    def __init__(self, happened: str, last_words: str = "") -> None:
        super().__init__(happened + (f"; its last words: {last_words}" if last_words else ""))
        self.last_words = last_words


class SlowError(ProcessError):
    """It did not answer, or did not read what it was sent, within its time."""


class EndedError(ProcessError):
    """It has ended: by itself, with a ``status``, or by a signal, whose negative that is; None where we stopped it."""

    status: int | None = None


class ClosedError(ProcessError):
    """It runs on, and has closed its input or its output."""


class TooMuchError(ProcessError):
    """It answered with more than it may."""


class Until(NamedTuple):
    """A point in time, and how many seconds there were: the words of a SlowError need these. None is for ever."""

    seconds: float | None
    at: float  # as `time.monotonic` counts

    def left(self) -> float:
        """Return how many seconds are left, 0 where none is."""
        return max(0.0, self.at - time.monotonic())


def after(seconds: float | None) -> Until:
    """Return the point in time that many seconds from now; one for a whole exchange, both ways."""
    return Until(seconds, float("inf") if seconds is None else time.monotonic() + seconds)


class Child:
    """A process in a session of its own, with pipes to its standard streams, which are ours alone.

    Every method raises a ProcessError where the child hangs, dies, closes a stream, or says too much, and stops it and
    all that it started; a fresh Child starts it again. It is stopped too where it is forgotten, and when Python ends.
    What it writes to standard error is read while it is waited for, and all but the end is thrown away. Not for use
    from two threads at once.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        """Start the command, a program and its arguments. Raises OSError where it cannot be started.

        ``environment`` is the whole of it; None leaves both it and the folder as they are here.
        """
        if not CAN_ISOLATE:
            raise OSError("a process of its own needs POSIX: pipes cannot be waited for here")
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
            start_new_session=True,  # a group of its own, to be stopped as one; Ctrl-C in the terminal is not for it
        )
        self.pid = self._process.pid
        streams = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._stdin, self._stdout, self._stderr = (stream.fileno() for stream in streams if stream is not None)
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        _enlarge(self._stdin, self._stdout)
        self._came = bytearray()  # what it has answered, and nobody asked for yet
        self._tail = bytearray()
        self._why: ProcessError = EndedError("has been stopped")  # what a call on one that has stopped raises
        # It may end with its output open, in the hands of a process that it started: the end itself is waited for.
        self._end = _descriptor_of(self.pid)
        self._poll = select.poll()
        for source in (self._stdout, self._stderr, self._end):
            if source is not None:
                self._poll.register(source, select.POLLIN)
        self._stop = weakref.finalize(self, _stop, self._process, self._end, os.getpid())

    @property
    def running(self) -> bool:
        """Whether it has neither ended nor been stopped, as far as is known: nothing waits for it here."""
        return self._stop.alive

    def stop(self) -> None:
        """Stop it and all that it started, and wait for its end. What is stopped already stays so."""
        self._stop()

    def send(self, parts: Sequence[Bytes], *, until: Until) -> None:
        """Write the parts, one behind the other, while what it says meanwhile is kept.

        Each part is a row of bytes; none is copied.
        """
        left = parts
        while left:
            self._check_running()
            try:
                written = os.writev(self._stdin, left[:_MOST_PARTS])
            except BlockingIOError:
                self._wait(until, writing=True)
                self._gather()
                if len(self._came) > _UNASKED:
                    self._fail(TooMuchError, f"answered with more than {_UNASKED:,} bytes before it was asked")
                continue
            except BrokenPipeError:
                self._say_end("closed its input")
            if written == sum(map(len, left)):  # as most often
                return
            left = _behind(left, written)

    def exactly(self, size: int, *, until: Until) -> bytearray:
        """Return that many bytes of its answer."""
        while len(self._came) < size:
            self._check_running()
            if not self._gather():
                self._wait(until)
        found = self._came[:size]
        del self._came[:size]
        return found

    def fill(self, into: memoryview, *, until: Until) -> None:
        """Read as many bytes of its answer as the row of bytes is long, into it."""
        size = len(into)
        start = 0
        while True:
            more = min(size - start, len(self._came))
            into[start : start + more] = self._came[:more]
            del self._came[:more]
            start += more
            if start == size:
                return
            self._check_running()
            if size - start < _CHUNK:
                if not self._gather():
                    self._wait(until)
                continue
            try:
                came = os.readv(self._stdout, [into[start:]])  # where it belongs, without a copy
            except BlockingIOError:
                self._wait(until)
                continue
            if not came:
                self._say_end("closed its output")
            start += came

    def line(self, most: int, *, until: Until) -> bytes:
        """Return the next line of its answer, of that many bytes at most, without its end."""
        looked = 0
        while (found := self._came.find(b"\n", looked, most + 1)) < 0:
            looked = len(self._came)
            if looked > most:
                self._fail(TooMuchError, f"answered with more than {most:,} bytes")
            self._check_running()
            if not self._gather():
                self._wait(until)
        answer = bytes(self._came[:found])
        del self._came[: found + 1]
        return answer

    def unasked(self) -> int:
        """Return how many bytes of an answer have come that nobody has read yet, without waiting for more."""
        if self.running:
            with contextlib.suppress(ProcessError):
                self._gather()
        return len(self._came)

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error, in one line."""
        self._listen()
        words = " ".join(self._tail.decode("utf-8", "replace").split())
        printable = "".join(c if c.isprintable() else "?" for c in words)
        return printable if len(printable) <= _LAST_WORDS else "..." + printable[-_LAST_WORDS:]

    def _check_running(self) -> None:
        if not self.running:
            raise self._why

    def _gather(self) -> bool:
        """Read some of what has come; return whether anything has. Raises at the end of it."""
        try:
            came = os.read(self._stdout, _CHUNK)
        except BlockingIOError:
            return False
        if not came:
            self._say_end("closed its output")
        self._came += came
        return True

    def _listen(self) -> None:
        """Read what has come on standard error, and keep the end of it."""
        if not self.running or self._stderr < 0:
            return
        for _ in range(64):  # one that writes without end is not listened to for ever
            try:
                came = os.read(self._stderr, _CHUNK)
            except BlockingIOError:
                return
            if not came:
                self._poll.unregister(self._stderr)
                self._stderr = -1
                return
            self._tail += came
            del self._tail[:-_TAIL]

    def _wait(self, until: Until, *, writing: bool = False) -> None:
        """Wait until it has said something, reads on if that is wanted, or has ended."""
        if not writing:
            for _ in range(_SPINS):
                os.sched_yield()  # whoever needs the core, the child above all, has it first
                if self._gather():
                    return
        left = until.left()
        if not left:
            if until.seconds is None:
                left = 3600.0
            else:
                what = "read what it was given" if writing else "answer"
                self._fail(SlowError, f"did not {what} within {until.seconds:g} s")
        most = 3600.0 if self._end is not None else 0.05
        if writing:
            self._poll.register(self._stdin, select.POLLOUT)
        try:
            ready = {descriptor for descriptor, _ in self._poll.poll(1000 * min(left, most))}
        finally:
            if writing:
                self._poll.unregister(self._stdin)
        if self._stderr in ready:
            self._listen()
        ended = self._end in ready if self._end is not None else _has_ended(self._process)
        if ended and not self._gather():
            self._say_end("closed its output")

    def _say_end(self, otherwise: str) -> NoReturn:
        """Raise what says how it ended, or that it runs on, and what it did otherwise."""
        start = time.monotonic()
        while not _has_ended(self._process):
            if time.monotonic() - start > _GRACE:
                self._fail(ClosedError, f"{otherwise}, and runs on")
            time.sleep(0.001)
        self._listen()
        self._fail(EndedError, None)

    def _fail(self, error: type[ProcessError], happened: str | None) -> NoReturn:
        words = self.last_words()
        self.stop()
        failure = error(happened or _how_it_ended(self._process.returncode), words)
        if isinstance(failure, EndedError):
            failure.status = self._process.returncode
        self._why = failure
        raise failure


def _behind(parts: Sequence[Bytes], count: int) -> list[Bytes]:
    """Return what is left of the parts behind that many bytes."""
    left = list(parts)
    while left and count >= len(left[0]):
        count -= len(left.pop(0))
    if count:
        left[0] = memoryview(left[0])[count:]
    return left


def _enlarge(*pipes: int) -> None:
    """Give the pipes more room than a page or a few, so that a large array takes few turns; where that can be had."""
    if sys.platform == "linux":
        import fcntl

        for pipe in pipes:
            with contextlib.suppress(OSError):  # others of the same user may have taken all there is
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _LARGE_PIPE)


def _descriptor_of(pid: int) -> int | None:
    """Return a descriptor that can be read once the process has ended; None where the system has none."""
    try:
        return os.pidfd_open(pid) if sys.platform == "linux" else None
    except OSError:  # an old kernel, or a sandbox
        return None


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether it has ended; where that can be, its number stays taken, by which its group can be stopped."""
    if not hasattr(os, "waitid"):  # some macOS
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # somebody else in this process has waited for it
        return True


def _stop(process: "subprocess.Popen[bytes]", end: int | None, owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork of ours ends, and the child is not its
    for kill in (os.killpg, os.kill):  # a process that is about to make its session has no group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    if end is not None:
        os.close(end)


_WHY = {
    "SIGSEGV": "segmentation fault",
    "SIGBUS": "bus error",
    "SIGFPE": "arithmetic error, such as a division of integers by 0",
    "SIGILL": "illegal instruction: it may be built for another processor",
    "SIGABRT": "abort: it gave up by itself",
    "SIGKILL": "somebody else killed it, perhaps for want of memory",
    "SIGXCPU": "limit of processor time",
}


def _how_it_ended(status: int) -> str:
    """Return in words how a process ended: a status, or the negative of a signal.

    >>> _how_it_ended(3), _how_it_ended(-11)
    ('ended with status 3', 'was killed by signal 11 (segmentation fault)')
    """
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = ""
    why = _WHY.get(name, name)
    return f"was killed by signal {-status}" + (f" ({why})" if why else "")
