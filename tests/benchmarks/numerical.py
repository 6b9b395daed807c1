"""Central differences of the loss by every parameter: all at once, beside a loop of two losses a parameter.

The loop takes the same steps, which are counted in neither: the largest power of two on this side of the next kink.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from exactness import Call
from steps import Problem, Shape, problem

import refnet
from refnet import Grads, Params, exact, numerical

SHAPES: tuple[Shape, ...] = ((12, 2, 10, 4), (64, 200, 50, 10), (64, 1000, 100, 10))
PATIENCE = 20_000  # parameters, above which the loop would take minutes
ALL, LOOP = "`refnet.numerical.grads`", "a loop over two losses a parameter"


def at_once(given: Problem) -> Callable[[], Grads[Any]]:
    """Differences of all parameters, and their steps."""
    return lambda: numerical.grads(*given)


def one_by_one(given: Problem) -> Callable[[], Grads[Any]]:
    """Two losses of the whole network for each parameter, moved in place."""
    params, x, y = given
    limits = numerical.step_limits(params, x)
    steps = [_largest(limit, p) for limit, p in zip(limits, params, strict=True)]

    def call() -> Grads[Any]:
        moved = Params(*(p.copy() for p in params))
        result = Grads(*(np.empty_like(p) for p in params))
        for p, e, out in zip(moved, steps, result, strict=True):
            for i in np.ndindex(p.shape):
                here = p[i]
                p[i] = here + e[i]
                above = refnet.loss(moved, x, y)
                p[i] = here - e[i]
                below = refnet.loss(moved, x, y)
                p[i] = here
                out[i] = (above - below) / (2 * e[i])
        return result

    return call


def calls(shape: Shape) -> dict[str, Call]:
    """Return what can be timed, by name."""
    given = problem(shape, "float64")
    few = sum(p.size for p in given.params) <= PATIENCE
    return {ALL: at_once(given), **({LOOP: one_by_one(given)} if few else {})}


def errors(shape: Shape) -> dict[str, list[float]]:
    """Return for each of `calls` the largest error in w1, b1, w2 and b2, by the largest entry of the exact gradient."""
    truth = exact.grads(*problem(shape, "float64")).rounded(np.float64)
    return {
        name: [float(np.abs(g - t).max() / np.abs(t).max()) for g, t in zip(call(), truth, strict=True)]
        for name, call in calls(shape).items()
    }


def _largest(limit: Any, p: Any) -> Any:
    _, exponent = np.frexp(np.minimum(0.999 * limit, np.maximum(1.0, np.abs(p))))
    return np.ldexp(0.5, exponent)
