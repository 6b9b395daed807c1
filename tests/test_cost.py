"""What a call costs, counted: multiplications, sums that are enclosed, and the memory that the docstrings state."""

import platform
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, ClassVar
from unittest.mock import Mock

import numpy as np
import pytest

from refnet import Activation, Grads, Params, enclosure, forward, grads, init, loss, network, rounding, train, update
from refnet.conformance import generate
from refnet.conformance.target import arguments

ACTIVATIONS: tuple[Activation, ...] = ("relu", "identity")


class Counted(int):
    """An int that counts the multiplications it takes part in."""

    multiplications: ClassVar[int] = 0

    def __mul__(self, other: int) -> "Counted":
        Counted.multiplications += 1
        return Counted(int(self) * int(other))

    __rmul__ = __mul__

    def __add__(self, other: int) -> "Counted":
        return Counted(int(self) + int(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> "Counted":
        return Counted(int(self) - int(other))


def multiplications(call: Callable[[], object]) -> int:
    Counted.multiplications = 0
    call()
    return Counted.multiplications


def counted(*shapes: tuple[int, ...], low: int) -> list[Any]:
    """Return an array of Counted from ``low`` to 3 in each shape."""
    rng = np.random.default_rng(23)
    arrays = [np.empty(shape, dtype=object) for shape in shapes]
    for array in arrays:
        array[...] = np.vectorize(Counted, otypes=[object])(rng.integers(low, 4, array.shape))
    return arrays


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("n", "d", "h", "o"), [(2, 7, 3, 5), (11, 2, 3, 1), (1, 1, 1, 1), (0, 3, 2, 4)])
def test_grads_takes_five_products_and_no_sixth(n: int, d: int, h: int, o: int, activation: Activation) -> None:
    w1, b1, w2, b2, x, y = counted((d, h), (h,), (h, o), (o,), (n, d), (n, o), low=-3)
    params: Params[np.object_] = Params(w1, b1, w2, b2)
    large, small = n * d * h, n * h * o
    assert multiplications(lambda: forward(params, x, activation=activation)) == large + small
    assert multiplications(lambda: loss(params, x, y, activation=activation)) == large + small + n * o
    assert multiplications(lambda: grads(params, x, y, activation=activation)) == 2 * large + 3 * small + n * o


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_of_train_multiplies_no_more_than_its_gradient_loss_and_update(activation: Activation) -> None:
    n, d, h, o = 3, 4, 2, 5
    w1, b1, w2, b2, x, y = counted((d, h), (h,), (h, o), (o,), (n, d), (n, o), low=1)  # so that no unit is off
    params: Params[np.object_] = Params(w1, b1, w2, b2)
    gradient = 2 * n * d * h + 3 * n * h * o + n * o
    squares, scaled = n * o, d * h + h + h * o + o
    assert multiplications(lambda: update(params, Grads(w1, b1, w2, b2), 3)) == scaled
    steps = train(params, x, y, lr=3, steps=1, activation=activation)
    assert multiplications(lambda: list(steps)) == gradient + squares + scaled


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("operation", "sums"), [("forward", 2), ("loss", 3), ("grads", 7), ("step", 7), ("layers", 3), ("update", 0)]
)
def test_an_enclosure_encloses_no_sum_twice_and_checks_its_arguments_once(
    operation: str, sums: int, activation: Activation, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = generate("normal", (3, 4, 5, 2), "float32", activation, 0)
    summing, checking = Mock(wraps=rounding.sum_of_products), Mock(wraps=network.checked_params)
    monkeypatch.setattr(rounding, "sum_of_products", summing)
    monkeypatch.setattr(network, "checked_params", checking)
    # h, r and the loss; or h, r, ga and the four gradients; layers give the prediction beside the residual.
    given = arguments("grads" if operation == "layers" else operation, problem)
    getattr(enclosure, operation)(*given, **({} if operation == "update" else {"activation": activation}))
    assert (summing.call_count, checking.call_count) == (sums, 1)


BUFFER = 8 * np.getbufsize()  # bytes that NumPy itself may take for a while, to add a bias to every row
OBJECTS = 2048  # at most a dozen array objects of about 100 bytes, tuples and frames


def peak(call: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at one time during the call, its result included."""
    call()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        most = tracemalloc.get_traced_memory()[1]
        del result
    finally:
        tracemalloc.stop()
    return most - before


def test_update_allocates_its_result_and_nothing_beside_it() -> None:
    params = init(np.random.default_rng(0), 1000, 100, 10)
    assert sum(p.nbytes for p in params) == 8 * (1000 * 100 + 100 + 100 * 10 + 10) == 808_880
    most = peak(lambda: update(params, Grads(*params), 1e-6))
    assert 800_000 <= most <= 808_880 + OBJECTS  # at least: w1 was seen; NumPy keeps arrays below 1 KiB in a cache


class Sizes:
    """Arguments of which each shape takes a different number of bytes, each more than BUFFER."""

    n, d, h, o = 500, 400, 300, 30
    rng = np.random.default_rng(29)
    params = init(rng, d, h, o)
    x, y = rng.standard_normal((n, d)), rng.standard_normal((n, o))
    hidden, out, result = 8 * n * h, 8 * n * o, 8 * (d * h + h + h * o + o)
    assert out > BUFFER


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_loss_and_grads_allocate_what_they_say(activation: Activation) -> None:
    params, x, y, hidden, out = Sizes.params, Sizes.x, Sizes.y, Sizes.hidden, Sizes.out
    layers = hidden + out  # h, which becomes a; the prediction
    beside = BUFFER + OBJECTS
    assert peak(lambda: forward(params, x, activation=activation)) <= layers + beside
    late = 3 * out  # the prediction, the residual and its square
    assert peak(lambda: loss(params, x, y, activation=activation)) <= max(layers, late) + beside
    most = layers + hidden + 2 * out  # ga, which becomes gh; r, g
    if activation == "relu":
        most += hidden // 4  # two masks of a byte an entry
    assert peak(lambda: grads(params, x, y, activation=activation)) <= most + Sizes.result + beside


def test_train_allocates_a_gradient_and_the_parameters_that_it_is_at() -> None:
    def all_steps() -> None:
        for step in train(Sizes.params, Sizes.x, Sizes.y, lr=1e-9, steps=12):
            del step

    most = 2 * Sizes.hidden + Sizes.hidden // 4 + 3 * Sizes.out + Sizes.result  # as grads
    assert peak(all_steps) <= most + Sizes.result + BUFFER + OBJECTS


FAULTS = """
import resource, numpy as np, refnet
rng = np.random.default_rng(0)
params, x, y = refnet.init(rng, 1000, 100, 10), rng.standard_normal((64, 1000)), rng.standard_normal((64, 10))
def faults(call):
    for _ in range(40): call()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(40): call()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
gradient = refnet.grads(params, x, y)
print(faults(lambda: refnet.update(params, refnet.grads(params, x, y), 1e-6)))
print(faults(lambda: refnet.assert_grads(gradient, params, x, y)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how memory is kept is that C library's own business")
def test_in_the_steady_state_neither_a_step_nor_a_check_is_given_new_pages() -> None:
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert [int(line) < 40 for line in run.stdout.split()] == [True, True], run.stdout  # less than one each time
