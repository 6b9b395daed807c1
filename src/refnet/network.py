"""The two-layer network with bias: the page that everything else is checked against.

Shapes: ``x`` (N, D), ``y`` (N, O), ``w1`` (D, H), ``b1`` (H,), ``w2`` (H, O), ``b2`` (O,); a bias may also be a row,
(1, H) or (1, O). All arrays of a call share one dtype: float32, float64, or object holding exact numbers (int or
Fraction). Integer arrays are taken as float64. Nothing passed in is written to, nothing returned shares memory with
it, N = 0 is legal, NaN and infinity propagate as IEEE 754 says. The mathematics comes first, the checks of the
arguments below it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.float32, np.float64, np.object_)
Activation: TypeAlias = Literal["relu", "identity"]


class Params(NamedTuple, Generic[Scalar]):
    """The parameters: ``w1`` (D, H), ``b1`` (H,) or (1, H), ``w2`` (H, O), ``b2`` (O,) or (1, O)."""

    w1: NDArray[Scalar]
    b1: NDArray[Scalar]
    w2: NDArray[Scalar]
    b2: NDArray[Scalar]


class Grads(NamedTuple, Generic[Scalar]):
    """The derivative of the loss by each parameter, in the shape of that parameter."""

    w1: NDArray[Scalar]
    b1: NDArray[Scalar]
    w2: NDArray[Scalar]
    b2: NDArray[Scalar]


class Step(NamedTuple, Generic[Scalar]):
    """Step ``t`` of a descent: the ``loss`` it started from, and the ``params`` it ended with."""

    t: int
    loss: Scalar
    params: Params[Scalar]


class ShapeError(ValueError):
    """An array has the wrong rank, or does not fit the shape of another one."""


class ArgumentValueError(ValueError):
    """An argument has a value that means nothing here, such as an unknown activation."""


class ArgumentTypeError(TypeError):
    """An argument is of the wrong kind: its dtype, a tuple in place of Params, a learning rate that is no number."""


# The type of the generator is a string here, as NumPy imports numpy.random, a fifth of itself, where it is named first.
def init(rng: "np.random.Generator", n_in: int, n_hidden: int, n_out: int) -> Params[np.float64]:
    """Draw parameters from the standard normal distribution, in the order w1, b1, w2, b2 (DOC-7).

    Raises ArgumentTypeError or ArgumentValueError for a size that is not a whole number of at least 0.

    >>> [p.shape for p in init(np.random.default_rng(0), 3, 4, 2)]
    [(3, 4), (4,), (4, 2), (2,)]
    """
    _check_rng(rng)
    for name, size in (("n_in", n_in), ("n_hidden", n_hidden), ("n_out", n_out)):
        _check_count(name, size)
    return Params(
        w1=rng.standard_normal((n_in, n_hidden)),
        b1=rng.standard_normal(n_hidden),
        w2=rng.standard_normal((n_hidden, n_out)),
        b2=rng.standard_normal(n_out),
    )


def forward(params: Params[Scalar], x: NDArray[Scalar], *, activation: Activation = "relu") -> NDArray[Scalar]:
    """Return the prediction, (N, O), of the network for the batch ``x`` (FWD-1).

    Allocates one array (N, H) and one (N, O). Raises ShapeError, ArgumentTypeError or
    ArgumentValueError for arguments that do not fit.

    >>> params = Params(*map(np.array, ([[1.0, -1.0]], [0.0, 0.5], [[1.0], [2.0]], [0.25])))
    >>> forward(params, np.array([[3.0], [-3.0]]))
    array([[3.25],
           [7.25]])
    """
    params, x = checked(params, x, activation)
    return _prediction(params, x, activation)


def loss(params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], *, activation: Activation = "relu") -> Scalar:
    """Return the sum of the squared residuals, a scalar: no mean, no half (LOSS-1).

    Allocates what ``forward`` does, and two arrays (N, O) when that of (N, H) is gone. Raises as ``forward`` does.
    """
    params, x, y = checked_pair(params, x, y, activation)
    r: NDArray[Scalar] = _prediction(params, x, activation) - y
    return _squared_sum(r)


def grads(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], *, activation: Activation = "relu"
) -> Grads[Scalar]:
    """Return the gradient of ``loss`` (GRAD-1 to GRAD-4); the slope at h == 0 is 1 (KINK-1).

    One forward pass and three products: five in all, of which two touch w1's size. Allocates what ``forward`` does,
    another array (N, H) with its mask, two (N, O), and the result. Raises as ``forward`` does.
    """
    params, x, y = checked_pair(params, x, y, activation)
    _, gradient = _residual_and_gradient(params, x, y, activation)
    return gradient


def update(params: Params[Scalar], grads: Grads[Scalar], lr: float) -> Params[Scalar]:
    """Return ``p - lr * g`` for each parameter (UPD-1). Allocates the result and nothing beside it.

    ``lr`` is taken in the precision of the parameters; with exact parameters it is an int or a Fraction.

    Raises ShapeError where a gradient has not the shape of its parameter, ArgumentTypeError as ``forward`` does.
    """
    params, grads, lr = checked_update(params, grads, lr)
    return _descended(params, grads, lr)


def train(
    params: Params[Scalar],
    x: NDArray[Scalar],
    y: NDArray[Scalar],
    *,
    lr: float,
    steps: int,
    activation: Activation = "relu",
) -> Iterator[Step[Scalar]]:
    """Iterate over ``steps`` steps of gradient descent on the whole batch (STEP-1); keeps no history.

    The arguments are checked here, before the first step is asked for. Raises as ``forward`` and ``update`` do.

    >>> start = Params(*map(np.array, ([[1.0]], [0.0], [[1.0]], [0.0])))
    >>> [float(s.loss) for s in train(start, np.array([[1.0]]), np.array([[2.0]]), lr=0.125, steps=3)]
    [1.0, 0.015625, 0.0049782395362854]
    """
    params, x, y = checked_pair(params, x, y, activation)
    lr = checked_rate(lr, params.w1.dtype)
    _check_count("steps", steps)
    return _descent(params, x, y, lr, steps, activation)


def _first_layer(params: Params[Scalar], x: NDArray[Scalar]) -> NDArray[Scalar]:
    h: NDArray[Scalar] = x @ params.w1
    h += params.b1  # into the product: a second array (N, H) would cost more than the addition
    return h


def _activated(h: NDArray[Scalar], activation: Activation) -> NDArray[Scalar]:
    return np.maximum(h, 0, out=h) if activation == "relu" else h  # a takes the room of h


def _second_layer(params: Params[Scalar], a: NDArray[Scalar]) -> NDArray[Scalar]:
    y_pred: NDArray[Scalar] = a @ params.w2
    y_pred += params.b2
    return y_pred


def _prediction(params: Params[Scalar], x: NDArray[Scalar], activation: Activation) -> NDArray[Scalar]:
    h = _first_layer(params, x)
    a = _activated(h, activation)
    return _second_layer(params, a)


def _squared_sum(r: NDArray[Scalar]) -> Scalar:
    total: Scalar = np.square(r).sum()
    return total


def _residual_and_gradient(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], activation: Activation
) -> tuple[NDArray[Scalar], Grads[Scalar]]:
    h = _first_layer(params, x)
    off = h < 0 if activation == "relu" else None  # all that the way back asks of h
    a = _activated(h, activation)
    r = _second_layer(params, a) - y
    g = 2 * r
    ga = g @ params.w2.T
    gh = ga if off is None else _zero_where(off, ga)
    gradient = Grads(
        w1=x.T @ gh,
        b1=gh.sum(axis=0).reshape(params.b1.shape),
        w2=a.T @ g,
        b2=g.sum(axis=0).reshape(params.b2.shape),
    )
    return r, gradient


def _zero_where(off: NDArray[np.bool_], array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return ``np.where(off, 0, array)``; floats bit for bit, in the array given.

    np.where branches at each entry. Units are off as by chance, so the processor guesses every second branch wrong: at
    (512, 1024, 512, 64) that takes a tenth of the step. A mask of ones where a unit is on, zeros where it is off,
    takes a tenth of that.
    """
    if type(array) is not np.ndarray or array.dtype not in _BITS:  # exact numbers
        return np.where(off, 0, array)
    bits = array.view(_BITS[array.dtype])
    bits &= off.view(np.int8) - 1
    return array


def _descended(params: Params[Scalar], grads: Grads[Scalar], lr: float) -> Params[Scalar]:
    steps = [np.multiply(lr, g) for g in grads]
    for p, step in zip(params, steps, strict=True):
        np.subtract(p, step, out=step)  # a second new array would cost more, in page faults, than the arithmetic
    return Params(*steps)


def _descent(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], lr: float, steps: int, activation: Activation
) -> Iterator[Step[Scalar]]:
    for t in range(steps):
        r, gradient = _residual_and_gradient(params, x, y, activation)
        params = _descended(params, gradient, lr)
        del gradient  # or it would still be there when the next one is made
        yield Step(t, _squared_sum(r), params)


# The checks of the arguments (ERR-4): each message names the argument, what was given, what was expected, what to do.

_ACTIVATIONS = get_args(Activation)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_FLOATS = (_FLOAT32, _FLOAT64)
_BITS: dict[np.dtype[Any], np.dtype[Any]] = {
    _FLOAT32: np.dtype(np.int32),
    _FLOAT64: np.dtype(np.int64),
}  # the integers of the same size


def checked(
    params: Params[Scalar], x: NDArray[Scalar], activation: Activation
) -> tuple[Params[Scalar], NDArray[Scalar]]:
    """Return ``params`` and ``x`` as arrays that fit. Raises as `forward` does."""
    _check_activation(activation)
    params = checked_params(params)
    x = _checked_like(params.w1, "x", x)
    n_in = params.w1.shape[0]
    if x.ndim != 2 or x.shape[1] != n_in:
        _refuse_shape("x", x, f"(N, {n_in}) to fit w1 of shape {params.w1.shape}", "pass one row a sample")
    return params, x


def checked_pair(
    params: Params[Scalar], x: NDArray[Scalar], y: NDArray[Scalar], activation: Activation
) -> tuple[Params[Scalar], NDArray[Scalar], NDArray[Scalar]]:
    """Return ``params``, ``x`` and ``y`` as arrays that fit. Raises as `forward` does."""
    params, x = checked(params, x, activation)
    y = _checked_like(params.w1, "y", y)
    shape = (x.shape[0], params.w2.shape[1])
    if y.shape != shape:
        flat = y.ndim == 1 and shape[1] == 1
        remedy = "y is never broadcast; write y.reshape(-1, 1)" if flat else "pass one target row a sample of x"
        _refuse_shape("y", y, f"{shape}, the shape of the prediction", remedy)
    return params, x, y


def checked_params(params: Params[Scalar]) -> Params[Scalar]:
    """Return the parameters as arrays that fit each other. Raises as `forward` does."""
    if not isinstance(params, Params):
        _refuse_kind("params", params, "refnet.Params", "write Params(w1, b1, w2, b2)")
    w1, b1, w2, b2 = params if _are_floats_alike(params) else _of_one_dtype(params)
    if w1.ndim != 2:
        _refuse_shape("w1", w1, "(D, H)", "one row an input feature, one column a hidden unit")
    n_hidden = w1.shape[1]
    if b1.shape != (n_hidden,) and b1.shape != (1, n_hidden):
        _refuse_shape("b1", b1, f"({n_hidden},) or (1, {n_hidden})", f"one entry a column of w1, {w1.shape}")
    if w2.ndim != 2 or w2.shape[0] != n_hidden:
        _refuse_shape("w2", w2, f"({n_hidden}, O)", f"one row a column of w1, {w1.shape}; transpose it if it is (O, H)")
    n_out = w2.shape[1]
    if b2.shape != (n_out,) and b2.shape != (1, n_out):
        _refuse_shape("b2", b2, f"({n_out},) or (1, {n_out})", f"one entry a column of w2, {w2.shape}")
    return Params(w1, b1, w2, b2)


def checked_update(
    params: Params[Scalar], grads: Grads[Scalar], lr: float
) -> tuple[Params[Scalar], Grads[Scalar], float]:
    """Return the arguments of `update`, with each gradient in the shape of its parameter. Raises as `update` does."""
    params = checked_params(params)
    if not isinstance(grads, Grads):
        _refuse_kind("grads", grads, "refnet.Grads", "write Grads(w1, b1, w2, b2)")
    if not _are_floats_alike((*params, *grads)) or [g.shape for g in grads] != [p.shape for p in params]:
        grads = Grads(*checked_four("grads", grads, params))
    return params, grads, checked_rate(lr, params.w1.dtype)


def checked_four(name: str, four: tuple[Any, ...], params: Params[Scalar]) -> Iterator[NDArray[Scalar]]:
    """Yield the arrays of ``four``, each in the dtype and the shape of its parameter. Raises as `update` does."""
    for key, p, given in zip(Params._fields, params, four, strict=True):
        array = _checked_like(params.w1, f"{name}.{key}", given)
        if array.shape != p.shape:
            flat = array.size == p.size and array.ndim != p.ndim
            remedy = f"write {name}.{key}.reshape({p.shape})" if flat else f"pass the {name} of these parameters"
            _refuse_shape(f"{name}.{key}", array, f"{p.shape}, the shape of its parameter", remedy)
        yield array


def _are_floats_alike(arrays: tuple[object, ...]) -> bool:
    """Return whether all are plain arrays of one dtype of floats. They nearly always are; nothing is to convert then.

    A step of a small network takes 15 microseconds, of which the checks of the arguments must not be a third.
    """
    dtype = arrays[0].dtype if isinstance(arrays[0], np.ndarray) else None
    if dtype is not _FLOAT32 and dtype is not _FLOAT64:
        return False
    for array in arrays:  # noqa: SIM110  # `all` of an expression would take twice as long
        if type(array) is not np.ndarray or array.dtype is not dtype:
            return False
    return True


def _of_one_dtype(params: Params[Scalar]) -> Params[Scalar]:
    w1 = checked_array("w1", params.w1)
    b1, w2 = _checked_like(w1, "b1", params.b1), _checked_like(w1, "w2", params.w2)
    return Params(w1, b1, w2, _checked_like(w1, "b2", params.b2))


def checked_array(name: str, value: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return ``value`` as a plain array of float32, float64 or exact numbers; integers become float64."""
    if type(value) is np.ndarray and value.dtype in _FLOATS:
        return value
    if isinstance(value, np.ma.MaskedArray):
        _refuse_kind(name, value, "an array without a mask", f"write {name}.filled(...)")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{name} is a ragged {type(value).__name__}, expected rows of one length: pad them") from error
    if array.dtype in _FLOATS:
        return array
    if array.dtype.kind in "iu":
        return array.astype(np.float64)
    if array.dtype.kind != "O":
        remedy = f"write {name}.astype(np.float64)" if array.dtype.kind in "fb" else "pass real numbers"
        raise ArgumentTypeError(f"{name} has dtype {array.dtype}, expected float32, float64 or integers: {remedy}")
    for number in _inexact(array.flat):
        if not array.ndim:
            _refuse_kind(name, number, "an array", "pass one of float32, float64 or integers")
        _refuse_kind(f"{name} has an element that", number, "an int or a Fraction", "convert the elements")
    return array


def _inexact(numbers: Iterable[object]) -> Iterator[object]:
    """Yield the numbers that are neither an int nor a Fraction."""
    from fractions import Fraction  # a twentieth of the time that NumPy takes to import, and seldom needed

    for number in numbers:
        if not isinstance(number, (int, Fraction)) or isinstance(number, bool):
            yield number


def _checked_like(w1: NDArray[Scalar], name: str, value: NDArray[Scalar]) -> NDArray[Scalar]:
    if type(value) is np.ndarray and value.dtype is w1.dtype and value.dtype in _FLOATS:
        return value
    array = checked_array(name, value)
    if array.dtype != w1.dtype:
        raise ArgumentTypeError(
            f"{name} is {array.dtype} where w1 is {w1.dtype}, expected one dtype (integers count as float64):"
            f" write {name}.astype({w1.dtype.name!r}), or convert w1"
        )
    return array


def checked_rate(lr: float, dtype: np.dtype[Any]) -> float:
    """Return ``lr`` as a float, or with exact parameters as the int or Fraction it is. Raises as `update` does."""
    if isinstance(lr, bool):
        _refuse_kind("lr", lr, "a number", "pass the step size")
    if dtype.kind == "O":
        if _is_exact(lr):
            return lr  # a float to the type checker, as an int is; the arithmetic stays exact
        _refuse_kind("lr", lr, "an int or a Fraction with exact parameters", "write Fraction(lr)")
    given: object = lr  # a float to the type checker, which is not all that comes
    if isinstance(given, (float, np.floating, np.integer)) or _is_exact(given):
        try:
            return float(lr)  # a NumPy scalar would widen float32
        except OverflowError:
            raise ArgumentValueError("lr is beyond float64, expected a number that it holds: pass a float") from None
    _refuse_kind("lr", lr, "a number", "write float(lr)")


def _is_exact(number: object) -> bool:
    return not any(True for _ in _inexact((number,)))


def _check_activation(activation: object) -> None:
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ArgumentValueError(f'activation is {activation!r}, expected "relu" or "identity": pass its name, a str')


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        _refuse_kind(name, value, "a whole number", f"write int({name})")
    if value < 0:
        raise ArgumentValueError(f"{name} is {value}, expected a whole number: pass 0 or more")


def _check_rng(rng: "np.random.Generator") -> None:
    if not isinstance(rng, np.random.Generator):
        _refuse_kind("rng", rng, "a numpy.random.Generator", "write np.random.default_rng(seed)")


def _refuse_shape(name: str, array: NDArray[Any], expected: str, remedy: str) -> NoReturn:
    raise ShapeError(f"{name} has shape {array.shape}, expected {expected}: {remedy}")


def _refuse_kind(name: str, value: object, expected: str, remedy: str) -> NoReturn:
    given = "None" if value is None else f"a {type(value).__name__}"
    raise ArgumentTypeError(f"{name} is {given}, expected {expected}: {remedy}")
