"""Shared libraries behind the C interface: a right one conforms, with -ffast-math too; a wrong one is said to be."""

import ctypes
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from languages import PROGRAMS, compiled

from refnet import adapters
from refnet.adapters.isolated import loaded
from refnet.adapters.library import UNSEEN, is_library
from refnet.conformance import PlanError, TargetError, generate, load, plan, run, text
from refnet.conformance.problem import AnyProblem
from refnet.conformance.target import OPERATIONS, LostError, RaisedError, computing_in
from refnet.judgement import ResultError
from refnet.rounding import subnormals_work

SPEC = Path(__file__).parents[1] / "spec"


def library(folder: Path, *options: str) -> str:
    return str(compiled(PROGRAMS / "library.c", folder / "libnet.so", "-shared", "-fPIC", f"-I{SPEC}", *options))


def problem(*shape: int, dtype: Any = "float64") -> AnyProblem:
    n, d, h, o = shape
    return generate("normal", (n, d, h, o), dtype, "relu", 0)


@pytest.mark.parametrize("options", [(), ("-Ofast", "-ffast-math")])
def test_a_right_library_conforms_however_it_is_linked(tmp_path: Path, options: tuple[str, ...]) -> None:
    net = adapters.load_isolated(library(tmp_path, *options))
    assert tuple(net.operations) == OPERATIONS
    assert net.activations == ("relu", "identity")
    assert net.dtypes == ("float32", "float64")
    families = ("FWD", "LOSS", "GRAD", "KINK", "UPD", "STEP", "PURE", "LAYOUT", "EDGE-1", "EDGE-2", "ERR", "LAW")
    found = run(net, plan(net, clauses=families, examples=3))
    assert found.conforms, text(found)
    assert subnormals_work()
    skipped = {
        verdict.clause for verdict in found.verdicts if verdict.outcome == "skip" and verdict.activation == "relu"
    }
    assert skipped == set(UNSEEN) - {"EDGE-5"}


def test_what_a_library_has_no_part_in_is_refused(tmp_path: Path) -> None:
    name = library(tmp_path)
    net = adapters.load_isolated(name)
    with pytest.raises(
        PlanError, match=r"^there is no float16 in .*libnet\.so: it has no function for that; spec/refn"
    ):
        plan(net, dtypes=("float16",))
    with pytest.raises(PlanError, match=r"^there is no bfloat16 in "):
        plan(computing_in(net, storage="bfloat16"))
    assert plan(net, dtypes=("float32",), activations=("identity",)).dtypes == ("float32",)
    for options in ({"framework": "torch"}, {"device": "cuda"}):
        with pytest.raises(
            TargetError, match=r"is a shared library: framework and device are for a network of Python's"
        ):
            loaded(name, **options)  # type: ignore[arg-type]  # either is a word
    with pytest.raises(TargetError, match=r"changes the process that it is loaded into: give it its own$"):
        loaded(name, in_process=True)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="it is switched off in a way of x86")
def test_a_library_that_switches_subnormals_off_does_so_over_there_and_conforms(tmp_path: Path) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DFLUSH"))
    tiny = problem(1, 1, 1, 1)
    tiny = tiny._replace(lr=1.0, params=type(tiny.params)(*(p * 0 for p in tiny.params)))
    tiny = tiny._replace(grads=type(tiny.grads)(*(np.full_like(g, 2.0**-1074) for g in tiny.grads)))
    assert net.run("update", tiny)["update.w1"] == 0
    assert subnormals_work()
    found = run(net, plan(net, clauses=("FWD-1", "GRAD", "UPD-1", "STEP-1"), activations=("relu",), examples=5))
    assert found.conforms, text(found)


def test_a_wrong_gradient_is_refused_with_its_name(tmp_path: Path) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DHALF"))
    found = run(net, plan(net, clauses=("GRAD", "UPD-1"), dtypes=("float64",), activations=("relu",), examples=5))
    outcomes = {verdict.clause: verdict for verdict in found.verdicts}
    assert {clause for clause, verdict in outcomes.items() if verdict.outcome == "fail"} == {
        f"GRAD-{i}" for i in range(1, 5)
    }
    assert outcomes["UPD-1"].outcome == "pass"
    diagnosis = outcomes["GRAD-1"].diagnosis
    assert diagnosis is not None
    assert "missing-factor-2" in {likely.fault for likely in diagnosis.likely}, text(found)
    example = outcomes["GRAD-1"].counterexample
    assert example is not None
    assert example.lines[1] == f"net = refnet.adapters.load_isolated({net.name!r})"


def test_a_segmentation_fault_costs_one_call(tmp_path: Path) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DSEGFAULT"))
    with pytest.raises(LostError, match="killed by signal 11"):
        net.run("grads", problem(1, 2, 3, 2))
    assert net.run("grads", problem(2, 2, 3, 2))["grads.w1"].shape == (2, 3)


@pytest.mark.parametrize("operation", ["grads", "step"])
def test_to_write_beyond_a_result_is_said(tmp_path: Path, operation: str) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DBEYOND"))
    with pytest.raises(ResultError) as caught:
        net.run(operation, problem(2, 2, 3, 2))
    assert str(caught.value) == f"{operation}.b1 was written to beyond its end: it has room for 3 numbers"


def test_what_is_not_written_is_not_a_number(tmp_path: Path) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DUNWRITTEN"))
    last = net.run("grads", problem(2, 2, 3, 2))["grads.b2"]
    assert np.isnan(last).tolist() == [False, True]


def test_a_status_is_an_error(tmp_path: Path) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DREFUSES"))
    with pytest.raises(RaisedError) as caught:
        net.run("grads", problem(2, 2, 3, 2))
    assert str(caught.value) == "grads raised StatusError: it returned 3, where 0 says that all went well"


def test_what_it_lacks_is_left_out_and_said(tmp_path: Path) -> None:
    net = adapters.load_isolated(library(tmp_path, "-DONLY_FLOAT64"))
    assert net.dtypes == ("float64",)
    assert net.notes == ()
    source = tmp_path / "part.c"
    prototype = "int d, int h, int o, const void *a, const void *b, const void *c, const void *e"
    source.write_text(
        f"int forward_float32(int n, {prototype}, const float *x, float *y) {{ return !n + !y; }}\n"
        f"int forward_float64(int n, {prototype}, const double *x, double *y) {{ return !n + !y; }}\n"
        f"int loss_float32(int n, {prototype}, const float *x, const float *y, float *loss) {{ return !n + !loss; }}\n"
    )
    part = compiled(source, tmp_path / "part.so", "-shared", "-fPIC", "-Wno-unused-parameter")
    net = adapters.load_isolated(str(part))
    assert tuple(net.operations) == ("forward",)
    assert net.dtypes == ("float32", "float64")
    assert net.activations == ("relu",)
    assert net.notes == ("it has no loss_float64: loss is left out",)


def test_what_is_no_such_library_is_said(tmp_path: Path) -> None:
    other = tmp_path / "other.c"
    other.write_text("int other(void) { return 0; }\n")
    (tmp_path / "text.so").write_text("no library")
    none = compiled(other, tmp_path / "none.so", "-shared", "-fPIC")
    for path, why in (
        (tmp_path / "missing.so", f"there is no file {tmp_path / 'missing.so'}"),
        (tmp_path / "text.so", f"{tmp_path / 'text.so'} cannot be loaded: "),
        (
            none,
            f"{none} has none of forward_float32, loss_float32, grads_float32, ...: there is nothing in it to check",
        ),
    ):
        with pytest.raises(TargetError) as caught:
            adapters.load_isolated(str(path))
        assert str(caught.value).startswith(why)


def test_a_library_is_never_loaded_here(tmp_path: Path) -> None:
    path = library(tmp_path)
    with pytest.raises(TargetError, match=r"is a shared library, which changes the process that it is loaded into"):
        load(path)
    with pytest.raises(AttributeError):
        _ = ctypes.CDLL(None).forward_float32


@pytest.mark.parametrize("name", ["libnet.so", "./libnet.so.1", "build/libnet.dylib", "net.dll"])
def test_libraries_are_known_by_their_names(name: str) -> None:
    assert is_library(name)


@pytest.mark.parametrize("name", ["net.py", "net", "net.so_lib", "pkg.so:net", "so", "pkg.net"])
def test_other_names_are_no_libraries(name: str) -> None:
    assert not is_library(name)


def test_the_header_and_the_page_have_every_function() -> None:
    header = (SPEC / "refnet.h").read_text(encoding="utf-8")
    page = (SPEC / "library.md").read_text(encoding="utf-8")
    functions = {f"{operation}_{dtype}" for operation in OPERATIONS for dtype in ("float32", "float64")}
    assert set(re.findall(r"int (\w+)\(", header)) == functions
    assert functions <= set(re.findall(r"`(\w+)`", page))
    last = " ".join(page.split()).rpartition("so these clauses are skipped: ")[2]
    assert last.startswith(
        "FWD-2, LOSS-2, GRAD-5, UPD-2, STEP-2, EDGE-5, ERR-1 to ERR-3, PURE-2, and LAYOUT-1 to LAYOUT-3."
    )
