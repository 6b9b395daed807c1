"""An implementation: what it says of itself, and calling it without being disturbed by what it does."""

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import refnet.seed
from refnet.conformance import TargetError, generate, implementation, target
from refnet.conformance.target import CallError, RaisedError
from refnet.judgement import ResultError

# What an implementation says of itself.


class Foreign:
    """Another library's dtype."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


BOTH = ("float32", "float64")


def declaring(**said_of_itself: object) -> Any:
    return SimpleNamespace(forward=lambda *_: 0.0, **said_of_itself)


@pytest.mark.parametrize(
    ("declared", "dtypes"),
    [
        ("float32", ("float32",)),
        (("float64",), ("float64",)),
        (["float64", "float32"], ("float64", "float32")),
        (("float32", "float32"), ("float32",)),
        (np.float32, ("float32",)),
        (np.dtype("f8"), ("float64",)),
        ((np.float32, np.float64), BOTH),
        (float, ("float64",)),
        (Foreign("float32"), ("float32",)),
        (("bfloat16", np.float16), ("bfloat16", "float16")),
        ([Foreign("float64"), np.float32], ("float64", "float32")),
    ],
)
def test_dtypes_are_declared_in_any_way(declared: object, dtypes: tuple[str, ...]) -> None:
    assert implementation(declaring(dtypes=declared)).dtypes == dtypes


@pytest.mark.parametrize("declared", [None, (None,), (), 3, "float8", (np.bool_,), Foreign("float8"), "tanh", len])
def test_other_dtypes_are_an_error(declared: object) -> None:
    with pytest.raises(TargetError, match=r"SimpleNamespace.dtypes is .*, expected 'float16' or .*, or a tuple"):
        implementation(declaring(dtypes=declared))


@pytest.mark.parametrize(
    ("declared", "activations"),
    [
        ("identity", ("identity",)),
        (("relu", "identity"), ("relu", "identity")),
        (["identity", "identity"], ("identity",)),
        (lambda h: h, ("relu",)),  # a function of that name is no declaration
    ],
)
def test_the_activation_is_declared_by_name(declared: object, activations: tuple[str, ...]) -> None:
    assert implementation(declaring(activation=declared)).activations == activations


@pytest.mark.parametrize("declared", [None, (), 3, "tanh", ("relu", "tanh")])
def test_another_activation_is_an_error(declared: object) -> None:
    with pytest.raises(TargetError, match=r"SimpleNamespace.activation is .*, expected 'relu' or 'identity', or"):
        implementation(declaring(activation=declared))


def test_what_is_not_declared_is_relu_in_both_dtypes() -> None:
    net = implementation(declaring())
    assert (net.activations, net.dtypes) == (("relu",), BOTH)


# Calling it.


def calling(function: Any) -> Any:
    return implementation(SimpleNamespace(loss=function)).call("loss", 1, 2, 3, activation="identity")


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (ValueError("too small"), "loss raised ValueError: too small"),
        (KeyError(), "loss raised KeyError"),
        (TypeError("of\n  two lines \n"), "loss raised TypeError: of two lines"),
        (BaseException("odd"), "loss raised BaseException: odd"),
        (MemoryError(), "loss raised MemoryError"),
        (SystemExit(2), "loss tried to end the process: 2"),
        (AssertionError("no"), "loss raised AssertionError: no"),
    ],
)
def test_what_it_raises_is_one_error_that_keeps_the_cause(raised: BaseException, message: str) -> None:
    def loss(*_: Any) -> None:
        raise raised

    with pytest.raises(RaisedError) as caught:
        calling(loss)
    assert str(caught.value) == message
    assert caught.value.kind == type(raised).__name__
    assert caught.value.__cause__ is raised


def test_an_interrupt_while_it_runs_is_the_user_s() -> None:
    def loss(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calling(loss)


def test_it_may_print_and_warn(capsys: pytest.CaptureFixture[str]) -> None:
    def loss(*_: Any) -> float:
        print("to standard output")
        print("to standard error", file=sys.stderr)
        warnings.warn("as an error, where the tests run", stacklevel=1)
        return float(np.log(np.zeros(1))[0])

    with np.errstate(all="raise"):
        assert calling(loss) == -np.inf
    assert capsys.readouterr() == ("", "")


def test_it_is_told_the_activation_where_it_takes_one() -> None:
    def told(*_: Any, activation: str = "relu") -> str:
        return activation

    def not_told(*_: Any, **rest: Any) -> dict[str, Any]:
        return rest

    assert calling(told) == "identity"
    assert calling(not_told) == {}
    assert calling(max) == 3  # a builtin, which has no signature to look at


def test_subnormals_switched_off_end_the_checking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "subnormals_work", lambda: False)
    with pytest.raises(CallError, match="loss has switched subnormal numbers off for the whole process") as caught:
        calling(lambda *_: 0.0)
    assert not isinstance(caught.value, RaisedError)


def test_results_are_read_by_name() -> None:
    problem = generate("normal", (2, 3, 4, 1), "float32", "relu", 0)
    net = implementation(refnet.seed)
    for operation in ("forward", "loss"):
        assert list(net.run(operation, problem)) == [operation]
    for operation in ("grads", "update", "step"):
        assert list(net.run(operation, problem)) == [f"{operation}.{key}" for key in ("w1", "b1", "w2", "b2")]
    assert net.pace.seconds > 0
    with pytest.raises(ResultError, match=r"loss has shape \(1,\), expected \(\)"):
        implementation(SimpleNamespace(loss=lambda *_: [0.0])).run("loss", problem)
