"""The catalogue of faults: each is what it says, no two are the same, and the suite refuses every one by its clause."""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_args

import numpy as np
import pytest
from fault_table import PAGE, Row, measured, page, rows, verdicts
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refnet import Activation, conformance, faults, network, specification
from refnet.conformance import layouts
from refnet.conformance.loading import implementation
from refnet.conformance.problem import AnyProblem, Shape, generate
from refnet.conformance.suite import CHECKS
from refnet.conformance.suite.behaviour import another, rearranged
from refnet.conformance.target import DTYPES, OPERATIONS, CallError, Implementation, arguments
from refnet.faults import CATALOGUE, FAMILIES, Fault, Network
from refnet.faults.pieces import fault as list_fault
from refnet.faults.precision import rounded
from refnet.faults.shape import Part, Tiled
from refnet.formats import Dtype

Array: TypeAlias = NDArray[Any]

FAULTS = list(CATALOGUE.values())
SOURCES = sorted(Path(faults.__file__).parent.glob("*.py"))
FORMATS: list[tuple[Dtype, Activation]] = [(d, a) for d in DTYPES for a in get_args(Activation)]
THOROUGH = os.environ.get("REFNET_PROFILE") == "thorough"

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=list(CATALOGUE))


# What is listed.


def test_the_catalogue_is_large_and_every_family_has_its_share() -> None:
    assert len(CATALOGUE) >= 80
    sizes = {family: sum(fault.family == family for fault in FAULTS) for family in FAMILIES}
    assert min(sizes.values()) >= 5
    assert [fault.family for fault in FAULTS] == sorted((f.family for f in FAULTS), key=FAMILIES.index)


@pytest.mark.parametrize(
    "name",
    [
        "mean-over-elements",
        "mean-over-batch",
        "missing-factor-2",
        "mask-missing",
        "mask-from-activation",
        "bias-gradient-not-summed",
        "w1-gradient-with-updated-w2",
        "weights-transposed",
        "tf32-operands",
    ],
)
def test_the_names_that_people_know_are_there(name: str) -> None:
    assert faults.named(name).name == name


@each_fault
def test_a_fault_is_told_in_the_field_s_words_and_whole_sentences(fault: Fault) -> None:
    assert CATALOGUE[fault.name] is fault
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fault.name)
    sentences = re.split(r"(?<=\.) ", fault.note)
    assert 2 <= len(sentences) <= 4
    for sentence in sentences:
        assert re.fullmatch(r"(?:[A-Z0-9]|float|`).*[A-Za-z0-9)`]\.", sentence), sentence
    assert fault.seen
    assert not fault.seen.endswith(".")


@each_fault
def test_a_fault_names_a_clause_that_decides_and_that_the_suite_checks(fault: Fault) -> None:
    assert specification.clauses()[fault.clause].level == "MUST"
    assert fault.clause in CHECKS


@each_fault
def test_the_wrong_line_and_the_right_line_are_lines_of_python(fault: Fault) -> None:
    assert fault.wrong != fault.right
    for line in (fault.wrong, fault.right):
        assert "\n" not in line
        assert len(line) <= 100
        ast.parse(f"def function():\n    {line}\n")


@each_fault
def test_a_fault_says_where_it_shows(fault: Fault) -> None:
    net = implementation(fault.make())
    assert set(net.operations) == set(OPERATIONS)
    assert net.told == set(OPERATIONS) - {"update"}
    assert net.activations
    assert net.dtypes


def test_a_second_fault_of_one_name_is_refused() -> None:
    again = list_fault("mean-over-batch", "reduction", "LOSS-1", "always", wrong="a = 1", right="a = 2")
    with pytest.raises(ValueError, match="two faults are called mean-over-batch, expected one"):
        again(Network)
    assert CATALOGUE["mean-over-batch"].wrong != "a = 1"


def test_a_fault_is_found_by_its_name_and_a_slip_is_answered_with_the_nearest() -> None:
    assert faults.named("half-loss") is CATALOGUE["half-loss"]
    with pytest.raises(faults.UnknownFaultError, match="no fault 'mean-over-elemnts': did you mean mean-over-elements"):
        faults.named("mean-over-elemnts")
    with pytest.raises(ValueError, match=r"no fault 'tf32': did you mean tf32-operands or tf32-in-backward-pass\?"):
        faults.named("tf32")
    with pytest.raises(ValueError, match="no fault 'qqq': `refnet faults` lists those that there are"):
        faults.named("qqq")
    with pytest.raises(ValueError, match="no fault '': `refnet faults` lists"):
        faults.named("")


def test_a_fault_is_a_target_by_its_name_with_underscores() -> None:
    net = conformance.load("refnet.faults:tf32_in_backward_pass")
    assert set(net.operations) == set(OPERATIONS)
    assert type(faults.tf32_in_backward_pass) is CATALOGUE["tf32-in-backward-pass"].make
    with pytest.raises(AttributeError, match="no attribute 'tf33_operands'"):
        _ = faults.tf33_operands
    with pytest.raises(conformance.TargetError, match=r"refnet\.faults has no 'tf33_operands'"):
        conformance.load("refnet.faults:tf33_operands")


def test_no_fault_hides_behind_a_module_or_a_function() -> None:
    assert [name for name in CATALOGUE if name.replace("-", "_") in vars(faults)] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_faults_know_the_network_and_nothing_above_it(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    of_refnet = {name for name in imported if name and name.startswith("refnet")}
    assert all(re.fullmatch(r"refnet\.(network|formats|faults(\.\w+)?)", name) for name in of_refnet)


# What they compute.

# Each shape, kind and circumstance in which some fault shows.
SHAPES: tuple[Shape, ...] = (
    *((4, 5, 6, 3), (1, 1, 1, 1), (1, 3, 4, 2), (3, 2, 4, 1), (2, 2, 2, 2), (4, 4, 4, 4), (0, 3, 4, 2)),
    *((3, 3, 4, 2), (4, 2, 4, 3), (3, 4, 2, 2), (9, 2, 3, 2), (3, 2, 9, 2), (17, 2, 3, 2), (33, 2, 3, 2)),
    *((65, 2, 3, 2), (3, 65, 3, 2), (3, 2, 65, 3), (3, 2, 3, 65), (2, 513, 2, 1)),
)


class Circumstance(NamedTuple):
    """A problem, and how its arrays lie in memory."""

    problem: AnyProblem
    lay: Callable[[Array], Array] = np.copy


def scaled(problem: AnyProblem, exponent: int) -> AnyProblem:
    """The same network in other units, so that h, the prediction and the residual are large, or small."""
    p, unit = problem.params, problem.x.dtype.type(2.0**exponent)
    params = p._replace(b1=p.b1 * unit, b2=p.b2 * unit)
    return problem.with_arrays(params, problem.x * unit, problem.y * unit)


def with_nan(problem: AnyProblem, name: str) -> AnyProblem:
    array = getattr(problem, name).copy()
    array[0, 0] = np.nan
    return problem._replace(**{name: array})


@cache
def circumstances(dtype: Dtype, activation: Activation) -> tuple[Circumstance, ...]:
    problems = [generate("normal", shape, dtype, activation, 0) for shape in SHAPES]
    plain = problems[0]
    kinked, dense = (generate(kind, (8, 3, 5, 2), dtype, activation, 0) for kind in ("kinked", "dense"))
    in_other_units = [scaled(plain, exponent) for exponent in (-30, -12, 15)]
    perfect = plain._replace(y=network.forward(plain.params, plain.x, activation=activation))
    huge = scaled(generate("integers", (2, 2, 3, 2), dtype, activation, 0), np.finfo(dtype).maxexp - 6)
    broken = [with_nan(plain, name) for name in ("x", "y")]
    rates = [plain._replace(lr=rate) for rate in (0.0, 1.0)]
    again = [plain, another(plain), plain]
    every = [*problems, *again, kinked, dense, *in_other_units, perfect, huge, *broken, *rates]
    every_layout = (layouts.fortran, layouts.strided, layouts.negative, layouts.read_only)
    return (*map(Circumstance, every), *(Circumstance(plain, lay) for lay in every_layout))


def trace(net: Implementation, dtype: Dtype, activation: Activation) -> list[object]:
    """All that can be seen of an implementation: values, shapes, dtypes, errors, shared memory, changed arguments."""
    seen: list[object] = []
    earlier: dict[str, list[Array]] = {}
    for problem, lay in circumstances(dtype, activation):
        mine = rearranged(problem, lay)
        for operation in ("grads", *OPERATIONS):
            results = called(net, operation, mine)
            if isinstance(results, str):
                seen.append(results)
                continue
            others = [mine.x, mine.y, *mine.params, *mine.grads, *earlier.get(operation, ())]
            seen += [(array.shape, array.dtype, array.tobytes()) for array in results]
            seen += [array.tobytes() for array in others]
            seen.append([np.shares_memory(array, other) for array in results for other in others])
            earlier[operation] = results
    return seen


def called(net: Implementation, operation: str, problem: AnyProblem) -> list[Array] | str:
    """What the operation returns, in one array or in four; or the class of the error that it raises."""
    try:
        result: Any = net.call(operation, *arguments(operation, problem), activation=problem.activation)
    except CallError as error:
        return str(type(error.__cause__))
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in parts]


@cache
def trace_of(name: str, dtype: Dtype, activation: Activation) -> int:
    """The trace of a fault, or of the network without a fault where no name is given, as one number."""
    made = CATALOGUE[name].make() if name else Network()
    return hash(tuple(map(repr, trace(implementation(made), dtype, activation))))


@pytest.mark.parametrize(("dtype", "activation"), FORMATS)
def test_the_network_in_pieces_is_the_network_to_the_bit(dtype: Dtype, activation: Activation) -> None:
    net, call = Network(), partial(np.testing.assert_array_equal, strict=True)
    for problem, lay in circumstances(dtype, activation):
        p, x, y, four, lr = rearranged(problem, lay)[:5]
        with np.errstate(all="ignore"):
            call(net.forward(p, x, activation=activation), network.forward(p, x, activation=activation))
            call(net.loss(p, x, y, activation=activation), network.loss(p, x, y, activation=activation))
            right = network.grads(p, x, y, activation=activation)
            for mine, its in zip(net.grads(p, x, y, activation=activation), right, strict=True):
                call(mine, its)
            for mine, its in zip(net.update(p, four, lr), network.update(p, four, lr), strict=True):
                call(mine, its)
            for mine, its in zip(
                net.step(p, x, y, lr, activation=activation), network.update(p, right, lr), strict=True
            ):
                call(mine, its)


def test_the_network_in_pieces_conforms() -> None:
    net = implementation(Network())
    net.pace.most_work = 10_000
    found = conformance.run(net, conformance.plan(net, examples=2))
    assert {verdict.outcome for verdict in found.verdicts} == {"pass", "skip"}
    assert {verdict.message for verdict in found.verdicts if verdict.outcome == "skip"} == {"identity has no kink"}


@each_fault
def test_a_fault_differs_from_the_network_wherever_it_says_that_it_shows(fault: Fault) -> None:
    made = fault.make()
    for dtype in made.dtypes:
        for activation in made.activation:
            assert trace_of(fault.name, dtype, activation) != trace_of("", dtype, activation)


def test_no_two_faults_are_the_same_function_but_for_the_listed_ties() -> None:
    alike: defaultdict[tuple[int, ...], list[str]] = defaultdict(list)
    for name in CATALOGUE:
        alike[tuple(trace_of(name, *of) for of in FORMATS)].append(name)
    ties = {name: tuple(other for other in names if other != name) for names in alike.values() for name in names}
    assert ties == {fault.name: fault.ties for fault in FAULTS}


def test_a_square_that_is_expanded_refuses_a_target_that_does_not_fit() -> None:
    problem = circumstances("float64", "relu")[0].problem
    with pytest.raises(ValueError, match="y has shape"):
        CATALOGUE["square-expanded"].make().loss(problem.params, problem.x, problem.y[:1])


@each_fault
def test_a_fault_is_made_afresh_each_time(fault: Fault) -> None:
    used, fresh = fault.make(), fault.make()
    if not vars(fresh):  # it keeps nothing
        assert isinstance(used, type(fresh))
        return
    dtype, activation = fresh.dtypes[0], fresh.activation[0]
    first = trace(implementation(used), dtype, activation)
    assert repr(trace(implementation(fresh), dtype, activation)) == repr(first)


@pytest.mark.parametrize(("bits", "dropped"), [(8, 16), (11, 13)])
@given(array=hnp.arrays(np.float32, 7, elements=st.floats(width=32, allow_subnormal=False)))
def test_rounding_to_few_bits_is_what_masking_the_others_gives(array: Array, bits: int, dropped: int) -> None:
    # Half a unit is added below the last bit that stays, one less where that bit is 0; what lies below is cut off.
    whole = array.view(np.uint32).astype(np.uint64)
    half = (np.uint64(1) << np.uint64(dropped - 1)) - np.uint64(1) + (whole >> np.uint64(dropped) & np.uint64(1))
    masked = (whole + half) & ~((np.uint64(1) << np.uint64(dropped)) - np.uint64(1))
    expected = np.where(np.isfinite(array), masked.astype(np.uint32).view(np.float32), array)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(rounded(array, bits), expected)


def test_rounding_to_few_bits_keeps_the_dtype_and_what_fits() -> None:
    for dtype in (np.float32, np.float64):
        array = np.array([0.0, 1.0, -255.0, 257.0, 259.0, np.inf, np.nan], dtype)
        expected = np.array([0.0, 1.0, -255.0, 256.0, 260.0, np.inf, np.nan], dtype)
        np.testing.assert_array_equal(rounded(array, 8), expected, strict=True)


# What the suite says of them.


def failing(fault: Fault, **asked: Any) -> set[str]:
    return {verdict.clause for verdict in verdicts(fault, **asked).verdicts if verdict.outcome == "fail"}


@each_fault
def test_a_fault_is_refused_by_its_clause(fault: Fault) -> None:
    dtypes = fault.make().dtypes[:1]
    assert failing(fault, clauses=(fault.clause,), dtypes=dtypes) == {fault.clause}


@pytest.mark.parametrize("seed", [1, 2, 3])
@each_fault
def test_a_fault_is_refused_by_its_clause_with_other_examples_too(fault: Fault, seed: int) -> None:
    dtypes = fault.make().dtypes[:1]
    assert failing(fault, clauses=(fault.clause,), dtypes=dtypes, seed=seed) == {fault.clause}


@pytest.mark.parametrize("tile", [4, 8, 16, 32, 64])
@pytest.mark.parametrize("part", get_args(Part))
def test_a_rest_is_missed_whatever_the_tile(part: Part, tile: int) -> None:
    lost = Fault("lost", "shape", "EDGE-3", "", "", "", "", lambda: Tiled(part, tile))
    assert failing(lost, clauses=("FWD-1", "EDGE-3"), dtypes=("float32",))


def recorded() -> Iterator[Row]:
    yield from rows(PAGE.read_text(encoding="utf-8"))


def test_the_table_has_a_row_for_every_fault_and_says_what_the_catalogue_says() -> None:
    found = list(recorded())
    assert [row[:3] for row in found] == [(fault.name, fault.clause, fault.seen) for fault in FAULTS]
    assert page(found) == PAGE.read_text(encoding="utf-8")


def test_by_the_table_every_fault_is_refused_by_its_clause_and_no_clause_refuses_nothing() -> None:
    levels = {name: clause.level for name, clause in specification.clauses().items()}
    refusing: set[str] = set()
    for row in recorded():
        assert row.clause in row.refused_by
        assert {levels[clause] for clause in row.refused_by} == {"MUST"}
        assert {levels[clause] for clause in row.warned_of_by} <= {"SHOULD"}
        refusing |= {*row.refused_by, *row.warned_of_by}
    assert set(CHECKS) - refusing == set()


# The whole suite on every fault takes a quarter of an hour: REFNET_PROFILE=thorough.
@pytest.mark.parametrize("fault", FAULTS if THOROUGH else FAULTS[8::58], ids=lambda fault: fault.name)
def test_the_table_is_what_the_suite_says(fault: Fault) -> None:
    assert measured(fault) == {row.name: row for row in recorded()}[fault.name]
