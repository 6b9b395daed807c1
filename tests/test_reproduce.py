"""The lines that reproduce a failure: every number in full, and Python that runs and fails as the report says."""

import re
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refnet.conformance import generate, implementation, load, plan, run
from refnet.conformance.reproduce import lines, literal, printable
from refnet.conformance.verdicts import Fault

SHAPES = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)


def made_again(array: NDArray[Any]) -> NDArray[Any]:
    again: NDArray[Any] = eval(literal(array), {"np": np})
    return again


def assert_same_bits(array: NDArray[Any]) -> None:
    again = made_again(array)
    assert (again.shape, again.dtype) == (array.shape, array.dtype)
    assert np.array_equal(np.isnan(again), np.isnan(array))
    assert np.nan_to_num(again, nan=0.5).tobytes() == np.nan_to_num(array, nan=0.5).tobytes()


@given(st.sampled_from((np.float32, np.float64)).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))
@example(np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], np.float32))
@example(np.array([0.0, -0.0, 0.0, 0.0, 0.0, 0.0]))
@example(np.array([-0.0] * 7, np.float32))
@example(np.array([5e-324, 2.0**-1074 * 3, 2.0**-1022, 1.7976931348623157e308, 0.1]))
@example(np.array([363742205], np.uint32).view(np.float32))  # its few digits, read as float64, round to its neighbour
@example(np.full((3, 7), 0.1, np.float32))
@example(np.zeros((0, 4), np.float32))
@example(np.zeros((4, 0)))
@example(np.array(1.5))
def test_every_array_is_made_again_bit_for_bit(array: NDArray[Any]) -> None:
    assert_same_bits(array)


@given(hnp.arrays(np.uint32, 40), hnp.arrays(np.uint64, 40))
def test_every_pattern_of_bits_is_a_number_that_is_made_again(single: NDArray[Any], double: NDArray[Any]) -> None:
    assert_same_bits(single.view(np.float32))
    assert_same_bits(double.view(np.float64))


def test_few_digits_and_equal_numbers_are_written_shortly() -> None:
    assert literal(np.array([0.1, 2.0], np.float32)) == "np.array([0.1, 2.0], np.float32)"
    assert literal(np.ones((9, 9))) == "np.full((9, 9), 1.0, np.float64)"
    assert literal(np.ones((2, 2))) == "np.array([[1.0, 1.0], [1.0, 1.0]], np.float64)"
    assert literal(np.zeros((3, 0), np.float32)) == "np.zeros((3, 0), np.float32)"


# The lines.


@pytest.mark.parametrize("operation", ["forward", "loss", "grads", "update", "step"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 1), (0, 3, 2, 1), (30, 20, 10, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_lines_make_the_very_arguments(operation: str, shape: Any, dtype: Any) -> None:
    problem = generate("wide", shape, dtype, "identity", 4)
    scope: dict[str, Any] = {}
    written = lines("implementation(refnet)", problem, Fault("it is wrong", operation))
    assert written[-1] == "# it is wrong"
    with np.errstate(all="ignore"):
        exec("\n".join(written[:1] + written[2:-2]), scope)
    for name in ("params", "grads"):
        if name in scope and (name == "params" or operation == "update"):
            again, given_ = scope[name], getattr(problem, name)
            assert [array.tobytes() for array in again] == [array.tobytes() for array in given_]
    for name in ("x", "y"):
        if name in scope:
            assert scope[name].tobytes() == getattr(problem, name).tobytes()
    assert scope.get("lr", problem.lr) == problem.lr
    wanted = {"forward": {"x"}, "update": {"grads", "lr"}, "step": {"x", "y", "lr"}}.get(operation, {"x", "y"})
    assert wanted <= set(scope)
    assert printable(problem) == (shape != (30, 20, 10, 5))
    assert ("problem" in scope) == (not printable(problem))  # a large one is named, a small one is written out
    assert max(map(len, written)) < 9000


class Wrong(NamedTuple):
    """One change to the text of the tutorial's script, and clauses that refuse it."""

    right: str
    wrong: str
    clauses: tuple[str, ...]


SUM, HIDDEN = "np.square(y_pred - y).sum()", "h = x.dot(w1) + b1"
WRONG = {
    "mean": Wrong(SUM, "np.square(y_pred - y).mean()", ("LOSS-1", "LOSS-3", "LAW-4")),
    "half": Wrong("2.0 * (y_pred - y)", "(y_pred - y)", ("GRAD-1", "GRAD-4", "STEP-1")),
    "raises": Wrong(SUM, "[][0]", ("LOSS-1", "LOSS-2")),
    "flat": Wrong(SUM, "np.square(y_pred - y).sum(axis=0)", ("LOSS-1", "LOSS-2")),
    "rate": Wrong("w1 -= lr * grads.w1", "w1 -= 1.5 * lr * grads.w1", ("UPD-1", "STEP-1")),
    "rows": Wrong("b1 -= lr * grads.b1", "b1 -= lr * grads.b1 * b1.ndim", ("EDGE-5",)),
    "contiguous": Wrong(HIDDEN, "h = (x if x.flags.forc else -x).dot(w1) + b1", ("LAYOUT-2", "LAYOUT-3")),
    "nan": Wrong(HIDDEN, "h = np.nan_to_num(x.dot(w1) + b1)", ("SPECIAL-3", "SPECIAL-4")),
    "batch": Wrong(HIDDEN, "h = x.dot(w1) + b1 + 0 * x.sum()", ("SPECIAL-2",)),
    "view": Wrong("return Params(w1, b1, w2, b2)", "return Params(w1, b1, params.w2, b2)", ("PURE-2",)),
    "writes": Wrong("(p.copy() for p in params)", "params", ("PURE-1", "PURE-2")),
    "tail": Wrong(HIDDEN, "h = x[:, : len(w1) // 8 * 8 or None].dot(w1[: len(w1) // 8 * 8 or None]) + b1", ("EDGE-3",)),
}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path / "net.py"


@pytest.mark.parametrize("name", WRONG)
def test_the_lines_of_every_failure_run_and_show_it(name: str, script: Path) -> None:
    text = (Path(__file__).parents[1] / "src" / "refnet" / "seed.py").read_text()
    right, wrong, clauses = WRONG[name]
    assert right in text
    script.write_text(text.replace(right, wrong))
    net = load("net.py")
    found = run(net, plan(net, activations=("relu",), dtypes=("float64",), clauses=clauses, examples=5))
    for verdict in found.verdicts:
        assert verdict.outcome in ("fail", "warn") or verdict.clause == "LOSS-3"
        if verdict.counterexample is None:
            continue
        fault, written = verdict.counterexample.fault, verdict.counterexample.lines
        shown: AbstractContextManager[object] = nullcontext()
        if written[-1].startswith("refnet.assert_"):
            shown = pytest.raises(AssertionError, match=f"^{fault.operation}.* allows ")
        elif " raised " in fault.message:
            shown = pytest.raises(AssertionError, match=f"^{re.escape(fault.message)}$")
        else:  # no miss of one result: the last line says in words what was seen
            assert fault.miss is None or verdict.clause.startswith(("LAW", "SPECIAL"))
            assert written[-1] == f"# {fault.message}"
        with np.errstate(all="ignore"), shown:
            exec("\n".join(written), {})


def test_the_lines_run_in_a_fresh_interpreter(script: Path) -> None:
    script.write_text("import numpy as np\ndef loss(params, x, y):\n    return 1.0 + np.sum(y)")
    net = load("net.py")
    found = run(net, plan(net, dtypes=("float32",), clauses=("LOSS-1",), examples=3)).verdicts[0]
    assert found.counterexample is not None
    code = "\n".join(found.counterexample.lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"AssertionError: {found.message}"


def test_an_object_that_has_no_name_is_said_to_be_given() -> None:
    class Net:
        def loss(self, *_: object) -> float:
            return -1.0

    net = implementation(Net())
    found = run(net, plan(net, dtypes=("float64",), clauses=("LOSS-1",), examples=1)).verdicts[0]
    assert found.counterexample is not None
    assert found.counterexample.lines[1] == (
        "net = refnet.conformance.implementation(net)  # where net is the Net that is checked"
    )
    with pytest.raises(AssertionError, match=r"^loss = -1\.0, LOSS-1 allows"):
        exec("\n".join(found.counterexample.lines), {"net": Net()})
