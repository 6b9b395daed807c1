"""Running checks: examples from Hypothesis, a time budget for slow implementations, the smallest failure.

One engine serves the command line, the pytest plugin and `refnet.conformance.parametrize`.
"""

import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from refnet import specification
from refnet.conformance.checks import Check, Setting
from refnet.conformance.minimise import minimised
from refnet.conformance.problem import TUTORIAL, AnyProblem, Dtype, generate, work
from refnet.conformance.reproduce import lines, printable
from refnet.conformance.suite import CHECKS
from refnet.conformance.target import CallError, Implementation, RaisedError
from refnet.conformance.verdicts import (
    NOTHING,
    Counterexample,
    Fault,
    Finding,
    Outcome,
    Report,
    Verdict,
    wrong,
)
from refnet.judgement import ResultError
from refnet.network import Activation

EXAMPLES = 30
SECONDS_A_CHECK = 1.0  # what an implementation may take for one clause and dtype, before examples are left out
_SECONDS_AN_EXAMPLE = 0.1
_SECONDS_TO_MINIMISE = 1.0


class Plan(NamedTuple):
    """What is to be run: which dtypes, activations and clauses, how many examples, from which seed.

    ``seed`` None is the derandomized run, the same for everyone. ``expected`` maps a clause to the reason why it is
    expected to fail.
    """

    dtypes: tuple[Dtype, ...]
    activations: tuple[Activation, ...]
    clauses: tuple[str, ...]
    examples: int = EXAMPLES
    seed: int | None = None
    expected: tuple[tuple[str, str], ...] = ()


class Case(NamedTuple):
    """One clause for one dtype and activation."""

    clause: str
    dtype: Dtype
    activation: Activation

    def id(self, *, with_activation: bool) -> str:
        """Return the id by which everyone knows the case: ``FWD-1[float32]``."""
        return f"{self.clause}[{self.activation}-{self.dtype}]" if with_activation else f"{self.clause}[{self.dtype}]"


class PlanError(ValueError):
    """What was asked for does not exist: an unknown clause, an expected failure without a reason."""


def plan(
    net: Implementation,
    *,
    activations: tuple[Activation, ...] = (),
    dtypes: tuple[Dtype, ...] = (),
    clauses: tuple[str, ...] = (),
    examples: int = EXAMPLES,
    seed: int | None = None,
    expected: tuple[tuple[str, str], ...] = (),
) -> Plan:
    """Return the plan for an implementation: what was asked for, and where nothing was, what it declares.

    ``clauses`` are ids ("GRAD-1") and families ("GRAD"). Raises PlanError for a clause, dtype or activation that there
    is not, for an expected failure without a reason, and for a number of examples below 1.
    """
    for asked, known in ((dtypes, get_args(Dtype)), (activations, get_args(Activation))):
        for word in asked:
            if word not in known:
                raise PlanError(f"there is no {word!r}; there are {', '.join(known)}")
    for clause, _ in expected:
        _known(clause)
    for clause, reason in expected:
        if not reason.strip():
            raise PlanError(f"the expected failure of {clause} has no reason: write {clause}: why")
    if examples < 1:
        raise PlanError(f"examples is {examples}, expected at least 1")
    order = [clause for clause in specification.clauses() if clause in CHECKS]
    families = {clause.partition("-")[0] for clause in order}
    for clause in clauses:
        if clause not in families:
            _known(clause)
    wanted = tuple(clause for clause in order if not clauses or {clause, clause.partition("-")[0]} & set(clauses))
    return Plan(dtypes or net.dtypes, activations or net.activations, wanted, examples, seed, expected)


def _known(clause: str) -> None:
    if clause in CHECKS:
        return
    if clause in specification.clauses():
        raise PlanError(f"{clause} binds the reference, and no implementation is checked for it")
    raise PlanError(f"there is no clause {clause!r}; there are {', '.join(CHECKS)}")


def cases(plan: Plan) -> list[Case]:
    """Return the cases of the plan, in the order of the specification."""
    return [Case(c, dtype, a) for c in plan.clauses for a in plan.activations for dtype in plan.dtypes]


def run(net: Implementation, plan: Plan, progress: Callable[[int, int, str], None] | None = None) -> Report:
    """Run the whole plan. ``progress`` is told, before each case, how many are done, of how many, and its id."""
    every = cases(plan)
    verdicts = []
    for done, case in enumerate(every):
        if progress is not None:
            progress(done, len(every), case.id(with_activation=len(plan.activations) > 1))
        verdicts.append(run_case(net, plan, case))
    return Report(net.name, tuple(verdicts), tuple(_notes(net, verdicts)))


def _notes(net: Implementation, verdicts: list[Verdict]) -> Iterator[str]:
    if net.pace.note:
        yield net.pace.note
    if left_out := sum(found.left_out for found in verdicts):
        examples = sum(found.examples for found in verdicts)
        yield (
            f"{left_out} of {left_out + examples} examples were left out, since the implementation took more than"
            f" {SECONDS_A_CHECK:g} s for their clause"
        )


def run_case(net: Implementation, plan: Plan, case: Case) -> Verdict:
    """Run one case. An expected failure that does not fail is a failure."""
    clause, check = specification.clauses()[case.clause], CHECKS[case.clause]
    blank = Verdict(clause.id, clause.level, clause.title, case.dtype, case.activation, "skip")
    missing = [operation for operation in check.operations if operation not in net.operations]
    if len(missing) == len(check.operations):
        names = " or ".join(missing)
        return blank._replace(message=f"it has no {names}")
    if case.activation not in check.activations:
        return blank._replace(message=f"{case.activation} has no kink")
    try:
        found = _run(net, plan, case, check, blank)
    except CallError as error:
        found = blank._replace(outcome="error", message=str(error))
    except Exception as error:  # of the check itself: nothing has been shown
        found = blank._replace(outcome="error", message=f"{type(error).__name__}: {error}")
    reason = dict(plan.expected).get(case.clause)
    if reason is None or found.outcome in ("skip", "error"):
        return found
    if found.outcome == "pass":
        return found._replace(outcome="fail", message=f"expected to fail ({reason}), and it passes: expect it no more")
    return found._replace(outcome="xfail", message=f"{reason}; {found.message}")


def most_work(net: Implementation, plan: Plan) -> int:
    """Return the most multiplications of one example for this implementation, measured once.

    Two sizes tell the cost of the arithmetic from the cost of a call. A slow implementation (loops in Python, a scalar
    autodiff engine) is given what it does in a tenth of a second, and ``net.pace.note`` says what is left out.
    """
    if net.pace.most_work is None:
        small, large = (
            generate("normal", shape, plan.dtypes[0], plan.activations[0], 0)
            for shape in ((1, 2, 2, 1), (8, 16, 16, 8))
        )
        more = max(_seconds(net, operation, large) - _seconds(net, operation, small) for operation in net.operations)
        each = max(more, 1e-9) / (large.work - small.work)
        net.pace.most_work = min(work(TUTORIAL), max(64, int(_SECONDS_AN_EXAMPLE / each)))
        if net.pace.most_work < work(TUTORIAL):
            net.pace.note = (
                f"slow, {each * 1e6:.2g} microseconds a multiplication: examples of more than {net.pace.most_work:,}"
                " multiplications are left out, the tutorial's size among them"
            )
    return net.pace.most_work


def _seconds(net: Implementation, operation: str, probe: AnyProblem) -> float:
    """Return how long the operation takes, once it is warm; 0 where it fails, which the checks will say."""
    times = []
    try:
        for _ in range(4):
            before = net.pace.seconds
            net.run(operation, probe)
            times.append(net.pace.seconds - before)
    except (CallError, ResultError):
        return 0.0
    return min(times)


class _StopError(Exception):
    """The check has failed, or has nothing to say: no further example is needed."""


def _run(net: Implementation, plan: Plan, case: Case, check: Check, blank: Verdict) -> Verdict:
    setting = Setting(case.dtype, case.activation, most_work(net, plan))
    total, examples, left_out = NOTHING, 0, 0
    widths: list[float] = []
    failing: list[AnyProblem] = []
    start, stopped = net.pace.seconds, False

    def examine(problem: AnyProblem) -> None:
        nonlocal total, examples, left_out, stopped
        if examples >= 3 and net.pace.seconds - start > SECONDS_A_CHECK:
            left_out += 1
            return
        finding = _find(net, check, problem)
        total, examples = total.joined(finding), examples + 1
        if finding.width is not None:
            widths.append(finding.width)
        if finding.fault is not None:
            failing.append(problem)
        if finding.fault is not None or (finding.eclipsed is not None and not finding.judged):
            stopped = True
            raise _StopError

    try:
        for problem in check.data.always(setting):
            if setting.fits(problem):
                examine(problem)
        _explore(check, setting, plan, examine)
    except Exception:
        # Hypothesis reports a failure in many ways (it calls one that is not repeatable flaky): what failed is known.
        if not stopped:
            raise
    found = blank._replace(
        examples=examples,
        worst_ratio=total.ratio,
        widest_bound=total.width,
        typical_bound=statistics.median(widths) if widths else None,
        slope=total.slope,
        left_out=left_out,
    )
    if total.fault is not None:
        return _failed(net, check, failing[0], total.fault, found)
    if not total.judged and total.eclipsed is not None:
        return found._replace(
            outcome="skip", message=f"{total.eclipsed} is wrong on plain data too, as other clauses say"
        )
    if not total.judged:
        return found._replace(outcome="error", message="no example could be judged: the clause was not checked")
    return found._replace(outcome="pass")


def _find(net: Implementation, check: Check, problem: AnyProblem) -> Finding:
    with np.errstate(all="ignore"):
        try:
            return check.function(net, problem)
        except (RaisedError, ResultError) as error:
            return wrong(str(error), getattr(error, "operation", check.operations[0]))


def _explore(check: Check, setting: Setting, plan: Plan, examine: Callable[[AnyProblem], None]) -> None:
    explore = settings(
        max_examples=plan.examples,
        derandomize=plan.seed is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )(given(check.data.drawn(setting))(examine))
    if plan.seed is not None:
        explore = seeded(plan.seed)(explore)
    explore()


def _failed(net: Implementation, check: Check, problem: AnyProblem, seen: Fault, found: Verdict) -> Verdict:
    def fails(candidate: AnyProblem) -> bool:
        try:
            return _find(net, check, candidate).fault is not None
        except Exception:  # a candidate that the check cannot take is no smaller failure
            return False

    smallest = minimised(problem, fails, seconds=_SECONDS_TO_MINIMISE)
    if not printable(smallest):
        smallest = problem  # which can be made again from its name, where what is left of it cannot
    fault = _find(net, check, smallest).fault
    if fault is None:  # it fails now and then: the first failure is what was seen
        smallest, fault = problem, _find(net, check, problem).fault
    if fault is None:
        message = f"{seen.message}; seen once, and not again on the same arguments: it is not repeatable"
        return found._replace(outcome=_outcome(found), message=message)
    reproduction = Counterexample(smallest, fault, lines(net.made, smallest, fault))
    return found._replace(outcome=_outcome(found), message=fault.message, counterexample=reproduction)


def _outcome(found: Verdict) -> Outcome:
    return "fail" if found.level == "MUST" else "warn"
