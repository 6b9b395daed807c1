"""FWD, LOSS, GRAD, KINK, UPD and STEP: each result is inside its enclosure, and exact where it can be."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet import enclosure
from refnet.conformance.checks import DENSE, GENERAL, KINKED, NORMAL, PERFECT, holds
from refnet.conformance.problem import AnyProblem, Shape, balls, remembered
from refnet.conformance.reproduce import called, printable
from refnet.conformance.target import Implementation, LostError, NoResultError, arguments, copied, has_dtype, read
from refnet.conformance.verdicts import HELD, NOTHING, Fault, Finding, given, wrong
from refnet.judgement import ResultError, compare, sentence
from refnet.network import Params
from refnet.rounding import MARGIN, Ball

# The clause that gives each component its interval, whichever check compares it.
_INTERVALS = {"forward": "FWD-1", "loss": "LOSS-1", "update": "UPD-1", "step": "STEP-1"}
_INTERVALS |= {f"grads.{key}": f"GRAD-{i}" for i, key in enumerate(Params._fields, 1)}


def judged(
    operation: str,
    actual: dict[str, NDArray[Any]],
    allowed: dict[str, Ball],
    scene: tuple[str, ...] = (),
    clause: str = "",
) -> Finding:
    """Compare each named array with its ball; only the names of ``allowed`` count.

    ``clause`` is the one that allows the interval, where it is not the clause of the value itself.
    """
    finding = NOTHING
    for name, ball in allowed.items():
        comparison = compare(actual[name], ball)
        fault = None
        if comparison.miss is not None:
            allows = clause or _INTERVALS.get(name) or _INTERVALS[operation]
            message = sentence(name, allows, comparison.miss, actual[name].dtype)
            fault = Fault(message, operation, name, comparison.miss, scene)
        seen = bool(comparison.judged) or not ball.centre.size
        ratio, width = (comparison.ratio, comparison.width) if comparison.judged else (None, None)
        finding = finding.joined(Finding(int(seen), ratio, width, fault))
    return finding


def enclosed(net: Implementation, operation: str, problem: AnyProblem, only: str = "") -> Finding:
    """Run the operation, and compare its result with every result of a correct implementation."""
    actual = net.run(operation, problem)
    allowed = balls(operation, problem, points=False)
    return judged(operation, actual, {only: allowed[only]} if only else allowed)


def tried(check: Callable[[], Finding]) -> Finding:
    """Return what the check finds; to raise, or to return something else than numbers, is a fault too."""
    try:
        return check()
    except (NoResultError, ResultError) as error:
        return failed(error)


def failed(error: NoResultError | ResultError) -> Finding:
    """Return the finding of a call that brought no result, or nothing that can be read as one."""
    if not isinstance(error, LostError):
        return wrong(str(error), error.operation)
    shown = error.problem if error.problem is not None and printable(error.problem) else None
    return wrong(str(error), error.operation, problem=shown, lost=True)


def because_of(finding: Finding, net: Implementation, operation: str, plain: AnyProblem) -> Finding:
    """Return the finding, unless the operation is wrong on the plain problem too: another clause says so then."""
    if finding.fault is None or tried(partial(enclosed, net, operation, plain)).fault is None:
        return finding
    return Finding(eclipsed=(finding.fault,))


def alike(
    operation: str,
    actual: dict[str, NDArray[Any]],
    before: dict[str, NDArray[Any]],
    problem: AnyProblem,
    clause: str,
    scene: tuple[str, ...],
) -> Finding:
    """Compare two results for one problem: each is within a radius of the centre, so they differ by two at most."""
    allowed = {
        name: Ball(before[name].astype(np.float64), MARGIN * 2 * ball.radius)
        for name, ball in balls(operation, problem, points=False).items()
    }
    return judged(operation, actual, allowed, scene, clause)


def seen_only(finding: Finding, when: str) -> Finding:
    """Return the finding with a fault that says when it is seen."""
    fault = finding.fault
    return finding if fault is None else finding._replace(fault=fault._replace(message=f"{fault.message} ({when})"))


def ordinary(problem: AnyProblem, shape: Shape = (4, 5, 6, 3)) -> AnyProblem:
    """Return a problem of ordinary numbers and an ordinary shape, for the same dtype and activation."""
    return remembered("normal", shape, problem.precision, problem.activation, 0)


def exact(net: Implementation, operation: str, problem: AnyProblem) -> Finding:
    """Run the operation on a lattice, and compare its result with the exact one, where there is one for every order."""
    allowed = balls(operation, problem, points=True, rescaled=False)
    exact_ones = {name: ball for name, ball in allowed.items() if not ball.radius.any()}
    if not exact_ones:
        return NOTHING
    finding = tried(lambda: judged(operation, net.run(operation, problem), exact_ones))
    for plain in (ordinary(problem, problem.shape), ordinary(problem)):
        finding = because_of(finding, net, operation, plain)  # wrong altogether is not merely inexact
    return finding


def shaped(net: Implementation, operation: str, problem: AnyProblem) -> Finding:
    """Run the operation, and compare the shape and the dtype of each array of its result."""
    result = net.call(operation, *arguments(operation, copied(problem)), activation=problem.activation)
    expected = problem.x.dtype
    for name, array in read(operation, problem, result).items():
        if has_dtype(result, name) and array.dtype != expected:
            return wrong(f"{name} is {array.dtype} where the arguments are {expected}", operation)
    return HELD


@holds("FWD-1", "forward", data=GENERAL)
def _prediction(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "forward", problem)


@holds("FWD-2", "forward", data=NORMAL)
def _prediction_shape(net: Implementation, problem: AnyProblem) -> Finding:
    return shaped(net, "forward", problem)


@holds("FWD-3", "forward", data=DENSE)
def _prediction_on_the_lattice(net: Implementation, problem: AnyProblem) -> Finding:
    return exact(net, "forward", problem)


@holds("LOSS-1", "loss", data=GENERAL)
def _loss(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "loss", problem)


@holds("LOSS-2", "loss", data=NORMAL)
def _loss_shape(net: Implementation, problem: AnyProblem) -> Finding:
    return shaped(net, "loss", problem)


@holds("LOSS-3", "loss", data=DENSE)
def _loss_on_the_lattice(net: Implementation, problem: AnyProblem) -> Finding:
    return exact(net, "loss", problem)


@holds("LOSS-4", "loss", data=PERFECT)
def _loss_of_a_perfect_fit(net: Implementation, problem: AnyProblem) -> Finding:
    prediction = balls("forward", problem, points=True)["forward"]
    if prediction.radius.any():
        return NOTHING
    perfect = problem.with_arrays(y=prediction.centre.astype(problem.x.dtype))
    return because_of(tried(partial(_of_a_perfect_fit, net, perfect)), net, "loss", ordinary(problem))


def _of_a_perfect_fit(net: Implementation, perfect: AnyProblem) -> Finding:
    actual = net.run("loss", perfect)
    scene = ("y = refnet.forward(params, x, activation=" + f'"{perfect.activation}")  # exact',)
    if actual["loss"] < 0:
        negative = wrong(f"loss = {actual['loss']}, LOSS-4 allows no negative sum of squares", "loss", scene)
        return given(negative, perfect)
    return given(judged("loss", actual, balls("loss", perfect, points=False), scene, clause="LOSS-4"), perfect)


@holds("GRAD-1", "grads", data=GENERAL)
def _gradient_of_w1(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "grads", problem, "grads.w1")


@holds("GRAD-2", "grads", data=GENERAL)
def _gradient_of_b1(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "grads", problem, "grads.b1")


@holds("GRAD-3", "grads", data=GENERAL)
def _gradient_of_w2(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "grads", problem, "grads.w2")


@holds("GRAD-4", "grads", data=GENERAL)
def _gradient_of_b2(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "grads", problem, "grads.b2")


@holds("GRAD-5", "grads", data=NORMAL)
def _gradient_shapes(net: Implementation, problem: AnyProblem) -> Finding:
    return shaped(net, "grads", problem)


@holds("GRAD-6", "grads", data=DENSE)
def _gradient_on_the_lattice(net: Implementation, problem: AnyProblem) -> Finding:
    return exact(net, "grads", problem)


@holds("KINK-1", "grads", "step", data=KINKED, activations=("relu",))
def _slope_at_the_kink(net: Implementation, problem: AnyProblem) -> Finding:
    finding = NOTHING
    for operation in ("grads", "step"):
        if operation in net.operations:
            found = tried(partial(_first_layer, net, operation, problem))
            finding = finding.joined(because_of(found, net, operation, ordinary(problem)))
    return finding


def _first_layer(net: Implementation, operation: str, problem: AnyProblem) -> Finding:
    allowed = balls(operation, problem, points=False)
    first_layer = {name: allowed[name] for name in (f"{operation}.w1", f"{operation}.b1")}
    return judged(operation, net.run(operation, problem), first_layer, clause="KINK-1")


@holds("KINK-2", "grads", data=KINKED, activations=("relu",))
def _one_slope(net: Implementation, problem: AnyProblem) -> Finding:
    return because_of(tried(partial(_slope, net, problem)), net, "grads", ordinary(problem))


def _slope(net: Implementation, problem: AnyProblem) -> Finding:
    x, h, ga = problem.x.astype(np.float64), *_exact_kinks(problem)
    most = max(1.0, np.abs(x).max(initial=0.0)) * np.abs(ga).sum(axis=0).max(initial=0.0)
    bits = min(problem.precision.stores.precision, problem.precision.sums.precision)
    if not (ga[h == 0] != 0).any() or most > 2.0 ** (bits - 1):
        return NOTHING  # no kink here, none that shows, or sums that a half would make inexact
    actual = net.run("grads", problem)
    for slope in (0.0, 0.5, 1.0):
        gh = np.where(h > 0, ga, np.where(h == 0, slope * ga, 0.0))
        b1 = gh.sum(axis=0).reshape(problem.params.b1.shape)
        if np.array_equal(actual["grads.w1"], x.T @ gh) and np.array_equal(actual["grads.b1"], b1):
            return Finding(judged=1, slope=f"{slope:g}")
    if problem.y.size & (problem.y.size - 1):
        return NOTHING  # a mean that is multiplied back is inexact here, whatever the slope
    message = "grads.w1 and grads.b1 are those of no single slope 0, 1/2 or 1 at the units with h == 0"
    return wrong(message, "grads")._replace(slope="other")


def _exact_kinks(problem: AnyProblem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return h and ga of a problem of small integers; NaN for h, and so no kink, where rounding may touch either."""
    layers = enclosure.layers(problem.params, problem.x, problem.y, precision=problem.precision)
    ga = 2 * layers.r.centre @ problem.params.w2.T.astype(np.float64)
    sharp = not layers.h.radius.any() and not layers.r.radius.any()
    return (layers.h.centre if sharp else np.full_like(layers.h.centre, np.nan)), ga


@holds("UPD-1", "update", data=GENERAL)
def _update(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "update", problem)


@holds("UPD-2", "update", data=NORMAL)
def _update_shapes(net: Implementation, problem: AnyProblem) -> Finding:
    return shaped(net, "update", problem)


@holds("UPD-3", "update", "step", data=NORMAL)
def _rate_of_zero(net: Implementation, problem: AnyProblem) -> Finding:
    finding = NOTHING
    for operation in ("update", "step"):
        if operation in net.operations:
            at_rest = problem._replace(lr=0.0)
            found = tried(partial(enclosed, net, operation, at_rest))
            if found.fault is not None:
                found = found._replace(fault=found.fault._replace(problem=at_rest))
            finding = finding.joined(because_of(found, net, operation, problem))
    return finding


@holds("UPD-4", "update", data=DENSE)
def _update_on_the_lattice(net: Implementation, problem: AnyProblem) -> Finding:
    return exact(net, "update", problem)


@holds("STEP-1", "step", data=GENERAL)
def _step(net: Implementation, problem: AnyProblem) -> Finding:
    return enclosed(net, "step", problem)


@holds("STEP-2", "step", data=NORMAL)
def _step_shapes(net: Implementation, problem: AnyProblem) -> Finding:
    return shaped(net, "step", problem)


@holds("STEP-3", "step", data=NORMAL)
def _steps_in_a_row(net: Implementation, problem: AnyProblem) -> Finding:
    finding = tried(partial(enclosed, net, "step", problem))
    if finding.fault is not None:
        again = _same_step_again(net, problem) if finding.fault.miss is not None else NOTHING
        return again if again.fault is not None else Finding(eclipsed=(finding.fault,))
    for t in range(1, 4):
        # Each step is judged from the parameters that the implementation itself returned before.
        following = Params(*(array.astype(problem.x.dtype) for array in net.run("step", problem).values()))
        if not all(np.isfinite(p).all() for p in following):
            break
        problem = problem._replace(params=following, source="")
        read = f"refnet.judgement.as_four('step', {called('step', problem)}, [p.shape for p in params])"
        before = (f"for _ in range({t}):  # the steps before", f"    params = refnet.Params(*{read})")
        allowed = balls("step", problem, points=False)
        step = judged("step", net.run("step", problem), allowed, before, clause="STEP-3")
        finding = finding.joined(given(seen_only(step, f"step {t} of a run"), problem))
        if step.fault is not None:
            break
    return finding


def _same_step_again(net: Implementation, problem: AnyProblem) -> Finding:
    one, another = (net.run("step", problem) for _ in range(2))
    finding = alike("step", another, one, problem, "STEP-3", (called("step", problem),))
    return given(seen_only(finding, "the same step again"), problem, problem)


@holds("STEP-4", "step", data=DENSE)
def _step_on_the_lattice(net: Implementation, problem: AnyProblem) -> Finding:
    return exact(net, "step", problem)
