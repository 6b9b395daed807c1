"""Nothing passed in is written to, nothing returned shares memory with it, and the layout of arrays does not matter."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from refnet import Activation, Grads, Params, forward, grads, init, loss, train, update

Array: TypeAlias = NDArray[Any]


def strided(array: Array) -> Array:
    wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def reversed_in_memory(array: Array) -> Array:
    back = (slice(None, None, -1),) * array.ndim
    return array[back].copy()[back]


def read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def in_a_larger_buffer(array: Array) -> Array:
    return np.concatenate([np.full(3, 7).astype(array.dtype), array.ravel()])[3:].reshape(array.shape)


def misaligned(array: Array) -> Array:
    raw = np.frombuffer(bytearray(1) + bytearray(array.tobytes()), np.uint8)[1:]
    return raw.view(array.dtype).reshape(array.shape)


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": strided,
    "negative strides": reversed_in_memory,
    "read-only": read_only,
    "part of a larger buffer": in_a_larger_buffer,
    "misaligned": misaligned,
    "subclass": lambda array: array.view(Subclass),
    "memory map": lambda array: array.copy().view(np.memmap),
}


class Subclass(np.ndarray[Any, Any]):
    """An array of somebody else's class."""


class Call(NamedTuple):
    """One call: its name, and the arrays that it returned."""

    name: str
    results: list[Array]


def arguments(dtype: type, n: int, layout: str) -> list[Array]:
    """Return w1, b1, w2, b2, x, y and four gradients: small integers, on which every order of summation is exact."""
    rng = np.random.default_rng(17)
    shapes = [(5, 4), (4,), (4, 3), (1, 3)]
    whole = [rng.integers(-3, 4, shape) for shape in [*shapes, (n, 5), (n, 3), *shapes]]
    return [LAYOUTS[layout](array.astype(dtype)) for array in whole]


def calls(given: list[Array]) -> Iterator[Call]:
    """Make every call of the network on these arrays, one at a time."""
    params, (x, y), gradient = Params(*given[:4]), given[4:6], Grads(*given[6:])
    activations: tuple[Activation, ...] = ("relu", "identity")
    for activation in activations:
        yield Call(f"forward, {activation}", [forward(params, x, activation=activation)])
        yield Call(f"loss, {activation}", [np.asarray(loss(params, x, y, activation=activation))])
        yield Call(f"grads, {activation}", list(grads(params, x, y, activation=activation)))
        for lr, count in ((0, 2), (1, 1)):  # a second step of rate 1 would leave the integers that float32 holds
            steps = train(params, x, y, lr=lr, steps=count, activation=activation)
            yield Call(f"train, {activation}, lr = {lr}", [p for step in steps for p in step.params])
    for lr in (0, 1):
        yield Call(f"update, lr = {lr}", list(update(params, gradient, lr)))


def memory_of(array: Array) -> bytes:
    """Return every byte of the buffer that ``array`` is a view of, what lies between its elements included."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.tobytes()


@pytest.mark.parametrize("n", [0, 1, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arguments_keep_every_byte_and_results_lie_elsewhere(layout: str, dtype: type, n: int) -> None:
    given = arguments(dtype, n, layout)
    before = [(memory_of(array), array.shape, array.strides, array.flags.writeable) for array in given]
    for call in calls(given):
        after = [(memory_of(array), array.shape, array.strides, array.flags.writeable) for array in given]
        assert after == before, call.name
        for result, argument in product(call.results, given):
            assert not np.shares_memory(result, argument), call.name
        for i, result in enumerate(call.results):
            assert type(result) is np.ndarray, call.name
            assert result.flags.writeable, call.name
            assert not any(np.shares_memory(result, other) for other in call.results[:i]), call.name


@pytest.mark.parametrize("n", [0, 6])
def test_exact_arguments_keep_every_element_and_results_lie_elsewhere(n: int) -> None:
    given = arguments(object, n, "C")
    before = [[id(number) for number in array.flat] for array in given]
    for call in calls(given):
        assert [[id(number) for number in array.flat] for array in given] == before, call.name
        for result, argument in product(call.results, given):
            assert not np.shares_memory(result, argument), call.name


@pytest.mark.parametrize(
    ("layout", "dtype"),
    [
        (layout, dtype)
        for layout, dtype in product(LAYOUTS, [np.float32, np.float64, np.int64, object])
        if (layout, dtype) != ("misaligned", object)  # references are never misaligned
    ],
)
def test_the_layout_does_not_matter(layout: str, dtype: type) -> None:
    for call, plain in zip(calls(arguments(dtype, 6, layout)), calls(arguments(dtype, 6, "C")), strict=True):
        for result, expected in zip(call.results, plain.results, strict=True):
            assert (result.dtype, result.shape) == (expected.dtype, expected.shape), call.name
            assert (result == expected).all(), call.name


def test_the_layouts_are_what_their_names_say() -> None:
    array = np.arange(12.0).reshape(3, 4)
    made = {name: lay(array) for name, lay in LAYOUTS.items()}
    assert all((one == array).all() for one in made.values())
    assert {name: one.strides for name, one in made.items() if one.strides != array.strides} == {
        "Fortran": (8, 24),
        "strided": (128, 16),
        "negative strides": (-32, -8),
    }
    assert [name for name, one in made.items() if not one.flags.writeable] == ["read-only"]
    assert [name for name, one in made.items() if not one.flags.aligned] == ["misaligned"]
    assert [name for name, one in made.items() if type(one) is not np.ndarray] == ["subclass", "memory map"]


def test_an_argument_may_be_passed_twice() -> None:
    w = np.array([[2.0]])
    params = Params(w, w, w, w)
    assert loss(params, w, w) == 144
    assert [float(p.item()) for p in update(params, Grads(*params), 1)] == [0, 0, 0, 0]
    assert w == 2


def test_a_call_does_not_depend_on_the_calls_before_it() -> None:
    rng = np.random.default_rng(19)
    params, x, y = init(rng, 5, 4, 3), rng.standard_normal((6, 5)), rng.standard_normal((6, 3))
    others = init(rng, 5, 4, 3)
    first = [g.tobytes() for g in grads(params, x, y)]
    grads(others, -x, y)
    update(params, grads(others, x, y), 0.5)
    assert [g.tobytes() for g in grads(params, x, y)] == first
