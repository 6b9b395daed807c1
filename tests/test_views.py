"""The two views of a report: the text begins with the verdict, and the document is JSON that every reader can read."""

import json
import re
from typing import Any

import numpy as np
import pytest

import refnet
from refnet import specification
from refnet.conformance import Report, Verdict, as_document, generate, text
from refnet.conformance.verdicts import KINK_CONVENTIONS, Counterexample, Diagnosis, Fault, Likely, Outcome
from refnet.conformance.views import as_json_text, evidence
from refnet.judgement import Miss

MISS = Miss((2, 0), float("nan"), 1.5, float("inf"), float("inf"))
FAULT = Fault("forward[2, 0] = nan, FWD-1 allows [1.5, 2.5]; not a finite number", "forward", "forward", MISS)
FOUND = Counterexample(generate("normal", (3, 2, 4, 1), "float32", "relu", 0), FAULT, ("first line", "second line"))


def verdict(outcome: Outcome, clause: str = "FWD-1", **rest: Any) -> Verdict:
    found = specification.clauses()[clause]
    said = {"fail": FAULT.message, "skip": "it has no forward", "error": "nothing", "warn": "nearly", "xfail": "why"}
    blank = Verdict(found.id, found.level, found.title, "float32", "relu", outcome, examples=12)
    rest = {"message": said.get(outcome, ""), **rest}
    return blank._replace(**rest)


def report(*verdicts: Verdict, notes: tuple[str, ...] = ()) -> Report:
    return Report("net.py", verdicts, notes)


PASS = verdict("pass", worst_ratio=0.25, widest_bound=1e-6, typical_bound=1e-7)
FAIL, WARN = verdict("fail", counterexample=FOUND), verdict("warn", "PURE-5", counterexample=FOUND)
SKIP, ERROR = verdict("skip", "GRAD-1"), verdict("error", "LOSS-1")
XFAIL = verdict("xfail", "GRAD-2", counterexample=FOUND)


@pytest.mark.parametrize(
    ("found", "headline", "counts", "conforms"),
    [
        ((PASS, SKIP), "CONFORMS: every MUST that was checked holds", "1 passed, 1 skipped", True),
        ((PASS, WARN), "CONFORMS: every MUST that was checked holds", "1 passed, 1 with a warning", True),
        ((PASS, FAIL, WARN), "DOES NOT CONFORM: FWD-1", "1 passed, 1 failed, 1 with a warning", False),
        ((FAIL, FAIL, ERROR), "DOES NOT CONFORM: FWD-1", "2 failed, 1 in error", False),
        ((PASS, ERROR), "NOT CHECKED: LOSS-1", "1 passed, 1 in error", False),
        ((SKIP,), "NOT CHECKED: nothing in it could be judged", "1 skipped", False),
        ((PASS, XFAIL), "AS EXPECTED: nothing fails but the 1 expected to", "1 passed, 1 failed as expected", False),
    ],
)
def test_the_verdict_comes_first(found: tuple[Verdict, ...], headline: str, counts: str, conforms: bool) -> None:
    lines = text(report(*found)).splitlines()
    head = f"refnet {refnet.__version__}, specification {specification.version()}: net.py"
    assert lines[:4] == [head, "", headline, f"  {counts}"]
    assert report(*found).conforms == conforms


def test_then_the_table_then_the_evidence() -> None:
    lines = text(report(PASS, SKIP, XFAIL, ERROR, WARN, FAIL._replace(clause="LOSS-2"), notes=("slow",))).splitlines()
    table = lines.index("  clause     outcome examples  err/bound    bound")
    assert lines[4:table] == ["  note: slow", ""]
    assert lines[table + 1] == f"  FWD-1      pass          12       0.25  1.0e-07  {PASS.title}"
    assert [line.split()[:2] for line in lines[table + 2 : table + 7]] == [
        ["GRAD-1", "skip"],
        ["GRAD-2", "xfail"],
        ["LOSS-1", "ERROR"],
        ["PURE-5", "warn"],
        ["LOSS-2", "FAIL"],
    ]
    assert lines[table + 2].endswith("[it has no forward]")
    assert lines[table + 3].endswith("[why]")
    assert lines[table + 7] == ""
    shown = [line for line in lines[table + 7 :] if re.match(r"\w+ [A-Z]+-\d+ relu float32 \(", line)]
    assert [line.split()[:2] for line in shown] == [["ERROR", "LOSS-1"], ["FAIL", "LOSS-2"], ["warn", "PURE-5"]]


def test_a_clause_has_one_line_for_each_outcome() -> None:
    double = PASS._replace(dtype="float64", worst_ratio=0.5, examples=3)
    lines = text(report(PASS, double, FAIL._replace(dtype="float64", activation="identity"))).splitlines()
    rows = [line for line in lines if line.startswith("  FWD-1")]
    assert rows == [
        f"  FWD-1      pass          15        0.5  1.0e-07  {PASS.title} [relu float32, relu float64]",
        f"  FWD-1      FAIL          12                      {PASS.title} [identity float64]",
    ]


def test_the_evidence_is_the_sentence_the_example_and_the_lines() -> None:
    assert list(evidence(FAIL)) == [
        f"FAIL FWD-1 relu float32 (MUST): {FAIL.title}",
        f"  {FAULT.message}",
        "  smallest example found: N = 3, D = 2, H = 4, O = 1",
        "  to reproduce:",
        "    first line",
        "    second line",
    ]
    assert list(evidence(FAIL._replace(counterexample=None))) == list(evidence(FAIL))[:2]


@pytest.mark.parametrize(
    ("piped", "words"), [(('{"op": 1}',), "this line"), (('{"op": 1}', '{"op": 2}'), "these lines")]
)
def test_a_program_s_evidence_has_what_to_pipe_into_it(piped: tuple[str, ...], words: str) -> None:
    failed = FAIL._replace(counterexample=FOUND._replace(piped=piped))
    assert list(evidence(failed))[3:] == [
        f"  to reproduce, pipe {words} into the program:",
        *(f"    {line}" for line in piped),
        "  or in Python:",
        "    first line",
        "    second line",
    ]
    assert as_document(Report("net", (failed,)))["clauses"][0]["counterexample"]["piped"] == list(piped)


def test_a_clause_that_fails_in_two_dtypes_is_shown_once() -> None:
    shown = text(report(FAIL, FAIL._replace(dtype="float64")))
    assert shown.count("to reproduce:") == 1
    assert len(as_document(report(FAIL, FAIL._replace(dtype="float64")))["clauses"]) == 2


def test_colour_only_where_it_is_asked_for() -> None:
    every = report(PASS, FAIL, WARN, ERROR, SKIP, XFAIL)
    plain, painted = text(every), text(every, colour=True)
    assert "\033" not in plain
    assert re.sub(r"\033\[[\d;]*m", "", painted) == plain
    assert painted.splitlines()[2] == "\033[1;31mDOES NOT CONFORM: FWD-1\033[0m"
    assert painted.count("\033[0m") == painted.count("\033[") / 2


@pytest.mark.parametrize("slope", [s for s in KINK_CONVENTIONS if s != "mixed"])
def test_the_slope_at_the_kink_is_named(slope: str) -> None:
    found = report(PASS, PASS._replace(clause="KINK-2", slope=slope))
    assert found.kink == slope
    assert f"\n  slope at h == 0: {KINK_CONVENTIONS[slope]}\n" in text(found)
    other = PASS._replace(slope="1" if slope != "1" else "0")
    assert report(*found.verdicts, other).kink == "mixed"
    assert report(PASS).kink is None
    assert "slope" not in text(report(PASS))


# JSON.


def finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and finite(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(finite, value))
    return value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and np.isfinite(value))


def test_the_document_holds_what_json_can_hold() -> None:
    worst = FAIL._replace(worst_ratio=float("inf"), widest_bound=float("nan"), typical_bound=float("-inf"))
    found = report(PASS, worst, WARN, ERROR, SKIP, XFAIL, notes=("slow",))
    document = as_document(found)
    assert finite(document)

    def never(word: str) -> None:
        raise AssertionError(word)

    assert json.loads(as_json_text(found), parse_constant=never) == document
    assert list(document) == ["refnet", "spec", "target", "conforms", "kink", "notes", "clauses"]
    failed = document["clauses"][1]
    assert (failed["worst_ratio"], failed["widest_bound"], failed["typical_bound"]) == ("Infinity", "NaN", "-Infinity")
    assert failed["counterexample"] == {
        "shape": [3, 2, 4, 1],
        "operation": "forward",
        "component": "forward",
        "index": [2, 0],
        "value": "NaN",
        "low": 1.5,
        "high": "Infinity",
        "times": "Infinity",
        "lines": ["first line", "second line"],
        "piped": [],
    }
    assert document["clauses"][4]["counterexample"] is None
    assert [clause["outcome"] for clause in document["clauses"]] == ["pass", "fail", "warn", "error", "skip", "xfail"]


def test_a_fault_that_is_no_matter_of_size_has_no_numbers() -> None:
    bare = FOUND._replace(fault=Fault("it wrote to its argument", "update"))
    (clause,) = as_document(report(FAIL._replace(counterexample=bare)))["clauses"]
    found = clause["counterexample"]
    assert [found[key] for key in ("component", "index", "value", "low", "high", "times")] == [None] * 6


# What explains a failure.

LIKELY = Likely("relu6", 7, 8, "It is cut off at 6.", whole=True)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Diagnosis(), ["no listed fault explains this"]),
        (Diagnosis((LIKELY,)), ["explained by relu6, which does the same on 7 of 8 inputs", "  It is cut off at 6."]),
        (
            Diagnosis((LIKELY._replace(whole=False),)),
            [
                "explained by relu6, which does the same on 7 of 8 inputs; something else is wrong too",
                "  It is cut off at 6.",
            ],
        ),
        (
            Diagnosis(ratio="1/N", subject="every gradient", where="only when N = 1"),
            ["no listed fault explains this", "every gradient is 1/N of what it should be", "only when N = 1"],
        ),
        (
            Diagnosis(ratio="2", subject="loss", bits=0.5),
            ["no listed fault explains this", "loss is twice what it should be"],
        ),
        (
            Diagnosis(ratio="D/H", subject="loss", bits=11.4),
            ["no listed fault explains this", "loss is D/H times what it should be", "about 11 bits are right"],
        ),
        (
            Diagnosis(bits=8.2, precision="as if the operands of every product were rounded to 8 bits"),
            [
                "no listed fault explains this",
                "about 8 bits are right, as if the operands of every product were rounded to 8 bits",
            ],
        ),
    ],
)
def test_what_explains_a_failure_stands_below_it(found: Diagnosis, said: list[str]) -> None:
    lines = list(evidence(FAIL._replace(diagnosis=found)))
    assert lines[2 : 2 + len(said)] == [f"  {line}" for line in said]
    assert lines[2 + len(said)].startswith("  smallest example found")


def test_what_is_most_likely_stands_below_the_verdict_once_and_its_note_nowhere_else() -> None:
    explained = FAIL._replace(diagnosis=Diagnosis((LIKELY,)))
    lines = text(report(PASS, explained, explained._replace(clause="GRAD-1"))).splitlines()
    assert lines[2:5] == [
        "DOES NOT CONFORM: FWD-1, GRAD-1",
        "  most likely: relu6. It is cut off at 6.",
        "  1 passed, 2 failed",
    ]
    assert sum("It is cut off" in line for line in lines) == 1
    tied, part = (LIKELY, LIKELY._replace(fault="elu")), (LIKELY._replace(fault="mean", whole=False),)
    found = [explained, explained._replace(clause="GRAD-1", diagnosis=Diagnosis(part))]
    found += [
        FAIL._replace(clause="GRAD-2", diagnosis=Diagnosis()),
        FAIL._replace(clause="LOSS-1", diagnosis=Diagnosis(tied)),
    ]
    assert text(report(*found)).splitlines()[3:7] == [
        "  most likely for FWD-1: relu6. It is cut off at 6.",
        "  most likely for LOSS-1: relu6 or elu, alike here. It is cut off at 6.",
        "  in part for GRAD-1: mean. It is cut off at 6.",
        "  no listed fault explains GRAD-2",
    ]
    nothing = text(report(FAIL._replace(diagnosis=Diagnosis()))).splitlines()
    assert nothing[3] == "  no listed fault explains it"


def test_the_document_has_the_diagnosis() -> None:
    found = Diagnosis((LIKELY,), "only when N = 1", "1/N", "loss", 3.5, "about as many")
    (clause,) = as_document(report(FAIL._replace(diagnosis=found)))["clauses"]
    assert clause["diagnosis"] == [
        {"fault": "relu6", "matched": 7, "of": 8, "whole": True, "note": "It is cut off at 6."}
    ]
    assert (clause["where"], clause["ratio"], clause["bits"]) == ("only when N = 1", "1/N", 3.5)
    assert clause["subject"] == "loss"
    assert clause["precision"] == "about as many"
    (clause,) = as_document(report(PASS))["clauses"]
    assert [clause[key] for key in ("diagnosis", "where", "ratio", "bits", "precision")] == [[], None, None, None, None]


@pytest.mark.parametrize(
    ("slopes", "said"),
    [
        (("0",), "0, as PyTorch's and TensorFlow's relu"),
        (("0.5",), "0.5, as JAX's maximum"),
        (("1",), "1, as the seed has it"),
        (("other",), "none of 0, 1/2 and 1, or not the same one everywhere"),
        (("0", "1"), "not the same one in every dtype"),
    ],
)
def test_the_slope_at_the_kink_is_said_with_who_has_it(slopes: tuple[str, ...], said: str) -> None:
    found = report(*(PASS._replace(clause="KINK-2", slope=slope) for slope in slopes))
    assert f"\n  slope at h == 0: {said}\n" in text(found)
