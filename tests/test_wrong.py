"""Wrong implementations are refused, each by the clause that is there to refuse it, with an example one can read."""

import contextlib
import io
from typing import NamedTuple

import pytest
from implementations.checking import HERE, checked

from refnet.conformance import Report, Verdict, load, plan, run, text
from refnet.formats import Dtype

BOTH: tuple[Dtype, ...] = ("float32", "float64")


class Wrong(NamedTuple):
    """The clauses that are to refuse it, in which dtypes, and what no counterexample needs more of: N, D, H, O."""

    clauses: str
    dtypes: tuple[Dtype, ...] = BOTH
    most: int = 3  # of each of the four sizes

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.clauses.split())


# Checked from end to end, since these are the mistakes that everybody makes.
COMMON = {
    "mean_for_sum": Wrong("LOSS-1 GRAD-1 GRAD-2 GRAD-3 GRAD-4 LAW-4"),
    "factor_two_lost": Wrong("GRAD-1 GRAD-2 GRAD-3 GRAD-4"),
    "no_mask": Wrong("GRAD-1 GRAD-2"),
    "mask_inverted": Wrong("GRAD-1 GRAD-2"),
    "bias_of_one_row": Wrong("GRAD-2 GRAD-4 LAW-4"),
    "updated_w2": Wrong("STEP-1"),
    "float32_inside": Wrong("FWD-1 LOSS-1 GRAD-1 GRAD-2 GRAD-3 GRAD-4 UPD-1", ("float64",)),
    "ten_bits": Wrong("FWD-1 GRAD-1 GRAD-3"),
    "odd_batch": Wrong("LOSS-1 GRAD-1 GRAD-2 GRAD-3 GRAD-4 LAW-4"),
    "tail_of_units": Wrong("EDGE-3", most=17),
    "tail_of_features": Wrong("EDGE-3", most=17),
    "argument_mutated": Wrong("PURE-1"),
    "view_returned": Wrong("PURE-2"),
}
# Checked for the clauses that are named.
OTHERS = {
    "always_float64": Wrong("FWD-2 LOSS-2 GRAD-5 UPD-2 STEP-2", ("float32",)),
    "ascends": Wrong("UPD-1"),
    "assumes_c_order": Wrong("LAYOUT-1 LAYOUT-2 LAYOUT-3"),
    "cached_by_id": Wrong("PURE-4"),
    "default_rate": Wrong("UPD-3"),
    "exits": Wrong("EDGE-1"),
    "bfloat16_sums": Wrong("FWD-1 EDGE-3", ("bfloat16",), most=33),
    "float16_sums": Wrong("GRAD-1 GRAD-2 GRAD-3 GRAD-4"),
    "gradient_clipped": Wrong("UPD-1"),
    "gradients_accumulate": Wrong("PURE-4"),
    "loss_floor": Wrong("EDGE-1"),
    "mask_from_threshold": Wrong("GRAD-2", most=5),
    "mean_over_batch": Wrong("GRAD-1 GRAD-2 GRAD-3 GRAD-4"),
    "mean_times_n_of_none": Wrong("EDGE-1"),
    "momentum:Descent": Wrong("STEP-3"),
    "nan_everywhere": Wrong("SPECIAL-2"),
    "nan_swallowed": Wrong("SPECIAL-1"),
    "needs_writable": Wrong("LAYOUT-2 LAYOUT-3 LAYOUT-4"),
    "normalises": Wrong("FWD-1"),
    "one_output_broadcast": Wrong("LOSS-1"),
    "relu6": Wrong("FWD-1 LOSS-1 GRAD-1 GRAD-3", most=5),
    "residual_clipped_above": Wrong("GRAD-1 GRAD-2 GRAD-3 GRAD-4"),
    "returns_none": Wrong("STEP-1"),
    "saturates": Wrong("SPECIAL-3"),
    "shared_buffer": Wrong("PURE-3"),
    "slope_minus_one": Wrong("KINK-1"),
    "slope_two": Wrong("KINK-1"),
    "square_not_transposed": Wrong("EDGE-4", most=8),
    "squeezed": Wrong("EDGE-2"),
    "target_mutated": Wrong("PURE-1"),
    "transposed_result": Wrong("GRAD-5", most=5),
    "weight_decay": Wrong("UPD-1"),
}


def target(name: str) -> str:
    module, colon, attribute = name.partition(":")
    return f"{HERE / 'wrong' / module}.py{colon}{attribute}"


def refusals(report: Report, wrong: Wrong) -> dict[tuple[str, Dtype], Verdict]:
    """Return the failures of the clauses that are named, each of them there."""
    failed = {(v.clause, v.dtype): v for v in report.verdicts if v.outcome == "fail"}
    expected = {(clause, dtype) for clause in wrong.ids for dtype in wrong.dtypes}
    assert expected <= set(failed), text(report)
    return {case: failed[case] for case in expected}


def assert_readable(refused: Verdict, most: int) -> None:
    """The example is small, and its lines lead to the same end: an error where a value is wrong."""
    assert refused.message
    found = refused.counterexample
    assert found is not None
    assert max(found.problem.shape) <= max(most, 5 if refused.clause == "GRAD-5" else 0), found.lines
    # What a stateful implementation remembers of the calls before is not in the lines.
    judges = found.lines[-1].startswith("refnet.assert_") and refused.clause not in ("PURE-4", "STEP-3")
    caught: BaseException | None = None
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec("\n".join(found.lines), {})  # lines for a person to paste: that they run is what is tested
        except (Exception, SystemExit) as error:
            caught = error
    if judges:
        assert isinstance(caught, AssertionError), "\n".join(found.lines)


@pytest.mark.parametrize("name", COMMON)
def test_a_common_mistake_is_refused_by_its_clause(name: str) -> None:
    report = checked(target(name)).report
    assert not report.conforms
    for refused in refusals(report, COMMON[name]).values():
        assert_readable(refused, COMMON[name].most)


@pytest.mark.parametrize("name", OTHERS)
def test_another_mistake_is_refused_by_its_clause(name: str) -> None:
    net = load(target(name))
    report = run(net, plan(net, clauses=OTHERS[name].ids, dtypes=OTHERS[name].dtypes))
    assert not report.conforms
    for refused in refusals(report, OTHERS[name]).values():
        assert_readable(refused, OTHERS[name].most)


def test_a_fault_of_purity_is_no_fault_of_value() -> None:
    values = {"FWD-1", "LOSS-1", "GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4", "UPD-1", "STEP-1"}
    for name in ("argument_mutated", "view_returned"):
        assert not checked(target(name)).clauses("fail", "error") & values


def test_every_file_is_tried() -> None:
    files = {path.stem for path in (HERE / "wrong").glob("[!_]*.py")}
    assert files == {name.partition(":")[0] for name in COMMON | OTHERS}
