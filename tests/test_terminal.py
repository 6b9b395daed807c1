"""The command line on a terminal, in a pipe, and as a process of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from refnet.cli import main

RIGHT = """
import numpy as np
def loss(params, x, y):
    w1, b1, w2, b2 = params
    return np.square(np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y).sum()
"""
FAST = ("--examples", "2", "--dtype", "float64")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "mean.py").write_text(RIGHT.replace(".sum()", ".mean()"))


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal, {"TERM": "xterm"}, True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "xterm", "NO_COLOR": ""}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: Callable[[], io.StringIO], environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    written = stream()
    monkeypatch.setattr(sys, "stdout", written)
    main(["check", "right.py", "--clause", "LOSS-2", *FAST])
    assert ("\033[32mCONFORMS" in written.getvalue()) == coloured
    assert ("\033" in written.getvalue()) == coloured


def test_progress_is_shown_on_a_terminal_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Terminal()
    monkeypatch.setattr(sys, "stderr", written)
    main(["check", "right.py", "--clause", "LOSS-2", "--examples", "1"])
    assert written.getvalue() == "\r\033[K0/2 LOSS-2[float32]\r\033[K1/2 LOSS-2[float64]\r\033[K"


# The process.


def process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "refnet", *arguments]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=buffered)


@pytest.mark.parametrize(("name", "status"), [("right.py", 0), ("mean.py", 1), ("missing.py", 2)])
def test_the_process_ends_with_the_status(name: str, status: int) -> None:
    with process("check", name, "--clause", "LOSS-1", *FAST) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == status
    assert ("CONFORM" in out, err == "") == (status < 2, status < 2)
    assert "\033" not in out


def test_a_character_that_the_pipe_cannot_take_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    Path("net.py").write_text("def loss(params, x, y):\n    raise ValueError('\N{RIGHTWARDS ARROW}\\nhere')", "utf-8")
    with process("check", "net.py", "--clause", "LOSS-2", *FAST) as running:
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (1, "")
    assert "  loss raised ValueError: \\u2192 here\n" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "mean.py", "--clause", "LOSS", *FAST),
        ("check", "mean.py", "--clause", "LOSS", *FAST, "--json", "-"),
        ("train", "identity", "--steps", "3"),
    ],
)
def test_a_reader_that_goes_away_ends_it_quietly(arguments: tuple[str, ...]) -> None:
    with process(*arguments) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(60) == 2
