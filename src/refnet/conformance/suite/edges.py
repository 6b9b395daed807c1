"""EDGE, SPECIAL and ERR: the smallest sizes, the ends of tiles, values that are no numbers, shapes that do not fit."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import network
from refnet.conformance.checks import EMPTY, NORMAL, ONES, PLAIN, SQUARES, TILES, holds
from refnet.conformance.problem import AnyProblem, balls
from refnet.conformance.suite.behaviour import each
from refnet.conformance.suite.values import because_of, enclosed, judged, ordinary, seen_only, tried
from refnet.conformance.target import OPERATIONS, Implementation, LostError, RaisedError
from refnet.conformance.verdicts import HELD, NOTHING, Finding, given, wrong
from refnet.rounding import Ball


def _every_operation(net: Implementation, problem: AnyProblem) -> Finding:
    """Compare each operation, and blame the edge only where a problem of ordinary shape goes well."""
    plain = ordinary(problem)
    return each(net, problem, lambda operation: because_of(_reading(net, operation, problem), net, operation, plain))


def _reading(net: Implementation, operation: str, problem: AnyProblem) -> Finding:
    return tried(partial(enclosed, net, operation, problem))


@holds("EDGE-1", *OPERATIONS, data=EMPTY)
def _empty_batch(net: Implementation, problem: AnyProblem) -> Finding:
    return _every_operation(net, problem)


@holds("EDGE-2", *OPERATIONS, data=ONES)
def _sizes_of_one(net: Implementation, problem: AnyProblem) -> Finding:
    return _every_operation(net, problem)


@holds("EDGE-3", *OPERATIONS, data=TILES)
def _ends_of_tiles(net: Implementation, problem: AnyProblem) -> Finding:
    return _every_operation(net, problem)


@holds("EDGE-4", *OPERATIONS, data=SQUARES)
def _equal_sizes(net: Implementation, problem: AnyProblem) -> Finding:
    return _every_operation(net, problem)


@holds("EDGE-5", *OPERATIONS, data=NORMAL)
def _biases_as_rows(net: Implementation, problem: AnyProblem) -> Finding:
    p, g = problem.params, problem.grads
    as_rows = problem._replace(
        params=p._replace(b1=p.b1.reshape(1, -1), b2=p.b2.reshape(1, -1)),
        grads=g._replace(b1=g.b1.reshape(1, -1), b2=g.b2.reshape(1, -1)),
    )
    finding = each(
        net, problem, lambda operation: because_of(_reading(net, operation, as_rows), net, operation, problem)
    )
    if finding.fault is None:
        return finding
    changed = ("params", "grads") if finding.fault.operation == "update" else ("params",)
    scene = tuple(f"{p} = {p}._replace(b1={p}.b1.reshape(1, -1), b2={p}.b2.reshape(1, -1))" for p in changed)
    return finding._replace(fault=finding.fault._replace(scene=scene, given=(as_rows,)))


@holds("SPECIAL-1", "loss", "grads", "step", data=PLAIN)
def _nan_is_not_lost(net: Implementation, problem: AnyProblem) -> Finding:
    # A target that is not a number reaches the loss, and each derivative that depends on it for certain.
    y = problem.y.copy()
    y[0, 0] = np.nan
    with_nan = problem._replace(y=y)
    scene = ("y[0, 0] = np.nan",)

    def check(operation: str) -> Finding:
        if operation in ("forward", "update"):
            return NOTHING
        try:
            actual = net.run(operation, with_nan)
        except RaisedError:
            return HELD  # an error is no lie
        reached = {"loss": actual["loss"]} if operation == "loss" else {f"{operation}.b2": _b2(operation, actual)[:1]}
        for name, array in reached.items():
            if not np.isnan(array).all():
                lost = wrong(f"{name} is {array.ravel()[0]} where a target is not a number", operation, scene)
                return because_of(given(lost, with_nan), net, operation, problem)
        if operation == "loss":
            return HELD
        # The other outputs' share of w2 and b2 does not depend on that target.
        allowed = balls(operation, problem, points=False)
        spared = {name: _but(allowed[name], np.s_[..., 0]) for name in (f"{operation}.w2", f"{operation}.b2")}
        finding = judged(operation, actual, spared, scene)
        return because_of(given(seen_only(finding, "with a NaN in y[0, 0]"), with_nan), net, operation, problem)

    return each(net, problem, check)


def _but(ball: Ball, part: Any) -> Ball:
    """Return the ball without a bound on that part, which any index names."""
    radius = ball.radius.copy()
    radius[part] = np.inf
    return Ball(ball.centre, radius)


def _b2(operation: str, actual: dict[str, NDArray[Any]]) -> NDArray[Any]:
    return actual[f"{operation}.b2"].ravel()


@holds("SPECIAL-2", "forward", data=PLAIN)
def _nan_stays_in_its_sample(net: Implementation, problem: AnyProblem) -> Finding:
    x = problem.x.copy()
    x[0, 0] = np.nan
    with_nan = problem._replace(x=x)
    try:
        actual = net.run("forward", with_nan)
    except RaisedError:
        return HELD  # an error is no lie
    others = _but(balls("forward", problem, points=False)["forward"], np.s_[0])
    finding = judged("forward", actual, {"forward": others}, ("x[0, 0] = np.nan",))
    return because_of(given(seen_only(finding, "with a NaN in x[0, 0]"), with_nan), net, "forward", problem)


@holds("SPECIAL-3", "forward", "loss", "grads", data=PLAIN)
def _overflow_is_not_hidden(net: Implementation, problem: AnyProblem) -> Finding:
    # A result beyond the largest finite number is no finite number of the format; an exception is no lie either.
    fmt = problem.precision.stores
    # One sample, feature, unit and output, all positive: every result exceeds the largest number, and none cancels.
    huge = np.full((1, 1), 2.0 ** (-fmt.emin // 2 + 8), problem.x.dtype)
    one, zero = np.ones((1, 1), problem.x.dtype), np.zeros(1, problem.x.dtype)
    large = problem._replace(lr=1.0).with_arrays(network.Params(huge, zero, one, zero), huge, -one)

    def check(operation: str) -> Finding:
        if operation not in ("forward", "loss", "grads"):
            return NOTHING
        try:
            actual = net.run(operation, large)
        except RaisedError:
            return HELD
        for name, array in actual.items():
            value = float(array.ravel()[0])
            if abs(value) <= fmt.largest:
                message = f"{name} is {value} where the result is beyond the largest {fmt.name}, {fmt.largest:.9g}"
                return because_of(wrong(message, operation, problem=large), net, operation, problem)
        return HELD

    return each(net, problem, check)


@holds("SPECIAL-4", "forward", data=PLAIN)
def _nan_passes_the_activation(net: Implementation, problem: AnyProblem) -> Finding:
    x = problem.x.copy()
    x[0, 0] = np.nan
    with_nan = problem._replace(x=x)
    try:
        row = net.run("forward", with_nan)["forward"][0]
    except RaisedError:
        return HELD  # an error is no lie
    scene = ("x[0, 0] = np.nan",)
    if np.isnan(row).all():
        return HELD
    lost = wrong(f"forward[0] is {row.tolist()} where x[0, 0] is not a number", "forward", scene)
    return given(lost, with_nan)


def _refused(net: Implementation, fitting: AnyProblem, problem: AnyProblem, what: str, scene: str) -> Finding:
    """Return a finding for each operation that takes arguments that do not fit without an error.

    ``scene`` is the line that makes the problem of the fitting one.
    """

    def check(operation: str) -> Finding:
        if operation not in ("loss", "grads", "step") and not what.startswith("x"):
            return NOTHING
        if operation == "update":
            return NOTHING
        try:
            net.run(operation, problem)
        except RaisedError:
            return HELD
        except LostError:  # no error was raised: it hung, or died
            raise
        except AssertionError as error:
            misread = wrong(f"{operation} raised no error for {what}, and {error}", operation, (scene,), fitting)
            return given(misread, problem)
        return given(wrong(f"{operation} raised no error for {what}", operation, (scene,), fitting), problem)

    return each(net, fitting, check)


@holds("ERR-1", "loss", "grads", "step", data=PLAIN)
def _flat_targets(net: Implementation, problem: AnyProblem) -> Finding:
    if len(problem.x) < 2:
        return NOTHING  # one target is the same either way
    p = problem.params
    single = problem._replace(params=p._replace(w2=p.w2[:, :1], b2=p.b2[:1]), y=problem.y[:, :1], source="")
    flat = single._replace(y=problem.y[:, 0])
    what = f"y of shape {flat.y.shape} against a prediction of shape {single.y.shape}"
    return _refused(net, single, flat, what, "y = y[:, 0]")


@holds("ERR-2", "forward", "loss", "grads", "step", data=PLAIN)
def _features_that_do_not_fit(net: Implementation, problem: AnyProblem) -> Finding:
    wider = problem._replace(x=np.hstack([problem.x, problem.x[:, :1]]))
    what = f"x of shape {wider.x.shape} against w1 of shape {problem.params.w1.shape}"
    return _refused(net, problem, wider, what, "x = np.hstack([x, x[:, :1]])")


@holds("ERR-3", "loss", "grads", "step", data=PLAIN)
def _one_target_for_all(net: Implementation, problem: AnyProblem) -> Finding:
    if len(problem.x) < 2:
        return NOTHING  # one target is all there is
    single = problem._replace(y=problem.y[:1])
    what = f"y of shape {single.y.shape} against a prediction of shape {problem.y.shape}"
    return _refused(net, problem, single, what, "y = y[:1]")
