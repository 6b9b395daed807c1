"""The pytest plugin: ``pytest --refnet TARGET`` adds one item a clause and dtype, with the same ids for everyone.

It is loaded in every run of pytest where refnet is installed, so it imports the suite only when a target is named.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from refnet.conformance.pytest_cases import BoundCase

_N = TypeVar("_N", int, float)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings."""
    group = parser.getgroup("refnet", "conformance of a two-layer network")
    group.addoption(
        "--refnet",
        action="append",
        default=[],
        metavar="TARGET",
        help="check an implementation: package.module, package.module:object, file.py or file.py:object (repeatable)",
    )
    group.addoption(
        "--refnet-xfail",
        action="append",
        default=[],
        metavar='"CLAUSE: reason"',
        help="a clause, or a case such as UPD-1[float32], that is expected to fail, strictly (repeatable)",
    )
    group.addoption("--refnet-examples", type=int, default=None, metavar="N", help="examples a clause")
    group.addoption("--refnet-seed", type=int, default=None, metavar="N", help="explore from a seed, not derandomized")
    group.addoption("--refnet-timeout", type=float, default=None, metavar="SECONDS", help="what a call may take")
    group.addoption("--refnet-memory", type=int, default=None, metavar="MIB", help="what memory a target may take")
    group.addoption(
        "--refnet-in-process",
        action="store_true",
        default=False,
        help="run the implementations in this process, not each in one of its own",
    )
    parser.addini("refnet_timeout", "seconds that a call may take, as --refnet-timeout", default="")
    parser.addini("refnet_memory", "MiB that a target may take, as --refnet-memory", default="")
    parser.addini("refnet_in_process", "run the implementations in this process", type="bool", default=False)
    parser.addini("refnet_targets", "implementations to check, as --refnet names them", type="args", default=[])
    parser.addini("refnet_xfail", "what is expected to fail, a line each: CLAUSE: reason", type="linelist", default=[])


def _targets(config: pytest.Config) -> list[str]:
    return list(dict.fromkeys([*config.getini("refnet_targets"), *config.getoption("--refnet")]))


_CASES: "pytest.StashKey[dict[str, list[tuple[str, BoundCase]]]]" = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Load each target. Raises UsageError for a target or a clause that there is not, before xdist starts workers."""
    config.stash[_CASES] = {target: _cases(config, target) for target in _targets(config)}


def _cases(config: pytest.Config, target: str) -> "list[tuple[str, BoundCase]]":
    from refnet.adapters.isolated import loaded  # conformance imports no adapter but here and in parametrize
    from refnet.conformance.expected import expected_failures
    from refnet.conformance.planning import EXAMPLES, PlanError, plan
    from refnet.conformance.pytest_cases import bound_cases
    from refnet.conformance.target import TargetError

    examples = config.getoption("--refnet-examples")
    try:
        net = loaded(
            target,
            in_process=config.getoption("--refnet-in-process") or config.getini("refnet_in_process"),
            timeout=_number(config, "refnet_timeout", float),
            memory=_number(config, "refnet_memory", int),
        )
        asked = plan(
            net,
            examples=EXAMPLES if examples is None else examples,
            seed=config.getoption("--refnet-seed"),
            expected=expected_failures([*config.getini("refnet_xfail"), *config.getoption("--refnet-xfail")]),
        )
    except (TargetError, PlanError) as error:
        raise pytest.UsageError(f"--refnet {target}: {error}") from error
    return bound_cases(net, asked)


def _number(config: pytest.Config, name: str, kind: type[_N]) -> _N | None:
    """Return the option of that name, or the setting, or None. Raises UsageError for a setting that is no number."""
    asked: _N | None = config.getoption(name)
    word = config.getini(name)
    if asked is not None or not word:
        return asked
    try:
        return kind(word)
    except ValueError as error:
        raise pytest.UsageError(f"{name} is {word!r}, expected a number") from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested."""
    targets = _targets(config)
    if not targets:
        return []
    import refnet
    from refnet import specification

    return [f"refnet {refnet.__version__}, specification {specification.version()}: checks {', '.join(targets)}"]


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose among the items
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the items of each target, as pytest adds those of a file: with a report, by which it counts them."""
    for target in config.stash[_CASES]:
        collector = Target.from_parent(session, name=target, nodeid=f"refnet::{target}")
        collector.ihook.pytest_collectstart(collector=collector)
        report = collector.ihook.pytest_make_collect_report(collector=collector)
        collector.ihook.pytest_collectreport(report=report)
        items.extend(report.result)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which may not be there
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Return a scheduler that keeps together what shares work; None where there is nothing of ours, or another way."""
    if not config.stash[_CASES] or config.getoption("dist") != "load":
        return None
    from refnet.conformance.spreading import Spreading

    return Spreading(config, log)


class Target(pytest.Collector):
    """The items of one implementation."""

    def collect(self) -> Iterator["ClauseItem"]:
        """Yield one item a clause and dtype."""
        for name, case in self.config.stash[_CASES][self.name]:
            # The whole id, which pytest takes apart as it does one of its own: --last-failed compares the parts.
            yield ClauseItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", case=case)


class ClauseItem(pytest.Item):
    """One clause for one dtype."""

    def __init__(self, *, case: "BoundCase", **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]  # pytest's own constructor protocol
        self.case = case

    def runtest(self) -> None:
        """Run the case."""
        self.case.check()

    def reportinfo(self) -> tuple[str, None, str]:
        """Return what pytest prints above a failure."""
        return self.case.net.name, None, f"{self.parent.name if self.parent else ''} {self.name}"
