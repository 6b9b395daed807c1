"""What is to be run: which clauses, for which formats and activations, with how many examples."""

from typing import NamedTuple, get_args

from refnet import specification
from refnet.conformance.suite import CHECKS
from refnet.conformance.target import Implementation
from refnet.formats import Dtype, numpy_dtype
from refnet.network import Activation, ArgumentTypeError

EXAMPLES = 30


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
    PlanError for what there is not, for a dtype or an activation that the target lacks, for an expected failure
    without a reason or with two, for a number of examples below 1, and for a seed below 0.
    """
    several: dict[str, object] = {"activations": activations, "dtypes": dtypes, "clauses": clauses}
    for name, words in several.items():
        if isinstance(words, str):
            raise PlanError(f'{name} is {words!r}, a str, expected a tuple: write ("{words}",)')
    for asked, known in ((dtypes, get_args(Dtype)), (activations, get_args(Activation))):
        for word in asked:
            if word not in known:
                raise PlanError(f"there is no {word!r}; there are {', '.join(known)}")
    for lacking, why in net.lacks:
        if lacking in (*(dtypes or net.dtypes), *activations):  # the dtypes of the net with --storage
            raise PlanError(f"there is no {lacking} in {net.name}: {why}")
    for dtype in dtypes or net.dtypes:
        try:
            numpy_dtype(dtype)
        except ArgumentTypeError as error:  # said once, before the run, and not by every clause
            raise PlanError(str(error)) from error
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
