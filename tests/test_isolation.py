"""Targets that hang, die, print, fork, close and lie: each costs its own verdict, and nothing else."""

import os
import platform
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refnet
import refnet.seed
from refnet.adapters import frames, isolated
from refnet.adapters.isolated import Limits
from refnet.conformance import TargetError, Verdict, generate, implementation, plan, run
from refnet.conformance.target import Implementation, LostError, RaisedError
from refnet.judgement import ResultError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")

START = """
import ctypes, json, os, signal, sys, threading, time
import numpy as np
import refnet


def forward(params, x):
    return refnet.forward(params, x)


"""
HEAD = "def loss(params, x, y):\n"
RIGHT = "    return refnet.loss(params, x, y)\n"
ONE = generate("normal", (1, 2, 3, 2), "float64", "relu", 0)  # what they stumble over: a batch of one
MORE = generate("normal", (3, 2, 4, 2), "float64", "relu", 0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(body: str, *, before: str = "") -> str:
    """Write a target whose loss does that, and name it."""
    Path("net.py").write_text(START + before + HEAD + textwrap.indent(textwrap.dedent(body), "    ") + "\n" + RIGHT)
    return "net.py"


def on_one(body: str) -> str:
    """Write a target whose loss does that for a batch of one."""
    return written("if len(x) == 1:\n" + textwrap.indent(body, "    "))


def assert_right(net: Implementation) -> None:
    for problem in (ONE, MORE):
        refnet.assert_forward(net.run("forward", problem)["forward"], problem.params, problem.x)
    refnet.assert_loss(net.run("loss", MORE)["loss"], MORE.params, MORE.x, MORE.y)


# What never comes back.

LOST = {
    "hangs": ("time.sleep(1000)", r"did not answer within 2 s"),
    "loops": ("while True: pass", r"did not answer within 2 s"),
    "segmentation fault": (
        "ctypes.string_at(0)",
        r"did not return: its process was killed by signal 11 \(segmentation fault\)",
    ),
    "exits at once": ("os._exit(0)", r"did not return: its process ended with status 0"),
    "last words": (
        "print('no device', file=sys.stderr, flush=True); os._exit(3)",
        "ended with status 3; its last words: no device",
    ),
    "killed": (
        "os.kill(os.getpid(), signal.SIGKILL)",
        r"killed by signal 9 \(somebody else killed it, perhaps for want of memory\)",
    ),
    "closes everything": (
        "os.closerange(0, 10_000)",
        "its process lost its pipes, since the target closes descriptors",
    ),
    "writes to every descriptor": (
        "for fd in range(3, 1024):\n    try: os.write(fd, b'here is my answer')\n    except OSError: pass",
        r"its process wrote what is no answer: no frame starts with b'here is '",
    ),
    "reading it hangs": (
        "class Slow:\n    def __array__(self, *_, **__): time.sleep(1000)\nreturn Slow()",
        "did not answer within 2 s",
    ),
    "reading it ends the process": (
        "class Last:\n    def __array__(self, *_, **__): os._exit(1)\nreturn Last()",
        "ended with status 1",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_what_never_comes_back_is_said_and_the_next_call_goes_well(name: str) -> None:
    body, said = LOST[name]
    net = isolated.load(on_one(body), Limits(seconds=2.0))
    net.run("loss", MORE)
    with pytest.raises(LostError, match=said) as caught:
        net.run("loss", ONE)
    assert str(caught.value).startswith("loss ")
    assert caught.value.problem is not None
    assert caught.value.problem.shape == ONE.shape
    assert_right(net)


def test_one_that_reads_nothing_of_a_large_argument_is_stopped_too() -> None:
    large = generate("normal", (64, 1000, 100, 10), "float64", "relu", 0)
    net = isolated.load(written("if len(x) == 1: threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGSTOP)).start()"))
    net.run("loss", ONE)
    net.operations["loss"]._session.patience.most = 2.0  # type: ignore[attr-defined]  # stops sooner than it would
    time.sleep(0.5)
    with pytest.raises(LostError, match=r"loss did not (read what it was given|answer) within 2 s"):
        net.run("loss", large)
    assert_right(net)


# What raises, or returns no result: as in this process.

RAISED = {
    "exits": ("exit(0)", "loss tried to end the process: 0"),
    "raises": ("raise KeyError('w1')", "loss raised KeyError: 'w1'"),
    "interrupts itself": ("raise KeyboardInterrupt", "loss raised KeyboardInterrupt"),
    "an exception that cannot be said": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "loss raised Mute",
    ),
}


@pytest.mark.parametrize("name", RAISED)
def test_what_raises_is_said(name: str) -> None:
    body, said = RAISED[name]
    net = isolated.load(on_one(body))
    with pytest.raises(RaisedError) as caught:
        net.run("loss", ONE)
    assert str(caught.value) == said
    assert_right(net)


def test_more_memory_than_there_may_be_is_an_error_of_its_own() -> None:
    net = isolated.load(on_one("np.zeros(1 << 28)"), Limits(memory=2048))
    with pytest.raises(RaisedError, match=r"loss raised .*MemoryError"):
        net.run("loss", ONE)
    assert_right(net)


NO_RESULT = {
    "wrong shape": ("return np.zeros((3, 4))", "loss has shape (3, 4), expected ()"),
    "nothing": ("return None", "loss is None, expected an array of real numbers of shape ()"),
    "words": ("return 'much'", "loss is str (dtype <U4), expected an array of real numbers of shape ()"),
    "a gigabyte that is one number": ("return np.broadcast_to(1.0, (1 << 27,))", "loss has shape (134217728,), "),
    "a gigabyte": ("return np.zeros(1 << 27)", "loss has shape (134217728,), expected ()"),
    "an array that lies": (
        "class Liar:\n    dtype = float\n    shape = ()\n    def __array__(self, *_, **__): return [1]\nreturn Liar()",
        "loss cannot be read as an array: ValueError: object __array__ method not producing an array",
    ),
    "reading it exits": (
        "class Exit:\n    def __array__(self, *_, **__): exit('no')\nreturn Exit()",
        "loss cannot be read: SystemExit: no",
    ),
    "a length that lies": (
        "class Long:\n    def __len__(self): return 1 << 40\n    def __getitem__(self, i): return 1.0\nreturn Long()",
        "loss cannot be read as an array: MemoryError",
    ),
}


@pytest.mark.parametrize("name", NO_RESULT)
def test_what_is_no_result_is_refused_there(name: str) -> None:
    body, said = NO_RESULT[name]
    net = isolated.load(on_one(body), Limits(memory=None))
    with pytest.raises(ResultError) as caught:
        net.run("loss", ONE)
    assert str(caught.value).startswith(said)
    assert_right(net)


# What does no harm.

HARMLESS = {
    "prints": "print('x' * 10_000_000); print('y' * 10_000_000, file=sys.stderr); os.system('echo z')",
    "forks": "os.fork()",
    "leaves a thread": "threading.Thread(target=time.sleep, args=(1000,)).start()",
    "leaves a process": "import subprocess; subprocess.Popen(['sleep', '1000'])",
    "closes standard output": "try: os.close(1)\nexcept OSError: pass",
    "closes the first descriptors": "os.closerange(0, 256)",
    "closes sys.stdout": "sys.stdout.close(); sys.stdin.close()",
    "reads standard input": "assert not sys.stdin.read()",
    "replaces what is common": "sys.stdout = sys.stderr = os.write = json.loads = json.dumps = time.monotonic = None",
    "is in another folder": "os.chdir('/')",
    "has other errors": "np.seterr(all='raise'); import warnings; warnings.simplefilter('error')",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm_goes_unnoticed(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    net = isolated.load(on_one(HARMLESS[name]))
    for _ in range(3):
        refnet.assert_loss(net.run("loss", ONE)["loss"], ONE.params, ONE.x, ONE.y)
        assert_right(net)
    assert net.pace.lost == 0
    assert capfd.readouterr() == ("", "")


def test_what_one_call_asks_of_numpy_and_of_warnings_is_forgotten_by_the_next() -> None:
    asks = "np.seterr(all='raise'); warnings.simplefilter('error'); return np.float64(len(x))"
    strict = f"import warnings\nif len(x) == 1: {asks}\nwarnings.warn('so'); return np.float64(1.0) / np.float64(0.0)"
    net = isolated.load(written(strict))
    for _ in range(2):
        assert net.run("loss", ONE)["loss"] == 1.0
        assert net.run("loss", MORE)["loss"] == np.inf


def test_a_target_that_tampers_with_refnet_in_its_process_convinces_nobody_here() -> None:
    tampered = """
    refnet.enclosure.loss = refnet.loss = np.abs = np.shares_memory = lambda *_, **__: 0
    sys.modules["refnet.judgement"].compare = None
    return y.sum()
    """
    found = checked(written(tampered), clauses=("LOSS-1",))
    assert [verdict.outcome for verdict in found] == ["fail"]
    assert "times the bound" in found[0].message


FLUSH = """
#include <xmmintrin.h>
void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
"""


@pytest.mark.skipif(shutil.which("cc") is None or platform.machine() != "x86_64", reason="needs a C compiler and SSE")
def test_subnormals_switched_off_there_are_on_here() -> None:
    Path("flush.c").write_text(FLUSH)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "flush.so", "flush.c"], check=True)
    body = "ctypes.CDLL('./flush.so').flush(); assert not refnet.rounding.subnormals_work()"
    target = written(body)
    assert [verdict.outcome for verdict in checked(target, clauses=("LOSS-1", "LAYOUT"))] == ["pass"] * 5
    assert refnet.rounding.subnormals_work()


# Loading.

UNLOADABLE = {
    "hangs": ("time.sleep(1000)", "net.py cannot be loaded: its process did not answer within 3 s"),
    "dies": (
        "ctypes.string_at(0)",
        "net.py cannot be loaded: its process was killed by signal 11 (segmentation fault)",
    ),
    "ends": ("os._exit(5)", "net.py cannot be loaded: its process ended with status 5"),
    "exits": ("exit(1)", "net.py cannot be imported: SystemExit: 1"),
    "interrupts": ("raise KeyboardInterrupt", "net.py cannot be imported: KeyboardInterrupt"),
    "raises": ("1 / 0", "net.py cannot be imported: ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("name", UNLOADABLE)
def test_what_cannot_be_loaded_is_no_target(name: str) -> None:
    body, said = UNLOADABLE[name]
    with pytest.raises(TargetError) as caught:
        isolated.load(written("", before=f"{body}\n\n\n"), Limits(to_load=3.0))
    assert str(caught.value).startswith(said)


def lying(lie: str) -> str:
    """Write a target that puts something else into what its process says, of itself and in every answer."""
    before = f"""
import refnet.adapters.frames as frames
real = frames.written
frames.written = lambda header: real(header | {lie})


"""
    return written("", before=before)


def starting_with(numbers: str) -> str:
    """Write a target whose process says other numbers (length, number, net, seconds) before each answer."""
    before = f"""
import refnet.adapters.frames as frames
real = frames._START.pack
class Start:
    pack = lambda self, length, number, net, seconds: real(*({numbers} if number else (length, 0, 0, 0.0)))
    unpack = frames._START.unpack
frames._START = Start()


"""
    return written("", before=before)


@pytest.mark.parametrize(
    "lie",
    ["{'operations': ['steal']}", "{'operations': []}", "{'told': 3}", "{'dtypes': [{}]}", "{'precisions': [[1]]}"],
)
def test_what_lies_about_itself_is_no_target(lie: str) -> None:
    with pytest.raises(TargetError, match=r"^net\.py cannot be loaded: its process says (operations|told|dtypes|prec)"):
        isolated.load(lying(lie))


LIES = {
    "{'changed': [77]}": "an array is said to have changed that was not given",
    "{'changed': [[]]}": "an array is said to have changed that was not given",
    "{'changed': 1}": "1 is no list",
    "{'stale': [77]}": "a result is said to have changed that there is not",
    "{'results': []}": "0 arrays are no result of 1",
    "{'results': [3]}": "3 is no list",
    "{'results': [[]]}": "a result is not described",
    "{'results': [[8, [], True, []]]}": "a result is not described",
    "{'results': [['<f8', [1 << 40], True, []]]}": r"a result of shape \[1099511627776\] is described, ex",
    "{'results': [['<f8', 0, True, []]]}": r"a result of shape 0 is described, ex",
    "{'results': [['|O8', [], True, []]]}": r"'\|O8' is no dtype of numbers",
    "{'results': [['<f99', [], True, []]]}": "there is no dtype '<f99'",
    "{'results': [['<f8', [], True, 1]]}": "1 is no list",
    "{'results': [['<f8', [], True, ['own', 1, 0, [], 1 << 60]]]}": "a result is said to lie in 1152921504606846976",
    "{'results': [['<f8', [], True, ['own', 1, 4, [], 8]]]}": "an array reaches beyond the memory",
    "{'results': [['<f8', [], True, ['argument', 1, 1 << 40, [], 8]]]}": "an array reaches beyond the memory",
    "{'results': [['<f8', [], True, ['argument', 1, 0, [8], 8]]]}": "an array has not a stride for each axis",
    "{'results': [['<f8', [], True, ['own']]]}": "where a result lies is not described",
    "{'results': [['<f8', [], True, ['own', 1, 0, [], 8.5]]]}": "where a result lies is not described in numbers",
    "{'raised': 3, 'results': []}": "an error is not described",
    "{'raised': ['A'], 'results': []}": "an error is not described",
    "{'raised': ['A', 'b']}": "1 arrays are no result of 0",
}


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_cannot_be_is_none(lie: str, apart: bool) -> None:
    net = isolated.load(lying(lie))
    lies_somewhere = apart and ("'own'" in lie or "'argument'" in lie)
    said = "a result is said to lie somewhere, and is nobody else's" if lies_somewhere else LIES[lie]
    with pytest.raises(LostError, match=f"^loss did not return: its process wrote what is no answer: {said}"):
        (net.run if apart else net.run_on)("loss", ONE)


STARTS = {
    "(length, 77, net, seconds)": "the answer is to another question",
    "(0x20202020, number, net, seconds)": r"no frame starts with b'    \\x\d\d",
    "(3, number, net, seconds)": "no JSON: ",
}


@pytest.mark.parametrize("start", STARTS)
def test_an_answer_that_starts_as_none_does_is_none(start: str) -> None:
    net = isolated.load(starting_with(start))
    with pytest.raises(LostError, match=f"^loss did not return: its process wrote what is no answer: {STARTS[start]}"):
        net.run("loss", ONE)


def test_json_that_is_nested_without_end_is_none() -> None:
    with pytest.raises(frames.FrameError, match=r"^no JSON: "):
        frames.header(b"[" * frames.LONGEST)


def test_time_that_cannot_be_is_not_believed() -> None:
    for seconds in ("float('nan')", "-1e300", "1e300"):
        net = isolated.load(starting_with(f"(length, number, net, {seconds})"))
        net.run("loss", ONE)
        assert 0.0 <= net.pace.seconds < 60.0


def test_limits_are_for_a_process_of_its_own() -> None:
    target = written("")
    with pytest.raises(TargetError, match=r"^timeout is 1\.0, and nothing limits what runs in this process"):
        isolated.loaded(target, in_process=True, timeout=1.0)
    with pytest.raises(TargetError, match=r"^memory is 0, expected more than 0$"):
        isolated.loaded(target, memory=0)
    with pytest.raises(TargetError, match=r"^timeout is nan, expected more than 0$"):
        isolated.loaded(target, timeout=float("nan"))
    assert isolated.loaded(target, in_process=True).renewed is None
    assert isolated.loaded(target).renewed is not None


def test_only_arrays_and_numbers_are_sent() -> None:
    net = isolated.load(written(""))
    thing: Any = object()
    params = refnet.Params(thing, thing, thing, thing)
    for given in ((params, ONE.x, ONE.y), ("params", ONE.x, ONE.y), (ONE.params, [1.0], ONE.y)):
        with pytest.raises(RaisedError, match=r"TypeError: .* expected "):
            net.call("loss", *given, activation="relu")
    assert_right(net)


# Verdicts.


def checked(target: str, *, seconds: float = 2.0, clauses: tuple[str, ...], examples: int = 3) -> list[Verdict]:
    net = isolated.load(target, Limits(seconds=seconds))
    asked = plan(net, clauses=clauses, dtypes=("float32",), activations=("relu",), examples=examples)
    return list(run(net, asked, diagnose=True).verdicts)


def test_a_death_fails_its_clause_with_the_input_and_no_other() -> None:
    target = written("if not len(x): ctypes.string_at(0)")
    found = checked(target, clauses=("LOSS-1", "EDGE-1", "PURE-1", "LAYOUT-1", "ERR-2"))
    assert {verdict.clause: verdict.outcome for verdict in found} == {
        "LOSS-1": "pass",
        "EDGE-1": "fail",
        "PURE-1": "pass",
        "LAYOUT-1": "pass",
        "ERR-2": "pass",
    }
    edge = next(verdict for verdict in found if verdict.clause == "EDGE-1")
    assert edge.message == "loss did not return: its process was killed by signal 11 (segmentation fault)"
    assert edge.diagnosis is None
    assert edge.counterexample is not None
    assert edge.counterexample.problem.shape == (0, 1, 1, 1)
    lines = "\n".join(edge.counterexample.lines)
    assert (
        "# the next line may not come back, or end Python: run it in a process of its own\nresult = net.call(" in lines
    )
    again = subprocess.run([sys.executable, "-c", lines], capture_output=True, check=False, timeout=120)
    assert again.returncode == -signal.SIGSEGV, again.stderr


def test_one_that_dies_on_one_sample_gets_its_other_verdicts_from_the_other_examples() -> None:
    clauses = ("LOSS-1", "LOSS-3", "PURE-1", "LAYOUT-1", "ERR-2", "LAW-1")
    found = checked(on_one("os._exit(7)"), clauses=clauses, examples=30)
    outcomes = {verdict.clause: verdict.outcome for verdict in found}
    assert outcomes.pop("LOSS-1") == "fail"
    assert set(outcomes.values()) == {"pass"}, outcomes


def test_a_hang_fails_its_clause_and_is_no_error_that_was_raised() -> None:
    found = checked(written("if np.isnan(y).any(): time.sleep(1000)"), clauses=("SPECIAL-1", "LOSS-1", "LAW-1"))
    assert {verdict.clause: verdict.outcome for verdict in found} == {
        "SPECIAL-1": "fail",
        "LOSS-1": "pass",
        "LAW-1": "pass",
    }
    special = next(verdict for verdict in found if verdict.clause == "SPECIAL-1")
    assert special.message.startswith("loss did not answer within ")
    assert special.counterexample is not None
    assert "np.nan" in "\n".join(special.counterexample.lines)


def test_a_raise_is_no_lie_where_a_death_is_a_failure() -> None:
    clauses = ("SPECIAL-1", "SPECIAL-3", "ERR-1")
    strange = "if np.isnan(y).any() or np.abs(x).max() > 1e15 or y.ndim == 1: "
    raising = checked(written(f"{strange}raise ValueError"), clauses=clauses)
    dying = checked(written(f"{strange}os._exit(1)"), clauses=clauses)
    assert [verdict.outcome for verdict in raising] == ["pass", "pass", "pass"]
    assert [verdict.outcome for verdict in dying] == ["fail", "fail", "warn"]
    assert {verdict.message for verdict in dying} == {"loss did not return: its process ended with status 1"}


def test_what_hangs_whatever_it_is_given_is_given_up() -> None:
    net = isolated.load(written("time.sleep(1000)"), Limits(seconds=1.0))
    start = time.monotonic()
    asked = plan(net, clauses=("FWD-1", "LOSS-1", "LOSS-2", "EDGE-1", "LAYOUT-1"), examples=3)
    report = run(net, asked)
    outcomes = {verdict.clause: verdict.outcome for verdict in report.verdicts}
    assert (outcomes["FWD-1"], outcomes["LOSS-1"], outcomes["LOSS-2"]) == ("pass", "fail", "fail")
    assert time.monotonic() - start < 600  # a hundred calls of a second each, and more, would take longer
    failing = next(verdict for verdict in report.verdicts if verdict.clause == "LOSS-1")
    said = "did not answer within 1 s; nor for an ordinary problem, so it is not called any more"
    assert failing.message == f"loss {said}"
    assert report.notes[0] == "a call never came back, and the process was started again; loss: not called any more"


def test_a_call_that_hung_is_not_made_again() -> None:
    net = isolated.load(written("if len(x) == 1: open('calls', 'a').write('.'); time.sleep(1000)"), Limits(seconds=1.0))
    net.run("loss", MORE)
    for _ in range(3):
        with pytest.raises(LostError, match="loss did not answer within 1 s"):
            net.run("loss", ONE)
    assert Path("calls").read_text() == "."
    assert net.operations["loss"]._session.patience.losses == 1  # type: ignore[attr-defined]


def test_a_call_that_died_is_made_once_more_and_no_third_time() -> None:
    net = isolated.load(written("if len(x) == 1: open('calls', 'a').write('.'); os._exit(7)"))
    for _ in range(4):
        with pytest.raises(LostError, match="loss did not return: its process ended with status 7"):
            net.run("loss", ONE)
    assert Path("calls").read_text() == ".."
    with pytest.raises(LostError, match="status 7"):
        net.run("loss", generate("normal", (1, 2, 3, 2), "float64", "relu", 1))
    assert Path("calls").read_text() == "..."
    assert_right(net)


def test_a_death_that_is_due_to_the_calls_before_it_is_not_held_against_the_input() -> None:
    leak = "with open('calls', 'a') as file: file.write('.')\nif os.path.getsize('calls') == 3: os._exit(7)"
    net = isolated.load(written(leak))
    for _ in range(2):
        net.run("loss", ONE)
    with pytest.raises(LostError, match="status 7"):
        net.run("loss", ONE)
    net.run("loss", ONE)


# The two processes.


def gone(pid: int, seconds: float = 60.0) -> bool:
    """Wait until there is no such process, or nothing but its name."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z" and Path(f"/proc/{pid}/stat").read_text().split()[3] != str(os.getpid()):
            return True  # somebody else's to bury
        time.sleep(0.02)
    return False


def pids(file: str, count: int = 1, seconds: float = 60.0) -> list[int]:
    """Wait for the process ids that a target writes into a file."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if Path(file).exists() and len(found := Path(file).read_text().split()) >= count:
            return [int(word) for word in found]
        time.sleep(0.02)
    raise AssertionError(f"{file} has not {count} process ids")


NOTED = "with open('pids', 'a') as file: print(os.getpid(), file=file)\n"


@pytest.fixture
def hanging() -> Iterator["subprocess.Popen[bytes]"]:
    """``refnet check`` of a target that says who it is and hangs."""
    target = written(NOTED + "time.sleep(1000)")
    command = [sys.executable, "-m", "refnet", "check", target, "--clause", "LOSS-1", "--timeout", "900"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_an_interrupt_ends_the_check_and_the_target(hanging: "subprocess.Popen[bytes]") -> None:
    (pid,) = pids("pids")
    hanging.send_signal(signal.SIGINT)
    _, said = hanging.communicate(timeout=60)
    assert (hanging.returncode, said) == (130, b"refnet: interrupted\n")
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_target_that_hangs_dies_with_the_checker(hanging: "subprocess.Popen[bytes]") -> None:
    (pid,) = pids("pids")
    hanging.kill()
    assert gone(pid)


def test_what_the_target_has_started_is_stopped_with_it() -> None:
    started = "import subprocess\nprocess = subprocess.Popen(['sleep', '1000'])\n"
    noted = "with open('pids', 'a') as file: print(os.getpid(), process.pid, file=file)\n"
    net = isolated.load(on_one(started + noted))
    net.run("loss", ONE)
    found = pids("pids", 2)
    del net
    assert all(gone(pid) for pid in found)


def test_a_fresh_one_knows_nothing_of_the_calls_before() -> None:
    counting = "global count\ncount += 1\nreturn float(count)"
    net = isolated.load(written(counting, before="count = 0\n\n\n"))
    assert [float(net.run("loss", ONE)["loss"]) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert net.renewed is not None
    fresh = net.renewed()
    assert float(fresh.run("loss", ONE)["loss"]) == 1.0
    assert float(net.run("loss", ONE)["loss"]) == 4.0
    assert float(fresh.run("loss", ONE)["loss"]) == 2.0


def test_an_object_stays_in_this_process() -> None:
    wrong: Any = refnet.seed
    with pytest.raises(TargetError, match="target is a module, expected a name: an object stays in this process"):
        isolated.load(wrong)
    assert implementation(refnet.seed).renewed is None
    assert np.isfinite(implementation(refnet.seed).run("loss", ONE)["loss"])
