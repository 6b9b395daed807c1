"""Trying a check on one example after the other, and how large these are for a slow implementation."""

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from refnet.conformance.checks import Check, Data, Setting
from refnet.conformance.planning import Case, Plan
from refnet.conformance.problem import LARGE, TUTORIAL, AnyProblem, generate, work
from refnet.conformance.suite.values import tried
from refnet.conformance.target import CallError, Implementation
from refnet.conformance.verdicts import NOTHING, Fault, Finding
from refnet.judgement import ResultError

SECONDS_A_CHECK = 1.0  # what an implementation may take for one clause and dtype, before examples are left out
_MOST_ASIDE = 3  # examples on which nothing but a loss was seen: each costs the time limit, or a new process
_SECONDS_AN_EXAMPLE = 0.1
_SECONDS_AT_FULL_SIZE = 1.0  # a program that needs less, also on a machine that is busy, is not slow
_SECONDS_OF_A_NEW_SHAPE = 0.02  # from which on a shape is compiled for


def most_work(net: Implementation, plan: Plan) -> int:
    """Return the most multiplications of one example for this implementation, measured once.

    A slow implementation (loops in Python, a scalar autodiff engine) is given what it does in a tenth of a second, one
    that compiles for each new shape is given few shapes, and ``net.pace.note`` says what is left out.
    """
    if net.pace.most_work is None:
        each = _measured(net, plan)
        net.pace.most_work = work(TUTORIAL)
        if each * work(TUTORIAL) > _SECONDS_AT_FULL_SIZE:
            net.pace.most_work = max(64, int(_SECONDS_AN_EXAMPLE / each))
            net.pace.note = (
                f"slow, {each * 1e6:.2g} microseconds a multiplication: examples of more than {net.pace.most_work:,}"
                " multiplications are left out, the tutorial's size among them"
            )
        elif net.pace.few_shapes:
            net.pace.note = "slow with each new shape, as compilers are: the examples have few shapes"
    return net.pace.most_work


def _measured(net: Implementation, plan: Plan) -> float:
    """Return what a multiplication costs the slowest operation; set ``few_shapes`` where a new shape is always slow.

    Two sizes tell the arithmetic from the call. Where the larger one takes a few milliseconds at most, another program
    on the machine may take as long: a larger one still is tried.
    """
    small, *larger = (
        generate("normal", shape, net.precision(plan.dtypes[0]), plan.activations[0], 0)
        for shape in ((1, 2, 2, 1), (8, 16, 16, 8), (16, 64, 64, 16), (32, 512, 64, 16))
    )
    each = 0.0
    for operation in net.operations:
        call = min(_seconds(net, operation, small))
        at_first = []
        for problem in larger:
            times = _seconds(net, operation, problem)
            at_first.append(times[0] - min(times))
            more = max(min(times) - call, 1e-9)
            if more > _SECONDS_AN_EXAMPLE / 10:
                break
        each = max(each, more / (problem.work - small.work))
        net.pace.few_shapes |= len(at_first) > 1 and min(at_first) > _SECONDS_OF_A_NEW_SHAPE
    return each


def _seconds(net: Implementation, operation: str, probe: AnyProblem) -> list[float]:
    """Return how long each of a few calls takes; no time where one fails, which the checks will say."""
    times = []
    try:
        for _ in range(4):
            before = net.pace.seconds
            net.run(operation, probe)
            times.append(net.pace.seconds - before)
    except (CallError, ResultError):
        return [0.0]
    return times


class Exploration(NamedTuple):
    """What the examples of one case have shown, all together, and the problem of each fault."""

    total: Finding
    widths: list[float]
    examples: int
    left_out: int
    failing: AnyProblem | None
    eclipsing: dict[str, tuple[AnyProblem, Fault]]
    eclipsed: bool = False  # an example showed nothing else, and was the last


def explored(net: Implementation, plan: Plan, case: Case, check: Check, *, most: int | None = None) -> Exploration:
    """Try the check on its examples, on ``most`` of them at most, until one fails."""
    setting = Setting(net.precision(case.dtype), case.activation, most_work(net, plan), net.pace.few_shapes)
    seen = Exploration(NOTHING, [], 0, 0, None, {})
    start, aside = net.pace.seconds, 0
    for problem in islice(_examples(check, setting, plan), most):
        if seen.examples >= 3 and net.pace.seconds - start > SECONDS_A_CHECK:
            seen = seen._replace(left_out=seen.left_out + 1)
            continue
        finding = found_on(net, check, problem)
        seen = seen._replace(total=seen.total.joined(finding), examples=seen.examples + 1)
        if finding.width is not None:
            seen.widths.append(finding.width)
        for fault in finding.eclipsed:
            seen.eclipsing.setdefault(fault.operation, (problem, fault))
        if finding.fault is not None:
            return seen._replace(failing=problem)
        if finding.eclipsed and not finding.judged:
            if not all(fault.lost for fault in finding.eclipsed):
                return seen._replace(eclipsed=True)
            aside += 1  # it hangs or dies here whatever the clause is about, and may hold it elsewhere
            if aside == _MOST_ASIDE:
                return seen
    return seen


def _examples(check: Check, setting: Setting, plan: Plan) -> Iterator[AnyProblem]:
    """Yield the problems that every run visits, then those drawn, then large ones, which so take no time."""
    always = [problem for problem in check.data.always(setting) if setting.fits(problem)]
    yield from (problem for problem in always if problem.work < LARGE)
    yield from _drawn(check.data, setting, plan.examples, plan.seed)
    yield from (problem for problem in always if problem.work >= LARGE)


@lru_cache(maxsize=64)
def _drawn(data: Data, setting: Setting, examples: int, seed: int | None) -> tuple[AnyProblem, ...]:
    """Return what Hypothesis draws: the same for every clause with the same data, so that their work is shared."""
    drawn: list[AnyProblem] = []
    explore = settings(
        max_examples=examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )(given(data.drawn(setting))(lambda problem: drawn.append(problem)))
    if seed is not None:
        explore = seeded(seed)(explore)
    explore()
    return tuple(drawn)


def found_on(net: Implementation, check: Check, problem: AnyProblem) -> Finding:
    """Return what the check finds on one problem."""
    with np.errstate(all="ignore"):
        return tried(partial(check.function, net, problem))
