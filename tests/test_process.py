"""A child process: whatever it does, every wait has an end, and every end has words."""

import os
import sys
import time
import warnings

import pytest

from refnet.adapters.process import Child, ClosedError, EndedError, ProcessError, SlowError, TooMuchError, Until, after

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")

LONG = 60.0  # seconds, which no answer here needs


def child(code: str) -> Child:
    return Child([sys.executable, "-c", f"import os, sys, time\n{code}"])


def echo() -> Child:
    return child("while line := sys.stdin.buffer.readline(): sys.stdout.buffer.write(line); sys.stdout.flush()")


def test_lines_and_bytes_come_back_in_order() -> None:
    running = echo()
    running.send([b"one\ntw", bytearray(b"o\n"), memoryview(b""), memoryview(b"three\nfour\n")], until=after(LONG))
    assert running.line(3, until=after(LONG)) == b"one"
    assert running.line(100, until=after(LONG)) == b"two"
    assert running.exactly(4, until=after(LONG)) == b"thre"
    assert running.exactly(0, until=after(LONG)) == b""
    assert running.line(1, until=after(LONG)) == b"e"
    assert running.line(4, until=after(None)) == b"four"
    assert running.unasked() == 0
    before = running.running
    running.stop()
    assert (before, running.running) == (True, False)
    running.stop()
    for ask in (lambda: running.send([b"x"], until=after(LONG)), lambda: running.exactly(1, until=after(LONG))):
        with pytest.raises(EndedError, match=r"^has been stopped$"):
            ask()


def test_more_than_the_pipes_hold_goes_both_ways_at_once() -> None:
    running = echo()
    lines = [os.urandom(1 << 19).replace(b"\n", b".") + b"\n" for _ in range(16)]
    running.send(lines, until=after(LONG))
    room = bytearray(sum(map(len, lines)))
    running.fill(memoryview(room), until=after(LONG))
    assert room == b"".join(lines)


def test_what_comes_unasked_is_counted() -> None:
    running = child("print('a'); print('bc', flush=True); time.sleep(1000)")
    assert running.line(9, until=after(LONG)) == b"a"
    until = after(LONG)
    while not running.unasked() and until.left():
        time.sleep(0.01)
    assert running.unasked() == 3


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("time.sleep(1000)", SlowError, "did not answer within 0.5 s"),
        ("os._exit(3)", EndedError, "ended with status 3"),
        ("os.abort()", EndedError, "was killed by signal 6 (abort: it gave up by itself)"),
        ("os.kill(os.getpid(), 9)", EndedError, "was killed by signal 9 (somebody else killed it, perhaps for want of"),
        ("os.kill(os.getpid(), 40)", EndedError, "was killed by signal 40"),
        ("1 / 0", EndedError, "ended with status 1; its last words: Traceback (most recent call last): "),
        ("os.close(1); time.sleep(1000)", ClosedError, "closed its output, and runs on"),
        ("os.write(2, b'e' * 5000 + b'\\x1b[1m\\n end'); os._exit(1)", EndedError, "ended with status 1; its last w"),
    ],
)
def test_each_end_has_its_words(code: str, error: type[ProcessError], said: str) -> None:
    seconds = 0.5 if error is SlowError else LONG
    for ask in ("line", "exactly"):
        running = child(code)
        with pytest.raises(error) as caught:
            getattr(running, ask)(100, until=after(seconds))
        assert str(caught.value).startswith(said)
        assert not running.running
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 600
        if isinstance(caught.value, EndedError):
            assert (caught.value.status == 1) == ("status 1" in said)
    if "b'e'" in code:
        assert caught.value.last_words.startswith("...eee")
        assert caught.value.last_words.endswith("?[1m end")


def test_what_was_said_before_the_end_is_read_before_it() -> None:
    running = child("sys.stdout.write('x' * 300_000 + '\\nhalf a l'); sys.stdout.flush(); os._exit(0)")
    assert len(running.line(400_000, until=after(LONG))) == 300_000
    with pytest.raises(EndedError, match=r"^ended with status 0$"):
        running.line(100, until=after(LONG))


def test_an_end_is_seen_though_another_process_holds_the_pipes() -> None:
    running = child("if os.fork(): os._exit(7)\ntime.sleep(1000)")
    with pytest.raises(EndedError, match=r"^ended with status 7$"):
        running.line(100, until=after(LONG))


def test_where_nothing_else_tells_the_end_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refnet.adapters.process._descriptor_of", lambda _: None)
    with_waitid, without = child("if os.fork(): os._exit(7)\ntime.sleep(1000)"), child("os._exit(7)")
    with pytest.raises(EndedError, match=r"^ended with status 7$"):
        with_waitid.line(100, until=after(LONG))
    monkeypatch.delattr(os, "waitid", raising=False)
    with pytest.raises(EndedError, match=r"^ended with status 7$"):
        without.line(100, until=after(LONG))


def test_an_answer_has_a_limit() -> None:
    running = child("print('x' * 100)")
    with pytest.raises(TooMuchError, match=r"^answered with more than 99 bytes$"):
        running.line(99, until=after(LONG))
    assert child("print('x' * 100); time.sleep(1000)").line(100, until=after(LONG)) == b"x" * 100
    with pytest.raises(TooMuchError, match=r"^answered with more than 67,108,864 bytes before it was asked$"):
        child("while True: os.write(1, b'y' * 65536)").send([bytes(1 << 26)], until=after(LONG))


def test_one_that_does_not_read_is_stopped() -> None:
    with pytest.raises(SlowError, match=r"^did not read what it was given within 0\.5 s$"):
        child("time.sleep(1000)").send([bytes(1 << 25)], until=after(0.5))
    with pytest.raises(ClosedError, match=r"^closed its input, and runs on$"):
        child("os.close(0); time.sleep(1000)").send([bytes(1 << 25)], until=after(LONG))
    with pytest.raises(EndedError, match=r"^ended with status 2$"):
        child("os._exit(2)").send([bytes(1 << 25)], until=after(LONG))


def test_one_that_writes_errors_without_end_answers_all_the_same() -> None:
    running = child("sys.stderr.write('e' * 20_000_000)\nprint('done')")
    assert running.line(9, until=after(LONG)) == b"done"


def test_a_child_that_is_forgotten_is_buried() -> None:
    running = child("time.sleep(1000)")
    pid = running.pid
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del running
    with pytest.raises(ChildProcessError):  # it has ended, and somebody has waited for it
        os.waitpid(pid, os.WNOHANG)


def test_a_fork_of_ours_that_ends_leaves_the_child_alone() -> None:
    running = echo()
    if (pid := os.fork()) == 0:
        running.stop()
        os._exit(0)
    os.waitpid(pid, 0)
    running.send([b"still here\n"], until=after(LONG))
    assert running.line(20, until=after(LONG)) == b"still here"


def test_a_command_that_there_is_not_is_an_error_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        Child(["no-such-program"])


def test_a_point_in_time_knows_how_much_is_left() -> None:
    assert Until(1.0, 0.0).left() == 0.0
    assert 0 < after(LONG).left() <= LONG
    assert after(None).left() == float("inf")
