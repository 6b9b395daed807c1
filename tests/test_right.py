"""Right implementations conform, those too that are built on other people's libraries: there are no false alarms."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from implementations.checking import HERE, checked, missing

from refnet.conformance import engine, text
from refnet.conformance.planning import EXAMPLES
from refnet.formats import Dtype

README = Path(__file__).parents[1] / "README.md"
LAX = "ERR-1 ERR-3"  # NumPy, PyTorch and JAX broadcast a target that does not fit


class Right(NamedTuple):
    """What is to be found: the slope at the kink, and the clauses with a warning; and what is asked.

    ``needs`` must be installed. JAX compiles for each new shape and dtype, without jit each operation by itself: it is
    given fewer ``examples``, or one of its ``dtypes``; ``tests/false_alarms.py`` checks it in both. ``perhaps`` are
    clauses with a warning that another run may not have. ``row`` is the framework's row of the README, by its name.
    """

    kink: str | None
    warned: str = ""
    needs: str = ""
    examples: int = EXAMPLES
    dtypes: tuple[Dtype, ...] = ()
    perhaps: str = ""
    row: str = ""


NUMPY = {
    "einsum": Right("0", f"{LAX} ERR-2"),  # which broadcasts features, too
    "python_fsum": Right("1"),
    "float64_inside": Right("0.5", LAX),
    "loop_over_samples": Right("0", "ERR-1"),
    "blocked": Right("1", LAX),
    "fused_step": Right(None, "ERR-3"),
    "identity": Right(None, LAX),
    "layered:Network": Right("1"),
    "talkative": Right(None),
    # A product of 640 terms, N O at the tutorial's size, is divided by 640 and multiplied back: not to the bit.
    "mean_times_n": Right("0", f"{LAX} GRAD-6"),
    "random_order": Right("1", f"{LAX} PURE-5 LAW-6"),
    "slope_quarter": Right("other", "ERR-3 KINK-2"),
    "compiled_habits": Right("0", "ERR-3 EDGE-5 SPECIAL-4"),
    "numpy_half": Right("1", LAX),
    "bfloat16_storage": Right("1"),
    "tf32": Right("0", LAX),
    "large_products_in_tf32": Right(None, f"{LAX} FWD-3 LOSS-3 STEP-4"),
}
FRAMEWORKS = {
    "torch_relu": Right("0", LAX, "torch"),
    "torch_clamp": Right("1", LAX, "torch"),  # of release 2.13; in others it is 0
    "torch_sequential:Network": Right("0", "", "torch"),
    "torch_function": Right("0", LAX, "torch"),
    "torch_half": Right("0", LAX, "torch", row="PyTorch"),
    "torch_module:Network": Right("0", "", "torch", row="PyTorch"),
    "torch_module:predict": Right("0", "", "torch"),
    "jax_relu": Right("0", LAX, "jax", examples=10, row="JAX"),
    "jax_maximum": Right("0.5", LAX, "jax", examples=10, dtypes=("float32",)),
    "jax_pytree:predict": Right("0", "", "jax", examples=3, dtypes=("float64",)),
    "jax_pytree:compiled": Right("0", "SPECIAL-4", "jax", examples=3, dtypes=("float32",)),
    "tensorflow_tape": Right("0", LAX, "tensorflow", examples=15, row="TensorFlow"),
    "hips_autograd": Right("0.5", LAX, "autograd", row="HIPS autograd"),
    "mygrad_nnet": Right("0", LAX, "mygrad", examples=15, row="mygrad"),
    # The gradients are added up in the order of a set of objects, that is, of their addresses.
    "micrograd_values": Right("0", "", "micrograd", examples=3, perhaps="PURE-5 LAW-6", row="micrograd"),
    "pytensor_graph": Right("1", "EDGE-5", "pytensor", examples=15, row="PyTensor"),
    "casadi_symbols": Right("0.5", f"{LAX} ERR-2 SPECIAL-4", "casadi", row="CasADi"),
    "numba_loops": Right("0", "", "numba", examples=5, row="Numba"),
}
TABLE = README.read_text(encoding="utf-8").partition("\n| framework |")[2].partition("\n\n")[0].splitlines()[2:]
ROWS = {name: rest for name, *rest in ([cell.strip() for cell in line.strip("|").split("|")] for line in TABLE)}
OUR_OWN = {"refnet": Right("1"), "refnet.seed": Right("1", LAX)}


def target(name: str) -> str:
    module, colon, attribute = name.partition(":")
    return name if name in OUR_OWN else f"{HERE / 'right' / module}.py{colon}{attribute}"


@pytest.fixture(autouse=True)
def _warnings_are_not_made_small() -> Iterator[None]:
    with mock.patch.object(engine, "minimised", lambda problem, *_, **__: problem):  # which takes seconds
        yield


@pytest.mark.parametrize("name", [*OUR_OWN, *NUMPY, *FRAMEWORKS])
def test_a_right_implementation_conforms(name: str) -> None:
    expected = (OUR_OWN | NUMPY | FRAMEWORKS)[name]
    if absent := missing(*expected.needs.split()):
        pytest.skip(f"{', '.join(absent)} is not installed: pip install 'refnet[frameworks]' to try {name} too")
    found = checked(target(name), examples=expected.examples, dtypes=expected.dtypes)
    assert found.report.conforms, text(found.report)
    warned = found.clauses("warn") - set(expected.perhaps.split())
    assert warned == set(expected.warned.split()), text(found.report)
    assert found.report.kink == expected.kink
    if expected.row:
        conforms, kink, formats = ROWS[expected.row][:3]
        assert (conforms, kink) == ("yes", found.report.kink)
        assert {verdict.dtype for verdict in found.report.verdicts} <= set(formats.split(", "))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["float64_inside", "blocked", "fused_step", "mean_times_n"])
def test_other_examples_raise_no_alarm(name: str, seed: int) -> None:
    found = checked(target(name), examples=50, seed=seed)
    assert found.report.conforms, text(found.report)


def test_the_readme_lists_each_framework_and_no_other() -> None:
    assert set(ROWS) == {right.row for right in FRAMEWORKS.values() if right.row}


def test_every_file_is_tried() -> None:
    files = {path.stem for path in (HERE / "right").glob("[!_]*.py")}
    assert files == {name.partition(":")[0] for name in NUMPY | FRAMEWORKS}
