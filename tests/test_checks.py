"""Single checks on what is rare: results that are refused without a size, and problems that show nothing."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import refnet
from refnet.conformance import Implementation, Verdict, implementation, plan, run
from refnet.conformance.checks import CHECKS
from refnet.conformance.problem import Shape, generate
from refnet.conformance.suite.values import exact
from refnet.conformance.target import OPERATIONS
from refnet.conformance.verdicts import NOTHING
from refnet.faults import Network

Array = NDArray[Any]
SHAPE: Shape = (4, 3, 5, 2)
RIGHT = implementation(Network())
NORMAL = generate("normal", SHAPE, "float32", "relu", 0)


def only(net: Implementation, clause: str, **asked: Any) -> Verdict:
    """Run one clause for float32, on small examples."""
    net.pace.most_work = 500
    (verdict,) = run(net, plan(net, clauses=(clause,), dtypes=("float32",), activations=("relu",), **asked)).verdicts
    return verdict


# An error is no lie.


class Strict(Network):
    """It takes finite numbers alone, and says so."""

    def read(self, array: Array) -> Array:
        if not np.isfinite(array).all():
            raise ValueError("not a number")
        return array


@pytest.mark.parametrize("clause", ["SPECIAL-1", "SPECIAL-2", "SPECIAL-4"])
def test_an_error_for_a_nan_is_right(clause: str) -> None:
    assert only(implementation(Strict()), clause).outcome == "pass"


@pytest.mark.parametrize("clause", ["ERR-1", "ERR-2", "ERR-3"])
def test_nonsense_for_arguments_that_do_not_fit_is_no_error(clause: str) -> None:
    def loss(params: Any, x: Array, y: Array) -> Any:
        try:
            return refnet.loss(params, x, y)
        except ValueError:
            return "they do not fit"

    found = only(implementation(SimpleNamespace(loss=loss)), clause)
    assert found.outcome == "warn"
    assert found.message.startswith("loss raised no error for ")
    assert ", and loss " in found.message


# Wrong, whatever the size.


def test_memory_shared_with_an_earlier_result_is_refused_though_nothing_in_it_changed() -> None:
    zeros = np.zeros((100, 100), np.float32)
    net = implementation(SimpleNamespace(forward=lambda params, x: zeros[: len(x), : len(params.b2)]))
    found = only(net, "PURE-3")
    assert (found.outcome, found.message) == ("fail", "forward shares memory with forward of an earlier call")


def test_a_result_that_is_not_finite_says_nothing_about_memory() -> None:
    net = implementation(SimpleNamespace(loss=lambda *_: np.float32(np.nan)))
    found = only(net, "PURE-4")
    assert (found.outcome, found.message) == ("skip", "loss: wrong on plain data too, as other clauses say")


def test_a_sum_of_squares_below_zero_is_refused() -> None:
    def loss(params: Any, x: Array, y: Array) -> Any:
        return refnet.loss(params, x, y) or np.float32(-1e-30)  # it is 0 for a perfect fit alone

    found = only(implementation(SimpleNamespace(loss=loss)), "LOSS-4")
    assert found.outcome == "fail"
    assert "LOSS-4 allows no negative sum of squares" in found.message


def test_what_no_clause_of_the_value_has_met_is_refused_by_the_clause_that_has() -> None:
    class Odd(Network):
        """It is wrong for the shape that tells what is wrong altogether, and for a wide one."""

        def predict(self, a: Array, w2: Array, b2: Array) -> Array:
            at_fault = a.shape == (4, 6) or a.shape[1] == 1025
            return super().predict(a, w2, b2) + at_fault

    net = implementation(Odd())
    net.pace.most_work = 50_000
    asked = plan(net, clauses=("FWD-1", "EDGE-3"), dtypes=("float32",), activations=("relu",), examples=1)
    value, edge = run(net, asked).verdicts
    assert (value.outcome, edge.outcome) == ("pass", "fail")
    assert edge.message.startswith("forward[")


# Problems that show nothing, or not everything.


@pytest.mark.parametrize("operation", OPERATIONS)
def test_data_that_are_no_lattice_say_nothing_about_exactness(operation: str) -> None:
    assert exact(RIGHT, operation, NORMAL) == NOTHING


def test_where_no_target_fits_to_the_bit_there_is_no_perfect_fit() -> None:
    assert CHECKS["LOSS-4"].function(RIGHT, NORMAL) == NOTHING


def test_steps_that_leave_the_finite_numbers_are_judged_as_far_as_they_are_finite() -> None:
    found = CHECKS["STEP-3"].function(RIGHT, NORMAL._replace(lr=1e30))
    assert found.fault is None
    assert found.judged
