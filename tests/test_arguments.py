"""Bad input: each mistake raises the documented class, and a message that names it and says what to do."""

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

import refnet
from refnet import ArgumentTypeError, ArgumentValueError, Grads, Params, ShapeError

pytestmark = pytest.mark.clause("ERR-4")

N, D, H, O = 5, 4, 3, 2  # noqa: E741  # the name of the field


class Mistake(NamedTuple):
    """One bad argument: its name, the value passed, and the error."""

    argument: str
    value: Any
    error: type[Exception]
    given: str  # what the message says of it
    expected: str
    remedy: str


def good() -> dict[str, Any]:
    """Return right arguments for every function, by name; the parameters and gradients by ``w1`` and ``grads.w1``."""
    rng = np.random.default_rng(31)
    shapes = {"w1": (D, H), "b1": (H,), "w2": (H, O), "b2": (O,), "x": (N, D), "y": (N, O)}
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    gradients = {f"grads.{name}": arrays[name].copy() for name in Params._fields}
    return arrays | gradients | {"activation": "relu", "lr": 0.5, "steps": 1, "n_in": 2, "n_hidden": 3, "n_out": 1}


def _params(given: dict[str, Any]) -> Any:
    return given.get("params", Params(*(given[name] for name in Params._fields)))


def _grads(given: dict[str, Any]) -> Any:
    return given.get("grads", Grads(*(given[f"grads.{name}"] for name in Grads._fields)))


def forward(given: dict[str, Any]) -> object:
    return refnet.forward(_params(given), given["x"], activation=given["activation"])


def loss(given: dict[str, Any]) -> object:
    return refnet.loss(_params(given), given["x"], given["y"], activation=given["activation"])


def grads(given: dict[str, Any]) -> object:
    return refnet.grads(_params(given), given["x"], given["y"], activation=given["activation"])


def update(given: dict[str, Any]) -> object:
    return refnet.update(_params(given), _grads(given), given["lr"])


def train(given: dict[str, Any]) -> object:
    """Call `train`, and ask for no step: the arguments are checked before the first."""
    options = {name: given[name] for name in ("lr", "steps", "activation")}
    return refnet.train(_params(given), given["x"], given["y"], **options)


def init(given: dict[str, Any]) -> object:
    rng = given.get("rng", np.random.default_rng(0))
    return refnet.init(rng, given["n_in"], given["n_hidden"], given["n_out"])


FORWARD, PAIR, ALL = (forward, loss, grads, train), (loss, grads, train), (forward, loss, grads, train, update)
TAKEN_BY: dict[str, tuple[Callable[[dict[str, Any]], object], ...]] = {
    **dict.fromkeys(("params", "w1", "b1", "w2", "b2"), ALL),
    **dict.fromkeys(("x", "activation"), FORWARD),
    "y": PAIR,
    **dict.fromkeys(("grads", "grads.w1", "grads.b1", "grads.w2", "grads.b2"), (update,)),
    "lr": (update, train),
    "steps": (train,),
    **dict.fromkeys(("rng", "n_in", "n_hidden", "n_out"), (init,)),
}


def ones(*shape: int) -> Any:
    return np.ones(shape)


def exact(*numbers: Any) -> Any:
    """Return an object array (N, D) of ones but for ``numbers``."""
    array = np.full((N, D), 1, dtype=object)
    array.flat[: len(numbers)] = numbers
    return array


PREDICTION = "(5, 2), the shape of the prediction"
PLAIN = "float32, float64 or integers"
ONE_DTYPE = "one dtype (integers count as float64)"
EXACT = "an int or a Fraction"

MISTAKES = [
    # Shapes: the wrong rank, and sizes that do not fit.
    Mistake("w1", ones(D), ShapeError, "has shape (4,)", "(D, H)", "one row an input feature"),
    Mistake("w1", ones(1, D, H), ShapeError, "has shape (1, 4, 3)", "(D, H)", "one column a hidden unit"),
    Mistake("w1", np.float64(1), ShapeError, "has shape ()", "(D, H)", "one row an input feature"),
    Mistake("b1", ones(), ShapeError, "has shape ()", "(3,) or (1, 3)", "one entry a column of w1, (4, 3)"),
    Mistake("b1", ones(1), ShapeError, "has shape (1,)", "(3,) or (1, 3)", "one entry a column of w1, (4, 3)"),
    Mistake("b1", ones(H, 1), ShapeError, "has shape (3, 1)", "(3,) or (1, 3)", "one entry a column of w1, (4, 3)"),
    Mistake("b1", ones(N, H), ShapeError, "has shape (5, 3)", "(3,) or (1, 3)", "one entry a column of w1, (4, 3)"),
    Mistake("b1", ones(1, 1, H), ShapeError, "has shape (1, 1, 3)", "(3,) or (1, 3)", "one entry a column of w1"),
    Mistake("w2", ones(O, H), ShapeError, "has shape (2, 3)", "(3, O)", "transpose it if it is (O, H)"),
    Mistake("w2", ones(H), ShapeError, "has shape (3,)", "(3, O)", "one row a column of w1, (4, 3)"),
    Mistake("w2", ones(H, O, 1), ShapeError, "has shape (3, 2, 1)", "(3, O)", "one row a column of w1, (4, 3)"),
    Mistake("b2", ones(1), ShapeError, "has shape (1,)", "(2,) or (1, 2)", "one entry a column of w2, (3, 2)"),
    Mistake("b2", ones(O, 1), ShapeError, "has shape (2, 1)", "(2,) or (1, 2)", "one entry a column of w2, (3, 2)"),
    Mistake("b2", ones(N, O), ShapeError, "has shape (5, 2)", "(2,) or (1, 2)", "one entry a column of w2, (3, 2)"),
    Mistake("x", ones(D), ShapeError, "has shape (4,)", "(N, 4) to fit w1 of shape (4, 3)", "pass one row a sample"),
    Mistake("x", ones(D, N), ShapeError, "has shape (4, 5)", "(N, 4) to fit w1", "pass one row a sample"),
    Mistake("x", ones(1, N, D), ShapeError, "has shape (1, 5, 4)", "(N, 4) to fit w1", "pass one row a sample"),
    Mistake("x", [], ShapeError, "has shape (0,)", "(N, 4) to fit w1", "pass one row a sample"),
    Mistake("y", ones(N), ShapeError, "has shape (5,)", PREDICTION, "pass one target row a sample of x"),
    Mistake("y", ones(O), ShapeError, "has shape (2,)", PREDICTION, "pass one target row a sample of x"),
    Mistake("y", ones(1, O), ShapeError, "has shape (1, 2)", PREDICTION, "pass one target row a sample of x"),
    Mistake("y", ones(N, 1), ShapeError, "has shape (5, 1)", PREDICTION, "pass one target row a sample of x"),
    Mistake("y", ones(O, N), ShapeError, "has shape (2, 5)", PREDICTION, "pass one target row a sample of x"),
    Mistake("y", ones(1, N, O), ShapeError, "has shape (1, 5, 2)", PREDICTION, "pass one target row a sample of x"),
    Mistake("y", 1.0, ShapeError, "has shape ()", PREDICTION, "pass one target row a sample of x"),
    Mistake("grads.w1", ones(H, D), ShapeError, "has shape (3, 4)", "(4, 3)", "pass the grads of these parameters"),
    Mistake("grads.w1", ones(D * H), ShapeError, "has shape (12,)", "(4, 3)", "write grads.w1.reshape((4, 3))"),
    Mistake("grads.b1", ones(1, H), ShapeError, "has shape (1, 3)", "(3,)", "write grads.b1.reshape((3,))"),
    Mistake("grads.b1", ones(N, H), ShapeError, "has shape (5, 3)", "(3,)", "pass the grads of these parameters"),
    Mistake("grads.w2", ones(1, 1), ShapeError, "has shape (1, 1)", "(3, 2)", "pass the grads of these parameters"),
    Mistake("grads.b2", 1.0, ShapeError, "has shape ()", "(2,)", "pass the grads of these parameters"),
    Mistake("w1", [[1.0], [2.0, 3.0]], ShapeError, "is a ragged list", "rows of one length", "pad them"),
    Mistake("x", [[1, 2], 3], ShapeError, "is a ragged list", "rows of one length", "pad them"),
    Mistake("y", [[1.0, 2.0], [3.0]], ShapeError, "is a ragged list", "rows of one length", "pad them"),
    Mistake("grads.b1", [1.0, [2.0]], ShapeError, "is a ragged list", "rows of one length", "pad them"),
    # The dtype: one that the network does not take, or two of those that it does.
    *(
        Mistake(name, np.ones(shape, np.float16), ArgumentTypeError, "has dtype float16", PLAIN, f"write {name}.astype")
        for name, shape in [("w1", (D, H)), ("b1", (H,)), ("w2", (H, O)), ("b2", (O,)), ("x", (N, D)), ("y", (N, O))]
    ),
    *(
        Mistake(
            name, np.ones(shape, np.float32), ArgumentTypeError, "is float32 where w1 is float64", ONE_DTYPE, remedy
        )
        for name, shape in [("b1", (H,)), ("w2", (H, O)), ("b2", (O,)), ("x", (N, D)), ("y", (N, O))]
        for remedy in [f"write {name}.astype('float64')"]
    ),
    Mistake("grads.w2", np.ones((H, O), np.float32), ArgumentTypeError, "is float32 where w1", ONE_DTYPE, "float64"),
    Mistake("grads.b2", np.ones(O, np.float16), ArgumentTypeError, "has dtype float16", PLAIN, "astype(np.float64)"),
    Mistake("x", exact(), ArgumentTypeError, "is object where w1 is float64", ONE_DTYPE, "write x.astype('float64')"),
    Mistake("x", ones(N, D) * 1j, ArgumentTypeError, "has dtype complex128", PLAIN, "pass real numbers"),
    Mistake("y", np.ones((N, O), np.complex64), ArgumentTypeError, "has dtype complex64", PLAIN, "pass real numbers"),
    Mistake("x", ones(N, D) > 0, ArgumentTypeError, "has dtype bool", PLAIN, "write x.astype(np.float64)"),
    Mistake("y", [[True, False]] * N, ArgumentTypeError, "has dtype bool", PLAIN, "write y.astype(np.float64)"),
    Mistake("x", ones(N, D).astype(">f8"), ArgumentTypeError, "has dtype >f8", PLAIN, "write x.astype(np.float64)"),
    Mistake("w2", ones(H, O).astype(">f4"), ArgumentTypeError, "has dtype >f4", PLAIN, "write w2.astype(np.float64)"),
    Mistake("x", [["1"] * D] * N, ArgumentTypeError, "has dtype <U1", PLAIN, "pass real numbers"),
    Mistake("x", [[b"1"] * D] * N, ArgumentTypeError, "has dtype |S1", PLAIN, "pass real numbers"),
    Mistake("y", np.zeros((N, O), "M8[s]"), ArgumentTypeError, "has dtype datetime64[s]", PLAIN, "pass real numbers"),
    Mistake("y", np.zeros((N, O), "f8,f8"), ArgumentTypeError, "has dtype [('f0'", PLAIN, "pass real numbers"),
    # Objects that are not exact numbers, and arrays with a mask.
    *(
        Mistake(
            "x", exact(1, number), ArgumentTypeError, f"has an element that is {kind}", EXACT, "convert the elements"
        )
        for number, kind in [
            (0.5, "a float"),
            (None, "None"),
            (np.int64(1), "a int64"),
            (np.float64(1), "a float64"),
            (True, "a bool"),
            (np.True_, "a bool"),
            (Decimal(1), "a Decimal"),
            (1j, "a complex"),
            ("1", "a str"),
            ([1], "a list"),
        ]
    ),
    Mistake("x", None, ArgumentTypeError, "is None", "an array", "pass one of float32, float64 or integers"),
    Mistake("w1", {1.0}, ArgumentTypeError, "is a set", "an array", "pass one of float32, float64 or integers"),
    Mistake(
        "y", exact(Fraction(1, 2), 0.5), ArgumentTypeError, "element that is a float", EXACT, "convert the elements"
    ),
    Mistake("grads.w1", [[None]], ArgumentTypeError, "element that is None", EXACT, "convert the elements"),
    *(
        Mistake(
            name, np.ma.ones(shape), ArgumentTypeError, "is a MaskedArray", "without a mask", f"write {name}.filled"
        )
        for name, shape in [("w1", (D, H)), ("b2", (O,)), ("x", (N, D)), ("y", (N, O)), ("grads.b1", (H,))]
    ),
    # The kinds of the other arguments.
    Mistake("params", (1, 2, 3, 4), ArgumentTypeError, "is a tuple", "refnet.Params", "write Params(w1, b1, w2, b2)"),
    Mistake("params", [1, 2, 3, 4], ArgumentTypeError, "is a list", "refnet.Params", "write Params(w1, b1, w2, b2)"),
    Mistake("params", {"w1": 1}, ArgumentTypeError, "is a dict", "refnet.Params", "write Params(w1, b1, w2, b2)"),
    Mistake("params", None, ArgumentTypeError, "is None", "refnet.Params", "write Params(w1, b1, w2, b2)"),
    Mistake("params", Grads(*[ones()] * 4), ArgumentTypeError, "is a Grads", "refnet.Params", "write Params(w1"),
    Mistake("grads", (1, 2, 3, 4), ArgumentTypeError, "is a tuple", "refnet.Grads", "write Grads(w1, b1, w2, b2)"),
    Mistake("grads", Params(*[ones()] * 4), ArgumentTypeError, "is a Params", "refnet.Grads", "write Grads(w1"),
    Mistake("grads", 0.5, ArgumentTypeError, "is a float", "refnet.Grads", "write Grads(w1, b1, w2, b2)"),
    Mistake("lr", "0.1", ArgumentTypeError, "is a str", "a number", "write float(lr)"),
    Mistake("lr", None, ArgumentTypeError, "is None", "a number", "write float(lr)"),
    Mistake("lr", ones(), ArgumentTypeError, "is a ndarray", "a number", "write float(lr)"),
    Mistake("lr", ones(1), ArgumentTypeError, "is a ndarray", "a number", "write float(lr)"),
    Mistake("lr", 0.1j, ArgumentTypeError, "is a complex", "a number", "write float(lr)"),
    Mistake("lr", True, ArgumentTypeError, "is a bool", "a number", "pass the step size"),
    Mistake("lr", np.True_, ArgumentTypeError, "is a bool", "a number", "write float(lr)"),
    Mistake("lr", 10**400, ArgumentValueError, "is beyond float64", "a number that it holds", "pass a float"),
    Mistake("lr", Fraction(10**400), ArgumentValueError, "is beyond float64", "a number that it holds", "pass a float"),
    *(
        Mistake("activation", name, ArgumentValueError, f"is {name!r}", '"relu" or "identity"', "pass its name, a str")
        for name in ["tanh", "ReLU", "", None, 0, ["relu"], ("relu", "identity"), np.array(["relu", "relu"])]
    ),
    *(
        Mistake(name, number, error, given, "a whole number", remedy)
        for name in ("n_in", "n_hidden", "n_out", "steps")
        for number, error, given, remedy in [
            (-1, ArgumentValueError, "is -1", "pass 0 or more"),
            (np.int64(-3), ArgumentValueError, "is -3", "pass 0 or more"),
            (2.0, ArgumentTypeError, "is a float", f"write int({name})"),
            ("2", ArgumentTypeError, "is a str", f"write int({name})"),
            (None, ArgumentTypeError, "is None", f"write int({name})"),
            (True, ArgumentTypeError, "is a bool", f"write int({name})"),
            (ones(1), ArgumentTypeError, "is a ndarray", f"write int({name})"),
        ]
    ),
    *(
        Mistake("rng", rng, ArgumentTypeError, f"is {kind}", "a numpy.random.Generator", "default_rng(seed)")
        for rng, kind in [(0, "a int"), (None, "None"), (np.random, "a module"), (np.random.PCG64(0), "a PCG64")]
    ),
]


def assert_refused(call: Callable[[dict[str, Any]], object], given: dict[str, Any], mistake: Mistake) -> None:
    said = [rf"(?<!\w){re.escape(part)}(?!\w)" if part else "" for part in mistake[3:]]  # whole words
    pattern = rf"(?s)^{re.escape(mistake.argument)} .*{said[0]}.*, expected .*{said[1]}.*: .*{said[2]}"
    with pytest.raises((TypeError, ValueError), match=pattern) as caught:
        call(given)
    assert type(caught.value) is mistake.error


@pytest.mark.parametrize(
    ("call", "mistake"),
    [
        pytest.param(call, mistake, id=f"{call.__name__}-{mistake.argument}-{mistake.given}")
        for mistake in MISTAKES
        for call in TAKEN_BY[mistake.argument]
    ],
)
def test_a_mistake_is_refused_by_every_function_that_takes_the_argument(
    call: Callable[[dict[str, Any]], object], mistake: Mistake
) -> None:
    assert_refused(call, good() | {mistake.argument: mistake.value}, mistake)


@pytest.mark.parametrize("call", [*ALL, init])
def test_the_right_arguments_are_taken(call: Callable[[dict[str, Any]], object]) -> None:
    call(good())


@pytest.mark.parametrize("call", PAIR)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_flat_target_is_never_broadcast_against_a_column(call: Callable[[dict[str, Any]], object], n: int) -> None:
    given = good() | {"w2": ones(H, 1), "b2": ones(1), "x": ones(n, D), "y": ones(n)}
    expected = f"({n}, 1), the shape of the prediction"
    mistake = Mistake("y", ones(n), ShapeError, f"has shape ({n},)", expected, "write y.reshape(-1, 1)")
    assert_refused(call, given, mistake)


@pytest.mark.parametrize("call", ALL)
def test_parameters_of_two_dtypes_are_refused(call: Callable[[dict[str, Any]], object]) -> None:
    given = good() | {"w1": np.ones((D, H), np.float32)}
    said = ("is float64 where w1 is float32", ONE_DTYPE, "write b1.astype('float32'), or convert w1")
    assert_refused(call, given, Mistake("b1", None, ArgumentTypeError, *said))


@pytest.mark.parametrize("call", ALL)
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, np.complex64, np.complex128, np.bool, ">f4", ">f8"])
def test_a_dtype_that_all_arguments_share_is_refused_too(call: Callable[[dict[str, Any]], object], dtype: Any) -> None:
    if np.dtype(dtype) == np.float64:
        pytest.skip("longdouble is float64 on this platform")
    arrays = {name: value for name, value in good().items() if isinstance(value, np.ndarray)}
    given = good() | {name: np.ones(array.shape, dtype) for name, array in arrays.items()}
    assert_refused(call, given, Mistake("w1", None, ArgumentTypeError, f"has dtype {np.dtype(dtype)}", PLAIN, ""))


def test_update_with_its_arguments_swapped_is_refused() -> None:
    swapped: tuple[Any, Any] = _grads(good()), _params(good())
    with pytest.raises(ArgumentTypeError, match=r"^params is a Grads, expected refnet.Params: write Params\("):
        refnet.update(*swapped, 0.5)


EXACTLY = "an int or a Fraction with exact parameters"


@pytest.mark.parametrize(
    ("call", "mistake"),
    [
        *((f, Mistake("x", ones(N, D), ArgumentTypeError, "is float64 where w1 is object", "", "")) for f in FORWARD),
        *((f, Mistake("y", ones(N, O), ArgumentTypeError, "is float64 where w1 is object", "", "")) for f in PAIR),
        *(
            (call, Mistake("lr", lr, ArgumentTypeError, f"is {kind}", EXACTLY, "write Fraction(lr)"))
            for call in (update, train)
            for lr, kind in [(0.5, "a float"), (np.int64(1), "a int64"), ("1", "a str"), (None, "None")]
        ),
        *((f, Mistake("lr", True, ArgumentTypeError, "is a bool", "a number", "step size")) for f in (update, train)),
    ],
)
def test_exact_parameters_want_exact_company(call: Callable[[dict[str, Any]], object], mistake: Mistake) -> None:
    arrays = {name: value for name, value in good().items() if isinstance(value, np.ndarray)}
    whole = {name: np.ones(array.shape, dtype=int).astype(object) for name, array in arrays.items()}
    call(good() | whole | {"lr": Fraction(1, 2)})
    assert_refused(call, good() | whole | {"lr": Fraction(1, 2), mistake.argument: mistake.value}, mistake)


def test_what_is_an_option_is_passed_by_name() -> None:
    params, x, y = _params(good()), good()["x"], good()["y"]
    functions: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (refnet.forward, (params, x, "relu")),
        (refnet.loss, (params, x, y, "relu")),
        (refnet.grads, (params, x, y, "relu")),
        (refnet.train, (params, x, y, 0.5, 1)),
    ]
    for function, positional in functions:
        with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) takes \d positional arguments"):
            function(*positional)


def test_the_classes_are_the_ones_that_callers_catch() -> None:
    assert issubclass(ShapeError, ValueError)
    assert issubclass(ArgumentValueError, ValueError)
    assert issubclass(ArgumentTypeError, TypeError)
    assert {refnet.ShapeError, refnet.ArgumentValueError, refnet.ArgumentTypeError} == {
        error for error in vars(refnet).values() if isinstance(error, type) and issubclass(error, Exception)
    }


def test_every_array_of_objects_is_looked_into() -> None:
    whole = [np.array(values, object) for values in ([[1]], [1], [[1]], [1], [[1]], [[1]])]
    for dtype in (np.dtype(object), np.dtype(object, metadata={"kind": "text"})):
        for i, name in enumerate(("w1", "b1", "w2", "b2", "x", "y")):
            arrays = [array.astype(dtype) for array in whole]
            arrays[i] = np.full(arrays[i].shape, 0.5, dtype)
            with pytest.raises(refnet.ArgumentTypeError, match=f"^{name} has an element that is a float"):
                refnet.loss(refnet.Params(*arrays[:4]), *arrays[4:])
