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
from refnet.conformance.loading import anew, implementation
from refnet.conformance.observed import Circumstance, Record, Seen, circumstances, different, observe, records
from refnet.conformance.problem import LARGE, AnyProblem, balls
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import Diagnosis, Likely, Verdict
from refnet.faults import Fault, Network
from refnet.formats import Dtype
from refnet.network import Activation, Params

SECONDS = 0.4  # what an implementation may take for the diagnosis of one dtype and activation
_MOST_EXAMPLES = 8
_MEMORY = "depending on the calls before"


class Explanation(NamedTuple):
    """A listed fault, the components that it explains, and on how many inputs it does what the implementation does.

    ``of`` counts the inputs on which the implementation is wrong in one of these components, and those on which the
    values may be beyond the format. ``whole``: whether it explains all that is wrong of this kind: values within the
    formulas, values beyond them, or what calls do beside their values. ``else_wrong``: in how many calls something of
    another kind is wrong that it does not explain.
    """

    fault: Fault
    components: tuple[str, ...]
    matched: int
    of: int
    whole: bool
    else_wrong: int

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """How likely it is: the least first; two that are alike tie."""
        return not self.whole, -len(self.components), self.else_wrong, self.of - self.matched


def explanations(found: Sequence[Record]) -> list[Explanation]:
    """Return the listed faults that explain what is wrong in these records, most likely first.

    What is wrong only beyond the formulas, with NaN or at a kink, has an explanation of its own, and so has what calls
    do beside their values. Where a fault explains all that is wrong of a kind, those that explain a part are left out.
    """
    if not found:
        return []
    wrong = _wrong_components(found)
    every: list[Explanation] = []
    for kind in sorted({_kind(component, wrong) for component in wrong}):
        asked = {component for component in wrong if _kind(component, wrong) == kind}
        each = (_explained(fault, found, wrong, asked) for fault in faults.CATALOGUE.values())
        explained = sorted((e for e in each if e is not None), key=lambda e: e.rank)
        every += [e for e in explained if e.whole == explained[0].whole]
    return every


def _kind(component: str, wrong: dict[str, int]) -> tuple[bool, int]:
    return component.endswith("()"), wrong[component]


def _wrong_components(found: Iterable[Record]) -> dict[str, int]:
    """Return the components that are wrong somewhere, and the least rank of a circumstance in which they are."""
    wrong: dict[str, int] = {}
    for record in found:
        for component in record.wrong:
            wrong[component] = min(wrong.get(component, 2), record.circumstance.rank)
    return wrong


def _explained(fault: Fault, found: Sequence[Record], wrong: dict[str, int], asked: set[str]) -> Explanation | None:
    """Compare call by call, until no component is left of those asked for that the fault could explain."""
    problem = found[0].circumstance.problem
    made = faults.made_for(fault, problem.precision.storage, problem.activation)
    if made is None:
        return None  # it cannot show with such arguments
    net, earlier = implementation(made), dict[str, Seen]()
    # One that remembers nothing may be called in any order: the calls that tell the most come first.
    if isinstance(made, Network) and not vars(made):
        found = sorted(found, key=lambda record: not asked & set(record.wrong))
    left, else_wrong = set(asked), 0
    same: dict[int, bool] = {}  # by input
    for record in found:
        seen = observe(net, record.operation, record.circumstance, earlier)
        for component in different(record, seen):
            if component not in asked and component in record.wrong:
                else_wrong += 1  # another explanation's
            elif record.circumstance.rank > wrong.get(component, 0):
                same[id(record.circumstance)] = False  # of two programs with one mistake, each may do as it likes here
            elif component in record.wrong:
                left.discard(component)  # both are wrong, each in its own way, or the fault does not show here
            else:
                return None  # the implementation is right where the fault is wrong
        if not left:
            return None
        if record.circumstance.lenient or left & set(record.wrong):
            same.setdefault(id(record.circumstance), True)
    matched = sum(same.values())
    return Explanation(fault, tuple(sorted(left)), matched, len(same), left == asked, else_wrong) if matched else None


def diagnosed(net: Implementation, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts, with a diagnosis of each failure of a MUST."""
    failures: dict[tuple[Dtype, Activation], list[Verdict]] = {}
    for verdict in verdicts:
        if _is_to_be_explained(verdict):
            failures.setdefault((verdict.dtype, verdict.activation), []).append(verdict)
    seen = {case: _symptoms(net, *case, failed) for case, failed in failures.items()}
    return tuple(_with_diagnosis(v, seen[v.dtype, v.activation]) if _is_to_be_explained(v) else v for v in verdicts)


def _is_to_be_explained(verdict: Verdict) -> bool:
    """Return whether it fails, on an example or once: not so what was expected to fail and does not.

    What hung or died is explained by its message alone.
    """
    if verdict.counterexample is not None and verdict.counterexample.fault.lost:
        return False
    return verdict.outcome == "fail" and (verdict.counterexample is not None or verdict.diagnosis is not None)


def _symptoms(
    net: Implementation, dtype: Dtype, activation: Activation, failed: Sequence[Verdict]
) -> "_Symptoms | None":
    try:
        return _Symptoms(net, dtype, activation, failed)
    except Exception:  # of any class: whatever a stranger's results do here, the verdict stands
        return None


def _with_diagnosis(verdict: Verdict, seen: "_Symptoms | None") -> Verdict:
    try:
        return verdict if seen is None else verdict._replace(diagnosis=seen.diagnosis(verdict))
    except Exception:  # as above
        return verdict


class _Symptoms:
    """All that is seen of an implementation in one format, the failing examples first, and what explains it."""

    def __init__(self, net: Implementation, dtype: Dtype, activation: Activation, failed: Sequence[Verdict]) -> None:
        examples = _failing(failed)
        every = circumstances(net.precision(dtype), activation)
        row = [c for c in every if c.problem.work <= (net.pace.most_work or LARGE)]
        at_least = len(examples) + 3
        found = records(anew(net), (*examples, *row), seconds=SECONDS, at_least=at_least)
        of_examples = {id(example) for example in examples}
        self.ordinary = [record for record in found if id(record.circumstance) not in of_examples]
        self.of_examples = [record for record in found if id(record.circumstance) in of_examples]
        with np.errstate(all="ignore"):
            self.explanations = explanations(found)
        seen = row[: len({id(record.circumstance) for record in self.ordinary})]
        middle = len(seen) // 2 + 1
        orders = (seen[::-1], [*seen[middle:], *seen[:middle]])
        again = [records(anew(net), order, seconds=SECONDS, at_least=3) for order in orders]
        self.has_memory = any(not _wrong_in(other) <= _wrong_in(self.ordinary) for other in again)

    def diagnosis(self, verdict: Verdict) -> Diagnosis:
        """Return what explains the failure of one clause."""
        if verdict.counterexample is None:  # it was seen once: all that is wrong anywhere may explain it
            return Diagnosis(_named(self.explanations), _MEMORY if self.has_memory else "")
        fault = verdict.counterexample.fault
        component = fault.component or f"{fault.operation}()"
        likely = _named([e for e in self.explanations if _speaks_of(e, component)])
        with np.errstate(all="ignore"):
            ratio = patterns.ratio(self.ordinary, component)
            also = [r.circumstance.problem.shape for r in self.of_examples if component in r.wrong]
            place = _MEMORY if self.has_memory else "" if ratio else patterns.where(self.ordinary, component, also)
            bits = patterns.bits(self.ordinary, component)
            loses_bits = not likely or faults.CATALOGUE[likely[0].fault].family == "precision"
            precision = patterns.precision(self.ordinary, component) if loses_bits else ""
        return Diagnosis(likely, place, ratio, self._subject(component, ratio), bits, precision)

    def _subject(self, component: str, ratio: str) -> str:
        """Return of what the ratio is: "every gradient" where the four share it."""
        operation, _, name = component.partition(".")
        if not ratio or not name:
            return component
        others = [f"{operation}.{other}" for other in Params._fields]
        alike = all(patterns.ratio(self.ordinary, other) == ratio for other in others)
        what = {"grads": "gradient", "update": "change", "step": "change"}[operation]
        return f"every {what}" if alike else component if operation == "grads" else f"the change of {name}"


def _named(explain: Sequence[Explanation]) -> tuple[Likely, ...]:
    """Return the most likely of them, and those that are as likely."""
    tied = [e for e in explain if e.rank == explain[0].rank]
    return tuple(Likely(e.fault.name, e.matched, e.of, e.fault.note, e.whole) for e in tied)


def _wrong_in(found: Sequence[Record]) -> set[tuple[int, str, str]]:
    """Return what is wrong in which circumstance, in no order."""
    return {(id(record.circumstance), record.operation, component) for record in found for component in record.wrong}


def _speaks_of(explanation: Explanation, component: str) -> bool:
    """Return whether the component is explained, or, where that is a call as a whole, some part of its result."""
    operation = component.removesuffix("()")
    of_call = operation != component
    return component in explanation.components or (
        of_call and any(c.partition(".")[0] == operation for c in explanation.components)
    )


def _failing(failed: Sequence[Verdict]) -> list[Circumstance]:
    """Return the first few failing examples, each once."""
    problems = {id(v.counterexample.problem): v.counterexample.problem for v in failed if v.counterexample}
    small = [problem for problem in problems.values() if problem.work < LARGE]
    return [
        Circumstance(p, "on the failing example", lenient=not len(p.x) or not _is_bounded(p))
        for p in small[:_MOST_EXAMPLES]
    ]


def _is_bounded(problem: AnyProblem) -> bool:
    with np.errstate(all="ignore"):
        return all(np.isfinite(ball.radius).all() for ball in balls("step", problem, points=False).values())
