"""The specification holds together: a test for every clause, a clause for every test, pages that are well-formed."""

import ast
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_args

import jsonschema
import pytest

import refnet.seed
from refnet import Activation, conformance, specification
from refnet.conformance import checks
from refnet.conformance.suite import CHECKS
from refnet.conformance.target import OPERATIONS
from refnet.conformance.verdicts import KINK_CONVENTIONS, Outcome
from refnet.conformance.views import as_json_text
from refnet.formats import Dtype
from refnet.specification import Clause, Level

FAMILIES = ["FWD", "LOSS", "GRAD", "KINK", "UPD", "STEP", "PURE", "LAYOUT", "EDGE", "SPECIAL", "ERR", "LAW", "DOC"]
SPEC = specification.spec_folder()
TESTS = Path(__file__).parent
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(SPEC.glob("*.md"))}
CONTENTS = re.findall(r"^- \[[^]]+\]\(([^)]+)\)$", PAGES["README.md"], re.MULTILINE)
CLAUSES = specification.clauses()
TITLE_WIDTH = 84  # what a line of the report has room for

Document: TypeAlias = dict[str, Any]


def family(clause: str) -> str:
    return clause.rpartition("-")[0]


def binds_the_reference_alone(clause: str) -> bool:
    return family(clause) == "DOC" or clause == "ERR-4"


OF_THE_SUITE = [clause for clause in CLAUSES if not binds_the_reference_alone(clause)]


# Clauses and tests.


class Marks(NamedTuple):
    """The clauses that a file of tests says it holds, and the marks that mark no test, or name no clause."""

    holding: set[str]
    stray: list[str]


def marks(source: str) -> Marks:
    """Read the marks ``pytest.mark.clause("ID")`` on tests, or on a whole file that has tests, without importing it."""
    tree = ast.parse(source)
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    on_tests: list[ast.expr] = [decorator for test in tests for decorator in test.decorator_list]
    for statement in tree.body if tests else ():
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark":
            many = isinstance(statement.value, (ast.List, ast.Tuple))
            on_tests += statement.value.elts if isinstance(statement.value, (ast.List, ast.Tuple)) else []
            on_tests += [] if many else [statement.value]
    holding: dict[ast.expr, str] = {}
    for mark in filter(_is_mark, on_tests):
        match mark:
            case ast.Call(args=[ast.Constant(value=str(clause))], keywords=[]):
                holding[mark] = clause
    every = [node for node in ast.walk(tree) if isinstance(node, ast.expr) and _is_mark(node)]
    return Marks(set(holding.values()), [ast.unparse(mark) for mark in every if mark not in holding])


def _is_mark(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.clause"


def all_marks() -> dict[str, Marks]:
    return {path.name: marks(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("test_*.py"))}


def test_every_clause_of_the_suite_has_a_check_and_every_check_a_clause() -> None:
    assert sorted(CHECKS) == sorted(OF_THE_SUITE)
    assert all(name == check.clause for name, check in CHECKS.items())


def test_every_clause_that_binds_the_reference_alone_has_a_test() -> None:
    held = set().union(*(found.holding for found in all_marks().values()))
    assert [clause for clause in CLAUSES if binds_the_reference_alone(clause) and clause not in held] == []


def test_every_mark_names_a_clause_and_marks_a_test() -> None:
    found = all_marks()
    assert {name: file.stray for name, file in found.items() if file.stray} == {}
    assert {name: file.holding - set(CLAUSES) for name, file in found.items() if file.holding - set(CLAUSES)} == {}


@pytest.mark.parametrize(
    ("source", "holding", "stray"),
    [
        ("@pytest.mark.clause('FWD-1')\ndef test_a(): ...", {"FWD-1"}, 0),
        ("@pytest.mark.clause('FWD-1')\n@pytest.mark.clause('UPD-2')\ndef test_a(): ...", {"FWD-1", "UPD-2"}, 0),
        ("class TestA:\n    @pytest.mark.clause('FWD-1')\n    def test_a(self): ...", {"FWD-1"}, 0),
        ("pytestmark = pytest.mark.clause('FWD-1')\ndef test_a(): ...", {"FWD-1"}, 0),
        ("pytestmark = [pytest.mark.slow, pytest.mark.clause('FWD-1')]\ndef test_a(): ...", {"FWD-1"}, 0),
        ("def test_a(): ...", set(), 0),
        ("pytestmark = pytest.mark.clause('FWD-1')", set(), 1),
        ("@pytest.mark.clause('FWD-1')\ndef helper(): ...", set(), 1),
        ("held = pytest.mark.clause('FWD-1')\ndef test_a(): ...", set(), 1),
        ("@pytest.mark.clause(CLAUSE)\ndef test_a(): ...", set(), 1),
        ("@pytest.mark.clause()\ndef test_a(): ...", set(), 1),
    ],
)
def test_how_marks_are_read(source: str, holding: set[str], stray: int) -> None:
    found = marks(source)
    assert found.holding == holding
    assert len(found.stray) == stray


def test_a_second_check_of_a_clause_is_refused() -> None:
    before = dict(CHECKS)
    register = checks.holds("FWD-1", "forward", data=checks.NORMAL)
    with pytest.raises(ValueError, match="FWD-1 has two checks, expected one"):
        register(before["FWD-1"].function)
    assert before == CHECKS


def test_every_clause_that_is_mentioned_exists() -> None:
    mention = re.compile(rf"\b(?:{'|'.join(FAMILIES)})-[0-9]+\b")
    sources = [*SPEC.rglob("*.md"), *Path(refnet.__file__).parent.rglob("*.py")]
    mentioned = {(path.name, name) for path in sources for name in mention.findall(path.read_text(encoding="utf-8"))}
    assert {(page, name) for page, name in mentioned if name not in CLAUSES} == set()


def test_every_test_that_a_page_names_exists() -> None:
    tests = set(
        re.findall(r"^def (test_\w+)", "".join(p.read_text(encoding="utf-8") for p in TESTS.glob("test_*.py")), re.M)
    )
    named = {(page, name) for page, text in PAGES.items() for name in re.findall(r"`(test_\w+)`", text)}
    assert len(named) >= 10
    assert {(page, name) for page, name in named if name not in tests} == set()


# The pages.


def read(readme: str, page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Clause]:
    """Read a specification of one page, page.md."""
    (folder / "README.md").write_text(readme, encoding="utf-8")
    (folder / "page.md").write_text(page, encoding="utf-8")
    monkeypatch.setattr(specification, "spec_folder", lambda: folder)
    clauses: dict[str, Clause] = specification.clauses.__wrapped__()  # what is cached is the real one
    return clauses


def bodies(page: str) -> dict[str, str]:
    """Return the text below each clause of the page, to the next heading."""
    parts = re.split(r"^(#+ .*)$", page, flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {
        name: texts[heading] for name, c in CLAUSES.items() if (heading := f"### {name} ({c.level}) {c.title}") in texts
    }


BODIES = {name: body for page in CONTENTS for name, body in bodies(PAGES[page]).items()}


def paragraphs(name: str) -> list[str]:
    return [paragraph.strip("\n") for paragraph in re.split(r"\n\s*\n", BODIES[name]) if paragraph.strip()]


def test_every_heading_that_looks_like_a_clause_is_one() -> None:
    assert list(BODIES) == list(CLAUSES)


@pytest.mark.parametrize(
    "heading",
    [
        "## FWD-1 (MUST) The level of the heading is another.",
        "#### FWD-1 (MUST) The same.",
        "###FWD-1 (MUST) No space.",
        "###  FWD-1 (MUST) Two spaces.",
        " ### FWD-1 (MUST) A space before it.",
        "### FWD-1 (MAY) A level that there is not.",
        "### FWD-1 (must) Small letters.",
        "### FWD-1 MUST No parentheses.",
        "### FWD-1 (MUST): A colon.",
        "### FWD-1 (MUST)",
        "### FWD-1",
        "### fwd-1 (MUST) A small family.",
        "### FWD1 (MUST) No hyphen.",
        "### FWD_1 (MUST) An underscore.",
        "### **FWD-1** (MUST) Bold.",
        "### FWD-1a (MUST) A letter behind the number.",
        "### (MUST) No id.",
    ],
)
def test_a_heading_that_is_not_quite_a_clause_is_refused(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"# Page\n\n### FWD-2 (MUST) A clause.\n\nText.\n\n{heading}\n\nText.\n"
    with pytest.raises(ValueError, match=re.escape(repr(heading))):
        read("- [Page](page.md)\n", page, tmp_path, monkeypatch)


@pytest.mark.parametrize("heading", ["# The forward pass", "## Symbols", "### 2.1 A sum", "## In float32 and float64"])
def test_other_headings_are_none(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read("- [Page](page.md)\n", f"{heading}\n", tmp_path, monkeypatch) == {}


def test_a_clause_is_read_with_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["# P", "Before.", "### FWD-1 (SHOULD) It is so.", "Why.", "    a = b", "## Between", "Prose."]
    page = "\n\n".join([*texts, "### FWD-2 (MUST) More.", "The end."])
    clauses = read("- [Page](page.md)\n- [Not a page](https://example.org/other.md)\n", page, tmp_path, monkeypatch)
    assert list(clauses.values()) == [
        Clause("FWD-1", "SHOULD", "It is so.", "Why.\n\n    a = b"),
        Clause("FWD-2", "MUST", "More.", "The end."),
    ]


def test_text_above_the_first_heading_belongs_to_no_clause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "Above.\n\n### FWD-1 (MUST) It is so.\n\nWhy.\n"
    clauses = read("- [Page](page.md)\n", page, tmp_path, monkeypatch)
    assert list(clauses.values()) == [Clause("FWD-1", "MUST", "It is so.", "Why.")]


def test_every_page_with_clauses_is_in_the_contents_and_is_there() -> None:
    with_clauses = {page for page, text in PAGES.items() if bodies(text)}
    assert with_clauses <= set(CONTENTS) <= set(PAGES)
    assert len(CONTENTS) == len(set(CONTENTS))


def test_every_link_leads_to_a_file() -> None:
    for path in SPEC.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            assert link.startswith("http") or (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_families_and_their_numbers() -> None:
    numbers: dict[str, list[int]] = {}
    for name in CLAUSES:
        numbers.setdefault(family(name), []).append(int(name.rpartition("-")[2]))
    assert list(numbers) == FAMILIES
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_the_table_of_families_names_their_pages() -> None:
    table = re.findall(r"^\| ([A-Z]+) \| [^|]+ \| \[([a-z]+\.md)\]\(\2\) \|$", PAGES["README.md"], re.MULTILINE)
    pages = {family(name): page for page in CONTENTS for name in bodies(PAGES[page])}
    assert dict(table) == pages
    assert sorted(pages) == sorted(FAMILIES)


@pytest.mark.parametrize("name", CLAUSES)
def test_every_title_is_one_sentence(name: str) -> None:
    title = CLAUSES[name].title
    assert re.fullmatch(r"[A-Z`].*\.", title)
    assert ". " not in title
    assert binds_the_reference_alone(name) or len(title) <= TITLE_WIDTH


@pytest.mark.parametrize("name", CLAUSES)
def test_every_clause_has_a_formula_or_a_reason(name: str) -> None:
    formula = any(paragraph.startswith("    ") for paragraph in paragraphs(name))
    reason = any(not paragraph.startswith(("    ", "Checked:")) for paragraph in paragraphs(name))
    assert formula or binds_the_reference_alone(name)
    assert reason


@pytest.mark.parametrize("name", OF_THE_SUITE)
def test_every_clause_of_the_suite_says_last_how_it_is_checked(name: str) -> None:
    *before, last = paragraphs(name)
    assert re.match(r"Checked: .*\.\Z", last, re.DOTALL)
    assert not any(paragraph.startswith("Checked") for paragraph in before)


def test_key_words_are_those_that_the_first_page_explains() -> None:
    others = re.compile(r"\b(?:SHALL|REQUIRED|RECOMMENDED|OPTIONAL|CAN|CANNOT)\b")
    assert {page: others.findall(text) for page, text in PAGES.items() if others.search(text)} == {}


# Reading a specification that is broken.


def test_a_clause_that_stands_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "### FWD-1 (MUST) One.\n\n### FWD-2 (MUST) Two.\n\n### FWD-1 (SHOULD) One.\n"
    with pytest.raises(ValueError, match=r"FWD-1 stands twice .* the second time in page\.md"):
        read("- [Page](page.md)\n", page, tmp_path, monkeypatch)


def test_a_page_of_the_contents_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"other\.md"):
        read("- [Page](page.md)\n- [Other](other.md)\n", "", tmp_path, monkeypatch)


@pytest.mark.parametrize("readme", ["# The specification\n", "The version 1.0\n", "Version one\n"])
def test_a_specification_without_a_version_is_refused(
    readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    monkeypatch.setattr(specification, "spec_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="names no version"):
        specification.version.__wrapped__()


def test_a_specification_that_is_not_there_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specification, "__file__", str(tmp_path / "src" / "refnet" / "specification.py"))
    with pytest.raises(FileNotFoundError, match="reinstall refnet"):
        specification.spec_folder()


@pytest.mark.parametrize("place", ["src/refnet/spec", "spec"])
def test_a_specification_is_found_in_the_package_and_beside_the_sources(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "README.md").write_text("Version 2.5\n", encoding="utf-8")
    (tmp_path / "src" / "refnet").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(specification, "__file__", str(tmp_path / "src" / "refnet" / "specification.py"))
    assert specification.spec_folder() == tmp_path / place
    assert specification.version.__wrapped__() == "2.5"


# The report as JSON.

SCHEMA: Document = json.loads((SPEC / "report.schema.json").read_text(encoding="utf-8"))

WRONG = """
import numpy as np

activation = ("relu", "identity")


def loss(params, x, y):
    raise ArithmeticError("no loss today")


def grads(params, x, y):
    return {name: np.full_like(p, np.nan) for name, p in params._asdict().items()}


def update(params, grads, lr):
    for p, g in zip(params, grads):
        p -= lr * g
    return params
"""


def report(target: object, **asked: Any) -> Document:
    """Return the document of a check, as a reader of the file has it."""
    net = conformance.load(target) if isinstance(target, str) else conformance.implementation(target)
    found = conformance.run(net, conformance.plan(net, examples=3, **asked))
    document: Document = json.loads(as_json_text(found), parse_constant=refused)
    assert document == conformance.as_document(found)
    return document


def refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """Return the reports on the seed, which conforms, and on a network that does not."""
    wrong = tmp_path_factory.mktemp("targets") / "wrong.py"
    wrong.write_text(WRONG, encoding="utf-8")
    some = ("LOSS-2", "GRAD-1", "KINK-2", "PURE-1", "PURE-2", "STEP-2", "ERR-1", "ERR-2")
    return [
        report(refnet.seed, clauses=("UPD-3", "KINK-2", "PURE-1", "ERR-1"), dtypes=("float32",)),
        report(str(wrong), clauses=some, dtypes=("float32",), expected=(("LOSS-2", "holiday"),)),
    ]


def complaints(document: Document) -> list[str]:
    """Return what the schema does not allow. Raises ValueError for NaN and infinity, which JSON has not."""
    text = json.dumps(document, allow_nan=False)
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(json.loads(text))]


def objects(schema: Document) -> Iterator[Document]:
    yield from (part for part in (schema, *schema["$defs"].values()) if part.get("type") == "object")


def test_the_schema_is_one_and_leaves_nothing_open() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert len(list(objects(SCHEMA))) == 4
    for part in objects(SCHEMA):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        assert all(described["description"].endswith(".") for described in part["properties"].values())


def test_the_schema_has_the_words_of_the_program() -> None:
    verdict = SCHEMA["$defs"]["verdict"]["properties"]
    assert sorted(verdict["outcome"]["enum"]) == sorted(get_args(Outcome))
    assert sorted(verdict["level"]["enum"]) == sorted(get_args(Level))
    assert sorted(verdict["dtype"]["enum"]) == sorted(get_args(Dtype))
    assert sorted(verdict["activation"]["enum"]) == sorted(get_args(Activation))
    assert SCHEMA["properties"]["kink"]["enum"] == [*KINK_CONVENTIONS, None]
    assert SCHEMA["$defs"]["operation"]["enum"] == list(OPERATIONS)


def test_real_reports_are_valid(documents: list[Document]) -> None:
    right, wrong = documents
    assert right["conforms"] is True
    assert right["kink"] == "1"
    assert wrong["conforms"] is False
    outcomes = {verdict["outcome"] for document in documents for verdict in document["clauses"]}
    assert outcomes == {"pass", "fail", "warn", "skip", "xfail"}
    found = [verdict["counterexample"] for verdict in wrong["clauses"] if verdict["counterexample"] is not None]
    assert {example["component"] for example in found} >= {None, "grads.w1"}
    assert "NaN" in {example["value"] for example in found}
    for document in documents:
        assert complaints(document) == []


def first(document: Document, outcome: str) -> Document:
    verdict: Document = next(verdict for verdict in document["clauses"] if verdict["outcome"] == outcome)
    return verdict


def parts(document: Document) -> list[Document]:
    """Return one object of each kind: the document, a verdict, a counterexample."""
    return [document, first(document, "fail"), first(document, "fail")["counterexample"]]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_an_extra_or_a_missing_property_is_not_valid(documents: list[Document], part: int) -> None:
    changed = copy.deepcopy(documents[1])
    parts(changed)[part]["extra"] = 0
    assert len(complaints(changed)) == 1
    for key in parts(documents[1])[part]:
        changed = copy.deepcopy(documents[1])
        del parts(changed)[part][key]
        assert complaints(changed), f"it may lack {key}"


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        (0, "spec", "one"),
        (0, "conforms", None),
        (0, "kink", "0.25"),
        (0, "notes", [""]),
        (0, "clauses", {}),
        (1, "id", "FWD"),
        (1, "level", "MAY"),
        (1, "dtype", "float8"),
        (1, "activation", "tanh"),
        (1, "outcome", "acceptable"),
        (1, "examples", -1),
        (1, "examples", 1.5),
        (1, "worst_ratio", "nan"),
        (1, "worst_ratio", True),
        (1, "widest_bound", "1"),
        (1, "typical_bound", []),
        (1, "message", None),
        (1, "counterexample", {}),
        (2, "shape", [1, 1, 1]),
        (2, "shape", [1, 1, 1, -1]),
        (2, "operation", "train"),
        (2, "component", "grads.w3"),
        (2, "index", [0.5]),
        (2, "value", "inf"),
        (2, "lines", []),
    ],
)
def test_a_wrong_value_is_not_valid(documents: list[Document], part: int, key: str, value: object) -> None:
    changed = copy.deepcopy(documents[1])
    parts(changed)[part][key] = value
    assert complaints(changed)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_a_string(documents: list[Document], number: float) -> None:
    changed = copy.deepcopy(documents[1])
    first(changed, "fail")["worst_ratio"] = number
    with pytest.raises(ValueError, match="JSON compliant"):
        complaints(changed)
    first(changed, "fail")["worst_ratio"] = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(number)]
    assert complaints(changed) == []


def test_the_example_of_a_report_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGES["report.md"], re.DOTALL)
    (written,) = re.findall(r"```json\n(.*?)```", PAGES["report.md"], re.DOTALL)
    example: Document = json.loads(written, parse_constant=refused)
    assert complaints(example) == []
    monkeypatch.chdir(tmp_path)
    Path("mynet.py").write_text(source, encoding="utf-8")
    real = report("mynet.py", dtypes=("float32",), clauses=("LOSS-1", "KINK-2"))
    # The digits, and which examples are drawn, are those of one machine; what they say is not.
    for key in ("spec", "target", "conforms", "kink", "notes"):
        assert example[key] == real[key]
    for shown, verdict in zip(example["clauses"], real["clauses"], strict=True):
        for key in ("id", "level", "title", "dtype", "activation", "outcome", "where", "ratio", "precision"):
            assert shown[key] == verdict[key]
        assert [likely["fault"] for likely in shown["diagnosis"]] == [
            likely["fault"] for likely in verdict["diagnosis"]
        ]
    assert real["clauses"][0]["counterexample"]["component"] == example["clauses"][0]["counterexample"]["component"]
