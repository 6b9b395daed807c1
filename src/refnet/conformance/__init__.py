"""The conformance suite: one check for each clause, run by the command line, by pytest, or from a test file.

>>> import refnet.seed
>>> net = implementation(refnet.seed)
>>> run(net, plan(net, clauses=("FWD-1",), dtypes=("float32",), activations=("relu",))).conforms
True
"""

from typing import TYPE_CHECKING, Any

from refnet.conformance import layouts, strategies
from refnet.conformance.engine import Case, Plan, PlanError, cases, plan, run, run_case
from refnet.conformance.problem import Problem, generate
from refnet.conformance.target import Implementation, TargetError, implementation, load
from refnet.conformance.verdicts import Report, Verdict
from refnet.conformance.views import as_document, text

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
    "run",
    "run_case",
    "strategies",
    "text",
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
