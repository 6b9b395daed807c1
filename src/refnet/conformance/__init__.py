"""The conformance suite: one check for each clause, run by the command line, by pytest, or from a test file.

>>> import refnet.seed
>>> from refnet.conformance import implementation, plan, run
>>> net = implementation(refnet.seed)
>>> run(net, plan(net, clauses=("FWD-1",), dtypes=("float32",), activations=("relu",))).conforms
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from refnet.conformance import layouts as layouts
    from refnet.conformance import strategies as strategies
    from refnet.conformance.engine import run, run_case
    from refnet.conformance.loading import implementation, load
    from refnet.conformance.planning import Case, Plan, PlanError, cases, plan
    from refnet.conformance.problem import Problem, generate
    from refnet.conformance.target import Implementation, TargetError
    from refnet.conformance.verdicts import Report, Verdict
    from refnet.conformance.views import as_document, text
    from refnet.formats import Dtype
    from refnet.network import Activation

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

_HOMES = {
    "engine": ("run", "run_case"),
    "planning": ("Case", "Plan", "PlanError", "cases", "plan"),
    "problem": ("Problem", "generate"),
    "loading": ("implementation", "load"),
    "target": ("Implementation", "TargetError"),
    "verdicts": ("Report", "Verdict"),
    "views": ("as_document", "text"),
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import on first use: pytest loads the plugin beside this file in every run, and needs none of the suite."""
    if name in ("layouts", "strategies"):
        return import_module(f"refnet.conformance.{name}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"refnet.conformance.{home}"), name)
    raise AttributeError(f"module 'refnet.conformance' has no attribute {name!r}")


def parametrize(
    target: object,
    *,
    activations: "tuple[Activation, ...]" = (),
    dtypes: "tuple[Dtype, ...]" = (),
    clauses: tuple[str, ...] = (),
    examples: int | None = None,
    seed: int | None = None,
    expected: tuple[tuple[str, str], ...] = (),
    isolated: bool = False,
    timeout: float | None = None,
) -> "pytest.MarkDecorator":
    """Return the mark that runs a test function once for each clause, dtype and activation, as ``case``.

    ``target`` is an implementation, or the name of one. The keywords are those of `plan`; ``examples`` None is its
    default. ``isolated`` runs a target that is named in a process of its own, where a call may take ``timeout``
    seconds; an object stays in this one. Needs pytest. Raises TargetError and PlanError as `load`, `implementation` and
    `plan` do.

        @refnet.conformance.parametrize(MyNet())
        def test_mynet(case):
            case.check()
    """
    from refnet.conformance.loading import implementation, load
    from refnet.conformance.planning import EXAMPLES, plan
    from refnet.conformance.pytest_cases import marked  # pytest is wanted here alone
    from refnet.conformance.target import TargetError

    if isolated and isinstance(target, str):
        from refnet.adapters.isolated import loaded  # conformance imports no adapter but here and in the plugin

        net = loaded(target, timeout=timeout)
    elif isolated or timeout is not None:
        what = "isolated" if isolated else "timeout"
        raise TargetError(f"{what} needs the name of a target, and isolated=True: an object stays in this process")
    else:
        net = load(target) if isinstance(target, str) else implementation(target)
    asked = plan(
        net,
        activations=activations,
        dtypes=dtypes,
        clauses=clauses,
        examples=EXAMPLES if examples is None else examples,
        seed=seed,
        expected=expected,
    )
    return marked(net, asked)
