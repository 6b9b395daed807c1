"""A program may hang, die, or answer with anything: each gets a clear message, and costs nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from refnet import adapters
from refnet.conformance import PlanError, TargetError, generate, plan, run
from refnet.conformance.problem import AnyProblem
from refnet.conformance.target import Implementation, LostError, RaisedError, computing_in
from refnet.judgement import ResultError

PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 3.0  # for what hangs


def bad(how: str) -> str:
    return f"{sys.executable} -IS '{PROGRAMS / 'bad.py'}' '{how}'"


def of(samples: int, features: int = 3) -> AnyProblem:
    return generate("normal", (samples, features, 4, 2), "float64", "relu", 0)


def loss(net: Implementation, problem: AnyProblem) -> Any:
    return net.run("loss", problem)["loss"]


def lost(how: str, error: type[Exception] = LostError, *, seconds: float | None = None, problem: Any = None) -> str:
    """What is said of the request that it misbehaves for, once those before and after it have gone well."""
    net = adapters.load_command(bad(how), timeout=seconds)
    assert loss(net, of(3)) == 1.5
    with pytest.raises(error) as caught:
        loss(net, of(2) if problem is None else problem)
    assert loss(net, of(3)) == 1.5
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 700
    return said


UNREAD = "loss answered what cannot be read: "


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "loss did not answer: the program ended with status 0"),
        (
            "segfault",
            "loss did not answer: the program was killed by signal 11 (segmentation fault); its last words: about to"
            " read what is not there",
        ),
        ("half, and ends", UNREAD + """'{"loss": 1' has no end of line, and then it ended with status 0"""),
        ("gigabyte", "loss did not answer: the program answered with more than 1,048,640 bytes"),
        ("bare NaN", UNREAD + 'it has the bare word NaN, which JSON does not have: write "NaN", with the quotes'),
        ("beyond", UNREAD + "'1e400' is beyond the largest float64: write \"Infinity\", with the quotes"),
        (
            "debug",
            UNREAD + "'h = [1.5]' is not JSON (Expecting value at character 0): write one JSON object a line, and"
            " anything else to standard error",
        ),
        ("before", UNREAD + """'here it comes: {"loss": 1.5}' is not JSON (Expecting value at character 0)"""),
        ("latin", UNREAD + r"""'{"error": "\\xe9"}' is not UTF-8 (byte 11): write JSON in UTF-8 or ASCII"""),
        ("nested", UNREAD + f"'{'[' * 60}'... is nested too deeply: no array has more than two levels"),
        ("digits", UNREAD + f"'{'1' * 60}'... is beyond the largest float64"),
        ("empty", UNREAD + "'' is not JSON"),
        ("doubled", UNREAD + "it has the key 'loss' twice: write each once"),
    ],
)
def test_what_is_no_answer_is_said_and_costs_nothing_else(how: str, said: str) -> None:
    assert lost(how).startswith(said)


def test_its_own_exception_is_its_last_words() -> None:
    said = lost("raise")
    assert said.startswith("loss did not answer: the program ended with status 1; its last words: Traceback")
    assert said.endswith("ZeroDivisionError: two samples")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("hang", "loss did not answer within 3 s"),
        ("half", UNREAD + """'{"loss": 1' has no end of line, and then it did not answer within 3 s"""),
        ("no end", UNREAD + """'{"loss": 1.5}' has no end of line, and then it did not answer within 3 s"""),
    ],
)
def test_what_hangs_is_stopped(how: str, said: str) -> None:
    assert lost(how, seconds=SECONDS) == said


def test_a_closed_output_is_said() -> None:
    assert lost("closes output") == "loss did not answer: the program closed its output, and runs on"


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ("list", ResultError, "loss is a list of 1, expected a number, or"),
        ("extra", ResultError, "loss cannot be read: the answer to loss has 'seconds' too, expected loss and nothing"),
        ("missing", ResultError, "loss cannot be read: the answer to loss lacks loss, expected loss and nothing else"),
        ("error", RaisedError, "loss raised an error: two are too many"),
    ],
)
def test_what_is_no_result_stops_nothing(how: str, error: type[Exception], said: str) -> None:
    assert lost(how, error).startswith(said)


def test_lines_may_end_as_those_of_windows_do() -> None:
    net = adapters.load_command(bad("crlf"))
    assert loss(net, of(2)) == loss(net, of(2)) == 1.5


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            "two",
            UNREAD + r"""'{"loss": 1.5}\n' came before it was asked: write one line for each request, and anything"""
            " else to standard error",
        ),
        ("once", "loss did not answer: the program ended with status 0"),
    ],
)
def test_what_comes_after_an_answer_is_held_against_the_next_one(how: str, said: str) -> None:
    net = adapters.load_command(bad(how))
    assert loss(net, of(2)) == 1.5
    with pytest.raises(LostError) as caught:
        loss(net, of(3))
    assert str(caught.value) == said
    assert loss(net, of(3)) == 1.5


def test_an_input_that_is_closed_is_said() -> None:
    net = adapters.load_command(bad("closes input"))
    assert loss(net, of(2)) == 1.5
    with pytest.raises(LostError) as caught:
        loss(net, of(3))
    assert str(caught.value) == "loss did not answer: the program closed its input, and runs on"
    assert loss(net, of(3)) == 1.5


def test_what_is_never_read_is_said_and_not_asked_again() -> None:
    net = adapters.load_command(bad("deaf"), timeout=SECONDS)
    with pytest.raises(LostError) as caught:
        loss(net, of(2, features=50_000))  # more than a pipe holds
    assert str(caught.value) == "loss did not read what it was given within 3 s"
    again = f"{caught.value}; nor for an ordinary problem, so it is not called any more"
    start = net.pace.seconds
    with pytest.raises(LostError) as caught:
        loss(net, of(3))
    assert str(caught.value) == again
    assert net.pace.seconds - start < SECONDS
    assert net.pace.lost_note == (
        "a call never came back, and the program was started again; loss: not called any more"
    )


def test_a_request_that_was_not_answered_is_not_sent_again() -> None:
    net = adapters.load_command(bad("hang"), timeout=SECONDS)
    for _ in range(3):
        with pytest.raises(LostError) as caught:
            loss(net, of(2))
        assert str(caught.value) == "loss did not answer within 3 s"
    assert net.pace.lost_note.startswith("a call never came back, and the program was started again")


# What cannot be started.


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("", "the command is empty: give a program and its arguments"),
        ("  ", "the command is empty"),
        ("node 'mynet.js", "the command cannot be split into words: No closing quotation"),
        (
            "no-such-program-here --fast",
            "there is no program no-such-program-here: one in this folder is ./no-such-prog",
        ),
        ("./no-such-program;", "there is no program ./no-such-program;"),
        (str(PROGRAMS / "net.js"), "it cannot be started: Permission denied"),
        (bad("dies at start"), 'asked {"op": "describe"}, it ended with status 1; its last words: no GPU here'),
        (
            bad("describes nothing"),
            'its answer to {"op": "describe"} cannot be read: operations is an empty list, expected a list of some of',
        ),
        ("cat", 'its answer to {"op": "describe"} cannot be read: the answer to describe lacks name, operations, '),
        ("true", 'asked {"op": "describe"}, it ended with status 0'),
    ],
)
def test_what_cannot_be_started_is_said_with_the_reason(command: str, why: str) -> None:
    with pytest.raises(TargetError) as caught:
        adapters.load_command(command)
    assert str(caught.value).startswith(why)


def test_a_greeting_is_no_answer() -> None:
    with pytest.raises(TargetError) as caught:
        adapters.load_command(bad("greets"))
    # Which of the two it is depends on whether the greeting is there before the question.
    assert "'Welcome!" in str(caught.value)
    assert "anything else to standard error" in str(caught.value)


def test_what_a_program_does_not_say_that_it_has_is_not_asked_of_it() -> None:
    net = adapters.load_command(bad("nan"))
    assert (net.dtypes, net.activations) == (("float32", "float64"), ("relu",))
    assert plan(computing_in(net, storage="float32")).dtypes == ("float32",)
    said = "it does not say that it has that, when asked to describe itself"
    for asked in ({"dtypes": ("float16",)}, {"activations": ("identity",)}):
        with pytest.raises(PlanError, match=rf"^there is no (float16|identity) in .*: {said}$"):
            plan(net, **asked)  # type: ignore[arg-type]  # words of the right kind
    with pytest.raises(PlanError, match=rf"^there is no bfloat16 in .*: {said}$"):
        plan(computing_in(net, storage="bfloat16"))


# A check.


def test_a_program_that_ends_at_one_sample_fails_there_and_every_other_clause_gets_its_verdict(tmp_path: Path) -> None:
    line = "    asked = json.loads(line)\n"
    text = (PROGRAMS / "net.py").read_text(encoding="utf-8")
    assert line in text
    crashes = tmp_path / "crashes.py"
    crashes.write_text(
        text.replace(line, f"{line}    if asked.get('n') == 1:\n        sys.exit(0)\n"), encoding="utf-8"
    )
    net = adapters.load_command(f"{sys.executable} -IS {crashes}")
    asked = plan(net, clauses=("EDGE-1", "EDGE-2", "EDGE-4", "UPD-1", "PURE-1"), dtypes=("float64",), examples=3)
    found = run(net, asked._replace(activations=("relu",)))
    by_clause = {verdict.clause: verdict for verdict in found.verdicts}
    assert {clause: verdict.outcome for clause, verdict in by_clause.items()} == {
        "UPD-1": "pass",
        "PURE-1": "skip",
        "EDGE-1": "pass",
        "EDGE-2": "fail",
        "EDGE-4": "pass",
    }
    failed = by_clause["EDGE-2"]
    assert failed.message == "forward did not answer: the program ended with status 0"
    assert failed.counterexample is not None
    assert failed.counterexample.problem.shape[0] == 1
    assert by_clause["PURE-1"].message == "cannot be seen in a program that shares no memory"
    assert "the program calls itself net.py" in found.notes
    assert any("never came back, and the program was started again each time" in note for note in found.notes)
    # The line does it again, without refnet.
    (piped,) = failed.counterexample.piped
    assert json.loads(piped)["n"] == 1
    again = subprocess.run([sys.executable, "-IS", crashes], input=piped, capture_output=True, text=True, check=False)
    assert (again.stdout, again.returncode) == ("", 0)
