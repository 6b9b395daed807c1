"""Mixed precision: every emulated implementation is inside its enclosure, and what is less precise is outside."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refnet import Activation, Params, Precision, enclosure
from refnet.conformance.problem import KINDS, LATTICES, AnyProblem, Shape, generate
from refnet.formats import Format
from refnet.mixed import sum_of_products, sum_of_squares
from refnet.rounding import Ball, Freedom

Array: TypeAlias = NDArray[np.float64]

PRECISIONS = [
    Precision("float16"),
    Precision("bfloat16"),
    Precision("float16", accumulate="float32"),
    Precision("bfloat16", accumulate="float32"),
    Precision("bfloat16", accumulate="tensor32"),
    Precision("float16", accumulate="bfloat16"),
    Precision("float32", operands="tf32"),
    Precision("float32", operands="tf32", accumulate="tensor32"),
    Precision("float32", operands="bfloat16"),
    Precision("float32", operands="float16"),
    Precision("float32", accumulate="float16"),
]
NAMES = [str(precision) for precision in PRECISIONS]


def put(numbers: Any, fmt: Format, *, flush: bool = False, cut: bool = False) -> Array:
    """Round to the format: to nearest, ties to even, or with ``cut`` towards zero; underflow gradual, or flushed."""
    with np.errstate(all="ignore"):
        numbers = np.asarray(numbers, np.float64)
        _, exponent = np.frexp(numbers)
        last = np.maximum(exponent, fmt.emin + 1) - fmt.precision
        rounded = np.ldexp((np.trunc if cut else np.rint)(np.ldexp(numbers, -last)), last)
        rounded = np.where(np.abs(rounded) > fmt.largest, np.copysign(np.inf, rounded), rounded)
        return np.where(flush & (np.abs(rounded) < fmt.smallest_normal), 0.0, rounded)


class Machine(NamedTuple):
    """One way to compute in a precision. ``fused``: only whole results are stored; ``cut``: operands are cut off."""

    precision: Precision
    rng: np.random.Generator
    fused: bool
    flush: bool
    cut: bool
    rescaled: bool

    def store(self, numbers: Any) -> Array:
        return put(numbers, self.precision.stores, flush=self.flush)

    def sum(self, terms: Array) -> Array:
        """Sum along the first axis, in an order drawn, by a tree drawn; each addition is rounded."""
        fmt = self.precision.sums
        parts = [put(term, fmt, flush=self.flush) for term in terms[self.rng.permutation(len(terms))]]
        by_pairs = bool(self.rng.integers(2))
        while len(parts) > 1:
            if by_pairs:
                pairs = zip(parts[::2], parts[1::2], strict=False)
                parts = [put(a + b, fmt, flush=self.flush) for a, b in pairs] + parts[len(parts) & ~1 :]
            else:
                parts = [put(parts[0] + parts[1], fmt, flush=self.flush), *parts[2:]]
        return parts[0] if parts else np.zeros(terms.shape[1:])

    def product(self, x: Array, w: Array, *extras: Array) -> Array:
        reads, stores = self.precision.reads, self.precision.stores
        x, w = (
            z if reads.holds(stores) else put(z, reads, flush=self.flush, cut=self.cut and reads.name == "tf32")
            for z in (x, w)
        )
        terms = x.T[:, :, None] * w[:, None, :]
        shape = (x.shape[0], w.shape[1])
        if self.fused:
            return self.store(self.sum(np.concatenate([terms, *(np.broadcast_to(e, (1, *shape)) for e in extras)])))
        total = self.store(self.sum(terms))
        for extra in extras:
            total = self.store(total + extra)
        return total


def evaluated(problem: AnyProblem, machine: Machine) -> dict[str, Array]:
    """Evaluate the network as such a machine does."""
    m = machine
    w1, b1, w2, b2, x, y = (np.asarray(a, np.float64) for a in (*problem.params, problem.x, problem.y))
    h = m.product(x, w1, b1)
    a = np.maximum(h, 0) if problem.activation == "relu" else h
    p = m.product(a, w2, b2)
    r = m.product(a, w2, b2, -y) if m.fused else m.store(p - y)
    many = max(1, y.size)
    squares = r * r if m.fused else m.store(r * r)
    loss = m.store(m.sum(squares.reshape(-1)))
    scaled = r
    if m.rescaled and y.size:
        loss = m.store(m.store(loss / many) * many)
        scaled = m.store(m.store(r / many) * many)
    g = m.store(2 * scaled)
    ga = m.product(g, w2.T)
    slope = m.rng.choice([0.0, 0.5, 1.0])
    gh = ga if problem.activation == "identity" else m.store(np.where(h > 0, ga, np.where(h == 0, slope * ga, 0.0)))
    four = (m.product(x.T, gh), m.store(m.sum(gh)), m.product(a.T, g), m.store(m.sum(g)))
    names = [f"grads.{name}" for name in Params._fields]
    steps = [m.store(w - m.store(problem.lr * z)) for w, z in zip((w1, b1, w2, b2), four, strict=True)]
    return {"forward": p, "loss": loss, **dict(zip(names, four, strict=True)),
            **{f"step.{name}": w for name, w in zip(Params._fields, steps, strict=True)}}  # fmt: skip


def enclosed(problem: AnyProblem, precision: Precision, *, points: bool, rescaled: bool = True) -> dict[str, Ball]:
    p, x, y, activation = problem.params, problem.x, problem.y, problem.activation
    told: Any = {"activation": activation, "precision": precision, "points": points}
    backward = enclosure.grads(p, x, y, rescaled=rescaled, **told)
    step = enclosure.step(p, x, y, problem.lr, rescaled=rescaled, **told)
    return {
        "forward": enclosure.forward(p, x, **told),
        "loss": enclosure.loss(p, x, y, rescaled=rescaled, **told),
        **{f"grads.{name}": ball for name, ball in backward._asdict().items()},
        **{f"step.{name}": ball for name, ball in step._asdict().items()},
    }


def machines(precision: Precision, seed: int) -> list[Machine]:
    rng = np.random.default_rng(seed)
    return [Machine(precision, rng, *(bool(rng.integers(2)) for _ in range(4))) for _ in range(4)]


def outside(actual: Array, ball: Ball) -> NDArray[np.bool_]:
    with np.errstate(all="ignore"):
        is_outside: NDArray[np.bool_] = np.isfinite(ball.radius) & ~(np.abs(actual - ball.centre) <= ball.radius)
        return is_outside


@pytest.mark.parametrize("precision", PRECISIONS, ids=NAMES)
@given(data=st.data())
def test_every_implementation_is_inside_its_enclosure(precision: Precision, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([*KINDS, "dense", "kinked"]))
    shape: Shape = data.draw(st.tuples(*(st.integers(1, 6) for _ in range(4))))
    activation: Activation = data.draw(st.sampled_from(["relu", "identity"]))
    seed = data.draw(st.integers(0, 2**16))
    if kind in LATTICES:
        shape = (4, shape[1], shape[2], 2)  # so that a mean is exact
    problem = generate(kind, shape, precision, activation, seed)
    for points in (False, True):
        balls = enclosed(problem, precision, points=points)
        for machine in machines(precision, seed):
            with np.errstate(all="ignore"):
                found = evaluated(problem, machine)
            for name, ball in balls.items():
                assert not outside(found[name], ball).any(), (name, kind, machine)


@pytest.mark.parametrize("precision", PRECISIONS, ids=NAMES)
@pytest.mark.parametrize("kind", ["dense", "kinked"])
def test_on_its_lattice_every_implementation_agrees_to_the_bit(precision: Precision, kind: str) -> None:
    for seed, shape in enumerate([(4, 3, 5, 2), (1, 1, 1, 1), (8, 9, 7, 4), (64, 1000, 100, 10)]):
        problem = generate(kind, shape, precision, "relu", seed)
        balls = enclosed(problem, precision, points=True, rescaled=False)
        assert not balls["forward"].radius.any()
        if shape[0] == 64:
            continue  # the machines are as slow as they are plain
        for machine in machines(precision, seed):
            found = evaluated(problem, machine._replace(rescaled=False, flush=False))
            assert np.array_equal(found["forward"], balls["forward"].centre)
            if kind == "dense":
                for name, ball in balls.items():
                    assert not ball.radius.any(), name
                    assert np.array_equal(found[name], ball.centre), name


WORSE = [
    (Precision("bfloat16", accumulate="float32"), Precision("bfloat16")),
    (Precision("float16", accumulate="float32"), Precision("float16")),
    (Precision("bfloat16", accumulate="tensor32"), Precision("bfloat16")),
    (Precision("float32"), Precision("float32", operands="tf32")),
    (Precision("float32"), Precision("float32", accumulate="tensor32")),
    (Precision("float32", operands="tf32"), Precision("float32", operands="bfloat16")),
    (Precision("float32", operands="float16"), Precision("float32", operands="bfloat16")),
    (Precision("float16"), Precision("bfloat16")),
    (Precision("float32", operands="tf32"), Precision("bfloat16", accumulate="float32")),
]


@pytest.mark.parametrize(("declared", "done"), WORSE, ids=[f"{done} for {declared}" for declared, done in WORSE])
def test_what_is_less_precise_than_declared_is_refused(declared: Precision, done: Precision) -> None:
    # Few roundings show the format of what is stored, long sums that of the sums.
    for shape in ((9, 1, 2, 1), (5, 2000, 3, 2)):
        for seed in range(20):
            problem = generate("normal", shape, declared, "relu", seed)
            balls = enclosed(problem, declared, points=False)
            found = evaluated(problem, machines(done, seed)[0])
            if any(outside(found[name], ball).any() for name, ball in balls.items()):
                return
    pytest.fail("nothing is outside")


@pytest.mark.parametrize("precision", PRECISIONS, ids=NAMES)
def test_a_bound_is_not_far_from_what_happens(precision: Precision) -> None:
    # Roundings of few operations come near to the worst that they can do together.
    worst = 0.0
    for seed in range(300):
        problem = generate("normal", (1, 1, 1, 1), precision, "identity", seed)
        ball = enclosure.forward(problem.params, problem.x, activation="identity", precision=precision, points=False)
        for machine in machines(precision, seed):
            off = np.abs(evaluated(problem, machine)["forward"] - ball.centre)
            worst = max(worst, float((off / ball.radius).max()))
    assert worst > 1 / 3


def ball(*rows: list[float]) -> Ball:
    return Ball(np.array(rows), np.zeros((len(rows), len(rows[0]))))


def test_the_roundings_of_the_squares_and_of_their_sum_add_up() -> None:
    precision = Precision("bfloat16", accumulate="float32")
    worst = 0.0
    for r in 1 + np.arange(128) / 128:
        for many in range(2, 8):
            stored = put(many * put(r * r, precision.stores), precision.stores)
            allowed = sum_of_squares(ball([float(r)] * many), precision=precision, freedom=Freedom(exact=False))
            assert not outside(stored, allowed).any()
            worst = max(worst, float(abs(stored - allowed.centre) / allowed.radius))
    assert worst > 1 / 2  # the rounding of the sum alone is the half of the radius


def test_a_sum_of_squares_is_a_point_only_if_each_square_is_stored_exactly() -> None:
    precision = Precision("bfloat16", accumulate="float32")
    numbers = [17.0] * 15 + [23.0]  # squares of 9 and 10 bits, and their sum is 152 * 32
    assert put(17.0 * 17.0, precision.stores) != 17.0 * 17.0
    assert put(152 * 32, precision.stores) == sum(number * number for number in numbers)
    assert sum_of_squares(ball(numbers), precision=precision).radius > 0
    assert sum_of_squares(ball([3.0, 12.0]), precision=precision).radius == 0


def test_a_stored_number_is_a_point_only_in_the_normal_range() -> None:
    precision, least = Precision("float16", accumulate="float32"), 2.0**-14
    for factor, is_point in ((1.0, True), (0.5, False)):
        product = sum_of_products(ball([least * factor]), ball([1.0]), precision=precision)
        assert bool(product.radius == 0) is is_point
    smaller = Freedom(scale=4.0)  # an intermediate that is smaller by 4
    assert sum_of_products(ball([2 * least]), ball([1.0]), precision=precision, freedom=smaller).radius > 0
