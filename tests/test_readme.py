"""The README: its commands, its failing example and its links are what they say; its examples run as doctests."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def block(language: str, after: str) -> str:
    """Return the first fenced block of that language after those words."""
    found = re.search(rf"```{language}\n(.*?)```", TEXT[TEXT.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


def without_figures(report: str) -> str:
    """Blank what depends on the machine: how far passing results are off, and how wide the median bound was."""
    return re.sub(r"^(  [A-Z]+-\d+ +\S+ +\d+).{20}", r"\1" + 20 * "#", report, flags=re.MULTILINE)


def test_the_failing_example_prints_what_the_readme_shows(tmp_path: Path) -> None:
    (tmp_path / "mynet.py").write_text(block("python", "This one, `mynet.py`"), encoding="utf-8")
    command = [sys.executable, "-m", "refnet", "check", "mynet.py", "--clause", "GRAD", "--dtype", "float32"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert run.stderr == ""
    assert run.returncode == 1
    assert without_figures(run.stdout) == without_figures(block("text", "ends with exit status 1"))


def test_two_commands_do_all_the_set_up() -> None:
    commands = re.findall(r"^python3 -m venv .*$", TEXT, re.MULTILINE)
    assert [command.rsplit(" && ", 1)[1] for command in commands] == [
        ".venv/bin/refnet check",
        ".venv/bin/pytest -n auto",
    ]


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert links
    missing = [link for link in links if not (README.parent / link).exists()]
    assert missing == []
