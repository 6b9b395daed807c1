"""The five assertions: they accept what the reference returns, and refuse each component two radii off."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import refnet
from refnet import ArgumentTypeError, ArgumentValueError, Grads, Params, ShapeError
from refnet.conformance import generate, strategies
from refnet.conformance.problem import KINDS, AnyProblem, balls
from refnet.conformance.target import arguments
from refnet.network import Activation

Array: TypeAlias = NDArray[Any]

OPERATIONS = ("forward", "loss", "grads", "update", "step")
CLAUSES = {"forward": ("FWD-1",), "loss": ("LOSS-1",), "update": ("UPD-1",) * 4, "step": ("STEP-1",) * 4}
CLAUSES |= {"grads": ("GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4")}
ASSERTIONS: dict[str, Callable[..., None]] = {
    operation: getattr(refnet, f"assert_{operation}") for operation in OPERATIONS
}

PROBLEMS = st.sampled_from(("float32", "float64")).flatmap(
    lambda dtype: st.sampled_from(("relu", "identity")).flatmap(
        lambda activation: strategies.problems(dtype, activation)  # type: ignore[arg-type]  # both are literals
    )
)


def returned(operation: str, problem: AnyProblem) -> Any:
    """What the reference returns."""
    p, x, y, grads, lr, activation, *_ = problem
    with np.errstate(all="ignore"):
        if operation == "forward":
            return refnet.forward(p, x, activation=activation)
        if operation == "loss":
            return refnet.loss(p, x, y, activation=activation)
        if operation == "grads":
            return refnet.grads(p, x, y, activation=activation)
        if operation == "step":
            grads = refnet.grads(p, x, y, activation=activation)
        return refnet.update(p, grads, lr)


def check(operation: str, actual: object, problem: AnyProblem) -> None:
    keywords = {} if operation == "update" else {"activation": problem.activation}
    ASSERTIONS[operation](actual, *arguments(operation, problem), **keywords)


def can_be_judged(operation: str, problem: AnyProblem) -> bool:
    return all(np.isfinite(ball.radius).all() for ball in balls(operation, problem, points=True).values())


@pytest.mark.parametrize("operation", OPERATIONS)
@given(problem=PROBLEMS)
def test_what_the_reference_returns_is_accepted_or_not_judged(operation: str, problem: AnyProblem) -> None:
    if can_be_judged(operation, problem):
        check(operation, returned(operation, problem), problem)
    else:
        with pytest.raises(ArgumentValueError, match=f"^{operation}.* cannot be judged for these arguments"):
            check(operation, returned(operation, problem), problem)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wide"])
def test_all_but_wide_data_are_judged(kind: str, dtype: Any) -> None:
    for operation in OPERATIONS:
        assert can_be_judged(operation, generate(kind, (3, 4, 5, 2), dtype, "relu", 0))


class Move(NamedTuple):
    """Where a result is wrong, and to which side."""

    operation: str
    part: int
    flat: int
    sign: int


MOVES = st.builds(Move, st.sampled_from(OPERATIONS), st.integers(0, 3), st.integers(0, 99), st.sampled_from((-1, 1)))


@given(PROBLEMS, MOVES)
@example(generate("dense", (64, 1000, 100, 10), "float32", "relu", 0), Move("grads", 0, 99_999, 1))
def test_a_component_two_radii_off_is_refused(problem: AnyProblem, move: Move) -> None:
    allowed = balls(move.operation, problem, points=True)
    if not can_be_judged(move.operation, problem) or not problem.x.size:
        return
    actual = [ball.centre.copy() for ball in allowed.values()]
    place = move.part % len(actual)
    name, ball = list(allowed.items())[place]
    flat = move.flat % ball.centre.size
    at = np.unravel_index(flat, ball.centre.shape)
    centre, radius = ball.centre[at], ball.radius[at]
    value = centre + move.sign * 2 * radius
    if abs(value - centre) <= radius:  # a radius of 0, or one that float64 cannot add to the centre
        value = np.nextafter(centre, move.sign * np.inf)
    actual[place][at] = value
    index = f"[{', '.join(map(str, at))}]" if at else ""
    said = f"{name}{index} = {float(value)}, {CLAUSES[move.operation][place]} allows"
    with pytest.raises(AssertionError, match=f"^{re.escape(said)}"):
        check(move.operation, actual if len(actual) > 1 else actual[0], problem)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_activation_and_the_dtype_count(operation: str, activation: Activation, dtype: Any) -> None:
    problem = generate("normal", (3, 4, 5, 2), dtype, activation, 1)
    other: Activation = "identity" if activation == "relu" else "relu"
    if operation != "update":
        with pytest.raises(AssertionError, match="allows"):
            check(operation, returned(operation, problem._replace(activation=other)), problem)
    single = generate("normal", (3, 4, 5, 2), "float32", activation, 1)
    double = problem._replace(**{key: widened(value) for key, value in single._asdict().items()})
    if dtype == "float64":  # what float32 can return is wrong in float64
        with pytest.raises(AssertionError, match="allows"):
            check(operation, returned(operation, single), double)


def widened(value: Any) -> Any:
    if isinstance(value, (Params, Grads)):
        return type(value)(*(array.astype(np.float64) for array in value))
    return value.astype(np.float64) if isinstance(value, np.ndarray) else value


PLAIN = generate("normal", (3, 4, 5, 2), "float64", "relu", 0)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_result_of_another_shape_is_refused(operation: str) -> None:
    right = returned(operation, PLAIN)
    several = isinstance(right, tuple)
    wrong = right._replace(b1=right.b1[None]) if several else np.asarray(right)[None]
    with pytest.raises(AssertionError, match=f"^{operation}(.b1)? has shape .*, expected"):
        check(operation, wrong, PLAIN)
    with pytest.raises(AssertionError, match=f"^{operation} is None, expected"):
        check(operation, None, PLAIN)


@pytest.mark.parametrize("actual", [dict, list, tuple, Grads])
def test_four_arrays_come_as_anything(actual: Any) -> None:
    right = returned("grads", PLAIN)
    made = {dict: right._asdict(), list: list(right), tuple: tuple(right), Grads: right}[actual]
    check("grads", made, PLAIN)


# What cannot be judged, and what is no argument at all.


def spoiled(problem: AnyProblem, argument: str, value: float) -> AnyProblem:
    owner, _, key = argument.partition(".")
    array = getattr(getattr(problem, owner), key) if key else getattr(problem, owner)
    wrong = array.copy()
    wrong.flat[0] = value
    return problem._replace(**{owner: getattr(problem, owner)._replace(**{key: wrong}) if key else wrong})


PARAMS = ("params.w1", "params.b1", "params.w2", "params.b2")
TAKEN = {"forward": (*PARAMS, "x"), "loss": (*PARAMS, "x", "y"), "grads": (*PARAMS, "x", "y")}
TAKEN |= {"update": (*PARAMS, "grads.w1", "grads.b1", "grads.w2", "grads.b2"), "step": (*PARAMS, "x", "y")}
HUGE = {"float32": 3e38, "float64": 1e308}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("operation", "argument"), [(o, argument) for o in OPERATIONS for argument in TAKEN[o]])
def test_no_number_and_a_possible_overflow_are_errors_and_never_pass(operation: str, argument: str, dtype: Any) -> None:
    for value in (np.nan, np.inf, -np.inf, HUGE[dtype], -HUGE[dtype]):
        # The identity, since where a unit is certainly off nothing of it is left to judge.
        problem = spoiled(generate("normal", (2, 3, 3, 2), dtype, "identity", 0), argument, value)._replace(lr=1.0)
        with pytest.raises(ArgumentValueError, match="expected finite numbers"):
            check(operation, returned(operation, problem), problem)


@pytest.mark.parametrize("lr", [np.nan, np.inf, -np.inf, 1e-320, 5e-324])
@pytest.mark.parametrize("operation", ["update", "step"])
def test_a_rate_that_is_no_normal_number_is_an_error_that_names_it(operation: str, lr: float) -> None:
    problem = PLAIN._replace(lr=lr)
    said = (
        rf"^lr is {lr}, expected 0 or a normal number of float64: pass one whose size is from 2\.2e-308 to 1\.8e\+308$"
    )
    with pytest.raises(ArgumentValueError, match=said):
        check(operation, returned(operation, problem), problem)


@pytest.mark.parametrize("operation", ["update", "step"])
def test_the_ends_of_the_normal_numbers_are_those_of_the_dtype(operation: str) -> None:
    single = generate("normal", (3, 4, 5, 2), "float32", "relu", 0)
    for lr in (1e-38, -1e39):
        with pytest.raises(
            ArgumentValueError, match=rf"^lr is {re.escape(str(lr))}, expected 0 or a normal number of float32"
        ):
            check(operation, returned(operation, single._replace(lr=1.0)), single._replace(lr=lr))
        with pytest.raises(AssertionError, match="allows"):
            check(operation, returned(operation, PLAIN._replace(lr=1.0)), PLAIN._replace(lr=lr))
    for lr in (0.0, -0.0, 2.0**-126, -1.0):
        check(operation, returned(operation, single._replace(lr=lr)), single._replace(lr=lr))


@pytest.mark.parametrize("operation", ["update", "step"])
def test_a_rate_that_is_too_large_for_the_gradient_is_an_error(operation: str) -> None:
    problem = PLAIN._replace(lr=1e308)
    with pytest.raises(ArgumentValueError, match=f"^{operation}.w1 cannot be judged"):
        check(operation, returned(operation, problem), problem)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_exact_numbers_are_no_floats(operation: str) -> None:
    def exact(array: Array) -> Array:
        return np.rint(array).astype(np.int64).astype(np.object_)

    params, grads = Params(*map(exact, PLAIN.params)), Grads(*map(exact, PLAIN.grads))
    problem = PLAIN._replace(params=params, grads=grads, x=exact(PLAIN.x), y=exact(PLAIN.y), lr=2)
    with pytest.raises(ArgumentTypeError, match=r"^the arrays are object, expected float16, .* with =="):
        check(operation, returned(operation, problem), problem)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_dtype_without_an_analysis_is_refused_by_the_name_of_the_argument(operation: str) -> None:
    flags: Any = Params(*(p.astype(np.bool_) for p in PLAIN.params))
    with pytest.raises(ArgumentTypeError, match=r"^w1 has dtype bool, expected .*: write w1\.astype\(np\.float64\)"):
        check(operation, returned(operation, PLAIN), PLAIN._replace(params=flags))


@pytest.mark.parametrize("operation", ["loss", "grads", "step"])
def test_arguments_that_do_not_fit_are_the_errors_of_the_network(operation: str) -> None:
    with pytest.raises(ShapeError, match="y has shape"):
        check(operation, returned(operation, PLAIN), PLAIN._replace(y=PLAIN.y[:, 0]))
