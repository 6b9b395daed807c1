"""Naming the fault that explains a failure: the one whose variation of the network does what the implementation does.

A listed fault explains a component where it does the same as the implementation in every circumstance, in those in
which the implementation is right too, and on the failing example. The same means the same events, and values no further
apart than two right results may be. This is evidence and no proof, so it is never part of a verdict.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from refnet import faults
from refnet.conformance import patterns
from refnet.conformance.observed import Circumstance, Record, Seen, circumstances, different, observe, records
from refnet.conformance.problem import LARGE, AnyProblem, Dtype, balls
from refnet.conformance.target import Implementation, anew, implementation
from refnet.conformance.verdicts import Diagnosis, Likely, Verdict
from refnet.faults import Fault
from refnet.network import Activation, Params

SECONDS = 0.4  # what an implementation may take for the diagnosis of one dtype and activation
_MOST_EXAMPLES = 8
_MOST_NAMED = 4
_MEMORY = "depending on the calls before"


class Explanation(NamedTuple):
    """A listed fault, the components that it explains, and on how many inputs it does what the implementation does.

    ``of`` counts the inputs on which the implementation is wrong in one of these components, and those on which the
    values may be beyond the format. ``whole``: whether it explains all that is wrong within the formulas; or beyond
    them, where nothing is wrong within.
    """

    fault: Fault
    components: tuple[str, ...]
    matched: int
    of: int
    whole: bool


def explanations(found: Sequence[Record]) -> list[Explanation]:
    """Return the listed faults that explain what is wrong in these records, most likely first.

    What is wrong only beyond the formulas, with NaN or at a kink, has an explanation of its own. Where no fault
    explains all, those follow that explain some components.
    """
    if not found:
        return []
    problem, wrong = found[0].circumstance.problem, _wrong_components(found)
    listed = [
        fault
        for fault in faults.CATALOGUE.values()
        if problem.activation in fault.make().activation and problem.x.dtype.name in fault.make().dtypes
    ]
    every: list[Explanation] = []
    for rank in sorted(set(wrong.values())):
        for partly in (False, True):
            each = (_explained(fault, found, wrong, rank, partly=partly) for fault in listed)
            explained = [explanation for explanation in each if explanation is not None]
            if explained:
                break
        every += sorted(explained, key=lambda e: (-len(e.components), e.matched - e.of))
    return every


def _wrong_components(found: Iterable[Record]) -> dict[str, int]:
    """Return the components that are wrong somewhere, and the least rank of a circumstance in which they are."""
    wrong: dict[str, int] = {}
    for record in found:
        for component in record.wrong:
            wrong[component] = min(wrong.get(component, 2), record.circumstance.rank)
    return wrong


def _explained(
    fault: Fault, found: Sequence[Record], wrong: dict[str, int], rank: int, *, partly: bool
) -> Explanation | None:
    """Compare call by call, until no component of that rank is left that the fault could explain."""
    made = fault.make()
    net, earlier = implementation(made), dict[str, Seen]()
    if not vars(made):  # it remembers nothing, so the order is free: the calls that tell the most come first
        found = sorted(found, key=lambda record: not record.wrong)
    asked = {component for component, least in wrong.items() if least == rank}
    left = set(asked)
    same: dict[int, bool] = {}  # by input
    for record in found:
        seen = observe(net, record.operation, record.circumstance, earlier)
        for component in different(record, seen):
            if component in wrong and component not in asked:
                continue  # another explanation's
            if record.circumstance.rank > wrong.get(component, 0):
                same[id(record.circumstance)] = False  # of two programs with one mistake, each may do as it likes here
            elif partly and component in asked:
                left.discard(component)
            else:
                return None  # the fault is wrong where the implementation is right, or wrong in another way
        if not left:
            return None
        if record.circumstance.lenient or left & set(record.wrong):
            same.setdefault(id(record.circumstance), True)
    return Explanation(fault, tuple(sorted(left)), sum(same.values()), len(same), left == asked)


def diagnosed(net: Implementation, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts, with a diagnosis of each failure of a MUST."""
    failures: dict[tuple[Dtype, Activation], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.outcome == "fail" and verdict.counterexample is not None:
            failures.setdefault((verdict.dtype, verdict.activation), []).append(verdict)
    seen = {case: _Symptoms(net, *case, failed) for case, failed in failures.items()}
    return tuple(
        v._replace(diagnosis=seen[v.dtype, v.activation].diagnosis(v))
        if v in failures.get((v.dtype, v.activation), ())
        else v
        for v in verdicts
    )


class _Symptoms:
    """All that is seen of an implementation in one format, the failing examples first, and what explains it."""

    def __init__(self, net: Implementation, dtype: Dtype, activation: Activation, failed: Sequence[Verdict]) -> None:
        examples = _failing(failed)
        row = [c for c in circumstances(dtype, activation) if c.problem.work <= (net.pace.most_work or LARGE)]
        found = records(anew(net), (*examples, *row), seconds=SECONDS)
        with np.errstate(all="ignore"):
            self.explanations = explanations(found)
            of_examples = {id(example) for example in examples}
            self.ordinary = [record for record in found if id(record.circumstance) not in of_examples]
            self.precision = patterns.precision(self.ordinary)
        backwards = records(
            anew(net), reversed(row[: len({id(r.circumstance) for r in self.ordinary})]), seconds=SECONDS
        )
        self.has_memory = _faults_of(self.ordinary) != _faults_of(backwards)

    def diagnosis(self, verdict: Verdict) -> Diagnosis:
        """Return what explains the failure of one clause."""
        assert verdict.counterexample is not None
        fault = verdict.counterexample.fault
        component = fault.component or fault.operation
        explain = [e for e in self.explanations if _speaks_of(e, component)]
        likely = [e for e in explain if (e.whole, len(e.components)) == (explain[0].whole, len(explain[0].components))]
        likely = [e for e in likely if e.matched == likely[0].matched]
        named = tuple(Likely(e.fault.name, e.matched, e.of, e.fault.note, e.whole) for e in likely[:_MOST_NAMED])
        with np.errstate(all="ignore"):
            ratio = patterns.ratio(self.ordinary, component)
            place = _MEMORY if self.has_memory else "" if ratio else patterns.where(self.ordinary, component)
            bits = patterns.bits(self.ordinary, component)
        return Diagnosis(named, place, ratio, self._subject(component, ratio), bits, self.precision)

    def _subject(self, component: str, ratio: str) -> str:
        """Return of what the ratio is: "every gradient" where the four share it."""
        operation, _, name = component.partition(".")
        if not ratio or not name:
            return component
        others = [f"{operation}.{other}" for other in Params._fields]
        alike = all(patterns.ratio(self.ordinary, other) == ratio for other in others)
        what = {"grads": "gradient", "update": "change", "step": "change"}[operation]
        return f"every {what}" if alike else component if operation == "grads" else f"the change of {name}"


def _faults_of(found: Sequence[Record]) -> set[tuple[int, str, str]]:
    """Return what is wrong in which circumstance, in no order."""
    return {(id(record.circumstance), record.operation, component) for record in found for component in record.wrong}


def _speaks_of(explanation: Explanation, component: str) -> bool:
    """Return whether the component is explained, or, where that is an operation as a whole, some part of it."""
    return any(c == component or c.partition(".")[0] == component for c in explanation.components)


def _failing(failed: Sequence[Verdict]) -> list[Circumstance]:
    """Return the first few failing examples, each once."""
    problems = {id(v.counterexample.problem): v.counterexample.problem for v in failed if v.counterexample}
    small = [problem for problem in problems.values() if problem.work < LARGE]
    return [Circumstance(p, "on the failing example", lenient=not _is_bounded(p)) for p in small[:_MOST_EXAMPLES]]


def _is_bounded(problem: AnyProblem) -> bool:
    with np.errstate(all="ignore"):
        return all(np.isfinite(ball.radius).all() for ball in balls("step", problem, points=False).values())
