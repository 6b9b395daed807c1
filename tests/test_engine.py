"""The engine: what is planned, the same examples for everyone, and a verdict whatever the implementation does."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

import refnet
from refnet.conformance import (
    Implementation,
    Plan,
    PlanError,
    Report,
    Verdict,
    cases,
    generate,
    implementation,
    plan,
    run,
)
from refnet.conformance.checks import CHECKS
from refnet.conformance.observed import circumstances, records
from refnet.conformance.planning import EXAMPLES
from refnet.conformance.problem import AnyProblem
from refnet.conformance.target import LostError, Reported
from refnet.conformance.verdicts import HELD, NOTHING, Diagnosis, Fault, Finding, Outcome, wrong
from refnet.specification import Level, clauses


def quick(most_work: int = 500, **operations: Callable[..., object]) -> Implementation:
    """An implementation that is given small examples alone."""
    net = implementation(SimpleNamespace(**operations))
    net.pace.most_work = most_work
    return net


def asked(net: Implementation, *wanted: str, **rest: Any) -> Report:
    """Run these clauses for float32."""
    return run(net, plan(net, **{"clauses": wanted, "dtypes": ("float32",), **rest}))


def only(net: Implementation, clause: str, **rest: Any) -> Verdict:
    """Run one clause."""
    (verdict,) = asked(net, clause, **rest).verdicts
    return verdict


class Recorder:
    """The reference's forward pass, and the arguments that it has seen."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def forward(self, params: Any, x: Any) -> Any:
        self.seen.append(b"".join(array.tobytes() for array in (*params, x)))
        return refnet.forward(params, x)


# The plan.


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"clauses": ("NOPE-1",)}, r"there is no clause 'NOPE-1'; there are FWD-1, FWD-2, "),
        ({"clauses": ("fwd-1",)}, r"there is no clause 'fwd-1'"),
        ({"clauses": ("FWD-1", "NOPE")}, r"there is no clause 'NOPE'"),
        ({"clauses": ("DOC-1",)}, r"DOC-1 binds the reference, and no implementation is checked for it"),
        ({"clauses": ("DOC",)}, r"there is no clause 'DOC'"),
        ({"expected": (("NOPE-1", "why"),)}, r"there is no clause 'NOPE-1'"),
        ({"expected": (("DOC-1", "why"),)}, r"DOC-1 binds the reference"),
        ({"expected": (("FWD", "why"),)}, r"there is no clause 'FWD'"),
        ({"expected": (("FWD-1", " "),)}, r"the expected failure of FWD-1 has no reason: write FWD-1: why"),
        ({"examples": 0}, r"examples is 0, expected at least 1"),
        ({"examples": -3}, r"examples is -3, expected at least 1"),
        (
            {"expected": (("FWD-1[float8]", "why"),)},
            r"there is no 'FWD-1\[float8\]'; there are FWD-1, FWD-1\[float16\], ",
        ),
        ({"expected": (("FWD-1[relu]", "why"),)}, r"there is no 'FWD-1\[relu\]'; .*, FWD-1\[identity-float64\]$"),
        ({"expected": (("NOPE-1[float32]", "why"),)}, r"there is no clause 'NOPE-1'"),
        (
            {"expected": (("FWD-1", "why"), ("FWD-2", "why"), ("FWD-1", "or"))},
            r"the failure of FWD-1 is expected twice: ",
        ),
        (
            {"expected": (("FWD-1[float32]", "why"),) * 2},
            r"the failure of FWD-1\[float32\] is expected twice: give it once",
        ),
        (
            {"expected": ("FWD-1", "why")},
            r"expected is \('FWD-1', 'why'\), expected pairs of a clause and a reason: write",
        ),
        ({"expected": "FWD-1: why"}, r"expected is 'FWD-1: why', expected pairs"),
        ({"expected": {"FWD-1": "why"}}, r"expected is {'FWD-1': 'why'}, expected pairs"),
        ({"clauses": ("FWD-1[float32]",)}, r"there is no clause 'FWD-1\[float32\]'"),
        ({"clauses": "FWD"}, r"clauses is 'FWD', a str, expected a tuple: write \(\"FWD\",\)$"),
        ({"dtypes": "float32"}, r"dtypes is 'float32', a str, expected a tuple: write \(\"float32\",\)$"),
        ({"activations": "relu"}, r"activations is 'relu', a str, expected a tuple: write \(\"relu\",\)$"),
        ({"seed": -1}, r"seed is -1, expected at least 0"),
        ({"dtypes": ("float8",)}, r"there is no 'float8'; there are float16, bfloat16, float32, float64"),
        ({"activations": ("tanh",)}, r"there is no 'tanh'; there are relu, identity"),
    ],
)
def test_what_does_not_exist_cannot_be_planned(request_: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanError, match=f"^{why}"):
        plan(quick(forward=refnet.forward), **request_)


def test_a_family_is_all_its_clauses_in_the_order_of_the_specification() -> None:
    net = quick(forward=refnet.forward)
    kinks = tuple(clause for clause in CHECKS if clause.startswith("KINK-"))
    assert plan(net, clauses=("KINK", "FWD-1", "KINK-1")).clauses == ("FWD-1", *kinks)
    assert plan(net).clauses == tuple(clause for clause in clauses() if clause in CHECKS)


def test_what_is_not_asked_for_is_what_the_implementation_declares() -> None:
    net = implementation(SimpleNamespace(forward=len, dtypes="float64", activation=("identity", "relu")))
    made = plan(net, clauses=("FWD-1",))
    assert made == Plan(("float64",), ("identity", "relu"), ("FWD-1",), EXAMPLES, None, ())
    assert [case.id(with_activation=True) for case in cases(made)] == ["FWD-1[identity-float64]", "FWD-1[relu-float64]"]
    assert [case.id(with_activation=False) for case in cases(made)] == ["FWD-1[float64]"] * 2
    assert plan(net, dtypes=("float32",)).dtypes == ("float32",)


def test_progress_is_told_before_each_case() -> None:
    net, told = quick(forward=refnet.forward), []
    run(net, plan(net, clauses=("FWD-2", "LOSS-2"), examples=1), lambda *now: told.append(now))
    names = ("FWD-2[float32]", "FWD-2[float64]", "LOSS-2[float32]", "LOSS-2[float64]")
    assert told == [(done, 4, name) for done, name in enumerate(names)]


# The same for everyone, unless a seed says otherwise.


@pytest.mark.parametrize("seed", [None, 0, 7])
def test_two_runs_are_the_same(seed: int | None) -> None:
    first, second = Recorder(), Recorder()
    wanted = ("FWD", "SPECIAL-2", "LAW-3")
    one, two = (asked(quick(forward=r.forward), *wanted, examples=8, seed=seed) for r in (first, second))
    assert first.seen == second.seen
    assert len(set(first.seen)) > 20
    assert one.verdicts == two.verdicts


def test_a_seed_and_more_examples_explore_further() -> None:
    runs: dict[tuple[int, int | None], set[bytes]] = {}
    for examples, seed in ((10, None), (10, 0), (10, 1), (40, None)):
        recorder = Recorder()
        verdict = only(quick(forward=recorder.forward), "FWD-2", examples=examples, seed=seed)
        assert verdict.examples == examples + 1  # the one that every run visits
        runs[examples, seed] = set(recorder.seen)
    ten = [runs[10, None], runs[10, 0], runs[10, 1]]
    assert all(len(one - other) >= 5 for one in ten for other in ten if one is not other)
    assert len(runs[40, None]) >= 3 * len(runs[10, None]) > 15


def test_a_failure_is_the_same_for_everyone() -> None:
    def wrong_in_places(params: Any, x: Any) -> Any:
        return refnet.forward(params, x) * (1 + (x > 1.5).any())

    one, two = (only(quick(forward=wrong_in_places), "FWD-1") for _ in range(2))
    assert one.outcome == "fail"
    assert one.counterexample is not None
    assert two.counterexample is not None
    assert one.counterexample.lines == two.counterexample.lines
    assert one.counterexample.problem.shape == (1, 1, 1, 1)


# Outcomes.


def test_what_is_missing_is_skipped_and_said() -> None:
    report = asked(quick(update=refnet.update), "FWD-1", "KINK-1", "SPECIAL-1", "UPD-2", examples=1)
    assert [(v.clause, v.outcome, v.message, v.examples) for v in report.verdicts] == [
        ("FWD-1", "skip", "it has no forward", 0),
        ("KINK-1", "skip", "it has no grads or step", 0),
        ("UPD-2", "pass", "", 2),
        ("SPECIAL-1", "skip", "it has no loss or grads or step", 0),
    ]
    assert report.conforms
    assert not asked(quick(update=refnet.update), "FWD-1").conforms  # nothing was checked
    identity = only(quick(grads=refnet.grads), "KINK-1", activations=("identity",))
    assert (identity.outcome, identity.message) == ("skip", "identity has no kink")


def doubled(params: Any, x: Any) -> Any:
    return 2 * refnet.forward(params, x)


def test_an_expected_failure_is_strict_both_ways() -> None:
    expected = (("FWD-1", "issue 12"), ("FWD-2", "no reason at all"))
    found = asked(quick(forward=doubled), "FWD-1", "FWD-2", expected=expected, examples=3)
    fails, passes = found.verdicts
    assert fails.outcome == "xfail"
    assert fails.message.startswith("issue 12; forward[")
    assert passes.outcome == "fail"
    assert passes.message == "expected to fail (no reason at all), and it passes: expect it no more"
    assert not found.conforms
    as_expected = asked(quick(forward=doubled), "FWD-1", expected=expected[:1], examples=3)
    assert not as_expected.conforms  # nothing fails, but a MUST that does not hold is no conformance
    skipped = only(quick(update=refnet.update), "FWD-1", expected=expected[:1])
    assert (skipped.outcome, skipped.message) == ("skip", "it has no forward")


def float32_is_wrong(params: Any, x: Any, activation: Any) -> Any:
    return refnet.forward(params, x, activation=activation) + (x.dtype == np.float32)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", ["FWD-1[float32]", "FWD-1[relu-float32]"])
def test_a_case_is_expected_to_fail_by_its_id(name: str, several: bool) -> None:
    net = quick(forward=float32_is_wrong)
    how: dict[str, Any] = {"dtypes": ("float32", "float64"), "examples": 3}
    how["activations"] = ("relu", "identity") if several else ("relu",)
    found = asked(net, "FWD-1", expected=((name, "too large by 1"),), **how)
    identity = "xfail" if name == "FWD-1[float32]" else "fail"
    assert [v.outcome for v in found.verdicts] == ["xfail", "pass", identity, "pass"][: 4 if several else 2]
    assert found.verdicts[0].message.startswith("too large by 1; forward[")
    strict = asked(net, "FWD-1", expected=(("FWD-1[relu-float64]", "it is not"),), **how).verdicts
    assert [v.outcome for v in strict[:2]] == ["fail", "fail"]
    assert strict[1].message == "expected to fail (it is not), and it passes: expect it no more"


def test_the_reason_of_a_case_comes_before_that_of_its_clause() -> None:
    expected = (("FWD-1", "everywhere"), ("FWD-1[float64]", "in it"), ("FWD-1[identity-float64]", "there alone"))
    how: dict[str, Any] = {"dtypes": ("float32", "float64"), "activations": ("relu", "identity"), "examples": 2}
    found = asked(quick(forward=doubled), "FWD-1", expected=expected, **how)
    said = [verdict.message.partition(";")[0] for verdict in found.verdicts]
    assert said == ["everywhere", "in it", "everywhere", "there alone"]


def test_a_should_never_decides() -> None:
    def broadcasting(params: Any, x: Any, y: Any) -> Any:
        return np.square(refnet.forward(params, x) - y).sum()

    found = asked(quick(loss=broadcasting), "LOSS-2", "ERR-1", examples=3)
    assert [verdict.outcome for verdict in found.verdicts] == ["pass", "warn"]
    assert found.conforms
    assert found.verdicts[1].counterexample is not None
    assert [verdict.level for verdict in found.verdicts] == ["MUST", "SHOULD"]
    expected = asked(quick(loss=broadcasting), "LOSS-2", "ERR-1", examples=3, expected=(("ERR-1", "it broadcasts"),))
    assert [verdict.outcome for verdict in expected.verdicts] == ["pass", "xfail"]
    assert expected.conforms


def test_what_fails_only_the_first_time_is_refused() -> None:
    recorder = Recorder()

    def warming_up(params: Any, x: Any) -> Any:
        before = list(recorder.seen)
        right = recorder.forward(params, x)
        return right if recorder.seen[-1] in before else right + 1

    found = only(quick(forward=warming_up), "FWD-1")
    assert found.outcome == "fail"
    assert found.message.startswith("forward[0, 0] = ")
    assert found.message.endswith("; seen once, and not again on the same arguments: it is not repeatable")
    assert found.counterexample is None


def test_what_fails_again_only_on_the_first_arguments_is_shown_on_them() -> None:
    recorder = Recorder()

    def sometimes(params: Any, x: Any) -> Any:
        before = list(recorder.seen)
        right = recorder.forward(params, x)
        return right if recorder.seen[-1] in before and recorder.seen[-1] != before[0] else right + 1

    found = only(quick(forward=sometimes), "FWD-1")
    assert found.outcome == "fail"
    assert found.counterexample is not None
    assert found.counterexample.problem.source.startswith("generate(")
    assert found.message == found.counterexample.fault.message


@pytest.mark.parametrize("chance", [0.9, 0.5])
def test_what_fails_at_random_is_refused_and_no_crash(chance: float) -> None:
    rng = np.random.default_rng(5)

    def unreliable(params: Any, x: Any) -> Any:
        if rng.random() < chance:
            raise ConnectionError("the device was lost")
        return refnet.forward(params, x)

    for clause in ("FWD-1", "FWD-2"):
        found = only(quick(forward=unreliable), clause)
        assert found.outcome == "fail"
        assert "forward raised ConnectionError: the device was lost" in found.message
    for clause in ("PURE-3", "LAYOUT-1", "EDGE-2", "SPECIAL-3", "ERR-2", "LAW-1"):
        assert only(quick(forward=unreliable), clause).outcome != "error"  # it may be lucky, or left to FWD-1


def checking(monkeypatch: pytest.MonkeyPatch, function: Callable[[Implementation, AnyProblem], Finding]) -> None:
    monkeypatch.setitem(CHECKS, "FWD-2", CHECKS["FWD-2"]._replace(function=function))


def test_a_check_that_judges_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    checking(monkeypatch, lambda _net, _problem: NOTHING)
    found = asked(quick(forward=refnet.forward), "FWD-2", examples=5)
    assert [(v.outcome, v.message) for v in found.verdicts] == [
        ("error", "no example could be judged: the clause was not checked")
    ]
    assert not found.conforms
    checking(monkeypatch, lambda _net, problem: HELD if problem.shape[0] == 2 else NOTHING)
    assert only(quick(forward=refnet.forward), "FWD-2").outcome == "pass"  # one that can be judged is enough


@pytest.mark.parametrize("after", [0, 3])
def test_a_mistake_in_a_check_is_an_error_and_no_crash(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def mistaken(_net: Implementation, _problem: AnyProblem) -> Finding:
        calls.append(1)
        if len(calls) > after:
            raise ZeroDivisionError("in the check")
        return Finding(judged=1, eclipsed=(Fault("forward is wrong", "forward"),))

    checking(monkeypatch, mistaken)
    found = only(quick(forward=refnet.forward), "FWD-2", expected=(("FWD-2", "why"),))
    assert (found.outcome, found.message) == ("error", "ZeroDivisionError: in the check")


def test_a_mistake_while_making_it_small_does_not_hide_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(_net: Implementation, problem: AnyProblem) -> Finding:
        if not problem.source:
            raise ZeroDivisionError("on what is no problem of any kind")
        return wrong("forward is wrong", "forward")

    checking(monkeypatch, mistaken)
    found = only(quick(forward=refnet.forward), "FWD-2")
    assert (found.outcome, found.message) == ("fail", "forward is wrong")
    assert found.counterexample is not None
    assert found.counterexample.problem.source.startswith("generate(")


def test_an_implementation_that_spoils_the_process_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refnet.conformance.target.subnormals_work", lambda: False)
    found = only(quick(forward=refnet.forward), "FWD-1")
    assert found.outcome == "error"
    assert found.message.startswith("forward has switched subnormal numbers off for the whole process")
    unmeasured = implementation(SimpleNamespace(forward=refnet.forward))
    assert only(unmeasured, "FWD-1").outcome == "error"


def test_an_eclipsed_clause_is_skipped_and_says_by_what() -> None:
    found = only(quick(forward=doubled), "LAYOUT-1")
    assert found.outcome == "skip"
    assert found.message == "forward: wrong on plain data too, as other clauses say"


def test_what_returns_rubbish_fails_with_the_operation_that_did() -> None:
    net = quick(forward=refnet.forward, loss=lambda *_: "three")
    found = only(net, "LOSS-1", examples=2)
    assert found.outcome == "fail"
    assert found.message == "loss is str (dtype <U5), expected an array of real numbers of shape ()"
    assert found.counterexample is not None
    assert found.counterexample.fault.operation == "loss"


# What a check finds, and how findings are joined.


def test_joined_findings_count_all_that_was_compared_and_keep_the_largest() -> None:
    first, second = Fault("forward is wrong", "forward"), Fault("loss is wrong", "loss")
    one = Finding(2, 0.25, 1e-6, first, "1", (first,))
    other = Finding(3, 0.5, 1e-7, second, "0", (second,))
    assert one.joined(other) == Finding(5, 0.5, 1e-6, first, "1", (first, second))
    assert other.joined(one) == Finding(5, 0.5, 1e-6, second, "0", (second, first))


def test_nothing_joined_changes_nothing() -> None:
    finding = Finding(2, 0.25, 1e-6, Fault("forward is wrong", "forward"), "1")
    assert NOTHING.joined(finding) == finding.joined(NOTHING) == finding
    assert NOTHING.joined(NOTHING) == NOTHING


def test_a_fault_that_is_no_matter_of_size_counts_once_and_keeps_its_scene_and_its_problem() -> None:
    problem = generate("normal", (3, 2, 4, 1), "float32", "relu", 0)
    fault = Fault("forward is wrong", "forward", scene=("on a view",), problem=problem)
    assert wrong("forward is wrong", "forward", ("on a view",), problem) == Finding(judged=1, fault=fault)


def test_what_is_left_unsaid_is_empty() -> None:
    assert Fault("forward is wrong", "forward") == ("forward is wrong", "forward", "", None, (), None, False, ())
    assert tuple(NOTHING) == (0, None, None, None, None, ())
    assert tuple(HELD) == (1, None, None, None, None, ())
    verdict = Verdict("FWD-1", "MUST", "The prediction", "float32", "relu", "skip")
    assert tuple(verdict)[6:] == (0, None, None, None, "", None, None, 0, None)
    assert Report("net.py", (verdict,)).notes == ()
    assert tuple(Diagnosis()) == ((), "", "", "", None, "")


@pytest.mark.parametrize(
    ("level", "outcome", "conforms"),
    [
        ("MUST", "pass", True),
        ("SHOULD", "warn", True),
        ("SHOULD", "xfail", True),
        ("MUST", "xfail", False),
        ("MUST", "fail", False),
        ("MUST", "error", False),
        ("MUST", "skip", False),
    ],
)
def test_one_clause_conforms_that_holds_or_need_not(level: Level, outcome: Outcome, conforms: bool) -> None:
    verdict = Verdict("FWD-1", level, "The prediction", "float32", "relu", outcome)
    assert Report("net.py", (verdict,)).conforms == conforms


def test_the_kink_is_that_of_all_verdicts_on_it() -> None:
    verdict = Verdict("KINK-1", "MUST", "The slope", "float32", "relu", "pass")
    half, one = verdict._replace(slope="0.5"), verdict._replace(slope="1")
    assert Report("net.py", (verdict,)).kink is None
    assert Report("net.py", (verdict, half, half)).kink == "0.5"
    assert Report("net.py", (half, one)).kink == "mixed"


def never(*_: Any, **__: Any) -> NoReturn:
    raise Reported(LostError("loss", "did not answer within 1 s"))


def test_what_never_comes_back_is_made_small_a_few_times_and_fails_its_clause() -> None:
    net = implementation(SimpleNamespace(loss=never))
    wanted = plan(net, clauses=("LOSS-1",), dtypes=("float32",), examples=2)
    (found,) = run(net, wanted).verdicts
    assert (found.outcome, found.message) == ("fail", "loss did not answer within 1 s")
    assert found.diagnosis is None
    assert found.counterexample is not None
    assert found.counterexample.problem.shape == (1, 1, 1, 1)
    net.pace.lost = 1000  # so much time has been lost that the example stays as it was drawn
    (found,) = run(net, wanted).verdicts
    assert found.counterexample is not None
    assert found.counterexample.problem.shape != (1, 1, 1, 1)
    assert net.pace.lost == 1001


def test_a_report_says_what_follows_from_calls_that_never_came_back() -> None:
    net = implementation(SimpleNamespace(loss=never))
    net.pace.lost_note = "a call never came back"
    assert run(net, plan(net, clauses=("FWD-1",), dtypes=("float32",))).notes == ("a call never came back",)


def test_a_diagnosis_ends_where_a_call_never_comes_back() -> None:
    def loss(params: Any, x: Any, y: Any) -> Any:
        return never() if x.shape == (3, 1) else refnet.loss(params, x, y)

    net = implementation(SimpleNamespace(loss=loss))
    row = circumstances("float32", "relu")
    seen = records(net, row, seconds=1000.0)
    shapes = [circumstance.problem.x.shape for circumstance in row]
    assert len(seen) == shapes.index((3, 1))
    assert net.pace.lost == 1
