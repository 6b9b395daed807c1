"""The clauses of the specification, read from the pages of ``spec/``, which are their one home."""

import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["MUST", "SHOULD"]

_HEADING = re.compile(r"^### ([A-Z]+-[0-9]+) \((MUST|SHOULD)\) (.+)$")
_MALFORMED = re.compile(
    r"^ {0,3}#+ *[*`_]*(?:[A-Za-z]+[-_ ]?[0-9]+[*`_:. ]*\(|[A-Za-z]+-[0-9]+\b|.*\((?:MUST|SHOULD)\b)"
)
_VERSION = re.compile(r"^Version ([0-9.]+[0-9])", re.MULTILINE)


class Clause(NamedTuple):
    """One numbered demand: its id ("FWD-1"), its level, the sentence of its heading, and the text below it."""

    id: str
    level: Level
    title: str
    text: str


def spec_folder() -> Path:
    """Return the folder of the specification: inside the installed package, or beside ``src`` in a checkout.

    Raises FileNotFoundError where there is neither.
    """
    for folder in (Path(__file__).parent / "spec", Path(__file__).parents[2] / "spec"):
        if (folder / "README.md").is_file():
            return folder
    raise FileNotFoundError("the folder spec/ is neither in the installed package nor in a checkout: reinstall refnet")


@cache
def version() -> str:
    """Return the version of the specification."""
    match = _VERSION.search((spec_folder() / "README.md").read_text(encoding="utf-8"))
    if match is None:
        raise ValueError('spec/README.md names no version, expected a line "Version 1.0"')
    return match[1]


@cache
def clauses() -> dict[str, Clause]:
    """Return all clauses by id, in the order of the table of contents of ``spec/README.md``.

    Raises ValueError for two clauses of one id, and for a heading that looks like a clause and is not read as one.
    """
    folder = spec_folder()
    contents = re.findall(r"^- \[[^]]+\]\(([a-z-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"), re.M)
    found: dict[str, Clause] = {}
    for page in contents:
        for clause in _clauses_of((folder / page).read_text(encoding="utf-8")):
            if clause.id in found:
                raise ValueError(f"{clause.id} stands twice in the specification, the second time in {page}")
            found[clause.id] = clause
    return found


def _clauses_of(page: str) -> list[Clause]:
    found: list[Clause] = []
    for line in page.splitlines():
        if match := _HEADING.match(line):
            level: Level = "MUST" if match[2] == "MUST" else "SHOULD"
            found.append(Clause(match[1], level, match[3], ""))
        elif _MALFORMED.match(line):
            raise ValueError(f"the heading {line!r} is not read as a clause, expected '### FWD-1 (MUST) A sentence.'")
        elif line.startswith("#"):
            found.append(Clause("", "MUST", "", ""))  # prose between the clauses belongs to none of them
        elif found:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}{line}\n")
    return [clause._replace(text=clause.text.strip("\n")) for clause in found if clause.id]
