"""Correct implementations of the network, drawn at random: what spec/arithmetic.md, section 1, covers, emulated.

A `Machine` computes, `sum_of_products` sums in an order it draws, and `evaluate` writes the network in a way it draws.
Arrays of an evaluation carry a first axis of ``copies``: that many implementations run at once, each component of each
in an order of its own.
"""

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnet import Activation, Params
from refnet.rounding import Ball, format_of

Array: TypeAlias = NDArray[Any]
Float: TypeAlias = type[np.float32] | type[np.float64]
Shape: TypeAlias = tuple[int, int, int, int]

WIDER: dict[Any, Any] = {np.float32: np.float64, np.float64: np.longdouble}
HAS_WIDER = {np.float32: True, np.float64: bool(np.finfo(np.longdouble).nmant > 60)}

Errors = Literal["nearest", "grow", "shrink", "up", "down", "random"]
Flush = Literal["gradual", "results", "operands", "both", "some"]


class Machine:
    """An arithmetic of ``dtype``.

    ``wide``: one of higher precision inside, rounded to dtype when a result is stored, or only when it is returned.
    ``errors``: not to nearest, but each operation errs by a whole unit roundoff, to the side named: no processor is as
    bad, and the bounds are proved from nothing else. ``flush``: what becomes of numbers below the smallest normal one.
    ``plan``: the order of every sum; without it each sum draws one.
    """

    def __init__(
        self,
        dtype: Float,
        rng: np.random.Generator,
        *,
        errors: Errors = "nearest",
        flush: Flush = "gradual",
        wide: bool = False,
        stores: bool = True,
        plan: "Plan | None" = None,
    ) -> None:
        fmt = format_of(np.dtype(dtype))
        self.dtype, self.rng, self.errors, self.flush, self.wide, self.stores = dtype, rng, errors, flush, wide, stores
        self.plan = plan
        self.inside: Any = WIDER[dtype] if wide or errors != "nearest" else dtype
        self.u, self.tiny = self.inside(fmt.unit_roundoff), self.inside(fmt.smallest_normal)

    @property
    def exact_on_lattices(self) -> bool:
        return self.errors == "nearest"

    def read(self, z: Array) -> Array:
        return self._flushed(z) if self.flush in ("operands", "both", "some") and not self.wide else z

    def load(self, z: Array, copies: int) -> Array:
        """Read data: one copy for each implementation."""
        z = np.asarray(z, self.inside)
        z = self._flushed(z) if self.flush in ("operands", "both", "some") and self.wide else z
        return np.broadcast_to(z, (copies, *z.shape))

    def add(self, a: Array, b: Array) -> Array:
        a, b = self.read(a), self.read(b)
        return self._written(a + b, (a == 0) | (b == 0), 0.0)

    def multiply(self, a: Array, b: Array, exact: Any = False) -> Array:
        a, b = self.read(a), self.read(b)
        z = a * b
        return self._written(z, exact | (z == 0), self.tiny)

    def divide(self, a: Array, b: Array, exact: Any = False) -> Array:
        a, b = self.read(a), self.read(b)
        return self._written(a / b, exact | (a == 0), self.tiny)

    def fused(self, a: Array, b: Array, c: Array, exact: Any = False) -> Array:
        """Return a * b + c; ``exact`` says that b is 1."""
        a, b, c = self.read(a), self.read(b), self.read(c)
        if self.inside is self.dtype:
            wider = WIDER[self.dtype]
            return self._written((a.astype(wider) * b + c).astype(self.dtype), True, 0.0)
        return self._written(a * b + c, (a * b == 0) | (exact & (c == 0)), self.tiny)

    def store(self, z: Array) -> Array:
        return self.result(z) if self.stores else z

    def result(self, z: Array) -> Array:
        if self.wide:
            z = z.astype(self.dtype)
            z = self._flushed(z) if self.flush in ("results", "both", "some") else z
            z = z.astype(self.inside)
        return z

    def _written(self, z: Array, exact: Any, least: Any) -> Array:
        if self.errors != "nearest":
            # In the range of gradual underflow a product errs by u times the smallest normal number, a sum not at all.
            size = self.u * np.maximum(np.abs(z), least)
            z = np.where(exact, z, z + size * self._side(z))
        if self.wide or self.flush not in ("results", "both", "some"):
            return z
        return self._flushed(z)

    def _side(self, z: Array) -> Array:
        if self.errors == "random":
            return np.asarray(self.rng.choice(np.array([-1, 1], self.inside), z.shape))
        sign = np.where(z < 0, self.inside(-1), self.inside(1))
        sides: dict[str, Array] = {"grow": sign, "shrink": -sign, "up": np.abs(sign), "down": -np.abs(sign)}
        return sides[self.errors]

    def _flushed(self, z: Array) -> Array:
        below = (np.abs(z) < self.tiny) & (z != 0)
        if not below.any():
            return z
        if self.flush == "some":
            below = below & (self.rng.random(z.shape) < 0.5)
        return np.where(below, z.dtype.type(0), z)


def machine(dtype: Float, rng: np.random.Generator, *, ieee: bool = False) -> Machine:
    """Draw a machine; ``ieee``: one that rounds to nearest."""
    flush: Flush = rng.choice(np.array(["gradual", "results", "operands", "both", "some"]))
    kinds = ["native", "native", "wide"] if ieee else ["native", "native", "wide", "model", "model"]
    kind = rng.choice(np.array(kinds)) if HAS_WIDER[dtype] else "native"
    if kind == "wide":
        return Machine(dtype, rng, flush=flush, wide=True, stores=bool(rng.integers(2)))
    if kind == "model":
        errors: Errors = rng.choice(np.array(["grow", "shrink", "up", "down", "random"]))
        return Machine(dtype, rng, errors=errors, flush=flush)
    return Machine(dtype, rng, flush=flush)


class Plan(NamedTuple):
    """How a sum is summed: the order of its leaves; in how many ``chunks``, ``strided`` or not, each one in sequence,
    with FMA or without; and the tree over the chunks."""

    order: Literal["given", "reversed", "shuffled", "ascending", "descending"] = "given"
    chunks: int = 1
    strided: bool = False
    fma: bool = False
    tree: Literal["sequential", "pairwise", "random"] = "sequential"


def plan(leaves: int, rng: np.random.Generator) -> Plan:
    order = rng.choice(np.array(["given", "reversed", "shuffled", "shuffled", "ascending", "descending"]))
    chunks = int(rng.choice(np.array([1, 1, leaves, rng.integers(1, leaves + 1)]))) if leaves else 1
    tree = rng.choice(np.array(["sequential", "pairwise", "random"]))
    return Plan(order, chunks, bool(rng.integers(2)), bool(rng.integers(3) == 0), tree)


def sum_of_products(m: Machine, x: Array, w: Array, *extras: Array) -> Array:
    """Return ``x @ w + sum(extras)``, (copies, I, K), with the extras as leaves anywhere in the tree."""
    copies, rows, inner = x.shape
    columns = w.shape[2]
    each = (copies, rows, columns)
    leaves = inner + len(extras)
    how = m.plan or plan(leaves, m.rng)
    if not leaves or 0 in each:
        return np.zeros(each, m.inside)
    left, right = np.empty((leaves, *each), m.inside), np.ones((leaves, *each), m.inside)
    left[:inner] = np.moveaxis(x, 2, 0)[..., None]
    right[:inner] = np.moveaxis(w, 1, 0)[:, :, None, :]
    extra = np.zeros((leaves, *each), np.bool_)
    for i, e in enumerate(extras):
        left[inner + i], extra[inner + i] = e, True
    at = _order(left * right, inner, how.order, m.rng)
    left, right, extra = (np.take_along_axis(z, at, 0) for z in (left, right, extra))

    def chunk(indices: Any) -> Array:
        first, *others = indices
        total = m.multiply(left[first], right[first], extra[first])
        for i in others:
            if how.fma:
                total = m.fused(left[i], right[i], total, extra[i])
            else:
                total = m.add(total, m.multiply(left[i], right[i], extra[i]))
        return total

    count = min(how.chunks, leaves)
    positions = np.arange(leaves)
    parts = [positions[i::count] for i in range(count)] if how.strided else np.array_split(positions, count)
    return m.store(_tree(m, [chunk(part) for part in parts], how.tree))


def _order(products: Array, inner: int, order: str, rng: np.random.Generator) -> Array:
    leaves = len(products)
    if order == "shuffled":
        return np.argsort(rng.random(products.shape), axis=0)
    if order in ("ascending", "descending"):
        size = np.abs(products)
        return np.argsort(size if order == "ascending" else -size, axis=0, kind="stable")
    at = np.arange(inner)
    for i in range(inner, leaves):
        at = np.insert(at, rng.integers(len(at) + 1), i)
    at = at[::-1] if order == "reversed" else at
    return np.broadcast_to(at.reshape(-1, *(1,) * (products.ndim - 1)), products.shape)


def _tree(m: Machine, parts: list[Array], tree: str) -> Array:
    while len(parts) > 1:
        if tree == "pairwise":
            pairs = [m.add(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
            parts = pairs + parts[len(parts) - len(parts) % 2 :]
        else:
            i, j = (0, 1) if tree == "sequential" else sorted(m.rng.choice(len(parts), 2, replace=False))
            parts = [m.add(parts[i], parts[j]), *parts[:i], *parts[i + 1 : j], *parts[j + 1 :]]
    return parts[0]


class Four(NamedTuple):
    """One array for each parameter, its shape behind an axis of copies."""

    w1: Array
    b1: Array
    w2: Array
    b2: Array


class Evaluation(NamedTuple):
    """What an implementation returns, and what it holds inside; ``stepped`` where a rate was given."""

    h: Array
    a: Array
    p: Array
    r: Array
    loss: Array
    grads: Four
    stepped: Four | None


class Style(NamedTuple):
    """How the network is written.

    ``slope``: at a computed h == 0; None draws one for each unit. ``recompute``: whether the backward pass computes h
    anew. ``target``: where y is subtracted. ``average``: the mean in place of the sum, by division or with the
    reciprocal; ``back``: when it is multiplied back. ``double``: when the factor 2 comes. ``early``: whether the rate
    comes with the residual, not in the update.
    """

    slope: float | None = 1.0
    recompute: bool = False
    target: Literal["leaf", "after"] = "leaf"
    average: Literal["no", "divide", "reciprocal"] = "no"
    back: Literal["early", "late"] = "early"
    double: Literal["early", "late"] = "early"
    early: bool = False


def style(rng: np.random.Generator, *, rescaled: bool = True) -> Style:
    slopes = [0.0, 0.5, 1.0, None]
    return Style(
        slope=slopes[rng.integers(4)],
        recompute=bool(rng.integers(2)),
        target=rng.choice(np.array(["leaf", "after"])),
        average=rng.choice(np.array(["no", "divide", "reciprocal"])) if rescaled else "no",
        back=rng.choice(np.array(["early", "late"])),
        double=rng.choice(np.array(["early", "late"])),
        early=bool(rng.integers(2)),
    )


def evaluate(
    m: Machine,
    params: Params[Any],
    x: Array,
    y: Array,
    *,
    how: Style,
    activation: Activation = "relu",
    lr: float | None = None,
    copies: int = 4,
) -> Evaluation:
    """Evaluate the network with its loss, gradient and, where a rate is given, one step."""
    with np.errstate(all="ignore"):
        forward = _Forward(m, params, x, y, how, activation, copies)
        loss = m.result(forward.loss())
        gradient = Four(*(m.result(g) for g in forward.grads(None)))
        stepped = None
        if lr is not None:
            rate = _rate(m, lr)
            gradients = forward.grads(rate if how.early else None)
            pairs = zip(forward.params, gradients, strict=True)
            stepped = Four(*(m.result(_less(m, w, g, rate, how)) for w, g in pairs))
        h, a, p, r = (m.result(z) for z in (forward.h, forward.a, forward.p, forward.r))
        return Evaluation(h, a, p, r, loss, gradient, stepped)


def update(m: Machine, params: Params[Any], grads: Any, lr: float, copies: int = 4) -> Four:
    with np.errstate(all="ignore"):
        pairs = [(m.load(w, copies), m.load(g, copies)) for w, g in zip(params, grads, strict=True)]
        return Four(*(m.result(_less(m, w, g, _rate(m, lr), Style())) for w, g in pairs))


def _rate(m: Machine, lr: float) -> Array:
    if m.inside is m.dtype:
        return np.asarray(lr, m.inside)
    rate = np.asarray(lr, m.inside)
    return rate * (1 + m.u) if m.errors == "grow" else rate


def _less(m: Machine, w: Array, g: Array, rate: Array, how: Style) -> Array:
    if how.early:
        return m.add(w, -g)
    if m.rng.integers(2):
        return m.fused(-rate, g, w)
    return m.add(w, -m.multiply(rate, g))


class _Forward:
    """The forward pass, and what is derived from it."""

    def __init__(
        self, m: Machine, params: Params[Any], x: Array, y: Array, how: Style, activation: Activation, copies: int
    ) -> None:
        self.m, self.how, self.activation = m, how, activation
        self.params = [m.load(p, copies) for p in params]
        self.x, self.y = m.load(x, copies), m.load(y, copies)
        self.shapes = [p.shape for p in self.params]
        self.w1, self.w2 = self.params[0], self.params[2]
        self.b1, self.b2 = (b.reshape(copies, 1, -1) for b in (self.params[1], self.params[3]))
        self.terms = y.size
        self.h = self.hidden()
        self.a = self.activated(self.h)
        self.p = sum_of_products(m, self.a, self.w2, self.b2)
        if how.target == "leaf":
            self.r = sum_of_products(m, self.a, self.w2, self.b2, -self.y)
        else:
            self.r = m.store(m.add(self.p, -self.y))

    def hidden(self) -> Array:
        return sum_of_products(self.m, self.x, self.w1, self.b1)

    def activated(self, h: Array) -> Array:
        return np.maximum(h, self.m.inside(0)) if self.activation == "relu" else h

    def again(self, h: Array) -> Array:
        """Return h as it is, or computed a second time."""
        return self.hidden() if self.how.recompute else h

    def loss(self) -> Array:
        copies = len(self.x)
        row = self.r.reshape(copies, 1, self.terms)
        column = row.reshape(copies, self.terms, 1)
        if self.how.double == "late":  # the terms are averaged, not their sum
            return self._restored(sum_of_products(self.m, self._averaged(row), column)).reshape(copies)
        return self._restored(self._averaged(sum_of_products(self.m, row, column))).reshape(copies)

    def grads(self, rate: Array | None) -> list[Array]:
        m, how = self.m, self.how
        g = self._averaged(self.r)
        g = m.multiply(g, np.asarray(2, m.inside), True) if how.double == "early" else g
        g = self._restored(g) if how.back == "early" else g
        g = m.multiply(g, rate) if rate is not None else g
        ga = sum_of_products(m, g, np.swapaxes(self.w2, 1, 2))
        gh = self._gated(ga)
        a = self.activated(self.again(self.h))
        gradients = [
            sum_of_products(m, np.swapaxes(self.x, 1, 2), gh),
            self._summed(gh),
            sum_of_products(m, np.swapaxes(a, 1, 2), g),
            self._summed(g),
        ]
        for i, z in enumerate(gradients):
            z = m.multiply(z, np.asarray(2, m.inside), True) if how.double == "late" else z
            gradients[i] = (self._restored(z) if how.back == "late" else z).reshape(self.shapes[i])
        return gradients

    def _gated(self, ga: Array) -> Array:
        m = self.m
        if self.activation == "identity":
            return ga
        h = m.read(self.again(self.h))
        slope = np.asarray(self.how.slope, m.inside) if self.how.slope is not None else m.rng.random(h.shape)
        slope = slope.astype(m.inside)
        kinked = m.multiply(slope, ga, (slope == 0) | (slope == 0.5) | (slope == 1))
        return m.store(np.where(h > 0, ga, np.where(h < 0, m.inside(0), kinked)))

    def _summed(self, z: Array) -> Array:
        copies, rows, columns = z.shape
        nothing = np.zeros((copies, 1, 0), self.m.inside), np.zeros((copies, 0, columns), self.m.inside)
        return sum_of_products(self.m, *nothing, *(z[:, n : n + 1] for n in range(rows)))

    def _averaged(self, z: Array) -> Array:
        m, terms = self.m, np.asarray(max(1, self.terms), self.m.inside)
        exact = self._power_of_two
        if self.how.average == "divide":
            return m.divide(z, terms, exact)
        if self.how.average == "reciprocal":
            return m.multiply(z, m.divide(np.asarray(1, m.inside), terms, exact), exact)
        return z

    def _restored(self, z: Array) -> Array:
        if self.how.average == "no":
            return z
        return self.m.multiply(z, np.asarray(max(1, self.terms), self.m.inside), self._power_of_two)

    @property
    def _power_of_two(self) -> bool:
        return self.terms & (self.terms - 1) == 0


def ratio(values: Array, ball: Ball) -> float:
    """Return the largest |value - centre| / radius: above 1 is outside, and so is NaN where something is claimed."""
    with np.errstate(all="ignore"):
        off = np.abs(values - ball.centre.astype(np.longdouble))
        times = np.where(off == 0, 0.0, np.where(np.isnan(off), np.inf, off / ball.radius))
        times = np.where(np.isfinite(ball.radius), times, 0.0)
    return float(times.max(initial=0.0))


Kind = Literal[
    "normal", "integers", "ones", "dyadic", "wide", "subnormal", "small products", "small gradients", "large",
    "cancelling", "kinks", "sparse", "dominated",
]  # fmt: skip
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]


def problem(
    kind: Kind, shape: Shape, dtype: Float, rng: np.random.Generator, *, rows: bool = False
) -> tuple[Params[Any], Array, Array]:
    """Draw parameters, x and y of one kind; ``rows``: biases of shape (1, H) and (1, O)."""
    n, d, h, o = shape
    fmt = format_of(np.dtype(dtype))
    shapes: list[tuple[int, ...]] = [(n, d), (d, h), (h,), (h, o), (o,), (n, o)]

    def powers(low: float, high: float) -> list[Array]:
        return [rng.standard_normal(s) * 2.0 ** rng.integers(int(low), int(high) + 1, s) for s in shapes]

    plain: list[Array] = [rng.standard_normal(s) for s in shapes]
    if kind == "integers":
        arrays = [rng.integers(-3, 4, s).astype(float) for s in shapes]
    elif kind == "ones":
        arrays = [np.ones(s) for s in shapes]
    elif kind == "dyadic":  # few bits, but every exponent: exact sums where they fit, and underflow beside them
        arrays = [rng.integers(-3, 4, s) * 2.0 ** rng.integers(fmt.emin // 4, 2, s) for s in shapes]
    elif kind == "wide":
        arrays = powers(fmt.emin / 8, -fmt.emin / 8)
    elif kind == "subnormal":
        low = powers(fmt.emin - 12, fmt.emin + 6)
        arrays = [np.where(rng.random(s) < 0.5, a, b) for s, a, b in zip(shapes, plain, low, strict=True)]
    elif kind == "small products":
        arrays = powers(fmt.emin / 2 - 3, fmt.emin / 2 + 3)
        if rng.integers(2):
            arrays[4], arrays[5] = plain[4], plain[5]
    elif kind == "small gradients":
        arrays = plain[:4] + [a * 2.0 ** rng.integers(fmt.emin - 3, fmt.emin + 5) for a in plain[4:]]
        arrays[3] = arrays[3] * 2.0 ** rng.integers(-3, 4) if rng.integers(2) else 0 * arrays[3]
        arrays[1], arrays[2] = (a * 2.0 ** rng.integers(fmt.emin - 3, 4) for a in arrays[1:3])
    elif kind == "large":
        arrays = [a * 2.0 ** rng.integers(0, -fmt.emin // 3) for a in plain]
    elif kind == "cancelling":
        arrays = plain
        x, w1, _, w2, _, _ = arrays
        x[:, 1::2] = x[:, : d - 1 : 2] * (1 + rng.integers(-2, 3, x[:, 1::2].shape) * fmt.unit_roundoff)
        w1[1::2] = -w1[: d - 1 : 2]
        w2[1::2] = -w2[: h - 1 : 2]
        arrays[2] = arrays[2] * fmt.unit_roundoff
    elif kind == "kinks":
        arrays = plain
        if n:
            arrays[0][:] = arrays[0][rng.integers(0, n, n)]
            arrays[2] = -(arrays[0][0].astype(dtype) @ arrays[1].astype(dtype))
            if rng.integers(2):  # and there ga is little more than its rounding errors
                arrays[3][:, 1::2] = -arrays[3][:, : o - 1 : 2]
                arrays[5] = np.maximum(arrays[0] @ arrays[1] + arrays[2], 0) @ arrays[3] + arrays[4] - 1
    elif kind == "sparse":
        arrays = [np.where(rng.random(s) < 0.6, 0.0, a) for s, a in zip(shapes, plain, strict=True)]
        arrays[0][rng.random(n) < 0.3] = 0
        arrays[2][rng.random(h) < 0.3] = -100
        arrays[5][rng.random(n) < 0.3] = 0
    elif kind == "dominated":  # one term outweighs the others of its sum, each of which still rounds it
        weights = [np.full(s, fmt.unit_roundoff) for s in shapes]
        for a in weights:
            a[(0,) * a.ndim if a.size else ...] = 1
        arrays = [np.abs(a) * b for a, b in zip(plain, weights, strict=True)]
        arrays[5] = -arrays[5]
    else:
        arrays = plain
    with np.errstate(over="ignore", under="ignore"):
        x, w1, b1, w2, b2, y = (np.asarray(a, dtype) for a in arrays)
    if rows:
        b1, b2 = b1[None], b2[None]
    return Params(w1, b1, w2, b2), x, y
