"""What a check could not have seen: the listed faults that it would not refuse on the examples that it had."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from refnet import faults
from refnet.conformance.exploring import explored
from refnet.conformance.loading import implementation
from refnet.conformance.planning import EXAMPLES, Case, Plan
from refnet.conformance.problem import TUTORIAL, work
from refnet.conformance.suite import CHECKS
from refnet.conformance.target import Implementation, Pace
from refnet.conformance.verdicts import Verdict
from refnet.faults import Fault
from refnet.formats import Dtype
from refnet.network import Activation

Passed: TypeAlias = dict[tuple[str, Dtype, Activation], Verdict]


def hidden_faults(net: Implementation, plan: Plan, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the names of the listed faults that could hide in what passes.

    Each fault is checked for its own clause, and then for all that pass, on the examples of these verdicts. None can
    hide in a run with all examples, which the tests hold; so only a shorter one is looked at.
    """
    if plan.examples >= EXAMPLES and not net.pace.note and not any(verdict.left_out for verdict in verdicts):
        return []
    passed = {(v.clause, v.dtype, v.activation): v for v in verdicts if v.outcome == "pass"}
    return [fault.name for fault in faults.CATALOGUE.values() if _could_hide(fault, net, plan, passed)]


def _could_hide(fault: Fault, net: Implementation, plan: Plan, passed: Passed) -> bool:
    """Return whether no clause that passes refuses the fault in any format, and its own does in the run of everyone."""
    made = fault.make()
    formats = {(dtype, activation) for dtype in made.dtypes for activation in made.activation}
    verdicts = [v for v in passed.values() if v.level == "MUST" and (v.dtype, v.activation) in formats]
    its_own = [verdict for verdict in verdicts if verdict.clause == fault.clause]
    if not its_own:
        return False
    first_its_own = sorted(verdicts, key=lambda verdict: verdict.clause != fault.clause)
    if any(_refused(_with(fault, net, net.pace), plan, verdict, verdict.examples) for verdict in first_its_own):
        return False
    everyone, quick = plan._replace(examples=EXAMPLES, seed=None), Pace()
    quick.most_work = work(TUTORIAL)
    return any(_refused(_with(fault, net, quick), everyone, verdict, None) for verdict in its_own)


def _with(fault: Fault, net: Implementation, pace: Pace) -> Implementation:
    """Return the implementation with the fault that has the operations and the pace of the other one."""
    wrong = implementation(fault.make())
    wrong.pace.most_work, wrong.pace.few_shapes = pace.most_work, pace.few_shapes
    wrong.pace.seconds = -math.inf  # so that no example is left out because the machine is busy
    return wrong._replace(operations={name: f for name, f in wrong.operations.items() if name in net.operations})


def _refused(wrong: Implementation, plan: Plan, verdict: Verdict, most: int | None) -> bool:
    case = Case(verdict.clause, verdict.dtype, verdict.activation)
    seen = explored(wrong, plan, case, CHECKS[verdict.clause], most=most)
    return seen.failing is not None or bool(seen.eclipsing)
