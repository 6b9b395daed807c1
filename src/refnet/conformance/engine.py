"""Running checks: examples from Hypothesis, a time budget for slow implementations, the smallest failure.

One engine serves the command line, the pytest plugin and `refnet.conformance.parametrize`.
"""

import statistics
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple, get_args

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from refnet import specification
from refnet.conformance.checks import Check, Data, Setting
from refnet.conformance.diagnosis import diagnosed
from refnet.conformance.minimise import minimised
from refnet.conformance.problem import LARGE, TUTORIAL, AnyProblem, Dtype, generate, work
from refnet.conformance.reproduce import lines, printable
from refnet.conformance.suite import CHECKS
from refnet.conformance.suite.values import tried
from refnet.conformance.target import CallError, Implementation, anew
from refnet.conformance.verdicts import (
    NOTHING,
    Counterexample,
    Fault,
    Finding,
    Outcome,
    Report,
    Verdict,
)
from refnet.judgement import ResultError
from refnet.network import Activation

EXAMPLES = 30
SECONDS_A_CHECK = 1.0  # what an implementation may take for one clause and dtype, before examples are left out
_SECONDS_AN_EXAMPLE = 0.1
_SECONDS_AT_FULL_SIZE = 1.0  # a program that needs less, also on a machine that is busy, is not slow
_SECONDS_OF_A_NEW_SHAPE = 0.02  # from which on a shape is compiled for
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

    ``clauses`` are ids ("GRAD-1") and families ("GRAD"). ``expected`` are pairs of a clause, or a case of one
    ("UPD-1[float32]", "UPD-1[relu-float32]"), and a reason; that of a case comes before that of its clause. Raises
    PlanError for what there is not, for an expected failure without a reason or with two, for a number of examples
    below 1, and for a seed below 0.
    """
    several: dict[str, object] = {"activations": activations, "dtypes": dtypes, "clauses": clauses}
    for name, words in several.items():
        if isinstance(words, str):
            raise PlanError(f'{name} is {words!r}, a str, expected a tuple: write ("{words}",)')
    for asked, known in ((dtypes, get_args(Dtype)), (activations, get_args(Activation))):
        for word in asked:
            if word not in known:
                raise PlanError(f"there is no {word!r}; there are {', '.join(known)}")
    pairs: tuple[object, ...] = expected
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise PlanError(f'expected is {expected!r}, expected pairs of a clause and a reason: write (("UPD-1", "why"),)')
    names = [name for name, _ in expected]
    for name, reason in expected:
        _known(name, also_cases=True)
        if not reason.strip():
            raise PlanError(f"the expected failure of {name} has no reason: write {name}: why")
        if names.count(name) > 1:
            raise PlanError(f"the failure of {name} is expected twice: give it once, with one reason")
    if examples < 1:
        raise PlanError(f"examples is {examples}, expected at least 1")
    if seed is not None and seed < 0:
        raise PlanError(f"seed is {seed}, expected at least 0")
    order = [clause for clause in specification.clauses() if clause in CHECKS]
    families = {clause.partition("-")[0] for clause in order}
    for clause in clauses:
        if clause not in families:
            _known(clause)
    wanted = tuple(clause for clause in order if not clauses or {clause, clause.partition("-")[0]} & set(clauses))
    return Plan(dtypes or net.dtypes, activations or net.activations, wanted, examples, seed, expected)


def _known(name: str, *, also_cases: bool = False) -> None:
    clause = name.partition("[")[0] if also_cases else name
    if clause not in CHECKS:
        if clause in specification.clauses():
            raise PlanError(f"{clause} binds the reference, and no implementation is checked for it")
        raise PlanError(f"there is no clause {clause!r}; there are {', '.join(CHECKS)}")
    every = [Case(clause, dtype, a) for a in get_args(Activation) for dtype in get_args(Dtype)]
    known = dict.fromkeys((clause, *(case.id(with_activation=several) for several in (False, True) for case in every)))
    if name not in known:
        raise PlanError(f"there is no {name!r}; there are {', '.join(known)}")


def cases(plan: Plan) -> list[Case]:
    """Return the cases of the plan, in the order of the specification."""
    return [Case(c, dtype, a) for c in plan.clauses for a in plan.activations for dtype in plan.dtypes]


def run(
    net: Implementation,
    plan: Plan,
    progress: Callable[[int, int, str], None] | None = None,
    *,
    diagnose: bool = True,
) -> Report:
    """Run the whole plan. ``progress`` is told, before each case, how many are done, of how many, and its id.

    ``diagnose``: whether to look for what explains a failure, which takes a second or two.
    """
    every = cases(plan)
    verdicts = []
    for done, case in enumerate(every):
        if progress is not None:
            progress(done, len(every), case.id(with_activation=len(plan.activations) > 1))
        verdicts.append(_verdict(net, plan, case))
    return Report(net.name, diagnosed(net, verdicts) if diagnose else tuple(verdicts), tuple(_notes(net, verdicts)))


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
    """Run one case, and say what explains a failure. An expected failure that does not fail is a failure."""
    return diagnosed(net, [_verdict(net, plan, case)])[0]


def _verdict(net: Implementation, plan: Plan, case: Case) -> Verdict:
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
    ids = (case.id(with_activation=True), case.id(with_activation=False), case.clause)
    reason = next((why for name in ids for expected, why in plan.expected if expected == name), None)
    if reason is None or found.outcome in ("skip", "error"):
        return found
    if found.outcome == "pass":
        return found._replace(outcome="fail", message=f"expected to fail ({reason}), and it passes: expect it no more")
    return found._replace(outcome="xfail", message=f"{reason}; {found.message}")


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
        generate("normal", shape, plan.dtypes[0], plan.activations[0], 0)
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


# The clauses on the value of each operation's result.
VALUE_CLAUSES = {
    "forward": ("FWD-1",),
    "loss": ("LOSS-1",),
    "grads": ("GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4"),
    "update": ("UPD-1",),
    "step": ("STEP-1",),
}


class _Exploration(NamedTuple):
    """What the examples of one case have shown, all together, and the problem of each fault."""

    total: Finding
    widths: list[float]
    examples: int
    left_out: int
    failing: AnyProblem | None
    eclipsing: dict[str, tuple[AnyProblem, Fault]]
    eclipsed: bool = False  # an example showed nothing else, and was the last


def _explored(net: Implementation, plan: Plan, case: Case, check: Check) -> _Exploration:
    setting = Setting(case.dtype, case.activation, most_work(net, plan), net.pace.few_shapes)
    seen = _Exploration(NOTHING, [], 0, 0, None, {})
    start = net.pace.seconds
    for problem in _examples(check, setting, plan):
        if seen.examples >= 3 and net.pace.seconds - start > SECONDS_A_CHECK:
            seen = seen._replace(left_out=seen.left_out + 1)
            continue
        finding = _find(net, check, problem)
        seen = seen._replace(total=seen.total.joined(finding), examples=seen.examples + 1)
        if finding.width is not None:
            seen.widths.append(finding.width)
        for fault in finding.eclipsed:
            seen.eclipsing.setdefault(fault.operation, (problem, fault))
        if finding.fault is not None:
            return seen._replace(failing=problem)
        if finding.eclipsed and not finding.judged:
            return seen._replace(eclipsed=True)
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


def _run(net: Implementation, plan: Plan, case: Case, check: Check, blank: Verdict) -> Verdict:
    seen = _explored(net, plan, case, check)
    found = blank._replace(
        examples=seen.examples,
        worst_ratio=seen.total.ratio,
        widest_bound=seen.total.width,
        typical_bound=statistics.median(seen.widths) if seen.widths else None,
        slope=seen.total.slope,
        left_out=seen.left_out,
    )
    if seen.failing is not None and seen.total.fault is not None:
        return _failed(net, check, seen.failing, seen.total.fault, found)
    for problem, fault in seen.eclipsing.values():
        # It was left to the clauses of the value; where these have not met it, it is this clause that refuses.
        if not _has_wrong_values(net, plan, case, fault.operation):
            return _refused(net, found, problem, fault)
    if seen.eclipsed or (seen.eclipsing and not seen.total.judged):
        wrong_ones = " and ".join(seen.eclipsing)
        return found._replace(outcome="skip", message=f"{wrong_ones}: wrong on plain data too, as other clauses say")
    if not seen.total.judged:
        return found._replace(outcome="error", message="no example could be judged: the clause was not checked")
    return found._replace(outcome="pass")


def _has_wrong_values(net: Implementation, plan: Plan, case: Case, operation: str) -> bool:
    """Return whether a clause on the value of the operation's result fails: FWD-1 and its like."""
    return any(
        _explored(net, plan, case._replace(clause=clause), CHECKS[clause]).failing is not None
        for clause in VALUE_CLAUSES[operation]
    )


def _find(net: Implementation, check: Check, problem: AnyProblem) -> Finding:
    with np.errstate(all="ignore"):
        return tried(partial(check.function, net, problem))


def _failed(net: Implementation, check: Check, problem: AnyProblem, seen: Fault, found: Verdict) -> Verdict:
    smallest = _smallest(check, problem, lambda: net)
    fault = _find(anew(net), check, smallest).fault
    if fault is None:  # it fails because of what earlier calls have left, which whoever reproduces it will not have
        smallest = _smallest(check, problem, lambda: anew(net))
        fault = _find(anew(net), check, smallest).fault
    if fault is None:  # it fails now and then: the first failure is what was seen
        smallest, fault = problem, _find(net, check, problem).fault
    if fault is None:
        message = f"{seen.message}; seen once, and not again on the same arguments: it is not repeatable"
        return found._replace(outcome=_outcome(found), message=message)
    return _refused(net, found, smallest, fault)


def _smallest(check: Check, problem: AnyProblem, made: Callable[[], Implementation]) -> AnyProblem:
    def fails(candidate: AnyProblem) -> bool:
        try:
            return _find(made(), check, candidate).fault is not None
        except Exception:  # a candidate that the check cannot take is no smaller failure
            return False

    smallest = minimised(problem, fails, seconds=_SECONDS_TO_MINIMISE)
    # A large problem can be made again from its name, what is left of it cannot.
    return smallest if printable(smallest) else problem


def _refused(net: Implementation, found: Verdict, drawn: AnyProblem, fault: Fault) -> Verdict:
    problem = drawn if fault.problem is None else fault.problem
    reproduction = Counterexample(problem, fault, lines(net.made, problem, fault))
    return found._replace(outcome=_outcome(found), message=fault.message, counterexample=reproduction)


def _outcome(found: Verdict) -> Outcome:
    return "fail" if found.level == "MUST" else "warn"
