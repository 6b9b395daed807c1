"""The data of the suite: one problem is one set of arguments, drawn from a kind of data, a shape and a seed.

Generic kinds find faults of value; the two lattices are data on which floating point is exact whatever the order of
summation (``spec/arithmetic.md``, section 4). Values come from a seeded generator, so a problem is named by four words
and made again from them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import enclosure, network
from refnet.enclosure import Balls
from refnet.network import Activation, Grads, Params
from refnet.rounding import Ball, Floats, Format, format_of

Float = TypeVar("Float", np.float32, np.float64)
Shape: TypeAlias = tuple[int, int, int, int]
Dtype: TypeAlias = Literal["float32", "float64"]

TUTORIAL: Shape = (64, 1000, 100, 10)  # N, D, H, O of the seed's first network
LARGE = 100_000  # multiplications, from which on a problem is dear


class Problem(NamedTuple, Generic[Float]):
    """The arguments of every operation: ``grads`` (for ``update``) is what the reference returns for the others.

    ``source`` is the Python expression that makes the problem again, or "" once it has been made smaller.
    """

    params: Params[Float]
    x: NDArray[Float]
    y: NDArray[Float]
    grads: Grads[Float]
    lr: float
    activation: Activation
    source: str = ""

    @property
    def shape(self) -> Shape:
        """The sizes (N, D, H, O)."""
        return (self.x.shape[0], *self.params.w1.shape, self.params.w2.shape[1])

    @property
    def work(self) -> int:
        """The multiplications of one forward pass."""
        return work(self.shape)


AnyProblem: TypeAlias = Problem[Any]  # of either dtype: the suite runs both alike


def work(shape: Shape) -> int:
    """Return the multiplications of one forward pass of that shape."""
    n, d, h, o = shape
    return n * h * (d + o)


def assemble(
    params: Params[Any], x: NDArray[Any], y: NDArray[Any], lr: float, activation: Activation, source: str = ""
) -> AnyProblem:
    """Return the problem of these arrays, with the gradient that ``update`` is given."""
    with np.errstate(all="ignore"):
        return Problem(params, x, y, network.grads(params, x, y, activation=activation), lr, activation, source)


class _Raw(NamedTuple):
    """The six arrays of a problem in float64, before they are rounded to its dtype."""

    x: Floats
    y: Floats
    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats


def _each(shape: Shape, draw: Callable[[tuple[int, ...]], Floats]) -> _Raw:
    n, d, h, o = shape
    return _Raw(draw((n, d)), draw((n, o)), draw((d, h)), draw((h,)), draw((h, o)), draw((o,)))


def _normal(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:  # noqa: ARG001  # every kind takes a format
    return _each(shape, rng.standard_normal)


def _integers(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:  # noqa: ARG001
    return _each(shape, lambda size: rng.integers(-9, 10, size).astype(np.float64))


def _constant(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:  # noqa: ARG001
    return _each(shape, lambda size: np.full(size, rng.standard_normal()))


def _wide(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:
    most = -fmt.emin // 8  # the loss squares a product of three arrays: an eighth of the range each stays inside it
    return _each(shape, lambda size: np.ldexp(rng.standard_normal(size), rng.integers(-most, most + 1, size)))


def _tiny(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:
    def draw(size: tuple[int, ...]) -> Floats:
        scale = int(rng.choice([0, 0, fmt.emin // 2, fmt.emin + 4, fmt.emin - 3]))
        return np.ldexp(rng.standard_normal(size), scale)

    return _each(shape, draw)


def _small(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:
    return _in_units(_each(shape, rng.standard_normal), fmt.emin // 4)


def _large(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:
    return _in_units(_each(shape, rng.standard_normal), -fmt.emin // 4)


def _in_units(raw: _Raw, exponent: int) -> _Raw:
    """Return the same network in other units: every layer scales once, the loss and the weights' gradients twice."""
    x, y, b1, b2 = (np.ldexp(array, exponent) for array in (raw.x, raw.y, raw.b1, raw.b2))
    return raw._replace(x=x, y=y, b1=b1, b2=b2)


def _sparse(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:  # noqa: ARG001
    raw = _each(shape, lambda size: rng.standard_normal(size) * (rng.random(size) < 0.3))
    raw.b1[rng.random(raw.b1.shape) < 0.3] = -100.0  # units that are off for every sample
    return raw


def _cancelling(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:
    raw = _each(shape, rng.standard_normal)
    half = shape[1] // 2
    nudge = 1.0 + rng.integers(-2, 3, (shape[0], half)) * 4.0 * fmt.unit_roundoff
    raw.x[:, half : 2 * half] = -raw.x[:, :half] * nudge
    raw.w1[half : 2 * half] = raw.w1[:half]
    return raw


def _near_kink(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:  # noqa: ARG001
    raw = _each(shape, rng.standard_normal)
    if shape[0]:
        sample = rng.integers(0, shape[0], shape[2])  # each unit vanishes, but for rounding, for one sample
        raw.b1[:] = -np.einsum("jd,dj->j", raw.x[sample], raw.w1)
    return raw


def _beside_kink(rng: np.random.Generator, shape: Shape, fmt: Format) -> _Raw:
    raw = _near_kink(rng, shape, fmt)
    # Each unit is on or off for that sample by more than rounding, and perhaps by less than somebody's threshold.
    away = np.ldexp(1 + rng.random(shape[2]), -rng.integers(1, fmt.precision - 3, shape[2]))
    raw.b1[:] += np.where(rng.random(shape[2]) < 0.5, -away, away)
    return raw


KINDS: dict[str, Callable[[np.random.Generator, Shape, Format], _Raw]] = {
    "normal": _normal,
    "integers": _integers,
    "constant": _constant,
    "wide": _wide,
    "tiny": _tiny,
    "small": _small,
    "large": _large,
    "sparse": _sparse,
    "cancelling": _cancelling,
    "near-kink": _near_kink,
    "beside-kink": _beside_kink,
    "fitted": _normal,  # but for its target
}


def generate(kind: str, shape: Shape, dtype: Dtype, activation: Activation, seed: int) -> AnyProblem:
    """Return the problem of that kind ("normal", "wide", "dense", "kinked", ...), the same one every time.

    Raises ValueError for a kind that there is not.
    """
    source = f"generate({kind!r}, {shape}, {dtype!r}, {activation!r}, {seed})"
    rng = np.random.default_rng([seed, *shape])
    if kind == "dense":
        return _dense(shape, dtype, activation, rng)._replace(source=source)
    if kind == "kinked":
        return _kinked(shape, dtype, activation, rng)._replace(source=source)
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join((*KINDS, 'dense', 'kinked'))}")
    number = np.dtype(dtype)
    with np.errstate(all="ignore"):
        raw = KINDS[kind](rng, shape, format_of(number))
        x, y, *four = (array.astype(number) for array in raw)
    lr = float(number.type(2.0 ** rng.uniform(-12, 2)))
    if kind == "fitted":  # residuals far smaller than the prediction, as where a descent ends
        prediction = enclosure.forward(Params(*four), x, activation=activation).centre
        y = (prediction * (1 + 2.0**-10 * rng.standard_normal(y.shape))).astype(number)
    return assemble(Params(*four), x, y, lr, activation, source)


@lru_cache(maxsize=1024)
def remembered(kind: str, shape: Shape, dtype: Dtype, activation: Activation, seed: int) -> AnyProblem:
    """Return what `generate` does, made once: the suite meets a problem for many clauses, and never writes to it."""
    return generate(kind, shape, dtype, activation, seed)


def _dense(shape: Shape, dtype: Dtype, activation: Activation, rng: np.random.Generator) -> AnyProblem:
    """Return a problem of integers and half-integers, as large as exactness allows, with no unit at its kink."""
    n, d, h, o = shape
    precision = np.finfo(dtype).nmant + 1
    for bits in range(int(precision + 1 - np.log2(max(d, 1))) // 2, -1, -1):
        most = 2**bits
        params = Params(
            w1=rng.integers(-most, most + 1, (d, h)).astype(dtype),
            b1=(rng.integers(-most, most, h) + 0.5).astype(dtype),
            w2=rng.integers(-2, 3, (h, o)).astype(dtype),
            b2=rng.integers(-most, most + 1, o).astype(dtype),
        )
        x = rng.integers(-most, most + 1, (n, d)).astype(dtype)
        problem = _with_small_residuals(params, x, activation, rng)
        if is_exact(problem):
            return problem
    raise ValueError(f"there is no lattice of {dtype} for the shape {shape}: its sums are too long to be exact")


def _kinked(shape: Shape, dtype: Dtype, activation: Activation, rng: np.random.Generator) -> AnyProblem:
    """Return a problem of small integers in which many units are exactly at their kink."""
    n, d, h, o = shape
    params = Params(
        w1=rng.integers(-1, 2, (d, h)).astype(dtype),
        b1=rng.integers(-2, 3, h).astype(dtype),
        w2=rng.integers(-1, 2, (h, o)).astype(dtype),
        b2=rng.integers(-2, 3, o).astype(dtype),
    )
    return _with_small_residuals(params, rng.integers(-2, 3, (n, d)).astype(dtype), activation, rng)


def _with_small_residuals(
    params: Params[Any], x: NDArray[Any], activation: Activation, rng: np.random.Generator
) -> AnyProblem:
    """Return the problem whose target is the prediction less small integers.

    The magnitude then starts afresh behind the residual, and the backward pass may use all the bits again.
    """
    prediction = enclosure.forward(params, x, activation=activation).centre
    y = prediction - rng.integers(-3, 4, prediction.shape)
    return assemble(params, x, y.astype(x.dtype), 0.125, activation)


def is_exact(problem: AnyProblem) -> bool:
    """Return whether every result has radius 0, apart from what a slope at a kink leaves open."""
    p, x, y, activation = problem.params, problem.x, problem.y, problem.activation
    r = enclosure.layers(p, x, y, activation=activation).r
    loss = enclosure.loss(p, x, y, activation=activation, rescaled=False)
    grads = enclosure.grads(p, x, y, activation=activation, rescaled=False)
    update = enclosure.update(p, problem.grads, problem.lr)
    return not any(ball.radius.any() for ball in (r, loss, grads.w2, grads.b2, grads.w1, grads.b1, *update))


@lru_cache(maxsize=8)
def full_size(kind: str, dtype: Dtype, activation: Activation) -> AnyProblem:
    """Return one lattice at the tutorial's size; it is made once, being the largest of the suite."""
    return generate(kind, TUTORIAL, dtype, activation, 0)


class _Itself:
    """A problem that equals itself alone: its arrays have no hash."""

    def __init__(self, problem: AnyProblem) -> None:
        self.problem = problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.problem is other.problem

    def __hash__(self) -> int:
        return id(self.problem)


def balls(operation: str, problem: AnyProblem, *, points: bool, rescaled: bool = True) -> dict[str, Ball]:
    """Return the ball of each named component of the operation's result: "forward", "grads.w1", and so on.

    Those of a problem that is met again, and not large, are remembered: nobody writes to them.
    """
    known = _balls if problem.work < LARGE else _balls.__wrapped__
    return known(operation, _Itself(problem), points=points, rescaled=rescaled)


@lru_cache(maxsize=4096)
def _balls(operation: str, itself: _Itself, *, points: bool, rescaled: bool) -> dict[str, Ball]:
    p, x, y, grads, lr, activation, _ = itself.problem
    if operation == "forward":
        return {"forward": enclosure.forward(p, x, activation=activation, points=points)}
    if operation == "loss":
        return {"loss": enclosure.loss(p, x, y, activation=activation, points=points, rescaled=rescaled)}
    if operation == "grads":
        four = enclosure.grads(p, x, y, activation=activation, points=points, rescaled=rescaled)
    elif operation == "update":
        four = enclosure.update(p, grads, lr, points=points)
    else:
        four = enclosure.step(p, x, y, lr, activation=activation, points=points, rescaled=rescaled)
    return named(operation, four)


def named(operation: str, four: Balls) -> dict[str, Ball]:
    """Return the four balls by the names that reports give them."""
    return {f"{operation}.{key}": ball for key, ball in four._asdict().items()}
