"""BLAS in the checker's process leaves the cores to the target and to other workers, and nothing else changes."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]  # it has no types

from refnet import cli
from refnet.adapters import isolated, load_command
from refnet.conformance import cores, generate, load, plan, pytest_cases
from refnet.conformance.target import Implementation

PROBLEM = generate("normal", (3, 2, 4, 2), "float64", "relu", 0)
PROGRAM = f"{sys.executable} -IS '{Path(__file__).parent / 'programs' / 'net.py'}'"

SAYS = """
import os
from threadpoolctl import threadpool_info

def loss(params, x, y):
    if os.environ.get("OMP_NUM_THREADS") != TOLD:
        raise ValueError(os.environ)
    return float(max(each["num_threads"] for each in threadpool_info()))
"""


def threads() -> list[int]:
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


BLAS_HAS_THREADS = pytest.mark.skipif(max(threads(), default=1) < 2, reason="BLAS has one thread here")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")


def among(net: Implementation) -> list[int]:
    with cores.shared(net):
        return threads()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)


@BLAS_HAS_THREADS
def test_a_target_in_this_process_keeps_its_threads() -> None:
    assert among(load("refnet.seed")) == threads()


@POSIX
@BLAS_HAS_THREADS
@pytest.mark.parametrize("loaded", [lambda: isolated.load("refnet.seed"), lambda: load_command(PROGRAM)])
def test_beside_a_target_elsewhere_blas_has_one_thread_and_then_its_own_again(loaded: Any) -> None:
    before = threads()
    assert set(among(loaded())) == {1}
    assert threads() == before


@BLAS_HAS_THREADS
def test_workers_share_the_cores_and_none_has_more_threads_than_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    net = load("refnet.seed")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for workers, most in ((1, max(threads())), (2, 4), (3, 2), (8, 1), (20, 1)):
        monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(workers))
        assert set(among(net)) == {min(most, *threads())}
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    with threadpool_limits(limits=1, user_api="blas"):
        assert set(among(net)) == {1}


@POSIX
@pytest.mark.parametrize("told", [None, "3"])
def test_the_process_of_a_target_has_the_environment_and_the_threads_that_were_given(
    told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "says.py").write_text(SAYS.replace("TOLD", repr(told)))
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    net = isolated.load(str(tmp_path / "says.py"))
    alone = net.run("loss", PROBLEM)["loss"]
    with cores.shared(net):
        fresh = isolated.load(str(tmp_path / "says.py"))
        assert net.run("loss", PROBLEM)["loss"] == fresh.run("loss", PROBLEM)["loss"] == alone


@POSIX
@BLAS_HAS_THREADS
def test_a_target_of_one_worker_of_many_has_its_share_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "says.py").write_text(SAYS.replace("TOLD", repr(os.environ.get("OMP_NUM_THREADS"))))
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "64")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert isolated.load(str(tmp_path / "says.py")).run("loss", PROBLEM)["loss"] == 1


@POSIX
@BLAS_HAS_THREADS
def test_the_command_and_each_case_of_pytest_share(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def stops(*_: object) -> None:
        seen.append(set(threads()))
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", stops)
    monkeypatch.setattr(pytest_cases, "run_case", stops)
    assert cli.main(["check", "refnet.seed"]) == cli.INTERRUPTED
    net = isolated.load("refnet.seed")
    (_, case), *_ = pytest_cases.bound_cases(net, plan(net, clauses=("LOSS-1",)))
    with pytest.raises(KeyboardInterrupt):
        case.check()
    assert seen == [{1}, {1}]
