"""The conformance suite: one check for each clause, run by the command line, by pytest, or from a test file.

>>> import refnet.seed
>>> net = implementation(refnet.seed)
>>> report(net, plan(net, clauses=("FWD-1",), dtypes=("float32",), activations=("relu",))).conforms
True
"""

from typing import TYPE_CHECKING, Any

from refnet.conformance import layouts, strategies
from refnet.conformance.engine import Case, Plan, PlanError, cases, plan, report, verdict
from refnet.conformance.implementation import Implementation, TargetError, implementation, load
from refnet.conformance.problem import Problem, generate
from refnet.conformance.report import as_document, text
from refnet.conformance.verdict import Report, Verdict

if TYPE_CHECKING:
    import pytest

__all__ = [
    "Case",
    "Implementation",
    "Plan",
    "PlanError",
    "Problem",
    "Report",
    "TargetError",
    "Verdict",
    "as_document",
    "cases",
    "generate",
    "implementation",
    "layouts",
    "load",
    "parametrize",
    "plan",
    "report",
    "strategies",
    "text",
    "verdict",
]


def parametrize(target: object, **asked: Any) -> "pytest.MarkDecorator":
    """Return the mark that runs a test function once for each clause, as ``case``.

    ``target`` is an implementation, or the name of one. ``asked`` are the keywords of `plan`. Needs pytest. Raises
    TargetError and PlanError as `load`, `implementation` and `plan` do.

        @refnet.conformance.parametrize(MyNet())
        def test_mynet(case):
            case.check()
    """
    from refnet.conformance.pytest_cases import marked  # pytest is wanted here alone

    net = load(target) if isinstance(target, str) else implementation(target)
    return marked(net, plan(net, **asked))
