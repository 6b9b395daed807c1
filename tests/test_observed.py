"""Everything that an implementation does is seen: values, errors, dtypes, memory; a right one does nothing wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import refnet
from refnet.conformance import implementation
from refnet.conformance.observed import Circumstance, Seen, alike, circumstances, observe, records
from refnet.conformance.problem import generate

PLAIN = Circumstance(generate("normal", (4, 5, 6, 3), "float32", "relu", 0))


def events(forward: Callable[..., Any]) -> set[tuple[str, str]]:
    net = implementation(type("Some", (), {"forward": staticmethod(forward)})())
    earlier: dict[str, Seen] = {}
    return set().union(*(observe(net, "forward", PLAIN, earlier).events for _ in range(2)))


def raises(params: Any, x: Any) -> Any:
    raise ValueError("no")


def writes(params: Any, x: Any) -> Any:
    x[0, 0] += 1
    params.b2[0] = 7
    return refnet.forward(params, x)


BUFFER = np.zeros((4, 3), np.float32)


def in_a_buffer(params: Any, x: Any) -> Any:
    BUFFER[...] = refnet.forward(params, x)
    return BUFFER


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (refnet.forward, set()),
        (raises, {("forward", "raises an error")}),
        (writes, {("forward", "writes to x"), ("forward", "writes to params.b2")}),
        (lambda p, x: refnet.forward(p, x).astype(np.float64), {("forward", "is float64")}),
        (lambda p, x: refnet.forward(p, x).tolist(), set()),  # a list has no dtype
        (lambda p, x: refnet.forward(p, x)[:2], {("forward", "forward has shape (2, 3), expected (4, 3)")}),
        (lambda p, x: x[:, :3], {("forward", "shares memory with x")}),
        (in_a_buffer, {("forward", "shares memory with an earlier result")}),
    ],
)
def test_what_happens_beside_the_values_is_seen(forward: Callable[..., Any], expected: set[tuple[str, str]]) -> None:
    assert events(forward) == expected


def test_what_is_seen_stays_when_the_implementation_writes_to_it_again() -> None:
    net = implementation(type("Some", (), {"forward": staticmethod(in_a_buffer)})())
    seen = observe(net, "forward", PLAIN, {})
    before = seen.values["forward"].copy()
    BUFFER[...] = 0
    np.testing.assert_array_equal(seen.values["forward"], before)


def test_a_right_implementation_is_wrong_nowhere_and_an_error_is_wrong_but_for_numbers_beyond_the_format() -> None:
    row = circumstances("float32", "relu")
    assert not any(record.wrong for record in records(implementation(refnet), row, seconds=60.0))

    def careful(params: Any, x: Any) -> Any:
        if not np.isfinite(x).all() or not len(x):
            raise ValueError("no")
        return refnet.forward(params, x)

    net = implementation(type("Some", (), {"forward": staticmethod(careful)})())
    wrong = {record.circumstance.label for record in records(net, row, seconds=60.0) if record.wrong}
    assert wrong == {"with an empty batch"}


def test_every_circumstance_but_the_plain_shapes_says_what_is_special_and_is_within_the_format() -> None:
    row = circumstances("float64", "relu")
    labels = [circumstance.label for circumstance in row if circumstance.label]
    assert len(labels) == len(set(labels)) + 1  # units at their kink, in a batch and in a single sample
    assert len({c.problem.shape for c in row if not c.label}) == len([c for c in row if not c.label]) - 1  # another
    ordinary = [r for r in records(implementation(refnet), row, seconds=60.0) if r.circumstance.rank == 0]
    assert all(np.isfinite(ball.radius).all() for record in ordinary for ball in record.allowed.values())


def test_numbers_agree_within_the_tolerance_and_in_kind_where_there_is_none() -> None:
    nan, inf = np.nan, np.inf
    one, other = np.array([1.0, 1.0, nan, nan, inf, inf, 2.0]), np.array([1.5, 1.6, nan, 1.0, inf, -inf, inf])
    assert alike(one, other, np.full(7, 0.5)).tolist() == [True, False, False, False, True, False, False]
    assert alike(one, other, np.full(7, inf)).tolist() == [True, True, True, False, True, True, False]
