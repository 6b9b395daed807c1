"""A run that is too short to see a known mistake says which; the run of everyone hides none."""

import time
from typing import Any

import pytest

import refnet
from refnet import faults
from refnet.conformance import Case, Report, implementation, plan, run
from refnet.conformance.checks import CHECKS
from refnet.conformance.exploring import explored
from refnet.conformance.problem import TUTORIAL, work
from refnet.conformance.target import OPERATIONS, Implementation
from refnet.conformance.vacuity import hidden_faults


class Slow:
    """A right forward pass that takes its time for every sample."""

    def forward(self, params: Any, x: Any) -> Any:
        time.sleep(0.0002 * x.size)
        return refnet.forward(params, x)


def hidden_in(report: Report) -> set[str]:
    notes = [note for note in report.notes if "known mistakes would pass unseen" in note]
    return {name for note in notes for name in note.partition("unseen: ")[2].split(", ")}


def checked(net: Implementation, *clauses: str, examples: int) -> Report:
    return run(net, plan(net, clauses=clauses, dtypes=("float32",), activations=("relu",), examples=examples))


def is_seen(name: str, *operations: str, examples: int, most_work: int = work(TUTORIAL)) -> bool:
    """Whether the clause of the fault refuses it, with these operations alone, from so few examples."""
    wrong = implementation(faults.named(name).make())
    wrong = wrong._replace(operations={key: wrong.operations[key] for key in operations})
    wrong.pace.most_work = most_work
    case = Case(faults.named(name).clause, "float32", "relu")
    return explored(wrong, plan(wrong, examples=examples), case, CHECKS[case.clause]).failing is not None


def test_a_slow_implementation_is_told_what_could_hide() -> None:
    net = implementation(Slow())
    net.pace.most_work, net.pace.note = 300, "slow"
    hidden = hidden_in(checked(net, "FWD", "EDGE", examples=5))
    assert {"first-512-features-only", "rest-of-64-columns-lost"} <= hidden
    assert not hidden & {"mask-missing", "mean-over-batch"}  # which are of other clauses
    assert not any(is_seen(name, "forward", examples=5, most_work=300) for name in hidden)
    assert all(is_seen(name, "forward", examples=30) for name in hidden)


def test_a_run_of_one_example_names_what_it_would_miss_and_nothing_else() -> None:
    hidden = hidden_in(checked(implementation(refnet), "GRAD-1", examples=1))
    here = [f for f in faults.CATALOGUE.values() if f.clause == "GRAD-1" and "float32" in f.make().dtypes]
    here = [fault for fault in here if "relu" in fault.make().activation]
    assert hidden == {fault.name for fault in here if not is_seen(fault.name, *OPERATIONS, examples=1)}


def test_the_run_of_everyone_says_nothing_and_looks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "CATALOGUE", None)  # which would be an error if it were looked at
    net = implementation(refnet)
    asked = plan(net, clauses=("FWD-2",))
    report = run(net, asked)
    assert report.notes == ()
    assert hidden_faults(net, asked, report.verdicts) == []
