"""Slow implementations: fewer and smaller examples, within a stated budget, and a report that says so.

Time is a number here, which each call of the implementation moves on, so that every machine sees the same run.
"""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import refnet
from refnet import Precision
from refnet.conformance import Implementation, Report, implementation, plan, run, target
from refnet.conformance.checks import CHECKS, Setting
from refnet.conformance.exploring import SECONDS_A_CHECK, most_work
from refnet.conformance.planning import EXAMPLES
from refnet.conformance.problem import TUTORIAL, work
from refnet.conformance.views import text


class Slow:
    """The reference, at so many seconds a call and a multiplication."""

    def __init__(self, clock: list[float], a_call: float, a_multiplication: float) -> None:
        self.clock, self.a_call, self.a_multiplication = clock, a_call, a_multiplication
        self.works: list[int] = []

    def forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        self.works.append(work((len(x), *params.w1.shape, params.w2.shape[1])))
        self.clock[0] += self.a_call + self.a_multiplication * self.works[-1]
        return refnet.forward(params, x)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(target, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def checked(slow: Slow, *clauses: str, **asked: Any) -> tuple[Report, Implementation]:
    net = implementation(slow)
    return run(net, plan(net, clauses=clauses, dtypes=("float32",), **asked)), net


def test_a_fast_one_is_given_every_size_and_no_note(clock: list[float]) -> None:
    slow = Slow(clock, 1e-6, 1e-9)
    report, net = checked(slow, "FWD-1")
    assert net.pace.most_work == work(TUTORIAL) == max(slow.works)
    assert report.notes == ()
    assert report.verdicts[0].left_out == 0
    assert "note:" not in text(report)


@pytest.mark.parametrize(("each", "most"), [(2e-7, 500_000), (1e-6, 100_000), (1e-5, 10_000), (1e-4, 1000), (1.0, 64)])
def test_a_slow_one_is_given_what_it_does_in_a_tenth_of_a_second(clock: list[float], each: float, most: int) -> None:
    slow = Slow(clock, 0.0, each)
    net = implementation(slow)
    made = plan(net, clauses=("FWD-2",), dtypes=("float32",), examples=20)
    assert abs(most_work(net, made) - most) <= 1
    slow.works.clear()
    report = run(net, made)
    assert 1 < max(slow.works) <= most_work(net, made)
    (note, *_) = report.notes
    assert note == (
        f"slow, {each * 1e6:.2g} microseconds a multiplication: examples of more than {most_work(net, made):,}"
        " multiplications are left out, the tutorial's size among them"
    )
    assert f"  note: {note}\n" in text(report)


def test_a_slow_call_is_not_taken_for_slow_arithmetic(clock: list[float]) -> None:
    _, net = checked(Slow(clock, 0.5, 1e-9), "FWD-2")
    assert net.pace.most_work == work(TUTORIAL)


@pytest.mark.parametrize("a_call", [0.0625, 0.25, 16.0])
def test_a_clause_takes_its_second_or_three_examples(clock: list[float], a_call: float) -> None:
    report, _ = checked(Slow(clock, a_call, 0.0), "FWD-1", "FWD-2")
    for verdict in report.verdicts:
        assert verdict.outcome == "pass"
        assert verdict.examples == max(3, int(SECONDS_A_CHECK / a_call) + 1)
        always = CHECKS[verdict.clause].data.always(Setting(Precision("float32"), "relu", work(TUTORIAL)))
        assert verdict.examples + verdict.left_out == EXAMPLES + len(always)
    left_out = sum(verdict.left_out for verdict in report.verdicts)
    every = sum(verdict.examples for verdict in report.verdicts) + left_out
    assert report.notes[0] == (
        f"{left_out} of {every} examples were left out, since the implementation took more than"
        f" {SECONDS_A_CHECK:g} s for their clause"
    )
    assert (verdict.examples > 3) or "would pass unseen: " in report.notes[-1]


def test_a_slow_wrong_one_is_still_refused(clock: list[float]) -> None:
    slow = Slow(clock, 0.2, 1e-4)
    right = slow.forward
    wrong: Any = SimpleNamespace(forward=lambda params, x: right(params, x) * 1.5)
    report, _ = checked(wrong, "FWD-1")
    assert report.verdicts[0].outcome == "fail"
    assert max(slow.works) <= 3072  # of the larger probe


def test_one_that_compiles_for_each_new_shape_is_given_few_and_a_note(clock: list[float]) -> None:
    shapes = set()

    def forward(params: Any, x: NDArray[Any]) -> NDArray[Any]:
        if (shape := (x.shape, params.w2.shape)) not in shapes:
            shapes.add(shape)
            clock[0] += 0.05
        return refnet.forward(params, x)

    net = implementation(SimpleNamespace(forward=forward))
    report = run(net, plan(net, clauses=("FWD-1",), dtypes=("float32",)))
    assert net.pace.few_shapes
    assert net.pace.most_work == work(TUTORIAL)
    assert report.notes == ("slow with each new shape, as compilers are: the examples have few shapes",)
    assert len(shapes) < 10 < report.verdicts[0].examples


def test_one_that_fails_when_it_is_measured_is_checked_all_the_same() -> None:
    def fails(*_: object) -> None:
        raise NotImplementedError("later")

    net = implementation(SimpleNamespace(forward=fails, loss=refnet.loss))
    report = run(net, plan(net, clauses=("FWD-2", "LOSS-2"), dtypes=("float32",), examples=2))
    assert [(v.outcome, v.message) for v in report.verdicts] == [
        ("fail", "forward raised NotImplementedError: later"),
        ("pass", ""),
    ]


def test_loops_in_python_are_checked_in_a_few_seconds() -> None:
    def forward(params: Any, x: NDArray[Any]) -> list[list[float]]:
        w1, b1, w2, b2 = (p.tolist() for p in params)
        rows = []
        for row in x.tolist():
            a = [max(sum(v * w1[d][j] for d, v in enumerate(row)) + b, 0.0) for j, b in enumerate(b1)]
            rows.append([sum(v * w2[j][k] for j, v in enumerate(a)) + b for k, b in enumerate(b2)])
        return rows or np.zeros((0, len(b2))).tolist()

    net = implementation(SimpleNamespace(forward=forward))
    before = time.perf_counter()
    report = run(net, plan(net, clauses=("FWD", "LAYOUT-1", "LAW-3"), dtypes=("float64",)))
    assert [verdict.outcome for verdict in report.verdicts] == ["pass"] * 5
    assert net.pace.seconds < 5 * (SECONDS_A_CHECK + 1)
    assert time.perf_counter() - before < 30
