"""What a check finds, and the verdict on a clause. Everything that is printed or written is a view of these."""

from typing import Any, Literal, NamedTuple, TypeAlias

from refnet.conformance.problem import AnyProblem
from refnet.formats import Dtype
from refnet.judgement import Miss
from refnet.network import Activation
from refnet.specification import Level

Outcome: TypeAlias = Literal["pass", "fail", "warn", "skip", "xfail", "error"]


class Fault(NamedTuple):
    """What is wrong, in one sentence; the operation and component it shows in; lines that set the scene, if any.

    ``problem``: the arguments on which it shows, where they are not the ones that the check was given. ``lost``:
    whether the call never came back, since it hung or died. ``given``: those of each call in turn, where they are not
    the problem's, or are so more than once.
    """

    message: str
    operation: str
    component: str = ""
    miss: Miss | None = None
    scene: tuple[str, ...] = ()
    problem: AnyProblem | None = None
    lost: bool = False
    given: tuple[AnyProblem, ...] = ()


class Finding(NamedTuple):
    """What one check of one problem shows.

    ``ratio`` and ``width`` are the largest of `refnet.judgement.Comparison`; ``judged`` counts what was compared, and
    a check that compared nothing has shown nothing. ``slope`` is the slope at the kink, where it was read.
    ``eclipsed``: faults of operations that are wrong even without what the clause is about: another clause's to name.
    """

    judged: int = 0
    ratio: float | None = None
    width: float | None = None
    fault: Fault | None = None
    slope: str | None = None
    eclipsed: tuple[Fault, ...] = ()

    def joined(self, other: "Finding") -> "Finding":
        """Return both findings as one; the first fault stays."""
        return Finding(
            self.judged + other.judged,
            _larger(self.ratio, other.ratio),
            _larger(self.width, other.width),
            self.fault or other.fault,
            self.slope or other.slope,
            self.eclipsed + other.eclipsed,
        )


NOTHING = Finding()
HELD = Finding(judged=1)


def wrong(
    message: str,
    operation: str,
    scene: tuple[str, ...] = (),
    problem: AnyProblem | None = None,
    *,
    lost: bool = False,
) -> Finding:
    """Return the finding of a fault that is no matter of size."""
    return Finding(judged=1, fault=Fault(message, operation, scene=scene, problem=problem, lost=lost))


def given(finding: Finding, *problems: AnyProblem) -> Finding:
    """Return the finding with a fault that says what the operation was called with, in turn."""
    return finding if finding.fault is None else finding._replace(fault=finding.fault._replace(given=problems))


class Counterexample(NamedTuple):
    """The smallest problem found on which the clause does not hold, and lines of Python that reproduce it.

    ``piped``: for a program that speaks the protocol of commands, the lines to pipe into it; none where they are long.
    """

    problem: AnyProblem
    fault: Fault
    lines: tuple[str, ...]
    piped: tuple[str, ...] = ()


class Likely(NamedTuple):
    """A listed fault that does what the implementation does, on ``matched`` of ``of`` inputs on which that shows.

    ``whole``: whether it explains all that is wrong, not this operation alone.
    """

    fault: str
    matched: int
    of: int
    note: str
    whole: bool


class Diagnosis(NamedTuple):
    """What explains a failure: evidence, and no part of the verdict. What nothing is known of is empty.

    ``likely``: the listed faults that explain it, alike if several. ``where``: "only when N = 1". ``ratio``: by which
    factor ``subject`` is wrong, in terms of the sizes: "1/N" of "every gradient". ``bits``: how many leading bits of it
    are right. ``precision``: to how many bits the operands seem to be rounded, and where.
    """

    likely: tuple[Likely, ...] = ()
    where: str = ""
    ratio: str = ""
    subject: str = ""
    bits: float | None = None
    precision: str = ""


class Verdict(NamedTuple):
    """The verdict on one clause for one dtype and activation.

    ``worst_ratio``: the largest |value - centre| / radius seen. ``widest_bound`` and ``typical_bound``: the largest and
    the median, over the examples, of the largest radius by the largest value.
    """

    clause: str
    level: Level
    title: str
    dtype: Dtype
    activation: Activation
    outcome: Outcome
    examples: int = 0
    worst_ratio: float | None = None
    widest_bound: float | None = None
    typical_bound: float | None = None
    message: str = ""
    counterexample: Counterexample | None = None
    slope: str | None = None
    left_out: int = 0  # examples that an implementation was too slow for
    diagnosis: Diagnosis | None = None


class Report(NamedTuple):
    """All verdicts on one target."""

    target: str
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether every MUST that was checked holds, and something was: one that fails as expected does not hold."""
        outcomes = {verdict.outcome for verdict in self.verdicts}
        missed = any(verdict.outcome == "xfail" and verdict.level == "MUST" for verdict in self.verdicts)
        return not outcomes & {"fail", "error"} and not missed and bool(outcomes & {"pass", "warn", "xfail"})

    @property
    def kink(self) -> str | None:
        """The slope at h == 0: "0", "0.5", "1", "other" where it is none of these, "mixed" where dtypes differ."""
        slopes = {verdict.slope for verdict in self.verdicts if verdict.slope is not None}
        return None if not slopes else slopes.pop() if len(slopes) == 1 else "mixed"


KINK_CONVENTIONS = {
    "0": "0, as PyTorch's and TensorFlow's relu",
    "0.5": "0.5, as JAX's maximum",
    "1": "1, as the seed has it",
    "other": "none of 0, 1/2 and 1, or not the same one everywhere",
    "mixed": "not the same one in every dtype",
}


def _larger(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)


def as_json(value: Any) -> Any:
    """Return a number as JSON can carry it: the non-finite ones as strings. Anything else is returned as it is."""
    if isinstance(value, float) and not (float("-inf") < value < float("inf")):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value
