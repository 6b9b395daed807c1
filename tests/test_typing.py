"""A user's type checker: it accepts the right programs of ``typing/``, and refuses exactly the lines that are marked.

A mark is a comment, ``# error: arg-type``: the codes of mypy's errors on that line, as often as they occur.
"""

import re
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pytest

import refnet

api = pytest.importorskip("mypy.api", reason="mypy is not installed: pip install 'refnet[test]'")

CASES = sorted((Path(__file__).parent / "typing").glob("case_*.py"))
SOURCE = Path(refnet.__file__).parents[1]


class Error(NamedTuple):
    """One error: the file, the line, and mypy's code for it."""

    file: str
    line: int
    code: str


def marked(case: Path) -> Iterator[Error]:
    for line, text in enumerate(case.read_text(encoding="utf-8").splitlines(), start=1):
        if mark := re.search(r"# error: (.+)$", text):
            yield from (Error(case.name, line, code) for code in mark[1].split(", "))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``mypy --strict`` prints of all cases, without the settings of this project or of its user."""
    cache = tmp_path_factory.mktemp("mypy")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MYPYPATH", raising=False)
        if SOURCE.name not in ("site-packages", "dist-packages"):  # where mypy looks by itself
            environment.setenv("MYPYPATH", str(SOURCE))
        options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--hide-error-context"]
        stdout, stderr, status = api.run([*options, "--no-pretty", "--no-color-output", *map(str, CASES)])
    assert (stderr, status) == ("", 1), stdout + stderr
    return str(stdout)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_mypy_refuses_exactly_the_marked_lines(case: Path, report: str) -> None:
    found = re.findall(rf"{re.escape(case.name)}:(\d+): error: .*\[([a-z-]+)\]$", report, re.MULTILINE)
    assert Counter(Error(case.name, int(line), code) for line, code in found) == Counter(marked(case)), report


def test_mypy_finds_no_other_error(report: str) -> None:
    marks = [mark for case in CASES for mark in marked(case)]
    assert report.count(": error: ") == len(marks), report


def test_there_is_a_right_program_and_a_wrong_one() -> None:
    assert [(case.stem, any(marked(case))) for case in CASES] == [("case_right", False), ("case_wrong", True)]


def test_the_package_says_that_it_is_typed() -> None:
    assert files("refnet").joinpath("py.typed").is_file()
