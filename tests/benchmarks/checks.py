"""One check of a right gradient at the tutorial's size, as refnet makes it and as the frameworks do.

Each function takes the problem and returns a check: a call that returns what it found. What is checked is right in all
cases, so a check that refuses it raises a false alarm.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from steps import Problem
from timing import now

import refnet

# A check of every component that would take minutes is run on the first so many components in a quick run.
SAMPLE = 500


class Found(NamedTuple):
    """What a check found: how many components or directions it looked at, and what it said."""

    looked_at: str
    said: str
    seconds: float | None = None  # of the whole check, where only a part of it was run


Check = Callable[[], Found]


def with_refnet(given: Problem, quick: bool) -> Check:
    """Certify each component: whatever is outside its interval is wrong, whatever is wrong by more is outside."""
    params, x, y = given
    gradient = refnet.grads(params, x, y)
    looked_at = f"all {components(given):,} components"

    def check() -> Found:
        try:
            refnet.assert_grads(gradient, params, x, y)
        except AssertionError as error:
            return Found(looked_at, f"refused: {error}")
        return Found(looked_at, "accepted")

    return check


def with_gradcheck(given: Problem, quick: bool) -> Check:
    """PyTorch's gradcheck: two evaluations of the loss for each component."""
    import torch

    params, loss = _for_torch(given)

    def check() -> Found:
        start = now()
        if not quick:
            said = torch.autograd.gradcheck(loss, params, raise_exception=False)
            return Found(f"all {components(given):,} components", _verdict(said))
        w1 = params[0].detach()
        rows = SAMPLE // w1.shape[1]
        first = w1[:rows].clone().requires_grad_()

        def of_first(first: Any) -> Any:
            return loss(torch.cat([first, w1[rows:]]), *params[1:])

        said = torch.autograd.gradcheck(of_first, [first], raise_exception=False)
        whole = (now() - start) / first.numel() * components(given)
        return Found(f"{first.numel()} components", _verdict(said), whole)

    return check


def with_fast_gradcheck(given: Problem, quick: bool) -> Check:
    """PyTorch's gradcheck in its fast mode: one random direction for each parameter."""
    import torch

    params, loss = _for_torch(given)

    def check() -> Found:
        said = torch.autograd.gradcheck(loss, params, fast_mode=True, raise_exception=False)
        return Found("a random direction a parameter", _verdict(said))

    return check


def with_jax(given: Problem, quick: bool) -> Check:
    """JAX's check_grads, of first order, compiled, its tolerance its own."""
    import jax
    from jax.test_util import check_grads

    x, y = jax.numpy.asarray(given.x), jax.numpy.asarray(given.y)
    params = tuple(map(jax.numpy.asarray, given.params))

    def loss(params: Any) -> Any:
        w1, b1, w2, b2 = params
        return jax.numpy.square(jax.nn.relu(x @ w1 + b1) @ w2 + b2 - y).sum()

    compiled = jax.jit(loss)
    return lambda: _unless_refused(
        "one random direction, both modes", lambda: check_grads(compiled, (params,), order=1)
    )


def with_autograd(given: Problem, quick: bool) -> Check:
    """HIPS autograd's check_grads, of first order."""
    import autograd.numpy as anp
    from autograd.test_util import check_grads

    params, x, y = given

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return anp.sum(anp.square(anp.dot(anp.maximum(anp.dot(x, w1) + b1, 0), w2) + b2 - y))

    def call() -> None:
        np.random.seed(0)  # noqa: NPY002 - the generator that autograd draws its direction from
        check_grads(loss, order=1)(*params)

    return lambda: _unless_refused("one random direction, both modes", call)


def with_scipy(given: Problem, quick: bool) -> Check:
    """SciPy's check_grad: one evaluation of the loss for each component, and no verdict but a number."""
    from scipy.optimize import check_grad

    params, x, y = given
    gradient = np.concatenate([g.ravel() for g in refnet.grads(params, x, y)])
    start = np.concatenate([p.ravel() for p in params])
    varied = SAMPLE if quick else start.size

    def loss(first: Any) -> Any:
        flat = np.concatenate([first.astype(start.dtype), start[varied:]])
        return refnet.loss(_unflattened(flat, params), x, y)

    def check() -> Found:
        began = now()
        error = check_grad(loss, lambda _: gradient[:varied], start[:varied])
        whole = (now() - began) / varied * start.size
        share = error / np.linalg.norm(gradient[:varied])
        said = f"no verdict: the error has norm {error:.1e}, {share:.1e} of the gradient's"
        return Found(f"{'all ' if varied == start.size else ''}{varied:,} components", said, whole)

    return check


def components(given: Problem) -> int:
    """Return how many components a gradient has."""
    return sum(p.size for p in given.params)


def _for_torch(given: Problem) -> tuple[list[Any], Callable[..., Any]]:
    import torch

    x, y = torch.tensor(given.x), torch.tensor(given.y)

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return ((x @ w1 + b1).relu() @ w2 + b2 - y).square().sum()

    return [torch.tensor(p).requires_grad_() for p in given.params], loss


def _unflattened(flat: Any, like: Any) -> Any:
    ends = np.cumsum([p.size for p in like])
    parts = np.split(flat, ends[:-1])
    return type(like)(*(part.reshape(p.shape) for part, p in zip(parts, like, strict=True)))


def _verdict(accepted: bool) -> str:
    return "accepted" if accepted else "**refused**"


def _unless_refused(looked_at: str, call: Callable[[], object]) -> Found:
    try:
        call()
    except AssertionError:
        return Found(looked_at, _verdict(False))
    return Found(looked_at, _verdict(True))


REFNET, GRADCHECK = "`refnet.assert_grads`", "`torch.autograd.gradcheck`"
FAST_GRADCHECK, SCIPY = "`torch.autograd.gradcheck`, fast mode", "`scipy.optimize.check_grad`"
CHECKS: Mapping[str, Callable[[Problem, bool], Check]] = {
    REFNET: with_refnet,
    GRADCHECK: with_gradcheck,
    FAST_GRADCHECK: with_fast_gradcheck,
    "`jax.test_util.check_grads`": with_jax,
    "`autograd.test_util.check_grads`": with_autograd,
    SCIPY: with_scipy,
}
# What takes a minute, and is run once: the fast mode too, which looks at every component before it refuses in float32.
SLOW = {"float64": (GRADCHECK, SCIPY), "float32": (GRADCHECK, FAST_GRADCHECK, SCIPY)}
