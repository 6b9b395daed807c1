"""The data of the suite: one problem is one set of arguments, drawn from a kind of data, a shape and a seed.

Generic kinds find faults of value; the two lattices are data on which floating point is exact whatever the order of
summation (``spec/arithmetic.md``, section 4). Values come from a seeded generator, so a problem is named by four words
and made again from them.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, Generic, NamedTuple, TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from refnet import enclosure, network
from refnet.enclosure import Balls, Layers
from refnet.formats import Dtype, Format, Precision, format_of, numpy_dtype
from refnet.network import Activation, Grads, Params
from refnet.rounding import Ball, Floats

Float = TypeVar("Float", np.float32, np.float64)
Shape: TypeAlias = tuple[int, int, int, int]
Numbers: TypeAlias = Dtype | Precision  # a dtype stands for the precision in which all is in that format

TUTORIAL: Shape = (64, 1000, 100, 10)  # N, D, H, O of the seed's first network
LARGE = 100_000  # multiplications, from which on a problem is dear


class Problem(NamedTuple, Generic[Float]):
    """The arguments of every operation: ``grads`` (for ``update``) is what the reference returns for the others.

    ``precision`` is that in which an implementation is to compute them. ``source`` is the Python expression that makes
    the problem again, or "" once it has been made smaller.
    """

    params: Params[Float]
    x: NDArray[Float]
    y: NDArray[Float]
    grads: Grads[Float]
    lr: float
    activation: Activation
    precision: Precision
    source: str = ""

    @property
    def shape(self) -> Shape:
        """The sizes (N, D, H, O)."""
        return (self.x.shape[0], *self.params.w1.shape, self.params.w2.shape[1])

    @property
    def work(self) -> int:
        """The multiplications of one forward pass."""
        return work(self.shape)

    def with_arrays(
        self,
        params: Params[Any] | None = None,
        x: NDArray[Any] | None = None,
        y: NDArray[Any] | None = None,
    ) -> "AnyProblem":
        """Return the problem with these in place of its own, and the gradient that goes with them."""
        mine = (self.params if params is None else params, self.x if x is None else x, self.y if y is None else y)
        return assemble(*mine, self.lr, self.activation, self.precision)


AnyProblem: TypeAlias = Problem[Any]  # of either dtype: the suite runs both alike


def work(shape: Shape) -> int:
    """Return the multiplications of one forward pass of that shape."""
    n, d, h, o = shape
    return n * h * (d + o)


def assemble(
    params: Params[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    lr: float,
    activation: Activation,
    precision: Precision,
    source: str = "",
) -> AnyProblem:
    """Return the problem of these arrays, with the gradient that ``update`` is given."""
    with np.errstate(all="ignore"):
        return Problem(params, x, y, _gradient(params, x, y, activation), lr, activation, precision, source)


def _gradient(params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: Activation) -> Grads[Any]:
    """Return what the reference returns; for narrow arrays, what it returns in float32, rounded."""
    if not format_of(x.dtype).is_narrow:
        return network.grads(params, x, y, activation=activation)
    x32, y32, *four = (array.astype(np.float32) for array in (x, y, *params))
    return Grads(*(g.astype(x.dtype) for g in network.grads(Params(*four), x32, y32, activation=activation)))


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


def generate(kind: str, shape: Shape, dtype: Numbers, activation: Activation, seed: int) -> AnyProblem:
    """Return the problem of that kind ("normal", "wide", "dense", "kinked", ...), the same one every time.

    Raises ValueError for a kind that there is not.
    """
    precision = dtype if isinstance(dtype, Precision) else Precision(dtype)
    numbers = repr(precision.storage) if precision.is_native else f"refnet.{precision!r}"
    source = f"generate({kind!r}, {shape}, {numbers}, {activation!r}, {seed})"
    rng = np.random.default_rng([seed, *shape])
    if kind in LATTICES:
        return LATTICES[kind](shape, precision, activation, rng)._replace(source=source)
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join((*KINDS, *LATTICES))}")
    number = numpy_dtype(precision.storage)
    with np.errstate(all="ignore"):
        raw = KINDS[kind](rng, shape, precision.stores)
        x, y, *four = (array.astype(number) for array in raw)
    lr = float(number.type(2.0 ** rng.uniform(-12, 2)))
    if kind == "fitted":  # residuals far smaller than the prediction, as where a descent ends
        prediction = enclosure.forward(Params(*four), x, activation=activation).centre
        y = (prediction * (1 + 2.0**-10 * rng.standard_normal(y.shape))).astype(number)
    return assemble(Params(*four), x, y, lr, activation, precision, source)


@lru_cache(maxsize=1024)
def remembered(kind: str, shape: Shape, dtype: Numbers, activation: Activation, seed: int) -> AnyProblem:
    """Return what `generate` does, made once: the suite meets a problem for many clauses, and never writes to it."""
    return generate(kind, shape, dtype, activation, seed)


class _Budget(NamedTuple):
    """How large the numbers of a lattice are: those of x, w1 and b2, of w2, of the residual; which part is not 0."""

    most: int
    most_w2: int
    most_r: int
    density: float


def _budgets(precision: Precision, shape: Shape) -> Iterator[_Budget]:
    """Yield the budgets to try, the largest first: in a narrow format long sums are exact only if most terms are 0."""
    bits = min(fmt.precision for fmt in (precision.stores, precision.reads, precision.sums))
    for exponent in range(int(bits + 1 - np.log2(max(shape[1], 1))) // 2, -1, -1):
        yield _Budget(2**exponent, 2, 3, 1.0)
    for halvings in range(8):
        yield _Budget(1, 1, 1, 2.0**-halvings)


def _dense(shape: Shape, precision: Precision, activation: Activation, rng: np.random.Generator) -> AnyProblem:
    """Return a problem of integers and half-integers, as large as exactness allows, with no unit at its kink."""
    n, d, h, o = shape
    params: Params[Any]
    for budget in _budgets(precision, shape):
        most, sparse = budget.most, partial(_sparse_integers, rng, budget.density)
        params = Params(
            w1=rng.integers(-most, most + 1, (d, h)).astype(np.float64),
            b1=rng.integers(-most, most, h) + 0.5,
            w2=sparse(budget.most_w2, (h, o)),
            b2=rng.integers(-most, most + 1, o).astype(np.float64),
        )
        x = sparse(most, (n, d))
        problem = _with_small_residuals(params, x, activation, precision, partial(sparse, budget.most_r))
        if is_exact(problem):
            return problem
    raise ValueError(f"there is no lattice of {precision} for the shape {shape}: its sums are too long to be exact")


def _sparse_integers(rng: np.random.Generator, density: float, most: int, size: tuple[int, ...]) -> Floats:
    integers = rng.integers(-most, most + 1, size).astype(np.float64)
    return integers if density == 1 else integers * (rng.random(size) < density)


def _kinked(shape: Shape, precision: Precision, activation: Activation, rng: np.random.Generator) -> AnyProblem:
    """Return a problem of small integers in which many units are exactly at their kink."""
    n, d, h, o = shape
    params: Params[Any]
    for halvings in range(8):
        sparse = partial(_sparse_integers, rng, 2.0**-halvings)
        params = Params(
            w1=rng.integers(-1, 2, (d, h)).astype(np.float64),
            b1=rng.integers(-2, 3, h).astype(np.float64),
            w2=sparse(1, (h, o)),
            b2=rng.integers(-2, 3, o).astype(np.float64),
        )
        problem = _with_small_residuals(params, sparse(2, (n, d)), activation, precision, partial(sparse, 3))
        balls = enclosure.layers(problem.params, problem.x, problem.y, activation=activation, precision=precision)
        if not balls.h.radius.any() and not balls.r.radius.any():
            break
    return problem


def _with_small_residuals(
    params: Params[Any],
    x: Floats,
    activation: Activation,
    precision: Precision,
    residuals: Callable[[tuple[int, ...]], Floats],
) -> AnyProblem:
    """Return the problem whose target is the prediction less small integers.

    The magnitude then starts afresh behind the residual, and the backward pass may use all the bits again.
    """
    prediction = enclosure.forward(params, x, activation=activation).centre
    number = numpy_dtype(precision.storage)
    with np.errstate(all="ignore"):
        x, y, *four = (array.astype(number) for array in (x, prediction - residuals(prediction.shape), *params))
    return assemble(Params(*four), x, y, 0.125, activation, precision)


LATTICES = {"dense": _dense, "kinked": _kinked}


def is_exact(problem: AnyProblem) -> bool:
    """Return whether every result has radius 0, apart from what a slope at a kink leaves open."""
    if layers(problem, points=True).r.radius.any():
        return False
    operations = ("loss", "grads", "update")
    enclosed = (ball for each in operations for ball in balls(each, problem, points=True, rescaled=False).values())
    return not any(ball.radius.any() for ball in enclosed)


@lru_cache(maxsize=8)
def full_size(kind: str, dtype: Numbers, activation: Activation) -> AnyProblem:
    """Return one lattice at the tutorial's size; it is made once, being the largest of the suite."""
    return generate(kind, TUTORIAL, dtype, activation, 0)


class _Itself:
    """The arguments of a problem, which equal themselves alone: arrays have no hash."""

    def __init__(self, problem: AnyProblem) -> None:
        self.problem = problem
        p, g = problem.params, problem.grads
        arrays = (*p, *g, problem.x, problem.y)
        self._key = (*map(id, arrays), problem.lr, problem.activation, problem.precision)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self._key == other._key  # the arrays live as long as the two

    def __hash__(self) -> int:
        return hash(self._key)


def balls(operation: str, problem: AnyProblem, *, points: bool, rescaled: bool = True) -> dict[str, Ball]:
    """Return the ball of each named component of the operation's result: "forward", "grads.w1", and so on.

    Those of a problem that is met again, and not large, are remembered: nobody writes to them.
    """
    known = _balls if problem.work < LARGE else _balls.__wrapped__
    return known(operation, _Itself(problem), points=points, rescaled=rescaled)


def layers(problem: AnyProblem, *, points: bool) -> Layers:
    """Return the balls of the forward pass, which all operations but the update start from; remembered as `balls`."""
    known = _layers if problem.work < LARGE else _layers.__wrapped__
    return known(_Itself(problem), points=points)


@lru_cache(maxsize=1024)
def _layers(itself: _Itself, *, points: bool) -> Layers:
    p, x, y, _, _, activation, precision, _ = itself.problem
    return enclosure.layers(p, x, y, activation=activation, precision=precision, points=points)


@lru_cache(maxsize=4096)
def _balls(operation: str, itself: _Itself, *, points: bool, rescaled: bool) -> dict[str, Ball]:
    p, x, y, grads, lr, activation, precision, _ = itself.problem
    if operation == "update":
        return named(operation, enclosure.update(p, grads, lr, precision=precision, points=points))
    passed = layers(itself.problem, points=points)
    if operation == "forward":
        return {"forward": passed.p}
    told: _Told = {
        "activation": activation,
        "precision": precision,
        "points": points,
        "rescaled": rescaled,
        "layers": passed,
    }
    if operation == "loss":
        return {"loss": enclosure.loss(p, x, y, **told)}
    four = enclosure.grads(p, x, y, **told) if operation == "grads" else enclosure.step(p, x, y, lr, **told)
    return named(operation, four)


class _Told(TypedDict):
    """The keywords that most enclosures share."""

    activation: Activation
    precision: Precision
    points: bool
    rescaled: bool
    layers: Layers


def named(operation: str, four: Balls) -> dict[str, Ball]:
    """Return the four balls by the names that reports give them."""
    return {f"{operation}.{key}": ball for key, ball in four._asdict().items()}
