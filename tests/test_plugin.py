"""The pytest plugin: one item a clause and dtype, the same ids for everyone, and pytest's own ways with them."""

import inspect
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import refnet
from refnet import specification
from refnet.conformance import pytest_cases, views
from refnet.conformance.checks import CHECKS

IMPORTED = (pytest_cases, views)  # here, so that the runs inside this process find every module as it is

pytest_plugins = ["pytester"]

RIGHT = """
import numpy as np

def loss(params, x, y):
    w1, b1, w2, b2 = params
    return np.square(np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y).sum()
"""
WRONG = RIGHT.replace(".sum()", ".mean()")
SECOND = "LOSS-2 or GRAD-1 or ERR-1"  # passes, is skipped, and is missed by what broadcasts, though it only should


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with a right implementation and a wrong one."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    pytester.makepyfile(right=RIGHT, wrong=WRONG)
    return pytester


def ran(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest("-p", "no:cacheprovider", "--refnet-examples", "2", *arguments)


def items(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


# What is collected.


def test_a_target_adds_an_item_for_each_clause_and_dtype(project: pytest.Pytester) -> None:
    result = ran(project, "--refnet", "right.py", "--collect-only", "-q")
    order = [clause for clause in specification.clauses() if clause in CHECKS]
    wanted = [f"refnet::right.py::{clause}[{dtype}]" for clause in order for dtype in ("float32", "float64")]
    assert items(result) == wanted
    result.stdout.fnmatch_lines([f"{len(wanted)} tests collected*"])


def test_an_id_names_the_activation_where_there_are_two(project: pytest.Pytester) -> None:
    result = ran(project, "--refnet", "refnet.seed", "--collect-only", "-q", "-k", "FWD-2")
    settings = [f"{activation}-{dtype}" for activation in ("relu", "identity") for dtype in ("float32", "float64")]
    assert items(result) == [f"refnet::refnet.seed::FWD-2[{setting}]" for setting in settings]


def test_targets_are_repeatable_and_a_setting_too(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nrefnet_targets = wrong.py right.py:loss_only")
    project.makepyfile(right=f"{RIGHT}\nimport types\nloss_only = types.SimpleNamespace(loss=loss)")
    more = ("--refnet", "right.py", "--refnet", "wrong.py")
    result = ran(project, *more, "--collect-only", "-q", "-k", "LOSS-2 and float32")
    assert items(result) == [
        f"refnet::{name}::LOSS-2[float32]" for name in ("wrong.py", "right.py:loss_only", "right.py")
    ]


def test_the_header_says_what_is_tested(project: pytest.Pytester) -> None:
    result = ran(project, "--refnet", "right.py", "--refnet", "wrong.py", "--refnet", "right.py", "--collect-only")
    version = f"refnet {refnet.__version__}, specification {specification.version()}"
    result.stdout.fnmatch_lines([f"{version}: checks right.py, wrong.py"])


def test_items_stand_beside_the_tests_and_are_counted_and_chosen_with_them(project: pytest.Pytester) -> None:
    project.makepyfile(test_own="def test_mine(): pass\ndef test_other(): pass")
    result = ran(project, "--refnet", "right.py", "-k", "test_mine or LOSS-2", "-v")
    result.assert_outcomes(passed=3, deselected=2 * len(CHECKS) - 1)
    result.stdout.fnmatch_lines(
        [
            f"collecting ... collected {2 * len(CHECKS) + 2} items / {2 * len(CHECKS) - 1} deselected / 3 selected",
            "test_own.py::test_mine PASSED *",
            "refnet::right.py::LOSS-2?float32? PASSED *",
            "refnet::right.py::LOSS-2?float64? PASSED *",
        ]
    )
    name = "refnet::right.py::LOSS-2[float32]"
    ran(project, "--refnet", "right.py", "-k", "LOSS-2", "--deselect", name).assert_outcomes(
        passed=1, deselected=2 * len(CHECKS) + 1
    )


def test_without_a_target_nothing_is_added_and_hypothesis_is_not_imported(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_own="import sys\ndef test_own():\n    assert 'refnet.conformance.plugin' in sys.modules\n"
        "    assert not {'hypothesis', 'refnet.conformance.engine'} & set(sys.modules)"
    )
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("refnet *specification*")


# Outcomes.


def test_a_failure_shows_the_sentence_and_the_lines_and_no_traceback(project: pytest.Pytester) -> None:
    result = ran(project, "--refnet", "wrong.py", "--refnet-examples", "5", "-k", "LOSS-1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=2, deselected=2 * len(CHECKS) - 2)
    result.stdout.fnmatch_lines(
        [
            "*_ wrong.py LOSS-1?float32? _*",
            "FAIL LOSS-1 relu float32 (MUST): *",
            "  loss = * times the bound",
            "  smallest example found: N = 1, D = 1, H = 1, O = 2",
            "  to reproduce:",
            "    import numpy as np, refnet",
            "    net = refnet.conformance.load('wrong.py')",
            "    refnet.assert_loss(result, params, x, y, activation=?relu?)",
            "FAILED refnet::wrong.py::LOSS-1?float32? - *",
        ]
    )
    for foreign in ("*Traceback*", "*pytest_cases.py*", "*self.case.check()*"):
        result.stdout.no_fnmatch_line(foreign)


def test_skips_say_why_and_a_missed_should_passes_with_its_text(project: pytest.Pytester) -> None:
    result = ran(project, "--refnet", "right.py", "-k", SECOND, "-rsP")
    result.assert_outcomes(passed=4, skipped=2, deselected=2 * len(CHECKS) - 6)
    result.stdout.fnmatch_lines(["*warn ERR-1 relu float32 (SHOULD): *", "*loss raised no error for y of shape (*,)*"])
    result.stdout.fnmatch_lines(["SKIPPED * GRAD-1: it has no grads"])
    assert result.ret == pytest.ExitCode.OK


def test_an_expected_failure_is_strict_and_gives_its_reason(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nrefnet_xfail =\n    LOSS-1: it is a mean\n    LOSS-4: it is not")
    result = ran(project, "--refnet", "wrong.py", "--refnet-examples", "5", "-k", "LOSS-1 or LOSS-4 or LOSS-2", "-rx")
    result.assert_outcomes(xfailed=2, failed=2, passed=2, deselected=2 * len(CHECKS) - 6)
    result.stdout.fnmatch_lines(["XFAIL refnet::wrong.py::LOSS-1?float32? - *it is a mean; loss = *"])
    result.stdout.fnmatch_lines(["  expected to fail (it is not), and it passes: expect it no more"])
    one = ("--refnet-xfail", "LOSS-2[float64]: nor this")
    ran(project, "--refnet", "right.py", *one, "-k", "LOSS-2").assert_outcomes(
        passed=1, failed=1, deselected=2 * len(CHECKS) - 2
    )
    beside = ("--refnet-xfail", "LOSS-2: nor this")
    ran(project, "--refnet", "right.py", *beside, "-k", "LOSS-2").assert_outcomes(
        failed=2, deselected=2 * len(CHECKS) - 2
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--refnet", "missing.py"), "--refnet missing.py: there is no file missing.py"),
        (
            ("--refnet", "right.py", "--refnet-xfail", "NOPE-1: why"),
            "--refnet right.py: there is no clause 'NOPE-1'; *",
        ),
        (("--refnet", "right.py", "--refnet-xfail", "LOSS-1"), "*the expected failure 'LOSS-1' gives no reason: *"),
        (("--refnet", "right.py", "--refnet-examples", "0"), "--refnet right.py: examples is 0, expected at least 1"),
        (("--refnet", "right.py", "--refnet-seed", "-1"), "--refnet right.py: seed is -1, expected at least 0"),
        (
            ("--refnet", "right.py", "--refnet-xfail", "LOSS-1: why", "--refnet-xfail", "LOSS-1: or why"),
            "--refnet right.py: the failure of LOSS-1 is expected twice: give it once, with one reason",
        ),
    ],
)
def test_what_does_not_exist_is_a_usage_error(
    arguments: tuple[str, ...], why: str, workers: tuple[str, ...], project: pytest.Pytester
) -> None:
    result = project.runpytest("-p", "no:cacheprovider", *workers, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {why}"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_the_examples_are_the_same_until_a_seed_says_otherwise(project: pytest.Pytester) -> None:
    project.makepyfile(right=f"import hashlib\n{RIGHT.replace('return', 'SEEN.append(x.sum()); return')}\nSEEN = []")
    project.makeconftest(
        "import sys, hashlib\n"
        "def pytest_terminal_summary():\n"
        "    print('saw', hash(tuple(map(float, sys.modules['refnet_target_right'].SEEN))))"
    )

    def saw(*arguments: str) -> str:
        result = ran(
            project,
            "--refnet-in-process",
            "--refnet",
            "right.py",
            "-k",
            "LOSS-2",
            "--refnet-examples",
            "15",
            *arguments,
        )
        return next(line for line in result.outlines if line.startswith("saw"))

    assert saw() == saw()
    assert saw("--refnet-seed", "1") == saw("--refnet-seed", "1")
    assert len({saw(), saw("--refnet-seed", "1"), saw("--refnet-seed", "2")}) == 3


# Each target in a process of its own.

DIES = RIGHT.replace("    w1,", "    if not len(x): os._exit(7)\n    w1,").replace("import", "import os\nimport", 1)


def test_a_target_that_dies_fails_its_clause_and_the_others_go_on(project: pytest.Pytester) -> None:
    project.makepyfile(dies=DIES)
    result = ran(project, "--refnet", "dies.py", "-k", "float32 and (EDGE-1 or LOSS-1 or LOSS-2)")
    result.assert_outcomes(failed=1, passed=2, deselected=2 * len(CHECKS) - 3)
    result.stdout.fnmatch_lines(["  loss did not return: its process ended with status 7"])


def test_a_target_is_isolated_unless_an_option_or_a_setting_says_otherwise(project: pytest.Pytester) -> None:
    project.makepyfile(noted=f"import os\nopen('pids', 'a').write(f'{{os.getpid()}} ')\n{RIGHT}")
    project.makeconftest("import os\nopen('pids', 'a').write(f'{os.getpid()} ')")

    def pids(*arguments: str) -> list[str]:
        Path("pids").unlink(missing_ok=True)
        result = project.runpytest_subprocess("-p", "no:cacheprovider", "--refnet", "noted.py", "--co", *arguments)
        assert result.ret == 0
        return Path("pids").read_text().split()

    assert len(set(pids())) == 2
    assert len(set(pids("--refnet-in-process"))) == 1
    project.makeini("[pytest]\nrefnet_in_process = true")
    assert len(set(pids())) == 1


def test_limits_are_options_and_settings(project: pytest.Pytester) -> None:
    project.makepyfile(slow=RIGHT.replace("    w1,", "    if len(x) == 1: time.sleep(1000)\n    w1,"))
    project.makepyfile(slow="import time\n" + Path("slow.py").read_text())
    project.makeini("[pytest]\nrefnet_timeout = 1.5\nrefnet_memory = 8192")
    asked = ("--refnet", "slow.py", "-k", "EDGE-2 and float32")
    ran(project, *asked).stdout.fnmatch_lines(["  loss did not answer within 1* s"])
    result = ran(project, *asked, "--refnet-in-process")
    result.stderr.fnmatch_lines(
        ["ERROR: --refnet slow.py: timeout is 1.5, and nothing limits what runs in this process*"]
    )
    project.makeini("[pytest]\nrefnet_timeout = soon")
    ran(project, *asked).stderr.fnmatch_lines(["ERROR: refnet_timeout is 'soon', expected a number"])
    project.makeini("[pytest]")
    result = ran(project, *asked, "--refnet-memory", "-1")
    result.stderr.fnmatch_lines(["ERROR: --refnet slow.py: memory is -1, expected more than 0"])


def test_a_name_given_to_parametrize_is_isolated_on_request(project: pytest.Pytester) -> None:
    project.makepyfile(dies=DIES)
    project.makepyfile(
        test_mine="import refnet\n"
        "@refnet.conformance.parametrize('dies.py', clauses=('EDGE-1', 'LOSS-2'), dtypes=('float32',), examples=2,\n"
        "                                isolated=True, timeout=60)\n"
        "def test_mine(case):\n    case.check()"
    )
    ran(project).assert_outcomes(failed=1, passed=1)


def test_an_object_given_to_parametrize_is_not_isolated() -> None:
    for asked, why in (({"isolated": True}, "isolated needs the name"), ({"timeout": 1.0}, "timeout needs the name")):
        keywords: dict[str, Any] = asked
        with pytest.raises(refnet.conformance.TargetError, match=why):
            refnet.conformance.parametrize(refnet, **keywords)
    with pytest.raises(refnet.conformance.TargetError, match="timeout needs the name of a target, and isolated=True"):
        refnet.conformance.parametrize("refnet.seed", timeout=1.0)


# Pytest's own company.


def test_it_runs_in_two_processes_and_writes_junit_xml(project: pytest.Pytester) -> None:
    arguments = ("--refnet", "wrong.py", "--refnet-examples", "5", "-k", "LOSS-1 or LOSS-2 or GRAD-1")
    result = project.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", "--junitxml=out.xml", *arguments)
    result.assert_outcomes(failed=2, passed=2, skipped=2)
    cases = list(ET.fromstring(Path("out.xml").read_text()).iter("testcase"))
    names = [f"{clause}[{dtype}]" for clause in ("GRAD-1", "LOSS-1", "LOSS-2") for dtype in ("float32", "float64")]
    assert sorted(case.get("name", "") for case in cases) == names
    assert {case.get("classname") for case in cases} == {"refnet.wrong.py"}
    failures = [failure.text or "" for case in cases for failure in case.iter("failure")]
    assert len(failures) == 2
    assert all("to reproduce:" in failure and "Traceback" not in failure for failure in failures)


SAYS_WHETHER = """
import sys

def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        print("spread by refnet:", "refnet.conformance.spreading" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "spread"),
    [
        (("--refnet", "right.py", "-n", "2"), True),
        (("--refnet", "right.py", "-n", "2", "--dist", "worksteal"), False),
        (("-n", "2"), False),
        (("--refnet", "right.py"), False),
        (("--refnet", "right.py", "-p", "no:xdist"), False),
    ],
)
def test_only_items_of_ours_that_nobody_else_spreads_are_spread(
    arguments: tuple[str, ...], spread: bool, project: pytest.Pytester
) -> None:
    project.makeconftest(SAYS_WHETHER)
    project.makepyfile(test_own="def test_mine(): pass")
    result = project.runpytest_subprocess("-p", "no:cacheprovider", "-k", "LOSS-2 or mine", "-s", *arguments)
    result.assert_outcomes(passed=3 if "--refnet" in arguments else 1, deselected=None)
    result.stdout.fnmatch_lines([f"*spread by refnet: {spread}"])


def test_a_scheduler_of_one_s_own_comes_before_that_of_ours(project: pytest.Pytester) -> None:
    project.makeconftest(
        f"from xdist.scheduler import LoadScheduling\n{SAYS_WHETHER}\n"
        "def pytest_xdist_make_scheduler(config, log):\n    return LoadScheduling(config, log)"
    )
    arguments = ("-p", "no:cacheprovider", "-n", "2", "--refnet", "right.py", "-k", "LOSS-2", "-s")
    project.runpytest_subprocess(*arguments).stdout.fnmatch_lines(["*spread by refnet: False"])


def test_two_workers_begin_with_two_dtypes(project: pytest.Pytester) -> None:
    arguments = ("-n", "2", "-v", "--refnet", "right.py", "--refnet-examples", "1")
    result = project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    words = [line.split() for line in result.outlines if line.startswith("[gw")]
    first = {worker: next(word[-1] for word in words if word[0] == worker) for worker in ("[gw0]", "[gw1]")}
    assert {name.rpartition("[")[2] for name in first.values()} == {"float32]", "float64]"}


def test_what_failed_last_is_run_again_alone(project: pytest.Pytester) -> None:
    arguments = ("--refnet", "wrong.py", "--refnet-examples", "5", "-k", "LOSS-1 or LOSS-2")
    project.runpytest(*arguments).assert_outcomes(failed=2, passed=2, deselected=2 * len(CHECKS) - 4)
    again = project.runpytest(*arguments, "--last-failed")
    again.assert_outcomes(failed=2, deselected=2 * len(CHECKS) - 2)
    again.stdout.fnmatch_lines(["run-last-failure: rerun previous 2 failures"])


PARAMETRIZED = """
import numpy as np
import refnet

class MyNet:
    def loss(self, params, x, y):
        w1, b1, w2, b2 = params
        return np.square(np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y).mean()

@refnet.conformance.parametrize(MyNet(), clauses=("LOSS-1", "LOSS-2"), examples=5, dtypes=("float64",))
def test_mynet(case):
    case.check()

@refnet.conformance.parametrize("right.py", clauses=("LOSS",), examples=2, expected=(("LOSS-2", "it is right"),))
def test_right(case):
    verdict = case.check()
    assert verdict.outcome == "pass"
"""


def test_a_test_of_one_s_own_takes_the_cases(project: pytest.Pytester) -> None:
    project.makepyfile(test_mine=PARAMETRIZED)
    result = ran(project, "-v")
    result.assert_outcomes(failed=3, passed=7)
    result.stdout.fnmatch_lines(
        [
            "test_mine.py::test_mynet?LOSS-1?float64?? FAILED *",
            "test_mine.py::test_mynet?LOSS-2?float64?? PASSED *",
            "test_mine.py::test_right?LOSS-1?float32?? PASSED *",
            "FAIL LOSS-1 relu float64 (MUST): *",
            "    net = refnet.conformance.implementation(net)  # where net is the MyNet that is checked",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_keyword_that_parametrize_has_not_is_a_type_error() -> None:
    misspelt: dict[str, Any] = {"clause": ("LOSS",)}
    with pytest.raises(TypeError, match=r"^parametrize\(\) got an unexpected keyword argument 'clause'"):
        refnet.conformance.parametrize("refnet.seed", **misspelt)
    text: dict[str, Any] = {"clauses": "LOSS"}
    with pytest.raises(refnet.conformance.PlanError, match=r"^clauses is 'LOSS', .*: write \(\"LOSS\",\)$"):
        refnet.conformance.parametrize("refnet.seed", **text)


def test_parametrize_takes_the_keywords_of_plan() -> None:
    taken = list(inspect.signature(refnet.conformance.parametrize).parameters.values())[1:]
    planned = list(inspect.signature(refnet.conformance.plan).parameters.values())[1:]
    own = ["isolated", "timeout"]
    assert [keyword.name for keyword in taken] == [*(keyword.name for keyword in planned), *own]
    every = refnet.conformance.parametrize("refnet.seed", clauses=("LOSS-2",)).args[1]
    assert every[0].plan == refnet.conformance.plan(refnet.conformance.load("refnet.seed"), clauses=("LOSS-2",))
    given: dict[str, Any] = {"activations": ("relu",), "dtypes": ("float64",), "clauses": ("UPD-1",)}
    given |= {"examples": 3, "seed": 5, "expected": (("UPD-1", "why"),)}
    (case,) = refnet.conformance.parametrize("refnet.seed", **given).args[1]
    assert case.plan == refnet.conformance.Plan(**given)


def test_a_test_that_names_nothing_is_an_error_of_collection(project: pytest.Pytester) -> None:
    project.makepyfile(test_mine="import refnet\n@refnet.conformance.parametrize('missing.py')\ndef test_it(case): ...")
    result = ran(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E   refnet.conformance.target.TargetError: there is no file missing.py"])
