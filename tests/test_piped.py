"""What a report gives to be piped into a program is the very request that fails, whatever the clause has made of it."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from implementations.checking import HERE
from numpy.typing import NDArray

import refnet
from refnet.adapters.messages import request
from refnet.conformance import Verdict, implementation, load, plan, run
from refnet.conformance.target import Implementation


def lines_of(net: Implementation, clause: str) -> list[dict[str, Any]]:
    """The requests of the report on a network that fails the clause, as if it were a program."""
    asked = plan(net, clauses=(clause,), dtypes=("float64",), activations=("relu",), examples=5)
    (found,) = run(net._replace(line=request), asked, diagnose=False).verdicts
    return read(found)


def read(found: Verdict) -> list[dict[str, Any]]:
    assert found.outcome in ("fail", "warn"), found
    assert found.counterexample is not None
    return [json.loads(line) for line in found.counterexample.piped]


def wrong(name: str) -> Implementation:
    return load(str(HERE / "wrong" / name))


class Flawed:
    """The network with one flaw."""

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw

    def forward(self, params: Any, x: Any) -> Any:
        w1, b1, w2, b2 = params
        if self.flaw == "rows" and b1.ndim == 2:
            return np.full((len(x), w2.shape[1]), 7.0)
        x = x if self.flaw != "wide" else x[:, : len(w1)]
        a = x @ w1 + b1
        return np.where(a > 0, a, 0) @ w2 + b2

    def loss(self, params: Any, x: Any, y: Any) -> Any:
        total = np.square(self.forward(params, x) - y).sum()
        return 0.5 if self.flaw == "floor" and not total else total


def flawed(flaw: str, operation: str) -> Implementation:
    return implementation(type("One", (), {operation: staticmethod(getattr(Flawed(flaw), operation))})())


def params_and_x(asked: dict[str, Any]) -> tuple[refnet.Params[np.float64], NDArray[np.float64]]:
    return refnet.Params(*(np.array(asked[key]) for key in refnet.Params._fields)), np.array(asked["x"])


@pytest.mark.parametrize(
    ("flaw", "operation", "clause", "shows"),
    [
        ("", "loss", "ERR-1", lambda asked: np.ndim(asked["y"]) == 1 and asked["o"] == 1 and asked["n"] > 1),
        ("", "loss", "ERR-3", lambda asked: len(asked["y"]) == 1 and asked["n"] > 1),
        ("wide", "forward", "ERR-2", lambda asked: len(asked["x"][0]) == asked["d"] + 1),
        ("rows", "forward", "EDGE-5", lambda asked: np.shape(asked["b1"]) == (1, asked["h"])),
        ("", "forward", "SPECIAL-4", lambda asked: asked["x"][0][0] == "NaN"),
        ("floor", "loss", "LOSS-4", lambda asked: asked["y"] == refnet.forward(*params_and_x(asked)).tolist()),
    ],
)
def test_the_line_is_what_the_clause_has_asked(
    flaw: str, operation: str, clause: str, shows: Callable[[dict[str, Any]], bool]
) -> None:
    (asked,) = lines_of(flawed(flaw, operation), clause)
    assert asked["op"] == operation
    assert shows(asked), asked


def test_a_nan_is_in_the_line() -> None:
    (asked,) = lines_of(wrong("nan_swallowed.py"), "SPECIAL-1")
    assert asked["y"][0][0] == "NaN"
    (asked,) = lines_of(wrong("nan_everywhere.py"), "SPECIAL-2")
    assert asked["x"][0][0] == "NaN"


def test_calls_in_a_row_are_lines_in_a_row() -> None:
    first, other, again = lines_of(wrong("gradients_accumulate.py"), "PURE-4")
    assert first == again
    assert first["x"] != other["x"] or first["b1"] != other["b1"]


def test_a_step_behind_others_is_a_line_of_its_own() -> None:
    (asked,) = lines_of(wrong("momentum.py:Descent"), "STEP-3")
    assert asked["op"] == "step"


def test_the_same_call_twice_is_the_same_line_twice() -> None:
    drawn = iter(range(1000))
    net = implementation(type("Moody", (), {"loss": staticmethod(lambda params, x, y: float(next(drawn)))})())
    first, again = lines_of(net, "PURE-5")
    assert first == again


def test_what_is_long_is_not_piped_and_others_have_no_lines() -> None:
    net = implementation(type("Flat", (), {"loss": staticmethod(lambda params, x, y: -1.0)})())
    asked = plan(net, clauses=("LOSS-1",), dtypes=("float64",), examples=1)
    (found,) = run(net, asked, diagnose=False).verdicts
    assert found.outcome == "fail"
    assert read(found) == []
