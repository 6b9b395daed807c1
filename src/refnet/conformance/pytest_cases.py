"""One pytest case a clause and dtype: what the plugin and `refnet.conformance.parametrize` have in common."""

from typing import NamedTuple

import pytest

from refnet.conformance import cores
from refnet.conformance.engine import run_case
from refnet.conformance.planning import Case, Plan, cases
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import Verdict
from refnet.conformance.views import evidence


class BoundCase(NamedTuple):
    """A case of one implementation, ready to run."""

    net: Implementation
    plan: Plan
    case: Case

    def check(self) -> Verdict:
        """Run the case. Fails, skips or xfails the running pytest test with the evidence, or returns the verdict."""
        with cores.shared(self.net):
            found = run_case(self.net, self.plan, self.case)
        if found.outcome in ("fail", "error"):
            pytest.fail("\n".join(evidence(found)), pytrace=False)
        if found.outcome == "skip":
            pytest.skip(f"{found.clause}: {found.message}")
        if found.outcome == "xfail":
            pytest.xfail(found.message)
        if found.outcome == "warn":
            print("\n".join(evidence(found)))  # a SHOULD never decides: pytest shows it with -rP
        return found


def bound_cases(net: Implementation, plan: Plan) -> list[tuple[str, BoundCase]]:
    """Return every case of the plan with its id."""
    several = len(plan.activations) > 1
    return [(case.id(with_activation=several), BoundCase(net, plan, case)) for case in cases(plan)]


def marked(net: Implementation, plan: Plan) -> pytest.MarkDecorator:
    """Return the mark that parametrizes a test with ``case``."""
    every = bound_cases(net, plan)
    return pytest.mark.parametrize("case", [case for _, case in every], ids=[name for name, _ in every])
