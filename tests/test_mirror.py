"""Memory through the border of a process: what a call does to its arguments, and where its results lie, shows here."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations.checking import HERE
from numpy.typing import NDArray

import refnet
from refnet.adapters import isolated
from refnet.adapters.frames import memory
from refnet.adapters.mirror import Mirror
from refnet.adapters.worker import _laid_out
from refnet.conformance import Report, generate, layouts, load, plan, run
from refnet.conformance.target import Implementation, copied
from refnet.conformance.views import as_document
from refnet.faults import CATALOGUE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")

Array = NDArray[Any]
PROBLEM = generate("normal", (3, 2, 4, 2), "float64", "relu", 0)


def transposed(array: Array) -> Array:
    return array.T


def one_row_more(array: Array) -> Array:
    return np.concatenate([array, array])[len(array) :]


def of_one_number(array: Array) -> Array:
    return np.broadcast_to(array.ravel()[:1], array.shape) if array.size else array


def of_bytes(array: Array) -> Array:
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


LAYS: list[Callable[[Array], Array]] = [
    *(np.array, layouts.fortran, layouts.strided, layouts.negative, layouts.read_only),
    *(transposed, one_row_more, of_one_number, of_bytes),
]


@given(
    hnp.arrays(
        st.sampled_from(("<f4", "<f8", "<i8", ">f4", "<f2")), hnp.array_shapes(min_dims=0, max_dims=2, min_side=0)
    ),
    st.sampled_from(LAYS),
)
def test_an_argument_lies_over_there_as_it_does_here(array: Array, lay: Callable[[Array], Array]) -> None:
    if array.ndim:
        array = lay(array)
    _, layout, whole = Mirror().described(array)
    there, raw = _laid_out(layout)
    sent = memory(whole)
    assert raw.nbytes == layout.size == len(sent)
    raw.data[:] = sent
    assert (there.dtype, there.shape) == (array.dtype, array.shape)
    assert there.tobytes() == array.tobytes()
    if array.size > 1:
        steps = zip(there.strides, array.strides, array.shape, strict=True)
        assert all(its == mine for its, mine, length in steps if length > 1)  # no step is made along the others
        assert (there.flags.c_contiguous, there.flags.f_contiguous) == (
            array.flags.c_contiguous,
            array.flags.f_contiguous,
        )
    if array.flags.owndata:
        assert there.flags.owndata
    if isinstance(array.base, np.ndarray) and array.base.flags.c_contiguous:
        assert there.base is not None
        assert there.base.tobytes() == array.base.tobytes()


def test_an_array_has_one_number_as_long_as_it_lives() -> None:
    mirror, one, other = Mirror(), np.ones(3), np.ones(3)
    number = mirror.described(one)[0]
    assert [mirror.described(array)[0] for array in (one, other, one)] == [number, number + 1, number]
    assert mirror.forgotten() == ([], [])
    del one
    assert mirror.forgotten() == ([number], [])
    assert mirror.described(other)[0] == number + 1
    other.shape = (3, 1)
    assert mirror.described(other)[0] == number + 2
    many = [np.ones(1) for _ in range(100)]
    for array in many:
        mirror.described(array)
    forgotten, _ = mirror.forgotten()
    assert len(forgotten) >= 36  # the other side keeps no more than 64


# What the target does, and what is seen of it.

NET = """
import numpy as np
import refnet

buffer = np.zeros(1000)
kept = {}

def forward(params, x):
    result = refnet.forward(params, x)
    BODY
    return result
"""


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Implementation]:
    def net(body: str) -> Implementation:
        (tmp_path / "net.py").write_text(NET.replace("BODY", body))
        return isolated.load(str(tmp_path / "net.py"))

    return net


def test_what_is_written_there_is_written_here(made: Callable[[str], Implementation]) -> None:
    net = made("params.w1[0, 1] = 7.0; x.flags.writeable = True; x[...] *= 2.0")
    for lay in (np.array, layouts.fortran, layouts.strided, layouts.negative, layouts.read_only):
        mine = copied(PROBLEM)
        mine = mine._replace(x=lay(mine.x), params=mine.params._replace(w1=layouts.strided(mine.params.w1)))
        net.run_on("forward", mine)
        assert mine.params.w1[0, 1] == 7.0
        assert np.array_equal(mine.x, 2.0 * PROBLEM.x)
        assert mine.x.flags.writeable == lay(PROBLEM.x).flags.writeable
        assert np.array_equal(np.delete(mine.params.w1.ravel(), 1), np.delete(PROBLEM.params.w1.ravel(), 1))
    frozen = PROBLEM._replace(x=of_bytes(PROBLEM.x))
    net = made("params.w1[0, 1] = 7.0")
    net.run_on("forward", frozen._replace(params=copied(PROBLEM).params))
    assert np.array_equal(frozen.x, PROBLEM.x)


@pytest.mark.parametrize(
    ("body", "shared"),
    [
        ("result = params.w1", True),
        ("result = params.w1.T[::-1].T[:, ::-1]", True),
        ("result = params.w1[::-1, ::-1][::-1, ::-1]", True),
        ("kept[0] = params.w1; result = kept[0]", True),
        ("result = params.w1.copy()", False),
        ("result = params.w1.tolist()", False),
    ],
)
def test_a_result_that_lies_in_an_argument_lies_in_it_here(
    body: str, shared: bool, made: Callable[[str], Implementation]
) -> None:
    square = generate("normal", (2, 2, 2, 2), "float64", "relu", 0)
    for lay in LAYS:
        mine = square._replace(params=square.params._replace(w1=lay(square.params.w1)))
        found = made(body).run_on("forward", mine)["forward"]
        assert np.shares_memory(found, mine.params.w1) == shared
        expected = mine.params.w1
        expected = expected.T[::-1].T[:, ::-1] if ".T[::-1].T" in body else expected
        assert np.array_equal(found, expected)
        if lay in (np.array, layouts.fortran):  # the others hold each number where somebody may miss it
            mine.params.w1[0, 0] = 99.0
            assert (99.0 in found) == shared


def test_a_result_that_changes_later_changes_here(made: Callable[[str], Implementation]) -> None:
    for view in ("buffer[:result.size].reshape(result.shape)", "buffer[2 * result.size:0:-2].reshape(result.shape)"):
        net = made(f"whole = {view}; whole[...] = result; result = whole")
        first = net.run_on("forward", PROBLEM)["forward"]
        before = first.copy()
        other = PROBLEM._replace(x=PROBLEM.x * 2.0)
        second = net.run_on("forward", other)["forward"]
        assert np.array_equal(before, refnet.forward(PROBLEM.params, PROBLEM.x))
        assert np.array_equal(second, refnet.forward(other.params, other.x))
        assert np.shares_memory(first, second)
        assert np.array_equal(first, second)


def test_an_earlier_result_that_is_written_to_later_changes_here(made: Callable[[str], Implementation]) -> None:
    net = made("old = kept.get(0, result); old[...] = 7.0 if 0 in kept else old; kept[0] = result")
    first = net.run_on("forward", PROBLEM)["forward"]
    before = first.copy()
    second = net.run_on("forward", PROBLEM)["forward"]
    assert np.array_equal(before, second)
    assert not np.shares_memory(first, second)
    assert first.tolist() == np.full_like(first, 7.0).tolist()


def test_a_call_on_copies_leaves_all_here_as_it_is(made: Callable[[str], Implementation]) -> None:
    square = generate("normal", (2, 2, 2, 2), "float64", "relu", 0)
    mine = copied(square)._replace(x=layouts.fortran(layouts.read_only(square.x)))
    mine.x.flags.writeable = False
    its = "assert x.flags.carray and x.flags.owndata"  # as in this process, where `run` copies
    found = made(f"{its}; x[...] = 7.0; params.w1[0, 0] = 8.0; result = params.w1").run("forward", mine)["forward"]
    assert found.tolist() == [[8.0, square.params.w1[0, 1]], square.params.w1[1].tolist()]
    assert found.flags.writeable
    assert np.array_equal(mine.x, square.x)
    assert np.array_equal(mine.params.w1, square.params.w1)


def test_an_earlier_result_changes_here_in_a_call_on_copies_too(made: Callable[[str], Implementation]) -> None:
    net = made("old = kept.get(0, result); old[...] = 7.0 if 0 in kept else old; kept[0] = result")
    first = net.run_on("forward", PROBLEM)["forward"]
    second = net.run("forward", PROBLEM)["forward"]
    assert first.tolist() == np.full_like(first, 7.0).tolist()
    assert np.array_equal(second, refnet.forward(PROBLEM.params, PROBLEM.x))
    net.run("forward", PROBLEM)
    assert np.array_equal(second, refnet.forward(PROBLEM.params, PROBLEM.x))


def test_parts_of_one_buffer_share_what_they_share_there(made: Callable[[str], Implementation]) -> None:
    net = made(
        "n = len(kept); kept[n] = 0; part = buffer[4 * n: 4 * n + 6]; part[...] = n; result = part.reshape(3, 2)"
    )
    parts = [net.run_on("forward", PROBLEM)["forward"] for _ in range(3)]
    pairs = [np.shares_memory(parts[i], parts[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    assert pairs == [True, True, False]
    assert parts[0].ravel().tolist() == [0.0] * 4 + [1.0] * 2


def test_an_array_that_comes_again_with_other_numbers_is_the_same_object_there(
    made: Callable[[str], Implementation],
) -> None:
    net = made("result = kept.setdefault(id(x), result).copy(); kept[id(x), 0] = x")
    mine = copied(PROBLEM)
    first = net.run("forward", mine)  # of a copy
    first = net.run_on("forward", mine)
    mine.x[...] *= 3.0
    assert np.array_equal(net.run_on("forward", mine)["forward"], first["forward"])


def test_a_list_has_no_dtype_and_is_read_as_here(made: Callable[[str], Implementation]) -> None:
    result = made("result = result.tolist()").call("forward", PROBLEM.params, PROBLEM.x, activation="relu")
    assert not hasattr(result, "dtype")
    assert np.asarray(result).dtype == np.float64
    assert np.asarray(result, np.float32).dtype == np.float32
    single = generate("normal", (3, 2, 4, 2), "float32", "relu", 0)
    wide = made("result = result.astype(float)").call("forward", single.params, single.x, activation="relu")
    assert isinstance(wide, np.ndarray)
    assert wide.dtype == np.float64


# The verdicts are those of this process.


def reports(target: str, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> tuple[Report, Report]:
    few: dict[str, Any] = {"examples": 3, "dtypes": ("float32",)} | asked
    monkeypatch.setattr("refnet.conformance.engine.minimised", lambda problem, *_, **__: problem)  # it has little time
    monkeypatch.setattr("refnet.conformance.exploring.SECONDS_A_CHECK", 60.0)  # and is left out on a busy machine
    nets = load(target), isolated.load(target)
    here, there = (run(net, plan(net, **few), diagnose=False) for net in nets)
    return here, there


@pytest.mark.parametrize("name", ["einsum", "talkative", "layered:Network", "slope_quarter", "blocked"])
def test_a_right_one_has_the_same_report(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, colon, attribute = name.partition(":")
    here, there = reports(f"{HERE / 'right' / module}.py{colon}{attribute}", monkeypatch)
    assert as_document(there) == as_document(here)
    assert there.conforms


STATE = [name for name, fault in CATALOGUE.items() if fault.family in ("state", "layout")]
OTHERS = ["mean-over-batch", "mask-missing", "nan-replaced", "float32-inside", "bias-gradient-averaged"]


@pytest.mark.parametrize("name", [*STATE, *(name for name in OTHERS if name in CATALOGUE)])
def test_a_fault_has_the_same_verdicts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = CATALOGUE[name]
    made = fault.make()
    clauses = tuple(dict.fromkeys((fault.clause, "PURE", "LAYOUT")))
    asked = {"clauses": clauses, "dtypes": made.dtypes[:1], "activations": made.activation[:1]}
    here, there = reports(f"refnet.faults:{name.replace('-', '_')}", monkeypatch, **asked)
    assert as_document(there) == as_document(here)
    assert "fail" in {verdict.outcome for verdict in there.verdicts if verdict.clause == fault.clause}


PURITY = {
    "argument_mutated": "PURE-1",
    "target_mutated": "PURE-1",
    "view_returned": "PURE-2",
    "shared_buffer": "PURE-3",
    "cached_by_id": "PURE-4",
    "gradients_accumulate": "PURE-4",
    "assumes_c_order": "LAYOUT-1",
    "needs_writable": "LAYOUT-4",
    "exits": "EDGE-1",
    "returns_none": "STEP-1",
}


@pytest.mark.parametrize("name", PURITY)
def test_a_wrong_one_is_refused_by_the_same_clause(name: str) -> None:
    net = isolated.load(str(HERE / "wrong" / f"{name}.py"))
    report = run(net, plan(net, clauses=(PURITY[name],), examples=5), diagnose=False)
    assert {verdict.outcome for verdict in report.verdicts} == {"fail"}
