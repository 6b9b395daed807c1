"""The command line: exit statuses with their reasons, and every option of ``refnet check``."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

import refnet
from refnet import cli, specification
from refnet.cli import main
from refnet.conformance.checks import CHECKS

FILES = {
    "right.py": "import numpy as np\ndef loss(params, x, y):\n    w1, b1, w2, b2 = params\n"
    "    return np.square(np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y).sum()",
    "mean.py": "import numpy as np\ndef loss(params, x, y):\n    w1, b1, w2, b2 = params\n"
    "    return np.square(np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y).mean()",
    "raises.py": "raise SystemExit(0)",
    "empty.py": "",
    "other.py": "def update(params, grads, lr):\n    return params",
}
FAST = ("--examples", "2", "--dtype", "float64")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a right implementation, a wrong one, and some that are none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(["check", *arguments, "--json", "-"])
    written: dict[str, Any] = json.loads(capsys.readouterr().out)
    return written


# Exit statuses.


@pytest.mark.parametrize(
    ("arguments", "status", "headline"),
    [
        (("right.py", "--clause", "LOSS"), 0, "CONFORMS: every MUST that was checked holds"),
        (("mean.py", "--clause", "LOSS-1", "--clause", "LOSS-2"), 1, "DOES NOT CONFORM: LOSS-1"),
        (("mean.py", "--clause", "LOSS-2"), 0, "CONFORMS: every MUST that was checked holds"),
        (("right.py", "--clause", "ERR-1"), 0, "CONFORMS: every MUST that was checked holds"),  # it broadcasts
        (
            ("mean.py", "--clause", "LOSS-1", "--xfail", "LOSS-1: a mean"),
            0,
            "AS EXPECTED: nothing fails but the 1 e",
        ),
        (("mean.py", "--clause", "LOSS-1", "--xfail", "LOSS-1[float64]: a mean"), 0, "AS EXPECTED: nothing fails but"),
        (("mean.py", "--clause", "LOSS-1", "--xfail", "LOSS-1[float32]: a mean"), 1, "DOES NOT CONFORM: LOSS-1"),
        (("right.py", "--clause", "LOSS-1", "--xfail", "LOSS-1: a mean"), 1, "DOES NOT CONFORM: LOSS-1"),
        (("other.py", "--clause", "LOSS"), 2, "NOT CHECKED: nothing in it could be judged"),
    ],
)
def test_the_status_says_what_the_headline_says(
    arguments: tuple[str, ...], status: int, headline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments, *FAST]) == status
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith(f"refnet {refnet.__version__}, specification ")
    assert lines[0].endswith(f": {arguments[0]}")
    assert lines[2].startswith(headline)
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("missing.py",), "refnet: cannot check missing.py: there is no file missing.py\n"),
        (("missing",), "refnet: cannot check missing: there is no module missing: give a module that can be imported,"),
        (("raises.py",), "refnet: cannot check raises.py: raises.py cannot be imported: SystemExit: 0\n"),
        (("empty.py",), "refnet: cannot check empty.py: empty.py has none of forward, loss, grads, update, step: "),
        (("right.py:nothing",), "refnet: cannot check right.py:nothing: right.py has no 'nothing'; it has loss\n"),
        (
            ("right.py", "--clause", "NOPE"),
            "refnet: cannot check right.py: there is no clause 'NOPE'; there are ",
        ),
        (("right.py", "--clause", "DOC-1"), "refnet: cannot check right.py: DOC-1 binds the reference, and no imp"),
        (("right.py", "--examples", "0"), "refnet: cannot check right.py: examples is 0, expected at least 1\n"),
        (("right.py", "--seed", "-1"), "refnet: cannot check right.py: seed is -1, expected at least 0\n"),
        (
            ("right.py", "--xfail", "LOSS-1: a", "--xfail", "LOSS-1: b"),
            "refnet: cannot check right.py: the failure of LOSS-1 is expected twice: give it once, with one reason\n",
        ),
        (
            ("right.py", "--xfail", "LOSS-1"),
            "refnet: cannot check right.py: the expected failure 'LOSS-1' gives no",
        ),
        (
            ("right.py", "--xfail", "LOSS-1: "),
            "refnet: cannot check right.py: the expected failure 'LOSS-1: ' gives",
        ),
        (("right.py", "--xfail", "NOPE-1: why"), "refnet: cannot check right.py: there is no clause 'NOPE-1'; there"),
    ],
)
def test_what_cannot_be_checked_is_status_2_with_the_reason(
    arguments: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(why)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("chekc",), "invalid choice: 'chekc'"),
        (("check", "--dtype", "float8"), "argument --dtype: invalid choice: 'float8'"),
        (("check", "--activation", "tanh"), "argument --activation: invalid choice: 'tanh'"),
        (("check", "--examples", "many"), "argument --examples: invalid int value: 'many'"),
        (("check", "--seed", "1.5"), "argument --seed: invalid int value: '1.5'"),
        (("check", "right.py", "mean.py"), "unrecognized arguments: mean.py"),
        (("train",), "the following arguments are required: experiment"),
        (("train", "tanh"), "invalid choice: 'tanh'"),
        (("train", "relu", "--steps", "-1"), "argument --steps: '-1' is not a whole number of at least 0"),
        (("train", "relu", "--steps", "1e3"), "argument --steps: '1e3' is not a whole number of at least 0"),
        (("train", "relu", "--seed", "-1"), "argument --seed: '-1' is not a whole number of at least 0"),
        *(
            (("train", "relu", "--lr", r), f"argument --lr: '{r}' is not a finite number")
            for r in ("fast", "nan", "inf")
        ),
    ],
)
def test_a_mistake_in_the_command_is_status_2(
    arguments: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert why in capsys.readouterr().err


def broken(*_: object) -> NoReturn:
    raise RuntimeError("of its own")


def test_a_mistake_of_refnet_blames_nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "run", broken)
    assert main(["check", "right.py"]) == 2
    assert capsys.readouterr().err.endswith("RuntimeError: of its own\n")


def test_a_mistake_in_a_check_blames_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CHECKS, "LOSS-1", CHECKS["LOSS-1"]._replace(function=broken))
    assert main(["check", "right.py", "--clause", "LOSS-1", "--clause", "LOSS-2", *FAST]) == 2
    out = capsys.readouterr().out
    assert "NOT CHECKED: LOSS-1\n" in out
    assert "RuntimeError: of its own" in out


# Options.


def test_with_no_target_the_tutorial_s_own_script_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--clause", "UPD-2", "--examples", "1")
    assert (found["target"], found["conforms"], found["refnet"]) == ("refnet.seed", True, refnet.__version__)
    cases = [(clause["id"], clause["activation"], clause["dtype"]) for clause in found["clauses"]]
    assert cases == [("UPD-2", a, d) for a in ("relu", "identity") for d in ("float32", "float64")]


def test_clauses_dtypes_and_activations_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--clause", "UPD-2", "--clause", "LOSS", "--activation", "identity", "--dtype", "float64")
    found = document(capsys, *chosen, "--examples", "1")
    losses = [clause for clause in CHECKS if clause.startswith("LOSS-")]
    assert [clause["id"] for clause in found["clauses"]] == [*losses, "UPD-2"]
    assert {(clause["activation"], clause["dtype"]) for clause in found["clauses"]} == {("identity", "float64")}
    twice = ("--dtype", "float32", "--dtype", "float64", "--dtype", "float32", "--activation", "relu")
    again = document(capsys, "--clause", "UPD-2", *twice, "--examples", "1")
    assert [clause["dtype"] for clause in again["clauses"]] == ["float32", "float64"]


def test_the_number_of_examples_and_the_seed_count(capsys: pytest.CaptureFixture[str]) -> None:
    def worst(*arguments: str) -> list[float]:
        found = document(capsys, "right.py", "--clause", "LAYOUT-1", "--dtype", "float64", *arguments)
        assert found["clauses"][0]["examples"] == int(arguments[1]) + 1  # the one that every run visits
        return [clause["worst_ratio"] for clause in found["clauses"]]

    plain = worst("--examples", "25")
    assert plain == worst("--examples", "25")
    assert worst("--examples", "25", "--seed", "1") == worst("--examples", "25", "--seed", "1")
    assert len({*plain, *worst("--examples", "25", "--seed", "1"), *worst("--examples", "25", "--seed", "2")}) == 3


def test_a_report_is_written_as_json_beside_the_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mean.py", "--clause", "LOSS-1", *FAST, "--json", "out.json"]) == 1
    out, _ = capsys.readouterr()
    assert "DOES NOT CONFORM: LOSS-1" in out
    text = (folder / "out.json").read_text()
    assert json.loads(text)["clauses"][0]["outcome"] == "fail"
    assert main(["check", "mean.py", "--clause", "LOSS-1", *FAST, "--json", "-"]) == 1
    assert capsys.readouterr() == (text, "")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("no/folder.json", "No such file or directory"),
        ("right.py/out.json", "No such file or directory"),
        (".", "Is a directory"),
        ("locked.json", "Permission denied"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_the_run(
    file: str, why: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "locked.json").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, _: path != Path("locked.json"))  # the superuser may write it
    monkeypatch.setattr("refnet.adapters.isolated.loaded", broken)
    assert main(["check", "right.py", "--json", file]) == 2
    assert capsys.readouterr() == ("", f"refnet: cannot write {file}: {why}\n")
    assert (folder / "locked.json").read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a file on a full disk")
def test_a_file_that_turns_out_not_to_be_writable_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "right.py", "--clause", "LOSS-2", *FAST, "--json", "/dev/full"]) == 2
    out, err = capsys.readouterr()
    assert "CONFORMS" in out
    assert err == "refnet: cannot write /dev/full: No space left on device\n"


def test_a_file_that_is_there_is_written_anew(folder: Path) -> None:
    (folder / "out.json").write_text("old")
    assert main(["check", "right.py", "--clause", "LOSS-2", *FAST, "--json", str(folder / "out.json")]) == 0
    assert json.loads((folder / "out.json").read_text())["conforms"]


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"refnet {refnet.__version__}\n"


def test_the_help_and_the_pages_agree_on_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    spec = specification.spec_folder()
    for text in (
        capsys.readouterr().out,
        (spec / "report.md").read_text(encoding="utf-8"),
        (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8"),
    ):
        assert re.search("0(:| if) nothing fails but what is expected to", " ".join(text.split()))


# A process of its own.


def test_a_target_that_dies_and_hangs_gets_all_its_verdicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "strange.py").write_text(
        "import os, time, refnet\ndef loss(params, x, y):\n    if not len(x): os._exit(3)\n"
        "    if len(x) == 1: time.sleep(1000)\n    return refnet.loss(params, x, y)\n"
    )
    found = document(
        capsys, "strange.py", "--timeout", "1", "--clause", "EDGE", "--clause", "LOSS-1", "--dtype", "float32"
    )
    messages = {clause["id"]: clause["message"] for clause in found["clauses"] if clause["outcome"] == "fail"}
    assert messages["EDGE-1"] == "loss did not return: its process ended with status 3"
    assert messages["EDGE-2"] == "loss did not answer within 1 s"
    assert "EDGE-3" not in messages
    assert any("never came back, and the process was started again" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("right.py", "--timeout", "0"), "timeout is 0.0, expected more than 0"),
        (("right.py", "--memory", "-3"), "memory is -3, expected more than 0"),
        (("right.py", "--in-process", "--memory", "9"), "memory is 9, and nothing limits what runs in this process"),
        (("ends.py",), "ends.py cannot be loaded: its process ended with status 4"),
    ],
)
def test_limits_that_are_none_and_a_target_that_ends_are_status_2(
    arguments: tuple[str, ...], why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "ends.py").write_text("import os\nos._exit(4)")
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"refnet: cannot check {arguments[0]}: {why}")


def test_a_target_is_in_this_process_where_that_is_asked_for(folder: Path) -> None:
    (folder / "noted.py").write_text(f"import os\nopen('pid', 'w').write(str(os.getpid()))\n{FILES['right.py']}")
    for asked, here in (((), False), (("--in-process",), True)):
        main(["check", "noted.py", "--clause", "LOSS-2", *asked, *FAST])
        assert ((folder / "pid").read_text() == str(os.getpid())) == here


# Programs and libraries.

NET_PY = Path(__file__).parent / "programs" / "net.py"


def test_a_program_is_checked_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{sys.executable} -IS '{NET_PY}'"
    assert main(["check", "--command", command, "--clause", "UPD-2", "--clause", "PURE-1", *FAST]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].endswith(f": {command}")
    assert "note: the program calls itself net.py" in out
    assert "[cannot be seen in a program that shares no memory]" in out
    assert err == ""


def test_a_wrong_program_is_refused_with_a_line_that_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{sys.executable} -IS '{NET_PY}' stale"
    assert main(["check", "--command", command, "--clause", "STEP-1", *FAST]) == 1
    out = capsys.readouterr().out
    assert "to reproduce, pipe this line into the program:" in out
    (piped,) = re.findall(r'^    (\{"op": "step", .*\})$', out, re.MULTILINE)
    assert json.loads(piped)["activation"] in ("relu", "identity")
    assert f"net = refnet.adapters.load_command({command!r})" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("right.py", "--command", "cat"), "refnet: --command cat stands in place of a target: leave right.py out\n"),
        (
            ("--demo", "relu6", "--command", "cat"),
            "refnet: --command cat stands in place of a target: leave --demo relu6 out\n",
        ),
        (("right.py", "--demo", "relu6"), "refnet: --demo relu6 stands in place of a target: leave right.py out\n"),
        (("--command", ""), "refnet: cannot check : the command is empty: give a program and its arguments\n"),
        (("--command", "no-such-program"), "refnet: cannot check no-such-program: there is no program no-such-program"),
        (("--command", "cat"), 'refnet: cannot check cat: its answer to {"op": "describe"} cannot be read: '),
        (
            ("--command", "cat", "--in-process"),
            "refnet: cannot check cat: --in-process is for what Python loads: leave",
        ),
        (
            ("--command", "cat", "--memory", "9"),
            "refnet: cannot check cat: --memory is for what Python loads: leave it",
        ),
        (("--command", "cat", "--timeout", "0"), "refnet: cannot check cat: timeout is 0.0, expected more than 0\n"),
        (("no.so",), "refnet: cannot check no.so: there is no file no.so\n"),
        (("no.so", "--in-process"), "refnet: cannot check no.so: there is no "),
        (
            ("text.so", "--in-process"),
            "refnet: cannot check text.so: text.so is a shared library, which changes the pr",
        ),
    ],
)
def test_a_program_or_library_that_cannot_be_checked_is_said(
    arguments: tuple[str, ...], why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "text.so").write_text("no library")
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(why)
