"""A step and a check at the tutorial's size, beside the tutorial's script, PyTorch and JAX. Nothing fails by time.

    pytest tests/benchmarks/bench_speed.py

Ratios count, side by side in one run: the last columns of each group compare with its fastest row.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import refnet
import refnet.seed
from refnet.conformance import Problem, generate, load, plan, run

pytest.importorskip("pytest_benchmark", reason="the extra benchmark is not installed")

RATE = 2.0**-20


@pytest.fixture(params=["float32", "float64"])
def problem(request: pytest.FixtureRequest) -> Problem[Any]:
    """The tutorial's size, standard normal data."""
    return generate("normal", (64, 1000, 100, 10), request.param, "relu", 0)


def refnet_step(problem: Problem[Any]) -> Callable[[], object]:
    params, x, y = problem.params, problem.x, problem.y
    return lambda: refnet.update(params, refnet.grads(params, x, y), RATE)


def script_step(problem: Problem[Any]) -> Callable[[], object]:
    """Run the tutorial's loop body as it stands: in place."""
    x, y = problem.x, problem.y
    w1, b1, w2, b2 = (p.copy() for p in problem.params)

    def step() -> None:
        nonlocal w1, b1, w2, b2
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2) + b2
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_h = grad_y_pred.dot(w2.T)
        grad_h[h < 0] = 0
        w1 -= RATE * x.T.dot(grad_h)
        w2 -= RATE * grad_w2
        b1 -= RATE * np.sum(grad_h, 0)
        b2 -= RATE * np.sum(grad_y_pred, 0)

    return step


def products(problem: Problem[Any]) -> Callable[[], object]:
    """Run the five products alone: the limit."""
    x, (w1, _, w2, _) = problem.x, problem.params
    a, g = x @ w1, problem.y
    return lambda: (x @ w1, a @ w2, g @ w2.T, a.T @ g, x.T @ a)


def torch_step(problem: Problem[Any]) -> Callable[[], object]:
    """Run PyTorch's eager autograd and an update out of place."""
    torch = pytest.importorskip("torch", reason="the extra frameworks is not installed")
    params = [torch.tensor(p, requires_grad=True) for p in problem.params]
    x, y = torch.tensor(problem.x), torch.tensor(problem.y)

    def step() -> object:
        w1, b1, w2, b2 = params
        loss = ((x @ w1 + b1).relu() @ w2 + b2 - y).square().sum()
        gradient = torch.autograd.grad(loss, params)
        with torch.no_grad():
            return [p - RATE * g for p, g in zip(params, gradient, strict=True)]

    return step


def jax_step(problem: Problem[Any]) -> Callable[[], object]:
    """Run JAX, compiled."""
    jax = pytest.importorskip("jax", reason="the extra frameworks is not installed")
    jax.config.update("jax_enable_x64", True)
    x, y, params = (
        jax.numpy.asarray(problem.x),
        jax.numpy.asarray(problem.y),
        tuple(map(jax.numpy.asarray, problem.params)),
    )

    def loss(params: Any) -> Any:
        w1, b1, w2, b2 = params
        return jax.numpy.square(jax.nn.relu(x @ w1 + b1) @ w2 + b2 - y).sum()

    step = jax.jit(lambda params: jax.tree.map(lambda p, g: p - RATE * g, params, jax.grad(loss)(params)))
    return lambda: jax.block_until_ready(step(params))


@pytest.mark.parametrize("step", [products, refnet_step, script_step, torch_step, jax_step])
def test_step(benchmark: Any, problem: Problem[Any], step: Callable[[Problem[Any]], Callable[[], object]]) -> None:
    """One step of gradient descent."""
    benchmark.group = f"step, {problem.x.dtype}"
    benchmark(step(problem))


def refnet_check(problem: Problem[Any]) -> Callable[[], object]:
    """Certify all 102,110 components of a gradient."""
    params, x, y = problem.params, problem.x, problem.y
    gradient = refnet.grads(params, x, y)
    return lambda: refnet.assert_grads(gradient, params, x, y)


def torch_check(problem: Problem[Any]) -> Callable[[], object]:
    """Run PyTorch's gradcheck in its fast mode: two random directions. The slow one takes minutes."""
    torch = pytest.importorskip("torch", reason="the extra frameworks is not installed")
    params = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in problem.params]
    x, y = torch.tensor(problem.x).double(), torch.tensor(problem.y).double()

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return ((x @ w1 + b1).relu() @ w2 + b2 - y).square().sum()

    return lambda: torch.autograd.gradcheck(loss, params, fast_mode=True, raise_exception=False)


def jax_check(problem: Problem[Any]) -> Callable[[], object]:
    """Run JAX's check_grads: one random direction, in the reverse mode."""
    jax = pytest.importorskip("jax", reason="the extra frameworks is not installed")
    jax.config.update("jax_enable_x64", True)
    check_grads = pytest.importorskip("jax.test_util").check_grads
    x, y, params = (
        jax.numpy.asarray(problem.x),
        jax.numpy.asarray(problem.y),
        tuple(map(jax.numpy.asarray, problem.params)),
    )

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return jax.numpy.square(jax.nn.relu(x @ w1 + b1) @ w2 + b2 - y).sum()

    def check() -> None:
        with contextlib.suppress(AssertionError):  # it refuses right networks too; the time is what is asked
            check_grads(jax.jit(loss), params, order=1, modes=["rev"])

    return check


@pytest.mark.parametrize("check", [refnet_check, torch_check, jax_check])
def test_check(benchmark: Any, problem: Problem[Any], check: Callable[[Problem[Any]], Callable[[], object]]) -> None:
    """One check of one gradient."""
    benchmark.group = f"check of a gradient, {problem.x.dtype}"
    benchmark(check(problem))


@pytest.mark.parametrize("diagnose", [False, True], ids=["verdict", "verdict and diagnosis"])
def test_failing_check(benchmark: Any, diagnose: bool) -> None:
    """A whole check of a network that fails in most clauses, with what explains it and without: the default run."""
    net = load("refnet.faults:mean_over_batch")
    benchmark.group = "a failing check"
    benchmark.pedantic(lambda: run(net, plan(net), diagnose=diagnose), rounds=3, warmup_rounds=1)
