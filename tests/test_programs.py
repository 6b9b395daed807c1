"""The programs to start from: each conforms in both formats, and its wrong twin is refused with the right diagnosis."""

import os
import sys

import pytest
from languages import PROGRAMS, compiled, node

from refnet import adapters
from refnet.conformance import Report, plan, run, text
from refnet.conformance.planning import EXAMPLES
from refnet.conformance.target import OPERATIONS


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> str:
    """The command of a program, by its name and what makes it wrong."""
    name, *wrong = request.param.split()
    if name == "net.js":
        return f"{node()} {PROGRAMS / name} {' '.join(wrong)}"
    if name == "net.py":
        return f"{sys.executable} -IS {PROGRAMS / name} {' '.join(wrong)}"
    binary = tmp_path_factory.mktemp("programs") / "net"
    return str(compiled(PROGRAMS / "net.c", binary, *(f"-D{word}" for word in wrong)))


THOROUGH = os.environ.get("REFNET_PROFILE") == "thorough"


def checked(command: str, *, clauses: tuple[str, ...] = ()) -> Report:
    """The report of the default check where time is no matter, and of fewer and smaller examples else."""
    net = adapters.load_command(command)
    net.pace.most_work = None if THOROUGH else 5_000
    assert tuple(net.operations) == OPERATIONS
    assert net.activations == ("relu", "identity")
    return run(net, plan(net, clauses=clauses, examples=EXAMPLES if THOROUGH else 3))


@pytest.mark.parametrize("command", ["net.c", "net.c REAL=float", "net.js", "net.py"], indirect=True)
def test_the_program_conforms(command: str) -> None:
    found = checked(command)
    assert found.conforms, text(found)
    assert found.kink == "1"
    outcomes = {verdict.clause: verdict.outcome for verdict in found.verdicts if verdict.activation == "relu"}
    assert {clause for clause, outcome in outcomes.items() if outcome == "warn"} == set()
    skipped = {clause for clause, outcome in outcomes.items() if outcome == "skip"}
    assert skipped == {*(f"PURE-{i}" for i in (1, 2, 3)), *(f"LAYOUT-{i}" for i in (1, 2, 3, 4))}


@pytest.mark.parametrize(
    ("command", "clauses", "fault"),
    [
        ("net.c NO_MASK", {"GRAD-1", "GRAD-2", "STEP-1"}, "mask-missing"),
        ("net.c NO_MASK REAL=float", {"GRAD-1", "GRAD-2", "STEP-1"}, "mask-missing"),
        ("net.js mean", {"LOSS-1", "GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4", "STEP-1"}, "mean-over-elements"),
        ("net.py stale", {"STEP-1"}, "w1-gradient-with-updated-w2"),
    ],
    indirect=["command"],
)
def test_its_wrong_twin_is_refused(command: str, clauses: set[str], fault: str) -> None:
    found = checked(command, clauses=("FWD-1", "LOSS-1", "GRAD", "UPD-1", "STEP-1"))
    failed = [verdict for verdict in found.verdicts if verdict.outcome == "fail"]
    assert {verdict.clause for verdict in failed} >= clauses, text(found)
    for verdict in failed:
        assert verdict.diagnosis is not None
        assert fault in {likely.fault for likely in verdict.diagnosis.likely}, text(found)


@pytest.mark.parametrize("name", ["net.c", "net.js", "net.py"])
def test_the_program_is_short(name: str) -> None:
    assert len((PROGRAMS / name).read_text(encoding="utf-8").splitlines()) < 150


def test_every_program_is_tried() -> None:
    assert {path.name for path in PROGRAMS.iterdir() if path.is_file()} == {
        "net.c",
        "net.js",
        "net.py",
        "bad.py",
        "library.c",
        "network.inc",
    }
