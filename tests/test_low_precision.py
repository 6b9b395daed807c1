"""The suite in float16 and bfloat16: what is right passes, listed faults are refused and named, nothing is vacuous."""

import os
import sys
from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo

from refnet import Params, Precision, assert_grads, assert_update, conformance, faults
from refnet.conformance import Report, implementation, plan, run
from refnet.conformance.problem import generate
from refnet.conformance.suite import CHECKS
from refnet.conformance.target import TargetError, computing_in
from refnet.faults import CATALOGUE, Fault, Network, in_dtype, made_for
from refnet.formats import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, STORAGE, Dtype, Format, format_of, numpy_dtype
from refnet.network import ArgumentTypeError, ArgumentValueError

NARROW: tuple[Dtype, ...] = ("bfloat16", "float16")
THOROUGH = os.environ.get("REFNET_PROFILE") == "thorough"

# A network in a narrow format reads copies: what a fault does to memory, or to a layout, is not seen there. The dtype
# of its results is that of the format, and a digit that the format has not cannot be lost.
NOT_SEEN = {f.name for f in CATALOGUE.values() if f.clause.partition("-")[0] in ("PURE", "LAYOUT")}
NOT_SEEN |= {f.name for f in CATALOGUE.values() if f.clause in ("FWD-2", "LOSS-2", "GRAD-5", "UPD-2", "STEP-2")}
NOT_SEEN |= {f.name for f in CATALOGUE.values() if f.family == "precision"}
NOT_SEEN |= {"rate-in-float16", "parameters-stored-in-bfloat16", "noise-in-gradient", "epsilon-in-loss"}
# In float32, where such a network computes, there is no overflow to hide.
NOT_SEEN |= {"prediction-nan-to-num", "overflow-clamped"}
# Thresholds and limits beyond the range, or below the digits, of float16.
NOT_SEEN_IN: dict[Dtype, set[str]] = {
    "bfloat16": set(),
    "float16": {
        "mask-threshold-above-zero",
        "mask-by-isclose",
        "small-activations-dropped",
        "prediction-clamped",
        "loss-capped",
        "small-gradients-dropped",
    },
}


def report(found: object, *clauses: str, **asked: Any) -> Report:
    net = implementation(found)
    return run(net, plan(net, clauses=clauses, **asked), diagnose=False)


def seen_in(dtype: Dtype) -> list[Fault]:
    """The faults that show in the format: of each clause the first, or all of them."""
    made = [f for f in CATALOGUE.values() if f.name not in NOT_SEEN | NOT_SEEN_IN[dtype]]
    shown = [f for f in made if any(made_for(f, dtype, a) is not None for a in f.make().activation)]
    return shown if THOROUGH else list({f.clause: f for f in shown[::-1]}.values())


@pytest.mark.parametrize(
    ("dtype", "fault"), [(d, f) for d in NARROW for f in seen_in(d)], ids=lambda x: getattr(x, "name", x)
)
def test_a_fault_is_refused_by_its_clause(dtype: Dtype, fault: Fault) -> None:
    verdicts = report(in_dtype(fault.make(), dtype), fault.clause).verdicts
    assert "fail" in {verdict.outcome for verdict in verdicts}


@pytest.mark.parametrize("dtype", NARROW)
def test_the_network_without_a_fault_conforms(dtype: Dtype) -> None:
    net = implementation(in_dtype(Network(), dtype))
    for precision in ({}, {"accumulate": "float32"}, {"accumulate": dtype}):
        found = run(computing_in(net, **precision), plan(net, clauses=("FWD", "LOSS", "GRAD", "KINK", "UPD", "STEP")))
        assert found.conforms
        assert found.kink == "1"
        assert {verdict.outcome for verdict in found.verdicts} <= {"pass", "skip"}


@pytest.mark.parametrize("dtype", NARROW)
def test_every_clause_judges_something(dtype: Dtype) -> None:
    found = report(in_dtype(Network(), dtype), examples=5, activations=("relu",))
    outcomes = {verdict.clause: verdict.outcome for verdict in found.verdicts}
    assert set(outcomes) == set(CHECKS)
    # What it is given it copies, so that an error of another shape is its own: nothing is skipped or without examples.
    assert {clause for clause, outcome in outcomes.items() if outcome != "pass"} == set()


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", ["mean-over-batch", "missing-factor-2", "mask-missing", "bias-gradient-averaged"])
def test_the_fault_is_named(dtype: Dtype, name: str) -> None:
    net = implementation(in_dtype(faults.named(name).make(), dtype))
    found = run(net, plan(net, clauses=("FWD", "LOSS", "GRAD"), activations=("relu",)))
    named = {likely.fault for v in found.verdicts if v.diagnosis is not None for likely in v.diagnosis.likely}
    assert name in named


# What an implementation declares.


class Declares:
    def forward(self, params: Any, x: Any) -> Any:
        w1, b1, w2, b2 = params
        return np.maximum(x @ w1 + b1, 0) @ w2 + b2


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (Precision("float16"), (Precision("float16"),)),
        ({"storage": "bfloat16", "accumulate": "float32"}, (Precision("bfloat16", "bfloat16", "float32"),)),
        ([Precision("float32", operands="tf32")], (Precision("float32", "tf32", "float32"),)),
        ((Precision("float16"), Precision("float64")), (Precision("float16"), Precision("float64"))),
    ],
)
def test_a_precision_is_declared(declared: object, expected: tuple[Precision, ...]) -> None:
    made = Declares()
    made.precision = declared  # type: ignore[attr-defined]  # as a user's object may have it
    net = implementation(made)
    assert net.precisions == expected
    assert net.dtypes == tuple(precision.storage for precision in expected)
    assert [net.precision(dtype) for dtype in net.dtypes] == list(expected)


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ("bfloat16", r"'bfloat16' is of type str, expected a refnet\.Precision; write refnet\.Precision"),
        ({"storage": "float8"}, "storage is 'float8', expected one of float16, bfloat16, float32, float64: pass"),
        ({"operands": "tf32"}, "missing 1 required positional argument: 'storage'; write"),
        ((Precision("float16"), Precision("float16", accumulate="float32")), "has two for float16, expected one"),
    ],
)
def test_a_precision_that_means_nothing_is_said(declared: object, why: str) -> None:
    made = Declares()
    made.precision = declared  # type: ignore[attr-defined]  # as above
    with pytest.raises(TargetError, match=why):
        implementation(made)


def test_a_precision_knows_its_formats() -> None:
    precision = Precision("bfloat16", accumulate="float32")
    assert (precision.stores, precision.reads, precision.sums) == (BFLOAT16, BFLOAT16, FLOAT32)
    assert str(precision) == "bfloat16, summed in float32"
    assert str(Precision("float32", operands="tf32")) == "float32, operands read in tf32"
    assert not precision.is_native
    assert Precision("float16").is_native
    for field in ("storage", "operands", "accumulate"):
        given: Any = {"storage": "float32"} | {field: "decimal32"}
        with pytest.raises(ArgumentValueError, match=f"^{field} is 'decimal32', expected one of float16, bfloat16, "):
            Precision(**given)
    with pytest.raises(ArgumentValueError, match=r"^storage is 'tf32'"):
        Precision("tf32")  # type: ignore[arg-type]  # tf32 is read, and never stored


@pytest.mark.parametrize("fmt", STORAGE.values(), ids=STORAGE)
def test_the_formats_are_those_of_their_dtypes(fmt: Format) -> None:
    dtype = numpy_dtype(fmt.name)
    info = finfo(dtype)  # type: ignore[no-untyped-call]  # its stub has no types
    assert format_of(dtype) == fmt
    assert (fmt.precision, fmt.emin) == (info.nmant + 1, info.minexp)
    assert (fmt.largest, fmt.smallest_normal) == (float(info.max), float(info.smallest_normal))
    assert FLOAT64.holds(fmt)
    assert fmt.holds(FLOAT16) == (fmt in (FLOAT16, FLOAT32, FLOAT64))


# One result.


def test_one_result_is_judged_in_its_precision() -> None:
    precision = Precision("bfloat16", accumulate="float32")
    problem = generate("normal", (4, 50, 6, 3), precision, "relu", 0)
    p, x, y = problem.params, problem.x, problem.y
    net = implementation(in_dtype(Network(), "bfloat16"))
    right = net.call("grads", p, x, y, activation="relu")
    assert_grads(right, p, x, y)
    assert_grads(right, p, x, y, precision=precision)
    # The same numbers as float32: what they are stored as, the precision says.
    wide = Params(*(array.astype(np.float32) for array in p))
    assert_grads(right, wide, x.astype(np.float32), y.astype(np.float32), precision=precision)
    with pytest.raises(AssertionError, match=r"^grads\.w1\["):
        assert_grads(right, wide, x.astype(np.float32), y.astype(np.float32))
    assert_update(net.call("update", p, problem.grads, 0.5, activation="relu"), p, problem.grads, 0.5)


def test_arrays_of_several_dtypes_are_refused() -> None:
    problem = generate("normal", (4, 5, 6, 3), "float16", "relu", 0)
    p, x, y = problem.params, problem.x, problem.y
    with pytest.raises(ArgumentTypeError, match=r"^the arrays are float16 and float64, expected one dtype: write"):
        assert_grads(problem.grads, p, x, y.astype(np.float64))


def test_where_float16_overflows_nothing_is_claimed_of_the_loss_and_much_of_the_gradient() -> None:
    problem = generate("normal", (64, 200, 20, 4), Precision("float16", accumulate="float32"), "relu", 0)
    balls = {name: conformance.problem.balls(name, problem, points=False) for name in ("loss", "grads")}
    assert np.isinf(balls["loss"]["loss"].radius)
    assert np.isfinite(balls["grads"]["grads.b2"].radius).any()


def test_without_ml_dtypes_a_check_in_bfloat16_is_refused_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    net = implementation(Network())
    with pytest.raises(conformance.PlanError, match=r"^NumPy has no bfloat16 .*: pip install 'refnet\[bfloat16\]'$"):
        plan(computing_in(net, storage="bfloat16"))
    assert plan(net).dtypes == ("float32", "float64")


def test_tf32_is_for_float32_unless_float64_is_named() -> None:
    net = implementation(Network())
    both = computing_in(net, operands="tf32", accumulate="tensor32")
    assert both.precision("float32") == Precision("float32", "tf32", "tensor32")
    assert both.precision("float64") == Precision("float64")
    assert computing_in(net, storage="float64", operands="tf32").precision("float64") == Precision("float64", "tf32")
    assert computing_in(net, accumulate="float32").precision("float64") == Precision("float64", accumulate="float32")
    alone = net._replace(dtypes=("float64",))
    assert computing_in(alone, operands="tf32").precision("float64") == Precision("float64", "tf32")
