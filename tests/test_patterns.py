"""What is regular in a failure is said in words, and nothing is said where nothing is regular."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import refnet
from refnet import Grads
from refnet.conformance import implementation
from refnet.conformance.observed import Record, circumstances, records
from refnet.conformance.patterns import FACTORS, bits, precision, ratio, where
from refnet.conformance.problem import generate
from refnet.faults import Network, named
from refnet.faults.precision import rounded
from refnet.formats import Dtype


def seen(dtype: Dtype = "float32", **operations: Callable[..., Any]) -> list[Record]:
    net = implementation(type("Some", (), {name: staticmethod(f) for name, f in operations.items()})())
    return records(net, circumstances(dtype, "relu"), seconds=60.0)


def forward_where(change: Callable[[Any, Any], Any]) -> list[Record]:
    """The forward pass, its prediction changed by a function of the prediction and the input."""
    return seen(forward=lambda params, x: change(refnet.forward(params, x), x))


def added(condition: Callable[[tuple[int, ...]], bool]) -> list[Record]:
    """A prediction that is twice what it should be for the shapes (N, D, H, O) of which the condition holds."""

    def forward(params: Any, x: Any) -> Any:
        shape = (len(x), *params.w1.shape, params.w2.shape[1])
        return refnet.forward(params, x) * x.dtype.type(2 if condition(shape) else 1)

    return seen(forward=forward)


# Where.


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (lambda s: s[0] == 1, "only when N = 1"),
        (lambda s: s[1] == 1, "only when D = 1"),
        (lambda s: s[3] == 1, "only when O = 1"),
        (lambda s: s[0] > 1, "only when N > 1"),
        (lambda s: s[0] > 32, "only when N is large: it goes well up to 17, and not from 33 on"),
        (lambda s: s[2] > 8 and s[2] % 8, "only when H > 8 and no multiple of 8"),
        (lambda s: s[0] > 96, "only when N is large: it goes well up to 65, and not from 129 on"),
        (lambda s: s[1] == s[2], "only when D = H"),
        (lambda s: s[2] != s[3], "only when H != O"),
        (lambda s: s[0] % 2, "only when N is odd"),
        (lambda s: True, ""),
        (lambda s: (5 * s[0] + 3 * s[1] + s[2]) % 7 < 3, ""),
    ],
)
def test_the_sizes_with_which_it_is_wrong(condition: Callable[[tuple[int, ...]], bool], said: str) -> None:
    assert where(added(condition), "forward") == said


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (np.s_[-1:], "only the last sample"),
        (np.s_[:1], "only the first sample"),
        (np.s_[1:], "every sample but the first"),
        (np.s_[:-1], "every sample but the last"),
        (np.s_[:, -1:], "only the last output"),
        (np.s_[:, 1:], "every output but the first"),
    ],
)
def test_the_rows_and_columns_that_are_wrong(index: Any, said: str) -> None:
    def change(prediction: Any, x: Any) -> Any:
        prediction[index] *= 2 if len(prediction) > 1 and prediction.shape[1] > 1 else 1
        return prediction

    assert where(forward_where(change), "forward").split("; ")[-1] == said


def test_columns_past_an_index_are_wrong() -> None:
    def change(prediction: Any, x: Any) -> Any:
        prediction[:, 32:] = 0
        return prediction

    assert where(forward_where(change), "forward") == (
        "only when O is large: it goes well up to 17, and not from 33 on; only from output 32 on, counted from 0"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p, x: np.maximum(p, 0), "only where the right value is negative"),
        (lambda p, x: np.minimum(p, 0), "only where the right value is positive"),
    ],
)
def test_the_values_that_are_wrong(change: Callable[[Any, Any], Any], said: str) -> None:
    assert where(forward_where(change), "forward") == said


def test_large_values_that_are_wrong() -> None:
    said = where(forward_where(lambda p, x: np.clip(p, -100, 100)), "forward")
    assert said.startswith("only where the right value is ")
    assert said.endswith(" or more in size")
    assert 100 < float(said.split()[6]) < 300


@pytest.mark.parametrize(
    ("name", "component", "said"),
    [
        ("mask-missing", "grads.b1", "only where h < 0"),
        ("slope-2-at-kink", "grads.w1", "only where h == 0"),
        ("mask-inverted", "grads.w1", ""),
        ("fortran-order-ignored", "forward", "only with arguments in Fortran order"),
        ("zero-rate-replaced", "update.w2", "only with a rate of 0"),
        ("prediction-cached-by-shape", "loss", ""),
        ("nan-targets-ignored", "loss", "only with a NaN in x or with a NaN in y"),
        ("loss-keeps-axes", "loss", ""),
    ],
)
def test_the_units_and_circumstances_that_are_wrong(name: str, component: str, said: str) -> None:
    found = records(implementation(named(name).make()), circumstances("float32", "relu"), seconds=60.0)
    assert where(found, component).split("; ")[-1] == said


# By which factor.


def scaled(factor: Callable[[Any, Any], float]) -> list[Record]:
    def grads(params: Any, x: Any, y: Any) -> Any:
        return Grads(*(g * g.dtype.type(factor(params, x)) for g in refnet.grads(params, x, y)))

    return seen(grads=grads)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (lambda p, x: 1 / max(len(x), 1), "1/N"),
        (lambda p, x: 2.0, "2"),
        (lambda p, x: 0.25, "1/4"),
        (lambda p, x: -1.0, "-1"),
        (lambda p, x: 0.0, "0"),
        (lambda p, x: 0.75, "0.75"),
        (lambda p, x: 1 / (2 * max(len(x), 1)), "1/(2 N)"),
        (lambda p, x: 1 / max(x.shape[0] * p.b2.shape[-1], 1), "1/(N O)"),
        (lambda p, x: x.shape[1] / p.b1.shape[-1], "D/H"),
        (lambda p, x: 2.0 * x.shape[1], "2 D"),
        (lambda p, x: 1 + float(len(x)), ""),
        (lambda p, x: 1.0, ""),
    ],
)
def test_a_constant_ratio_is_said_in_terms_of_the_sizes(factor: Callable[[Any, Any], float], said: str) -> None:
    assert {ratio(scaled(factor), f"grads.{name}") for name in ("w1", "b1", "w2", "b2")} == {said}


@pytest.mark.parametrize(
    ("factor", "said"), [(lambda lr: -lr, "-1"), (lambda lr: lr * lr, "lr"), (lambda lr: 1.0, "1/lr")]
)
def test_of_an_update_the_change_has_the_ratio(factor: Callable[[float], float], said: str) -> None:
    found = seen(update=lambda params, grads, lr: refnet.update(params, grads, factor(lr)))
    assert ratio(found, "update.w1") == said


def test_no_two_factors_are_the_same_function_or_the_same_words() -> None:
    problems = [generate("normal", shape, "float32", "relu", 0) for shape in ((3, 5, 7, 11), (13, 17, 19, 23))]
    values = {tuple(factor.at(problem) for problem in problems) for factor in FACTORS}
    assert len(values) == len({factor.words for factor in FACTORS}) == len(FACTORS)


# To how many bits.


@pytest.mark.parametrize("few", [6, 9, 13])
def test_the_bits_that_are_right_are_counted(few: int) -> None:
    found = forward_where(lambda p, x: rounded(p, few))
    counted = bits(found, "forward")
    assert counted is not None
    assert few - 1 < counted < few + 4  # half a unit in the last place, of the largest number or of a smaller one


def test_no_bits_are_counted_where_nothing_is_wrong_or_no_number_is() -> None:
    assert bits(seen(forward=refnet.forward), "forward") is None
    assert bits(forward_where(lambda p, x: p.ravel()), "forward") is None


class FewBits(Network):
    """Its operands have few bits, in one pass or in both."""

    def __init__(self, forward: int | None, backward: int | None) -> None:
        self.bits = forward, backward

    def product(self, left: Any, right: Any) -> Any:
        return self.of(self.bits[0], left, right)

    def product_back(self, left: Any, right: Any) -> Any:
        return self.of(self.bits[1], left, right)

    def of(self, few: int | None, left: Any, right: Any) -> Any:
        one, other = (left, right) if few is None else (rounded(left, few), rounded(right, few))
        return (one.astype(np.float64) @ other.astype(np.float64)).astype(left.dtype)


@pytest.mark.parametrize(
    ("forward", "backward", "said"),
    [
        (9, 9, "as if the operands of every product were rounded to 9 bits"),
        (13, None, "as if the operands of the products of the forward pass were rounded to 13 bits"),
        (None, 11, "as if the operands of the products of the backward pass were rounded to 11 bits"),
        (None, None, ""),
    ],
)
def test_the_pass_whose_operands_are_rounded_is_found(forward: int | None, backward: int | None, said: str) -> None:
    found = records(implementation(FewBits(forward, backward)), circumstances("float32", "relu"), seconds=60.0)
    component = "forward" if forward else "grads.w1"
    assert precision(found, component) == said


def test_a_format_that_gives_as_many_bits_is_named() -> None:
    found = seen("float64", forward=lambda params, x: refnet.forward(params, x).astype(np.float32).astype(x.dtype))
    assert precision(found, "forward") == "about as many as float32 gives"
    assert precision(forward_where(lambda p, x: p * x.dtype.type(1.5)), "forward") == ""


def test_too_few_circumstances_say_nothing_of_units() -> None:
    found = records(implementation(named("mask-missing").make()), circumstances("float32", "relu")[:1], seconds=60.0)
    assert where(found, "grads.b1") == ""


def test_bits_that_no_format_gives_are_left_at_that() -> None:
    assert precision(forward_where(lambda p, x: rounded(p, 17)), "forward") == ""


def test_a_factor_that_few_inputs_share_is_not_named() -> None:
    found = scaled(lambda p, x: 2.0)
    assert ratio(found[:4], "grads.w1") == ""  # two calls each of two inputs
    assert ratio(found[:6], "grads.w1") == "2"  # and of a third
