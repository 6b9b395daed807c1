"""``refnet faults``, ``refnet explain`` and ``refnet check --demo``: a newcomer sees a failure before having one."""

import pytest

from refnet import faults, specification
from refnet.cli import main
from refnet.conformance import load
from refnet.conformance.checks import CHECKS
from refnet.conformance.glossary import target_of
from refnet.faults import CATALOGUE


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(arguments) == status
    written = capsys.readouterr()
    assert bool(written.err) == (status == 2)
    return written.err if status == 2 else written.out


def test_the_list_has_a_line_for_every_fault_under_its_family(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "faults").splitlines()
    assert lines[0].startswith(f"{len(CATALOGUE)} known mistakes")
    assert [line for line in lines if line in faults.FAMILIES] == list(faults.FAMILIES)
    listed = [line.split()[:2] for line in lines if line.startswith("  ")]
    assert listed == [[fault.name, fault.clause] for fault in CATALOGUE.values()]
    assert max(map(len, lines)) < 120


def test_a_fault_is_explained_with_the_wrong_line_the_right_one_and_a_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = said(capsys, "faults", "mask-from-activation")
    for line in (
        "mask-from-activation (mask)",
        "wrong  gh = np.where(a < 0, 0, ga)",
        "right  gh = np.where(h < 0, 0, ga)",
        "shows  h < 0 somewhere",
        "breaks GRAD-1 (MUST): The gradient of w1 is x^T gh, within rounding.",
        "as     mask-missing: the same function, so no check can tell them apart",
        "FAIL GRAD-1 relu float32 (MUST): The gradient of w1 is x^T gh, within rounding.",
        "  only where h < 0",
        "  smallest example found: N = 1, D = 1, H = 1, O = 1",
    ):
        assert line in page.splitlines()
    assert "explained by mask-from-activation, which does the same on" in page
    assert " ".join(page.split()).count(CATALOGUE["mask-from-activation"].note) == 1


def test_a_fault_that_is_like_no_other_says_nothing_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\nas     " not in said(capsys, "faults", "relu6")


def test_a_clause_is_printed_as_the_specification_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    clause = specification.clauses()["GRAD-1"]
    page = said(capsys, "explain", "grad-1")
    assert page.startswith(f"GRAD-1 (MUST) {clause.title}\n\n{clause.text}\n")
    named = {name for line in page.partition("Known mistakes")[2].splitlines()[1:] for name in line.split(", ")}
    assert {name.rstrip(",") for name in named} == {f.name for f in CATALOGUE.values() if f.clause == "GRAD-1"}
    assert "Known mistakes" not in said(capsys, "explain", "DOC-1")


@pytest.mark.parametrize("clause", CHECKS)
def test_every_clause_says_what_is_checked(clause: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "\nChecked: " in said(capsys, "explain", clause)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("faults", "mask-mising"), "refnet: there is no fault 'mask-mising': did you mean mask-missing or "),
        (("faults", "qqq"), "refnet: there is no fault 'qqq': `refnet faults` lists those that there are"),
        (("explain", "GRAD-99"), "refnet: there is no clause 'GRAD-99'; there are GRAD-1, GRAD-2,"),
        (("explain", "x"), "refnet: there is no clause 'x'; there are FWD-1, "),
        (("check", "--demo", "qqq"), "refnet: cannot check qqq: there is no fault 'qqq': `refnet faults` lists"),
        (
            ("check", "mine.py", "--demo", "relu6"),
            "refnet: --demo relu6 stands in place of a target: leave mine.py out",
        ),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, *arguments, status=2).startswith(message)


def test_a_demonstration_checks_the_fault_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    report = said(capsys, "check", "--demo", "missing-factor-2", "--clause", "GRAD-2", "--dtype", "float32", status=1)
    assert "DOES NOT CONFORM: GRAD-2\n  most likely missing-factor-2: " in report
    assert "explained by missing-factor-2, which does the same on" in report
    assert "every gradient is half of what it should be" in report


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_fault_is_a_target(fault: faults.Fault) -> None:
    net = load(target_of(fault))
    assert net.dtypes == tuple(fault.make().dtypes)
    assert set(net.operations) == {"forward", "loss", "grads", "update", "step"}
