"""The numbers that the specification works by hand are the reference's, exactly, and a right network's in any form."""

import ast
import re
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

import refnet
from refnet import Grads, Params, ShapeError, enclosure, specification
from refnet.rounding import MARGIN

Array: TypeAlias = NDArray[Any]

_NAME_AND_VALUE = re.compile(r"(\w+) = (\[\[.*?\]\]|\[[^]]*\]|-?[0-9.]+)(?= {2,}|$)")


def section(page: str) -> str:
    """Return the worked example of a page, which is its last section."""
    text = (specification.spec_folder() / page).read_text(encoding="utf-8")
    _, found, example = text.rpartition("## A worked example")
    assert found, f"{page} works no example"
    return example


def values() -> dict[str, Any]:
    """Return the numbers of the indented lines by name; those with a slope before them by name and slope."""
    found: dict[str, Any] = {}
    for page in ("forward.md", "loss.md", "gradient.md", "update.md"):
        for line in re.findall(r"^    (.*)$", section(page), re.MULTILINE):
            slope = re.match(r"slope ([0-9.]+) ", line)
            for name, value in _NAME_AND_VALUE.findall(line):
                if "s" in value:  # a row that holds for every slope
                    continue
                key = f"{name} at {slope[1]}" if slope else name
                assert key not in found, f"{key} stands twice"
                found[key] = ast.literal_eval(value)
    return found


VALUES = values()
SLOPES = (0, 0.5, 1)


def exact(name: str) -> Array:
    numbers: Array = np.vectorize(Fraction, otypes=[object])(np.array(VALUES[name], dtype=object))
    return numbers


def arguments(dtype: Any) -> tuple[Params[Any], Array, Array]:
    w1, b1, w2, b2, x, y = (exact(name).astype(dtype) for name in ("w1", "b1", "w2", "b2", "x", "y"))
    return Params(w1, b1, w2, b2), x, y


every_dtype = pytest.mark.parametrize("dtype", [object, np.float64, np.float32])


def test_every_number_is_read() -> None:
    arguments_and_layers = {"x", "y", "w1", "b1", "w2", "b2", "h", "a", "p", "r", "g", "ga", "loss"}
    gradients = {"gw2", "gb2", *(f"{name} at {slope}" for name in ("gw1", "gb1") for slope in SLOPES)}
    assert set(VALUES) == arguments_and_layers | gradients | {"lr", "new_w1", "new_b1", "new_w2", "new_b2", "new_loss"}


@every_dtype
def test_the_forward_pass_and_the_loss(dtype: Any) -> None:
    params, x, y = arguments(dtype)
    h = x @ params.w1 + params.b1
    assert np.array_equal(h, exact("h"))
    assert np.array_equal(np.maximum(h, 0), exact("a"))
    assert np.array_equal(refnet.forward(params, x), exact("p"))
    assert np.array_equal(exact("p") - exact("y"), exact("r"))
    assert refnet.loss(params, x, y) == VALUES["loss"]


@every_dtype
def test_the_gradient_with_the_slope_of_the_reference(dtype: Any) -> None:
    actual = refnet.grads(*arguments(dtype))
    for g, name in zip(actual, ("gw1 at 1", "gb1 at 1", "gw2", "gb2"), strict=True):
        assert np.array_equal(g, exact(name)), name


@pytest.mark.parametrize("slope", SLOPES)
def test_the_gradient_with_every_slope_is_legal(slope: float) -> None:
    params, x, y = arguments(np.float64)
    h, r = exact("h"), exact("r")
    assert np.array_equal(2 * r, exact("g"))
    assert np.array_equal(2 * r @ exact("w2").T, exact("ga"))
    gh = np.heaviside(h.astype(float), slope) * exact("ga")
    gw1, gb1 = exact(f"gw1 at {slope}"), exact(f"gb1 at {slope}")
    assert np.array_equal(exact("x").T @ gh, gw1)
    assert np.array_equal(gh.sum(axis=0), gb1)
    gradient = Grads(*(g.astype(float) for g in (gw1, gb1, exact("gw2"), exact("gb2"))))
    refnet.assert_grads(gradient, params, x, y)
    with pytest.raises(AssertionError, match=r"grads\.b1\[0\] = 14\.0"):
        refnet.assert_grads(gradient._replace(b1=gradient.b1 * 0 + [14, -4]), params, x, y)  # slope -1


def test_the_ends_of_the_legal_intervals() -> None:
    ball = enclosure.grads(*arguments(np.float64), rescaled=False).w1
    ends = exact("gw1 at 0").astype(float), exact("gw1 at 1").astype(float)
    assert [[float(end[d, 0]) for end in ends] for d in (0, 1)] == [[8, 14], [16, 10]]  # as the prose has them
    assert np.array_equal(ball.centre, (ends[0] + ends[1]) / 2)
    half = np.abs(ends[1] - ends[0]) / 2
    assert np.all(half <= ball.radius)
    assert np.all(ball.radius <= half * MARGIN**3)  # no rounding on whole numbers: certain where there is no kink


@every_dtype
def test_the_update_and_the_step(dtype: Any) -> None:
    params, x, y = arguments(dtype)
    lr: Any = Fraction(VALUES["lr"]) if dtype is object else VALUES["lr"]
    new = refnet.update(params, refnet.grads(params, x, y), lr)
    (step,) = refnet.train(params, x, y, lr=lr, steps=1)
    for by_update, by_step, name in zip(new, step.params, ("new_w1", "new_b1", "new_w2", "new_b2"), strict=True):
        assert np.array_equal(by_update, exact(name)), name
        assert np.array_equal(by_step, exact(name)), name
    assert refnet.loss(new, x, y) == VALUES["new_loss"]


def test_what_the_prose_says_in_words() -> None:
    params, x, y = arguments(np.float64)
    loss = VALUES["loss"]
    words = re.search(
        r"mean over the six terms would be ([0-9.]+), a mean over the samples (\d), a half ([0-9.]+)\.",
        section("loss.md"),
    )
    assert words is not None
    assert [float(word) for word in words.groups()] == [loss / y.size, loss / len(y), loss / 2]
    for epsilon in (1.0, 2.0**-10):
        both = [params._replace(w2=params.w2 + np.array([[e, 0], [0, 0]])) for e in (epsilon, -epsilon)]
        up, down = (refnet.loss(p, x, y) for p in both)
        assert up == (1 + 3 * epsilon) ** 2 + 8
        assert (up - down) / (2 * epsilon) == 6 == VALUES["gw2"][0][0]
    small = refnet.update(params, refnet.grads(params, x, y), 1 / 64)
    assert f"{refnet.loss(small, x, y):.1f}" == "4.5"


def test_the_error_that_the_specification_quotes_is_raised() -> None:
    (quoted,) = re.findall(
        r'^    "(x has shape .*)"$',
        (specification.spec_folder() / "edges.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    params = Params(np.ones((4, 2)), np.ones(2), np.ones((2, 1)), np.ones(1))
    with pytest.raises(ShapeError, match=f"^{re.escape(quoted)}$"):
        refnet.forward(params, np.ones((5, 3)))
