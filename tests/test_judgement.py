"""Judgement: what is inside a ball, the component furthest outside, one sentence for it, and reading any result."""

import re
from collections import UserDict, namedtuple
from types import MappingProxyType, SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from refnet import Grads
from refnet.judgement import Comparison, Miss, ResultError, as_array, as_four, compare, holds, sentence
from refnet.rounding import Ball

Array: TypeAlias = NDArray[Any]


def compared(value: ArrayLike, centre: ArrayLike, radius: ArrayLike) -> Comparison:
    """Compare; where all is judged, the answer in one word is the same."""
    array, ball = np.asarray(value), Ball(np.array(centre, np.float64), np.array(radius, np.float64))
    before = array.copy()
    found = compare(array, ball)
    if np.isfinite(ball.radius).all():
        assert holds(array, ball) == (found.miss is None)
    assert array.tobytes() == before.tobytes()  # distances are taken in another array, of any dtype
    return found


# What is inside.


@pytest.mark.parametrize("centre", [0.1, -3.0, 1e300, 5e-324, 0.0])
def test_a_radius_of_0_is_equality(centre: float) -> None:
    assert compared([centre], [centre], [0.0]) == (0.0, 0.0 if centre else None, 1, None)
    for neighbour in (np.nextafter(centre, np.inf), np.nextafter(centre, -np.inf)):
        found = compared([neighbour], [centre], [0.0])
        assert found.ratio == np.inf
        assert found.miss == Miss((0,), neighbour, centre, centre, np.inf)


def test_the_sign_of_a_zero_is_free() -> None:
    assert compared([-0.0, 0.0], [0.0, -0.0], [0.0, 0.0]).miss is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("radius", [0.0, 1.0, 1e308])
def test_what_is_no_finite_number_is_outside_every_finite_radius(value: float, radius: float) -> None:
    found = compared([0.0, value], [0.0, 0.0], [radius, radius])
    assert (found.ratio, found.judged) == (np.inf, 2)
    assert found.miss is not None
    assert found.miss[0] == (1,)
    assert found.miss[2:] == (-radius, radius, np.inf)


@pytest.mark.parametrize("value", [np.nan, np.inf, 7.0])
def test_an_infinite_radius_judges_nothing(value: float) -> None:
    assert compared([value], [0.0], [np.inf]) == (0.0, None, 0, None)
    assert compared([value], [np.nan], [np.inf]) == (0.0, None, 0, None)
    assert compared([value, 3.0], [1.0, 2.0], [np.inf, 1.0]) == (1.0, 0.5, 1, None)
    assert compared([value, 2.25], [1.0, 2.0], [np.inf, 1.0]).ratio == 0.25
    other = compared([value, 4.0], [1.0, 2.0], [np.inf, 1.0])
    assert other == (2.0, 0.5, 1, Miss((1,), 4.0, 1.0, 3.0, 2.0))


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6))
def test_the_ends_that_are_reported_are_the_last_numbers_inside(centre: float, radius: float) -> None:
    miss = compared(np.inf, centre, radius).miss
    assert miss is not None
    few = 4 * np.spacing(max(abs(centre), radius))  # units in the last place
    for end, beyond in ((miss.low, miss.low - few), (miss.high, miss.high + few)):
        assert compared(end, centre, radius).miss is None
        assert compared(beyond, centre, radius).miss is not None


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=12), st.data())
def test_the_worst_component_is_found_wherever_it_is(times: list[float], data: st.DataObject) -> None:
    worst = data.draw(st.integers(0, len(times) - 1))
    times[worst] = data.draw(st.sampled_from((-4.0, 5.0)))
    shape = data.draw(st.sampled_from([(len(times),), (1, len(times)), (len(times), 1)]))
    radius = np.ldexp(1.0, data.draw(st.lists(st.integers(-9, 9), min_size=len(times), max_size=len(times))))
    off = (np.array(times) * radius).reshape(shape)
    found = compared(off, np.zeros(shape), radius.reshape(shape))
    assert found.miss is not None
    assert np.ravel_multi_index(found.miss.at, shape) == worst
    assert found.ratio == found.miss.times == abs(times[worst])
    assert found.judged == len(times)


def test_an_array_of_no_dimension_or_of_no_component() -> None:
    assert compared(2.0, 2.0, 0.0) == (0.0, 0.0, 1, None)
    assert compared(3.0, 2.0, 0.5).miss == Miss((), 3.0, 1.5, 2.5, 2.0)
    assert compared(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))) == (0.0, None, 0, None)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.int64, np.float16, np.float32, np.longdouble])
def test_results_of_every_real_dtype_are_compared(dtype: type[Any]) -> None:
    assert compared(np.array([3], dtype), [3.0], [0.0]).miss is None
    assert compared(np.array([3], dtype), [4.0], [0.5]).miss == Miss((0,), 3.0, 3.5, 4.5, 2.0)


def test_the_width_is_the_largest_radius_by_the_largest_centre() -> None:
    assert compared([1.0, -8.0], [1.0, -8.0], [2.0, 1.0]).width == 0.25
    assert compared([0.0], [0.0], [2.0]).width is None


# The sentence.

PATTERN = re.compile(
    r"(?P<place>[\w.]+(\[[\d, ]+\])?) = (?P<value>\S+), (?P<clause>[A-Z]+-\d+) allows"
    r" (\[(?P<low>\S+), (?P<high>\S+)\]; (?P<far>.+ times the bound|not a finite number)|\S+ alone)"
)


SINGLE = float(np.float32(0.1))


@pytest.mark.parametrize(
    ("miss", "dtype", "said"),
    [
        (Miss((2, 0), 4.1, 2.0, 2.5, 7.4), "float64", "g[2, 0] = 4.1, GRAD-1 allows [2, 2.5]; 7.4 times the bound"),
        (Miss((), 4.0, 2.0, 2.5, 7.0), "float64", "g = 4.0, GRAD-1 allows [2, 2.5]; 7 times the bound"),
        (Miss((1,), np.nan, 2.0, 2.5, np.inf), "float64", "g[1] = nan, GRAD-1 allows [2, 2.5]; not a finite number"),
        (Miss((1,), -np.inf, 0.0, 1.0, np.inf), "float32", "g[1] = -inf, GRAD-1 allows [0, 1]; not a finite number"),
        (Miss((1,), 3.0, 2.0, 2.0, np.inf), "float64", "g[1] = 3.0, GRAD-1 allows 2 alone"),
        (Miss((1,), np.nan, 2.0, 2.0, np.inf), "float64", "g[1] = nan, GRAD-1 allows 2 alone"),
        (Miss((0,), float(np.float32(0.1)), 1, 2, 3), "float32", "g[0] = 0.1, GRAD-1 allows [1, 2]; 3 times the bound"),
        (Miss((0,), 2.0, 0.1, 0.3, 18), "float32", "g[0] = 2.0, GRAD-1 allows [0.1, 0.3]; 18 times the bound"),
        (Miss((0,), 2.0, SINGLE, 1, 3), "float32", "g[0] = 2.0, GRAD-1 allows [0.100000001, 1]; 3 times the bound"),
        (
            Miss((0,), 2.0, 0.1, 1, 3),
            "float64",
            "g[0] = 2.0, GRAD-1 allows [0.10000000000000001, 1]; 3 times the bound",
        ),
        # 0.1 and 0.7 in float32 are above and below: in nine digits each would be the end of its interval.
        (
            Miss((0,), SINGLE, 0.0625, 0.1, 1.5),
            "float32",
            "g[0] = 0.10000000149011612, GRAD-1 allows [0.0625, 0.10000000000000001]; 1.5 times the bound",
        ),
        (
            Miss((0,), float(np.float32(0.7)), 0.7, 0.75, 1.5),
            "float32",
            "g[0] = 0.69999998807907104, GRAD-1 allows [0.69999999999999996, 0.75]; 1.5 times the bound",
        ),
    ],
)
def test_a_miss_is_one_sentence(miss: Miss, dtype: str, said: str) -> None:
    assert sentence("g", "GRAD-1", miss, np.dtype(dtype)) == said
    assert PATTERN.fullmatch(said)


@given(st.floats(0.1, 10), st.floats(0.4, 8), st.floats(1, 1.001), st.booleans(), st.sampled_from((-1, 1)))
def test_the_sentence_shows_the_value_outside_however_near(
    centre: float, units: float, far: float, single: bool, sign: int
) -> None:
    dtype, eps = (np.dtype(np.float32), 2.0**-23) if single else (np.dtype(np.float64), 2.0**-52)
    radius = units * eps * centre
    value = np.array(centre + sign * far * radius, dtype)
    miss = compare(value, Ball(np.array(centre), np.array(radius))).miss
    if miss is None:
        return
    said = PATTERN.fullmatch(sentence("grads.w1", "GRAD-1", miss, dtype))
    assert said is not None
    assert dtype.type(said["value"]) == value
    if said["low"] is not None:
        assert not float(said["low"]) <= float(said["value"]) <= float(said["high"])


# Reading a result.


class Tensor:
    """Another library's array, which NumPy reads by its method."""

    def __init__(self, numbers: ArrayLike) -> None:
        self.numbers = np.asarray(numbers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.numbers.astype(dtype) if dtype is not None else self.numbers


class WithGradient:
    """A tensor that says why it cannot be read."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise RuntimeError("use tensor.detach().numpy()\n instead")


@pytest.mark.parametrize(
    "value", [[[1.0, 2.0]], ((1, 2),), [np.array([1.0, 2.0])], np.array([[1, 2]], np.int8), Tensor([[1.0, 2.0]])]
)
def test_anything_like_an_array_is_read(value: object) -> None:
    array = as_array("forward", value, (1, 2))
    assert (array.shape, array.astype(float).tolist()) == ((1, 2), [[1.0, 2.0]])


def test_an_array_is_read_without_a_copy() -> None:
    array = np.zeros((1, 2), np.float32)
    assert as_array("forward", array, (1, 2)) is array


def test_a_list_of_no_rows_has_rows_of_any_length() -> None:
    assert as_array("forward", [], (0, 3)).shape == (0, 3)
    with pytest.raises(ResultError, match=r"has shape \(0,\), expected \(3, 0\)"):
        as_array("forward", [], (3, 0))


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array(3.0), Tensor(3.0)])
def test_a_loss_is_any_number(value: object) -> None:
    assert as_array("loss", value, ()) == 3.0


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "forward is None, expected an array of real numbers of shape (1, 2)"),
        ("3.0", "forward is str (dtype <U3), expected an array of real numbers"),
        (b"3", "forward is bytes (dtype |S1), expected an array of real numbers"),
        ([[1j, 2.0]], "forward is list (dtype complex128), expected an array of real numbers"),
        ([[True, False]], "forward is list (dtype bool), expected an array of real numbers"),
        (np.array([[1.0, None]]), "forward is ndarray (dtype object), expected an array of real numbers"),
        ({"y": 1}, "forward is dict (dtype object), expected an array of real numbers"),
        (iter([1.0]), "forward is list_iterator (dtype object), expected an array of real numbers"),
        (as_array, "forward is function (dtype object), expected an array of real numbers"),
        ([[1.0], [2.0, 3.0]], "forward cannot be read as an array: ValueError: "),
        (WithGradient(), "forward cannot be read as an array: RuntimeError: use tensor.detach().numpy() instead"),
        ([[1.0, 2.0, 3.0]], "forward has shape (1, 3), expected (1, 2)"),
        ([1.0, 2.0], "forward has shape (2,), expected (1, 2)"),
        (1.0, "forward has shape (), expected (1, 2)"),
        ([], "forward has shape (0,), expected (1, 2)"),
    ],
)
def test_what_is_no_array_of_that_shape_is_refused(value: object, why: str) -> None:
    with pytest.raises(ResultError, match=re.escape(why)):
        as_array("forward", value, (1, 2))


SHAPES = [(1, 2), (2,), (2, 1), (1,)]
FOUR: dict[str, Any] = {"w1": [[1.0, 2.0]], "b1": [3.0, 4.0], "w2": [[5.0], [6.0]], "b2": [7.0]}


class Slots:
    """An object with the four names and nothing else."""

    w1, b1, w2, b2 = FOUR.values()


class Reordered(namedtuple("Reordered", "b2 w2 b1 w1")):  # noqa: PYI024 -- the plain thing that people return
    """A tuple whose names say what its order does not."""


def stacked() -> Array:
    """Four arrays of several shapes in one array of objects, as older code has them."""
    array = np.empty(4, np.object_)
    for place, part in enumerate(FOUR.values()):
        array[place] = np.array(part)
    return array


@pytest.mark.parametrize(
    "value",
    [
        list(FOUR.values()),
        tuple(FOUR.values()),
        [Tensor(part) for part in FOUR.values()],
        FOUR,
        dict(reversed(FOUR.items())),
        {**FOUR, "loss": 3.0},
        MappingProxyType(FOUR),
        UserDict(FOUR),
        SimpleNamespace(**FOUR),
        Slots(),
        Grads(*map(np.array, FOUR.values())),
        Reordered(**FOUR),
        stacked(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_four_arrays_are_read_by_name_or_in_order(value: object) -> None:
    assert [array.tolist() for array in as_four("grads", value, SHAPES)] == list(FOUR.values())


class Raising:
    """An object whose attribute cannot be had."""

    @property
    def w1(self) -> object:
        raise RuntimeError("call backward() first")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (
            None,
            "grads is None, expected w1, b1, w2, b2: a sequence of four arrays, a mapping with these keys, or an"
            " object with these attributes",
        ),
        (3.0, "grads is a float, expected w1, b1, w2, b2"),
        ("four", "grads is a str, expected"),
        (b"four", "grads is a bytes, expected"),
        ([[1.0]] * 3, "grads is a list of length 3, expected"),
        ((), "grads is a tuple of length 0, expected"),
        (np.zeros((5, 1)), "grads is a ndarray of length 5, expected"),
        (iter(FOUR.values()), "grads is a dict_valueiterator, expected"),
        ({key: part for key, part in FOUR.items() if key != "b1"}, "grads is a dict without b1, expected"),
        ({"W1": 1, "B1": 2, "W2": 3, "B2": 4}, "grads is a dict without w1, b1, w2, b2, expected"),
        (SimpleNamespace(w1=1, b1=2, w2=3), "grads is a SimpleNamespace, expected"),
        (Raising(), "grads cannot be read: RuntimeError: call backward() first"),
        (np.array(3.0), "grads cannot be read: TypeError: len() of unsized object"),
        ({**FOUR, "b2": None}, "grads.b2 is None, expected an array of real numbers of shape (1,)"),
        ({**FOUR, "w2": [[5.0, 6.0]]}, "grads.w2 has shape (1, 2), expected (2, 1)"),
        ([*FOUR.values()][::-1], "grads.w1 has shape (1,), expected (1, 2)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_four_arrays_of_those_shapes_is_refused(value: object, why: str) -> None:
    with pytest.raises(ResultError, match=re.escape(why)):
        as_four("grads", value, SHAPES)


def test_an_error_knows_the_operation_that_it_is_about() -> None:
    with pytest.raises(ResultError) as caught:
        as_four("grads", {**FOUR, "w2": None}, SHAPES)
    assert (caught.value.operation, str(caught.value)[:17]) == ("grads", "grads.w2 is None,")
    assert ResultError("loss", "is None").operation == "loss"
