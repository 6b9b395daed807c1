"""JAX's adapter: which functions it takes, jitted or not, what it says of them, and what it refuses."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'refnet[jax]' to try the adapter")

import jax.numpy as jnp  # noqa: E402  # which only an installed JAX has

import refnet  # noqa: E402
from refnet.conformance import PlanError, TargetError, engine, generate, implementation, plan, run  # noqa: E402
from refnet.conformance.target import RaisedError, computing_in  # noqa: E402
from refnet.formats import Dtype  # noqa: E402


@pytest.fixture(autouse=True)
def _x64() -> Iterator[None]:
    """Keep the 64-bit mode as the tests before have it: it is one for the whole process."""
    before = jax.config.jax_enable_x64
    yield
    jax.config.update("jax_enable_x64", before)


def refused(found: object, *clauses: str) -> set[str]:
    """Return the clauses that fail in float32, on few examples: JAX compiles for each new shape."""
    net = implementation(found)
    with mock.patch.object(engine, "minimised", lambda problem, *_, **__: problem):  # which takes seconds
        report = run(net, plan(net, clauses=clauses, dtypes=("float32",), examples=1), diagnose=False)
    assert not [verdict for verdict in report.verdicts if verdict.outcome == "error"]
    return {verdict.clause for verdict in report.verdicts if verdict.outcome == "fail"}


def four(params: Any, x: Any) -> Any:
    w1, b1, w2, b2 = params
    return jnp.dot(jax.nn.relu(jnp.dot(x, w1) + b1), w2) + b2


def named(params: Any, x: Any) -> Any:
    return jax.nn.relu(x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def pairs(x: Any, layers: Any) -> Any:
    (w1, b1), (w2, b2) = layers
    return jnp.maximum(x @ w1 + b1, 0) @ w2 + b2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_function_conforms_in_the_narrow_formats(dtype: Dtype) -> None:
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed: pip install 'refnet[bfloat16]'")
    net = computing_in(implementation(four), storage=dtype, accumulate="float32")
    report = run(net, plan(net, clauses=("FWD-1", "GRAD-1"), examples=1), diagnose=False)
    assert [(verdict.dtype, verdict.outcome) for verdict in report.verdicts] == [(dtype, "pass")] * 2


def rows_are_units(params: Any, x: Any) -> Any:
    """Each sample by itself, as JAX's own tutorial has it: a weight has a row a unit."""

    def one(sample: Any) -> Any:
        (w1, b1), (w2, b2) = params
        return jnp.dot(w2, jax.nn.relu(jnp.dot(w1, sample) + b1)) + b2

    return jax.vmap(one)(x)


def by_name(W2: Any, b2: Any, W1: Any, b1: Any, x: Any) -> Any:
    return jax.nn.relu(x @ W1 + b1) @ W2 + b2


def told(params: Any, x: Any, activation: str) -> Any:
    h = x @ params.w1 + params.b1
    return (h if activation == "identity" else jax.nn.relu(h)) @ params.w2 + params.b2


RIGHT = {
    "four": (four, "with params as (w1, b1, w2, b2), not jitted;"),
    "named": (jax.jit(named), "with params as a dict by these names, jitted;"),
    "pairs": (jax.jit(pairs), "with layers as pairs, [(w1, b1), (w2, b2)], jitted;"),
    "rows": (jax.jit(rows_are_units), "w1 transposed, (H, D) and w2 transposed, (O, H), jitted;"),
    "by name": (jax.jit(by_name), "with (W2, b2, W1, b1, x), jitted;"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_taken_as_it_is_and_the_report_says_how(name: str) -> None:
    found, said = RIGHT[name]
    net = implementation(found)
    assert said in net.notes[0]
    assert net.notes[1].startswith(f"JAX {jax.__version__} on ")
    assert list(net.operations) == ["forward", "loss", "grads"]
    assert refused(found, "FWD-1", "LOSS-1", "GRAD-1", "GRAD-5", "KINK-1", "PURE-2") == set()


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_function_that_takes_the_activation_is_told_it(activation: Any) -> None:
    net = implementation(told)
    assert net.told == {"forward", "loss", "grads"}
    problem = generate("normal", (3, 2, 4, 2), "float32", activation, 0)
    actual = net.run("forward", problem)["forward"]
    refnet.assert_forward(actual, problem.params, problem.x, activation=activation)
    assert implementation(four).told == frozenset()


def test_a_target_of_another_shape_is_an_error_and_never_broadcast() -> None:
    jax.config.update("jax_enable_x64", True)
    params = refnet.init(np.random.default_rng(0), 3, 4, 1)
    net = implementation(four)
    for operation in ("loss", "grads"):
        with pytest.raises(RaisedError, match=r"y has shape \(5,\), expected \(5, 1\), the shape of the prediction"):
            net.call(operation, params, np.ones((5, 3)), np.ones(5), activation="relu")


def leaky(params: Any, x: Any) -> Any:
    return jax.nn.leaky_relu(x @ params.w1 + params.b1) @ params.w2 + params.b2


def no_bias(params: Any, x: Any) -> Any:
    return jax.nn.relu(x @ params.w1) @ params.w2 + params.b2


def stopped(params: Any, x: Any) -> Any:
    return jax.lax.stop_gradient(jax.nn.relu(x @ params.w1 + params.b1)) @ params.w2 + params.b2


@pytest.mark.parametrize(
    ("found", "clauses"),
    [
        (jax.jit(leaky), {"FWD-1", "GRAD-1", "GRAD-2", "GRAD-3"}),
        (jax.jit(no_bias), {"FWD-1", "GRAD-1", "GRAD-2", "GRAD-3"}),
        (jax.jit(stopped), {"GRAD-1", "GRAD-2"}),
    ],
)
def test_a_wrong_function_is_refused_by_the_right_clauses(found: Any, clauses: set[str]) -> None:
    assert refused(found, "FWD-1", "GRAD-1", "GRAD-2", "GRAD-3") == clauses


def unknown_keys(params: Any, x: Any) -> Any:
    return jax.nn.relu(x @ params["kernel"])


def one_layer(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return jax.nn.relu(x @ w1 + b1)


def of_three(a: Any, b: Any, c: Any) -> Any:
    return jax.nn.relu(a + b + c)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (unknown_keys, r"with params as a dict by these names: KeyError: 'kernel'; with params as pairs"),
        (
            one_layer,
            r"one_layer gives no prediction for x \(4, 3\), w1 .* of shape \(4, 5\), expected \(4, 2\).*; wrap it in",
        ),
        (jax.jit(of_three), r"of_three takes \(a, b, c\), expected a function that returns the prediction"),
    ],
)
def test_what_is_no_network_of_two_layers_is_said(found: object, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        implementation(found)


def test_without_the_64_bit_mode_float64_is_left_out_and_said_with_the_remedy() -> None:
    jax.config.update("jax_enable_x64", False)
    net = implementation(four)
    assert net.dtypes == ("float32",)
    assert "its 64-bit mode is off, so float64 is not checked; to have it, jax.config.update(" in net.notes[1]
    with pytest.raises(PlanError, match=r"^there is no float64 in four: JAX's 64-bit mode is off.*JAX_ENABLE_X64=1$"):
        plan(net, dtypes=("float64",))
    wide = generate("normal", (3, 2, 4, 2), "float64", "relu", 0)
    with pytest.raises(RaisedError, match="JAX's 64-bit mode is off"):  # and never float32 in its place
        net.run("forward", wide)
    jax.config.update("jax_enable_x64", True)
    net = implementation(four)
    assert net.dtypes == ("float32", "float64")
    assert net.notes[1].endswith("its 64-bit mode is on")
    refnet.assert_grads(refnet.Grads(*net.run("grads", wide).values()), wide.params, wide.x, wide.y)


def test_an_array_goes_there_and_back_to_the_bit_and_is_a_copy() -> None:
    from refnet.adapters.jax import bridge

    across = bridge("cpu")
    array = np.array([[1.0, -0.0, np.inf]], np.float32)
    back = across.lower(across.lift(array))
    assert (back.dtype, back.tobytes()) == (array.dtype, array.tobytes())
    back[...] = 5
    assert array[0, 0] == 1


@pytest.mark.parametrize("device", ["no-such", "cpu:99", "cpu:one"])
def test_a_device_that_there_is_not_is_said(device: str) -> None:
    with pytest.raises(TargetError, match=rf"^there is no device {device} for this JAX, {jax.__version__}: it has cpu"):
        implementation(four, device=device)


def test_the_precision_of_products_is_reported() -> None:
    assert not [note for note in implementation(four).notes if "precision" in note]
    with jax.default_matmul_precision("bfloat16"):
        assert "matrix products of precision 'bfloat16' (jax_default_matmul_precision)" in implementation(four).notes
    from refnet.adapters.jax import _surroundings

    assert list(_surroundings(mock.Mock(platform="gpu")))[1].startswith(
        "matrix products of the default precision of gpu"
    )


def test_the_command_checks_a_jitted_function(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import jax\n@jax.jit\ndef f(params, x):\n    (w1, b1), (w2, b2) = params\n"
        "    return jax.nn.relu(x @ w1 + b1) @ w2 + b2\n"
    )
    command = [sys.executable, "-m", "refnet", "check", "net.py:f", "--clause", "FWD-2", "--examples", "3"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "CONFORMS" in run.stdout
    assert "note: the function is called with params as pairs, [(w1, b1), (w2, b2)], jitted; the loss is" in run.stdout
