"""A failure is explained by the listed fault that does the same, in everybody's code; what is right is not."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from implementations.checking import HERE

import refnet
from refnet import Grads, faults
from refnet.conformance import diagnosis, load, observed, plan, run
from refnet.conformance.diagnosis import diagnosed, explanations
from refnet.conformance.loading import implementation
from refnet.conformance.observed import Record, circumstances, records
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import Diagnosis
from refnet.faults import CATALOGUE, Fault, Network
from refnet.formats import Dtype
from refnet.network import Activation

LONG = 60.0  # seconds, so that a busy machine changes nothing


def seen(net: Implementation, dtype: Dtype = "float32", activation: Activation = "relu") -> list[Record]:
    return records(net, circumstances(dtype, activation), seconds=LONG)


def likely(found: Sequence[Record]) -> set[str]:
    """The faults that explain most, alike if several."""
    every = explanations(found)
    return {e.fault.name for e in every if e.rank == every[0].rank}


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_listed_fault_is_called_by_its_name(fault: Fault) -> None:
    made = fault.make()
    assert likely(seen(implementation(made), made.dtypes[0], made.activation[0])) == {fault.name, *fault.ties}


# Programs of other people with a listed mistake: other orders of summation, slopes at the kink, and kinds of result.
NAMED = {
    "ascends": {"update-sign-flipped"},
    "default_rate": {"zero-rate-replaced"},
    "exits": {"empty-batch-refused"},
    "factor_two_lost": {"half-loss", "missing-factor-2"},  # it has no loss that would tell
    "gradients_accumulate": {"gradients-not-reset"},
    "mask_from_threshold": {"mask-threshold-above-zero"},
    "mask_inverted": {"mask-inverted"},
    "mean_for_sum": {"mean-over-elements"},
    "mean_over_batch": {"mean-over-batch", "gradient-averaged-loss-summed"},  # nor has this
    "mean_times_n_of_none": {"empty-batch-nan"},
    "momentum:Descent": {"momentum-left-on"},
    "nan_everywhere": {"nan-spreads-over-batch"},
    "nan_swallowed": {"nan-targets-ignored"},
    "no_mask": {"mask-missing", "mask-from-activation"},
    "odd_batch": {"last-row-of-odd-batch-lost"},
    "one_output_broadcast": {"flat-prediction-broadcast"},
    "relu6": {"relu6"},
    "saturates": {"overflow-clamped"},
    "shared_buffer": {"prediction-in-shared-buffer"},
    "slope_minus_one": {"slope-below-0-at-kink"},
    "slope_two": {"slope-2-at-kink"},
    "square_not_transposed": {"w2-not-transposed-where-square"},
    "target_mutated": {"target-overwritten"},
    "ten_bits": {"tf32-operands"},
    "transposed_result": {"w1-gradient-transposed"},
    "updated_w2": {"w1-gradient-with-updated-w2"},
    "view_returned": {"parameters-returned-at-rate-0"},
}
NOT_LISTED = (
    "argument_mutated",
    "bias_of_one_row",
    "gradient_clipped",
    "normalises",
    "residual_clipped_above",
    "returns_none",
)


def wrong(name: str) -> Implementation:
    module, colon, attribute = name.partition(":")
    return load(f"{HERE / 'wrong' / module}.py{colon}{attribute}")


@pytest.mark.parametrize("name", NAMED)
def test_a_listed_mistake_in_somebody_elses_code_is_named(name: str) -> None:
    assert likely(seen(wrong(name))) == NAMED[name]


@pytest.mark.parametrize("name", NOT_LISTED)
def test_what_is_not_listed_is_not_explained(name: str) -> None:
    assert likely(seen(wrong(name))) == set()


def test_what_gives_as_many_bits_as_a_format_is_said_so() -> None:
    (found,) = {v.diagnosis for v in checked("float32_inside", "FWD-1", dtypes=("float64",))}
    assert found is not None
    assert found.precision == "about as many as float32 gives"
    assert found.bits is not None
    assert 21 < found.bits < 27


@pytest.mark.parametrize(
    "name", ["float64_inside", "blocked", "mean_times_n", "python_fsum", "slope_quarter", "talkative"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_is_wrong_with_what_is_right(name: str, dtype: Dtype) -> None:
    net = load(str(HERE / "right" / f"{name}.py"))
    for activation in net.activations:
        found = seen(net, dtype, activation)
        assert [(r.circumstance.label, r.wrong) for r in found if r.wrong and not r.circumstance.lenient] == []
        assert explanations([r for r in found if not r.circumstance.lenient]) == []
    assert explanations([]) == []


# In a report.


def checked(name: str, *clauses: str, **asked: Any) -> tuple[Any, ...]:
    net = wrong(name)
    return run(net, plan(net, clauses=clauses, activations=("relu",), **asked)).verdicts


def diagnosis_of(net: Implementation, clause: str) -> Diagnosis:
    (verdict,) = run(net, plan(net, clauses=(clause,), dtypes=("float32",), activations=("relu",))).verdicts
    assert verdict.outcome == "fail", verdict.message
    assert verdict.diagnosis is not None
    return verdict.diagnosis


def of(**operations: Any) -> Implementation:
    return implementation(type("Some", (), {name: staticmethod(f) for name, f in operations.items()})())


def test_the_failing_example_is_among_the_inputs() -> None:
    net = wrong("relu6")
    found = diagnosis_of(net, "FWD-1")
    assert [(each.fault, each.whole) for each in found.likely] == [("relu6", True)]
    fresh = next(e for e in explanations(seen(wrong("relu6"))) if e.fault.name == "relu6")
    assert (found.likely[0].matched, found.likely[0].of) == (fresh.matched + 1, fresh.of + 1)


def test_a_fault_that_would_show_where_the_implementation_is_right_explains_nothing() -> None:
    def grads(params: Any, x: Any, y: Any) -> Any:
        gradient = refnet.grads(params, x, y)
        return gradient._replace(
            b1=gradient.b1 / x.dtype.type(max(1, len(x)))
        )  # as mean-over-batch has b1, and b1 alone

    found = diagnosis_of(of(grads=grads), "GRAD-2")
    assert (found.likely, found.ratio, found.subject) == ((), "1/N", "grads.b1")


def test_two_faults_in_two_operations_are_both_named() -> None:
    def loss(params: Any, x: Any, y: Any) -> Any:
        return np.square(refnet.forward(params, x) - y).mean()

    def update(params: Any, grads: Any, lr: float) -> Any:
        return refnet.update(params, grads, -lr)

    net = of(loss=loss, update=update)
    one, other = diagnosis_of(net, "LOSS-1"), diagnosis_of(net, "UPD-1")
    assert {each.fault for each in one.likely} >= {"loss-averaged-gradient-summed"}
    assert [(each.fault, each.whole) for each in other.likely] == [("update-sign-flipped", False)]
    assert (other.ratio, other.subject) == ("-1", "every change")


def test_a_pass_is_not_diagnosed_and_one_may_go_without() -> None:
    net = implementation(faults.named("mean-over-batch").make())
    some = plan(net, clauses=("FWD-1", "LOSS-1"), dtypes=("float32",), activations=("relu",))
    right, failed = run(net, some).verdicts
    assert right.diagnosis is None
    assert failed.diagnosis is not None
    assert all(verdict.diagnosis is None for verdict in run(net, some, diagnose=False).verdicts)


def test_an_implementation_that_remembers_is_said_to_depend_on_other_calls() -> None:
    assert diagnosis_of(wrong("momentum:Descent"), "STEP-3").where == "depending on the calls before"


def test_a_slow_implementation_is_diagnosed_from_fewer_circumstances() -> None:
    few = records(wrong("no_mask"), circumstances("float32", "relu"), seconds=0.0)
    assert len({id(record.circumstance) for record in few}) == 3
    assert "mask-missing" in likely(few)


def test_what_is_missing_is_not_called() -> None:
    assert observed.calls(implementation(Network()).operations) == [
        "grads",
        "forward",
        "loss",
        "grads",
        "update",
        "step",
        "update",
    ]
    assert {record.operation for record in seen(of(loss=partial(refnet.loss)))} == {"loss"}


def test_diagnosed_leaves_other_verdicts_as_they_are() -> None:
    net = wrong("no_mask")
    verdicts = run(net, plan(net, clauses=("FWD-1", "GRAD-1"), dtypes=("float32",)), diagnose=False).verdicts
    after = diagnosed(net, verdicts)
    assert [v._replace(diagnosis=None) for v in after] == list(verdicts)


# Strangers.


def torch_like(net: Implementation) -> Implementation:
    """The implementation as it is in PyTorch: an array of negative strides is refused."""

    def wrapped(function: Any) -> Any:
        def call(params: Any, *rest: Any, **options: Any) -> Any:
            arrays = [*params, *(array for array in rest if isinstance(array, np.ndarray))]
            if any(stride < 0 for array in arrays for stride in array.strides):
                raise ValueError("negative strides")
            return function(params, *rest, **options)

        return call

    return net._replace(operations={name: wrapped(function) for name, function in net.operations.items()})


@pytest.mark.parametrize("name", ["mean_for_sum", "no_mask", "odd_batch", "relu6", "factor_two_lost"])
def test_what_a_call_refuses_hides_no_mistake_in_its_values(name: str) -> None:
    found = explanations(seen(torch_like(wrong(name))))
    values = [e for e in found if not any(component.endswith("()") for component in e.components)]
    assert {e.fault.name for e in values if e.rank == values[0].rank} == NAMED[name]
    refusals = [e for e in found if any(component.endswith("()") for component in e.components)]
    assert refusals[0].fault.name == "negative-strides-refused"


def test_a_fault_is_refuted_where_the_implementation_is_right_though_it_is_wrong_with_an_empty_batch() -> None:
    def loss(params: Any, x: Any, y: Any) -> Any:
        return refnet.loss(params, x, y) / x.dtype.type(2)

    def grads(params: Any, x: Any, y: Any) -> Any:
        gradient = refnet.grads(params, x, y)
        return gradient if len(x) else Grads(*(g + np.nan for g in gradient))

    net = of(loss=loss, grads=grads)
    assert "half-loss" not in {e.fault.name for e in explanations(seen(net))}
    failed = run(net, plan(net, clauses=("LOSS-1", "EDGE-1"), dtypes=("float32",), activations=("relu",))).verdicts
    assert [verdict.outcome for verdict in failed] == ["fail", "fail"]
    assert [verdict.diagnosis.likely for verdict in failed if verdict.diagnosis] == [(), ()]


def test_whatever_the_diagnosis_meets_the_verdict_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def grads(params: Any, x: Any, y: Any) -> Any:
        gradient = refnet.grads(params, x, y)
        params.w1.shape = (params.w1.size,)
        return [gradient.w1.ravel() * 2, *gradient[1:]]

    assert diagnosis_of(of(loss=lambda p, x, y: refnet.loss(p, x, y) / x.dtype.type(2), grads=grads), "LOSS-1").likely

    def broken(*arguments: Any) -> Any:
        raise IndexError

    net = wrong("no_mask")
    some = plan(net, clauses=("GRAD-1",), dtypes=("float32",), activations=("relu",))
    for name in ("explanations", "_named"):
        with monkeypatch.context() as patched:
            patched.setattr(diagnosis, name, broken)
            (verdict,) = run(net, some).verdicts
        assert (verdict.outcome, verdict.diagnosis) == ("fail", None)


def test_one_so_slow_that_its_failing_examples_take_all_the_time_is_diagnosed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "SECONDS", 0.0)
    found = diagnosis_of(wrong("no_mask"), "GRAD-1")
    assert {"mask-missing", "mask-from-activation"} <= {each.fault for each in found.likely}
    assert found.where == "only where h < 0"  # and nothing of sizes, from three of them


def test_what_is_seen_once_and_not_again_is_explained_without_an_example() -> None:
    net = load("refnet.faults:every_tenth_update_lost")
    (verdict,) = run(net, plan(net, clauses=("UPD-1",), dtypes=("float32",), activations=("relu",))).verdicts
    assert verdict.outcome == "fail"
    assert verdict.diagnosis is not None
    assert [each.fault for each in verdict.diagnosis.likely] == ["every-tenth-update-lost"]
