"""What a person reads, and what a program reads: two views of a report."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import refnet
from refnet import specification
from refnet.conformance.patterns import MEANINGFUL
from refnet.conformance.verdicts import KINK_CONVENTIONS, Counterexample, Diagnosis, Likely, Report, Verdict, as_json

_COLOURS = {"pass": "32", "fail": "1;31", "error": "1;31", "warn": "33", "xfail": "33", "skip": "2"}
_WORDS = {"fail": "FAIL", "error": "ERROR"}


def text(report: Report, *, colour: bool = False) -> str:
    """Return the report for a person: the verdict first, then a line a clause, then the evidence.

    A clause that fails in several dtypes is shown in the first; the JSON document has all.
    """
    parts = [
        f"refnet {refnet.__version__}, specification {specification.version()}: {report.target}",
        "",
        *_headline(report, colour),
        "",
        *_table(report, colour),
    ]
    told: set[tuple[str, str]] = set()
    for verdict in sorted(report.verdicts, key=lambda v: v.outcome == "warn"):
        if verdict.outcome in ("fail", "error", "warn") and (verdict.clause, verdict.outcome) not in told:
            told.add((verdict.clause, verdict.outcome))
            parts += ["", *evidence(verdict, colour=colour, notes=False)]
    return "\n".join(parts) + "\n"


def _headline(report: Report, colour: bool) -> Iterator[str]:
    count = {outcome: sum(v.outcome == outcome for v in report.verdicts) for outcome in _COLOURS}
    failed, in_error = (dict.fromkeys(v.clause for v in report.verdicts if v.outcome == o) for o in ("fail", "error"))
    if failed:
        yield _paint(f"DOES NOT CONFORM: {', '.join(failed)}", "fail", colour)
    elif in_error:
        yield _paint(f"NOT CHECKED: {', '.join(in_error)}", "error", colour)
    elif not report.conforms and count["xfail"]:
        yield _paint(f"AS EXPECTED: nothing fails but the {count['xfail']} expected to", "xfail", colour)
    elif not report.conforms:
        yield _paint("NOT CHECKED: nothing in it could be judged", "error", colour)
    else:
        yield _paint("CONFORMS: every MUST that was checked holds", "pass", colour)
    yield from _most_likely(report)
    shown = {"pass": "passed", "fail": "failed", "error": "in error", "warn": "with a warning"}
    shown |= {"xfail": "failed as expected", "skip": "skipped"}
    yield "  " + ", ".join(f"{count[outcome]} {word}" for outcome, word in shown.items() if count[outcome])
    if report.kink is not None:
        yield f"  slope at h == 0: {KINK_CONVENTIONS[report.kink]}"
    for note in report.notes:
        yield f"  note: {note}"


def _most_likely(report: Report) -> Iterator[str]:
    """Yield the listed faults that explain the failures, each with what it is and those that are alike."""
    clauses: dict[tuple[Likely, ...], dict[str, None]] = {}
    for verdict in report.verdicts:
        if verdict.diagnosis is not None:
            alike = tuple(likely._replace(matched=0, of=0) for likely in verdict.diagnosis.likely)
            clauses.setdefault(alike, {})[verdict.clause] = None
    named = [alike for alike in clauses if alike]
    for alike in sorted(named, key=lambda alike: not alike[0].whole):
        names = " or ".join(likely.fault for likely in alike) + (", alike here" if len(alike) > 1 else "")
        of = "" if len(clauses) == 1 else f" for {', '.join(clauses[alike])}"
        line = f"{'most likely' if alike[0].whole else 'in part'}{of}: {names}. {alike[0].note}"
        yield from textwrap.wrap(line, 118, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    if () in clauses:
        others = f" {', '.join(clauses[()])}" if named else " it"
        yield f"  no listed fault explains{others}"


def _ids(report: Report) -> dict[str, None]:
    return dict.fromkeys(verdict.clause for verdict in report.verdicts)


def _table(report: Report, colour: bool) -> Iterator[str]:
    """Yield one line a clause, or one for each outcome where a clause has several."""
    yield f"  {'clause':11}{'outcome':8}{'examples':>8} {'err/bound':>10} {'bound':>8}"
    for clause in _ids(report):
        rows: dict[str, list[Verdict]] = {}
        for verdict in report.verdicts:
            if verdict.clause == clause:
                rows.setdefault(verdict.outcome, []).append(verdict)
        for outcome, verdicts in rows.items():
            yield _row(outcome, verdicts, colour, split=len(rows) > 1)


def _row(outcome: str, verdicts: list[Verdict], colour: bool, *, split: bool) -> str:
    first = verdicts[0]
    word = _paint(f"{_WORDS.get(outcome, outcome):8}", outcome, colour)
    examples = sum(v.examples for v in verdicts)
    ratio = max((v.worst_ratio for v in verdicts if v.worst_ratio is not None), default=None)
    bound = max((v.typical_bound for v in verdicts if v.typical_bound is not None), default=None)
    figures = f"{examples or '':>8} {_figure(ratio, '.2g'):>10} {_figure(bound, '.1e'):>8}"
    about = f" [{', '.join(dict.fromkeys(f'{v.activation} {v.dtype}' for v in verdicts))}]" if split else ""
    why = f" [{first.message}]" if outcome in ("skip", "xfail") else ""
    return f"  {first.clause:11}{word}{figures}  {first.title}{about}{why}"


def _figure(number: float | None, how: str) -> str:
    return "" if number is None else format(number, how)


def evidence(verdict: Verdict, *, colour: bool = False, notes: bool = True) -> Iterator[str]:
    """Yield the lines on one verdict: what failed, what explains it, the smallest example, how to reproduce it.

    ``notes``: whether to say what the fault is that explains it.
    """
    word = _paint(_WORDS.get(verdict.outcome, verdict.outcome), verdict.outcome, colour)
    yield f"{word} {verdict.clause} {verdict.activation} {verdict.dtype} ({verdict.level}): {verdict.title}"
    yield f"  {verdict.message}"
    if verdict.diagnosis is not None:
        yield from _diagnosis(verdict.diagnosis, notes=notes)
    found = verdict.counterexample
    if found is None:
        return
    n, d, h, o = found.problem.shape
    yield f"  smallest example found: N = {n}, D = {d}, H = {h}, O = {o}"
    if found.piped:
        yield f"  to reproduce, pipe {'these lines' if len(found.piped) > 1 else 'this line'} into the program:"
        yield from (f"    {line}" for line in found.piped)
        yield "  or in Python:"
    else:
        yield "  to reproduce:"
    yield from (f"    {line}" for line in found.lines)


def _diagnosis(found: Diagnosis, *, notes: bool) -> Iterator[str]:
    """Yield what explains a failure, the most telling first; that nothing listed does is said too."""
    for likely in found.likely:
        part = "" if likely.whole else "; something else is wrong too"
        yield f"  explained by {likely.fault}, which does the same on {likely.matched} of {likely.of} inputs{part}"
        if notes:
            yield f"    {likely.note}"
    if not found.likely:
        yield "  no listed fault explains this"
    if found.ratio:
        yield f"  {found.subject} is {_times(found.ratio)} what it should be"
    if found.where:
        yield f"  {found.where}"
    precise = not found.likely or found.precision
    if found.bits is not None and found.bits > MEANINGFUL and precise:
        yield f"  about {found.bits:.0f} bits are right" + (f", {found.precision}" if found.precision else "")


def _times(ratio: str) -> str:
    words = {"2": "twice", "-1": "the negative of", "0": "0 times", "1/2": "half of"}
    return words.get(ratio, f"{ratio} of" if ratio.startswith("1/") else f"{ratio} times")


def _paint(word: str, outcome: str, colour: bool) -> str:
    return f"\033[{_COLOURS[outcome]}m{word}\033[0m" if colour else word


def as_document(report: Report) -> dict[str, Any]:
    """Return the report as JSON values; ``spec/report.schema.json`` describes them."""
    return {
        "refnet": refnet.__version__,
        "spec": specification.version(),
        "target": report.target,
        "conforms": report.conforms,
        "kink": report.kink,
        "notes": list(report.notes),
        "clauses": [_clause(verdict) for verdict in report.verdicts],
    }


def as_json_text(report: Report) -> str:
    """Return the JSON document, without NaN or infinity as bare words."""
    return json.dumps(as_document(report), indent=2, allow_nan=False) + "\n"


def _clause(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.clause,
        "level": verdict.level,
        "title": verdict.title,
        "dtype": verdict.dtype,
        "activation": verdict.activation,
        "outcome": verdict.outcome,
        "examples": verdict.examples,
        "worst_ratio": as_json(verdict.worst_ratio),
        "widest_bound": as_json(verdict.widest_bound),
        "typical_bound": as_json(verdict.typical_bound),
        "message": verdict.message,
        **_diagnosis_of(verdict.diagnosis or Diagnosis()),
        "counterexample": None if verdict.counterexample is None else _counterexample(verdict.counterexample),
    }


def _diagnosis_of(found: Diagnosis) -> dict[str, Any]:
    return {
        "diagnosis": [
            {
                "fault": likely.fault,
                "matched": likely.matched,
                "of": likely.of,
                "whole": likely.whole,
                "note": likely.note,
            }
            for likely in found.likely
        ],
        "where": found.where or None,
        "ratio": found.ratio or None,
        "subject": found.subject.removesuffix("()") or None if found.ratio else None,
        "bits": found.bits,
        "precision": found.precision or None,
    }


def _counterexample(found: Counterexample) -> dict[str, Any]:
    miss = found.fault.miss
    return {
        "shape": list(found.problem.shape),
        "operation": found.fault.operation,
        "component": found.fault.component or None,
        "index": None if miss is None else list(miss.at),
        "value": None if miss is None else as_json(miss.value),
        "low": None if miss is None else as_json(miss.low),
        "high": None if miss is None else as_json(miss.high),
        "times": None if miss is None else as_json(miss.times),
        "lines": list(found.lines),
        "piped": list(found.piped),
    }
