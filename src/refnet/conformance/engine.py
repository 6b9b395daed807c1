"""Running checks: from the examples to a verdict with the smallest failure, and from the verdicts to a report.

One engine serves the command line, the pytest plugin and `refnet.conformance.parametrize`.
"""

import statistics
from collections.abc import Callable, Iterator

from refnet import specification
from refnet.conformance.checks import Check
from refnet.conformance.diagnosis import diagnosed
from refnet.conformance.exploring import SECONDS_A_CHECK, explored, found_on
from refnet.conformance.loading import anew
from refnet.conformance.minimise import minimised
from refnet.conformance.planning import Case, Plan, cases
from refnet.conformance.problem import AnyProblem
from refnet.conformance.reproduce import lines, printable
from refnet.conformance.suite import CHECKS
from refnet.conformance.target import DTYPES, CallError, Implementation, arguments
from refnet.conformance.vacuity import hidden_faults
from refnet.conformance.verdicts import Counterexample, Diagnosis, Fault, Outcome, Report, Verdict

_SECONDS_TO_MINIMISE = 1.0
_LOSSES_TO_MINIMISE = 20  # calls that hung or died, after which an example is reported as it was drawn


def run(
    net: Implementation,
    plan: Plan,
    progress: Callable[[int, int, str], None] | None = None,
    *,
    diagnose: bool = True,
) -> Report:
    """Run the whole plan. ``progress`` is told, before each case, how many are done, of how many, and its id.

    ``diagnose``: whether to look for what explains a failure, and for known mistakes that could hide in a short run;
    either takes a second or two.
    """
    every = cases(plan)
    verdicts = []
    for done, case in enumerate(every):
        if progress is not None:
            progress(done, len(every), case.id(with_activation=len(plan.activations) > 1))
        verdicts.append(_verdict(net, plan, case))
    notes = list(_notes(net, verdicts))
    if not diagnose:
        return Report(net.name, tuple(verdicts), tuple(notes))
    if hidden := hidden_faults(net, plan, verdicts):
        known = f"{len(hidden)} known mistake{'s' * (len(hidden) > 1)}"
        notes.append(f"with so few or so small examples, {known} would pass unseen: {', '.join(hidden)}")
    return Report(net.name, diagnosed(net, verdicts), tuple(notes))


def _notes(net: Implementation, verdicts: list[Verdict]) -> Iterator[str]:
    yield from net.notes
    for dtype in dict.fromkeys(verdict.dtype for verdict in verdicts):
        precision = net.precision(dtype)
        if not precision.is_native or dtype not in DTYPES:
            yield f"judged in {precision}"
    if net.pace.note:
        yield net.pace.note
    if net.pace.lost_note:
        yield net.pace.lost_note
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
    if case.clause in net.unseen:
        return blank._replace(message=net.unseen[case.clause])
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


# The clauses on the value of each operation's result.
VALUE_CLAUSES = {
    "forward": ("FWD-1",),
    "loss": ("LOSS-1",),
    "grads": ("GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4"),
    "update": ("UPD-1",),
    "step": ("STEP-1",),
}


def _run(net: Implementation, plan: Plan, case: Case, check: Check, blank: Verdict) -> Verdict:
    seen = explored(net, plan, case, check)
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
        explored(net, plan, case._replace(clause=clause), CHECKS[clause]).failing is not None
        for clause in VALUE_CLAUSES[operation]
    )


def _failed(net: Implementation, check: Check, problem: AnyProblem, seen: Fault, found: Verdict) -> Verdict:
    if seen.lost:
        return _lost(net, check, problem, seen, found)
    smallest = _smallest(check, problem, lambda: net)
    fault = found_on(anew(net), check, smallest).fault
    if fault is None:  # it fails because of what earlier calls have left, which whoever reproduces it will not have
        smallest = _smallest(check, problem, lambda: anew(net))
        fault = found_on(anew(net), check, smallest).fault
    if fault is None:  # it fails now and then: the first failure is what was seen
        smallest, fault = problem, found_on(net, check, problem).fault
    if fault is None:
        message = f"{seen.message}; seen once, and not again on the same arguments: it is not repeatable"
        return found._replace(outcome=_outcome(found), message=message, diagnosis=Diagnosis())
    return _refused(net, found, smallest, fault)


def _lost(net: Implementation, check: Check, problem: AnyProblem, seen: Fault, found: Verdict) -> Verdict:
    """Return the verdict where a call hung or died: each try costs the time limit, or a new process."""
    smallest, fault = problem, seen

    def loses(candidate: AnyProblem) -> bool:
        nonlocal smallest, fault
        try:
            again = found_on(net, check, candidate).fault
        except Exception:  # as in `_smallest`
            return False
        if again is None or not again.lost:
            return False
        smallest, fault = candidate, again
        return True

    if net.pace.lost <= _LOSSES_TO_MINIMISE:
        minimised(problem, loses, seconds=_SECONDS_TO_MINIMISE)
    if not printable(smallest):
        smallest, fault = problem, seen
    return _refused(net, found, smallest, fault)


def _smallest(check: Check, problem: AnyProblem, made: Callable[[], Implementation]) -> AnyProblem:
    def fails(candidate: AnyProblem) -> bool:
        try:
            return found_on(made(), check, candidate).fault is not None
        except Exception:  # a candidate that the check cannot take is no smaller failure
            return False

    smallest = minimised(problem, fails, seconds=_SECONDS_TO_MINIMISE)
    # A large problem can be made again from its name, what is left of it cannot.
    return smallest if printable(smallest) else problem


def _refused(net: Implementation, found: Verdict, drawn: AnyProblem, fault: Fault) -> Verdict:
    problem = drawn if fault.problem is None else fault.problem
    reproduction = Counterexample(problem, fault, lines(net.made, problem, fault), _piped(net, problem, fault))
    return found._replace(outcome=_outcome(found), message=fault.message, counterexample=reproduction)


def _piped(net: Implementation, problem: AnyProblem, fault: Fault) -> tuple[str, ...]:
    """Return the lines to be piped into a program, to reproduce the failure without Python."""
    given = fault.given or (problem,)
    if net.line is None or not all(map(printable, given)):
        return ()
    return tuple(
        net.line(fault.operation, *arguments(fault.operation, each), activation=each.activation) for each in given
    )


def _outcome(found: Verdict) -> Outcome:
    return "fail" if found.level == "MUST" else "warn"
