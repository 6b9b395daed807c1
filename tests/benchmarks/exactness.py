"""The network in exact arithmetic, forward and gradient, beside other means to the same numbers.

All compute what refnet computes, from the same floats. What refnet returns is rounded to floats, and what python-flint
does where a row says so; the other rows have exact numbers alone. python-flint and mpmath are left out where they are
not installed, and what would take minutes where it would.
"""

from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from typing import Any
from unittest.mock import patch

import numpy as np
from steps import Problem, Shape, problem

import refnet
from refnet import Params, exact
from refnet.exact import Dyadic

SHAPES: tuple[Shape, ...] = ((12, 2, 10, 4), (16, 50, 20, 10), (64, 1000, 100, 10))
DTYPES = ("float64", "float32")
BURST = 0.01  # seconds
PATIENCE = 100_000  # multiplications, above which Fractions and mpmath are left out


Call = Callable[[], Any]
Means = tuple[Call, Callable[[Any], Any]]  # a call, and the gradient of w1 as floats from what it returns


def with_refnet(given: Problem) -> Means:
    """As refnet chooses: Python ints or slices of digits."""
    params, x, y = given
    dtype = x.dtype.type

    def call() -> Any:
        return exact.forward(params, x).rounded(dtype), exact.grads(params, x, y).rounded(dtype)

    return call, lambda result: result[1].w1


def without_rounding(given: Problem) -> Means:
    """The exact numbers alone."""
    params, x, y = given
    return lambda: (exact.forward(params, x), exact.grads(params, x, y)), lambda found: found[1].w1.rounded(
        x.dtype.type
    )


def with_slices(given: Problem) -> Means:
    """Slices of digits at any size."""
    call, w1 = with_refnet(given)
    return patch.object(exact, "INTS_UP_TO", -1)(call), w1


def with_ints(given: Problem) -> Means:
    """Python ints at any size."""
    call, w1 = with_refnet(given)
    return patch.object(exact, "INTS_UP_TO", 10**18)(call), w1


def with_fractions(given: Problem) -> Means:
    """The network itself, on Fractions."""
    params, x, y = given

    def fractions(array: Any) -> Any:
        return np.array([Fraction(v) for v in array.ravel().tolist()], dtype=object).reshape(array.shape)

    def call() -> Any:
        rational = Params(*map(fractions, params)), fractions(x)
        return refnet.forward(*rational), refnet.grads(*rational, fractions(y))

    return call, lambda result: np.array([float(v) for v in result[1].w1.ravel()], x.dtype).reshape(params.w1.shape)


def with_fmpz(given: Problem) -> Means:
    """FLINT's matrices of integers, scaled as refnet scales its own."""
    fmpz_mat = import_module("flint").fmpz_mat

    def call() -> Any:
        (w1, b1, w2, b2), x, y, exponents = _whole(given)
        return _by_matrices(fmpz_mat, [w1, b1, w2, b2, x, y], 0), exponents

    def as_floats(result: Any) -> Any:
        (_, w1, *_), exponents = result
        integers = np.array([int(v) for v in w1.entries()], dtype=object).reshape(given.params.w1.shape)
        return Dyadic(integers, 2 * exponents[-1] - exponents[0]).rounded(given.x.dtype.type)

    return call, as_floats


def with_fmpz_rounded(given: Problem) -> Means:
    """The same, with quotients of Python ints, which are rounded to float64 correctly; to float32, they are twice."""
    exactly, _ = with_fmpz(given)

    def call() -> Any:
        found, exponents = exactly()
        units = (exponents[-1], *(2 * exponents[-1] - e for e in exponents))
        return [
            np.array([int(v) / (1 << -unit) for v in matrix.entries()], given.x.dtype)
            for matrix, unit in zip(found, units, strict=True)
        ]

    return call, lambda result: result[1].reshape(given.params.w1.shape)


def with_arb(given: Problem) -> Means:
    """Arb's matrices of balls, with so many bits that no ball has a radius."""
    flint = import_module("flint")

    def call() -> Any:
        flint.ctx.prec = 2000
        arrays = [array.astype(np.float64) for array in (*given.params, given.x, given.y)]
        return _by_matrices(flint.arb_mat, arrays, flint.arb(0))

    def as_floats(result: Any) -> Any:
        entries = result[1].entries()
        assert all(v.is_exact() for v in entries)
        floats = [_rounded_arb(v, given.x.dtype.type) for v in entries]
        return np.array(floats, given.x.dtype).reshape(given.params.w1.shape)

    return call, as_floats


def with_mpmath(given: Problem) -> Means:
    """Floating-point numbers of mpmath, with so many bits that no operation rounds."""
    mp = import_module("mpmath").mp

    def call() -> Any:
        mp.prec = 2000
        params, x, y = given
        mpf = np.frompyfunc(mp.mpf, 1, 1)
        w1, b1, w2, b2, x, y = (mpf(array.astype(np.float64)) for array in (*params, x, y))
        h = x @ w1 + b1
        a = np.maximum(h, 0)
        y_pred = a @ w2 + b2
        g = 2 * (y_pred - y)
        gh = np.where(h < 0, 0, g @ w2.T)
        return y_pred, x.T @ gh, gh.sum(axis=0), a.T @ g, g.sum(axis=0)

    return call, lambda result: np.array(
        [float(Fraction(*map(int, _ratio(v)))) for v in result[1].ravel()], given.x.dtype
    ).reshape(given.params.w1.shape)


def products_of_fmpz(given: Problem) -> Means:
    """FLINT's five products alone, of matrices that are there: its limit."""
    fmpz_mat = import_module("flint").fmpz_mat
    (w1, b1, w2, b2), x, y, _ = _whole(given)
    h = x @ w1 + b1
    a = np.maximum(h, 0)
    g = 2 * (a @ w2 + b2 - y)
    gh = np.where(h < 0, 0, g @ w2.T)
    pairs = [[_matrix(fmpz_mat, m) for m in pair] for pair in ((x, w1), (a, w2), (g, w2.T), (a.T, g), (x.T, gh))]
    return lambda: [left * right for left, right in pairs], lambda _: exact.grads(*given).w1.rounded(given.x.dtype.type)


FLINT, FLINT_ROUNDED = "python-flint, `fmpz_mat`", "python-flint, `fmpz_mat`, rounded"
ARB, INTS, UNROUNDED = "python-flint, `arb_mat`", "Python ints", "the same, not rounded"
MEANS: dict[str, Callable[[Problem], Means]] = {
    "`refnet.exact`": with_refnet,
    UNROUNDED: without_rounding,
    "slices of digits": with_slices,
    INTS: with_ints,
    FLINT: with_fmpz,
    FLINT_ROUNDED: with_fmpz_rounded,
    "python-flint, the five products alone": products_of_fmpz,
    ARB: with_arb,
    "Fraction": with_fractions,
    "mpmath": with_mpmath,
}
PATIENT = ("Fraction", "mpmath")


def calls(shape: Shape, dtype: str, *, slow: bool = True) -> dict[str, Call]:
    """Return what can be timed, by name: each has just returned the same gradient of w1, to the bit, as the others.

    ``slow``: also what takes many seconds. What would take minutes is left out in any case.
    """
    given = problem(shape, dtype)
    n, d, h, o = shape
    work = n * h * (d + o)
    expected = exact.grads(*given).w1.rounded(given.x.dtype.type)
    found = {}
    for name, make in MEANS.items():
        if (name in PATIENT and work > PATIENCE) or (name == INTS and work > 10 * PATIENCE and not slow):
            continue
        try:
            call, w1 = make(given)
        except ModuleNotFoundError:
            continue
        np.testing.assert_array_equal(w1(call()), expected, err_msg=name, strict=True)
        found[name] = call
    return found


def _whole(given: Problem) -> Any:
    with patch.object(exact, "INTS_UP_TO", 10**18):
        return exact._scaled(*given)


def _matrix(kind: Any, array: Any) -> Any:
    rows, columns = array.shape
    return kind(rows, columns, array.ravel().tolist())


def _by_matrices(kind: Any, arrays: list[Any], zero: Any) -> Any:
    """Compute the prediction and the gradient with matrices that have no max, no mask and no broadcasting."""
    w1, b1, w2, b2 = arrays[:4]
    (n, _), h_count, o = arrays[4].shape, w1.shape[1], w2.shape[1]
    one = _matrix(kind, np.ones((n, 1), dtype=object))
    x, w1, w2 = (_matrix(kind, array) for array in (arrays[4], w1, w2))
    b1, b2 = (one * _matrix(kind, b.reshape(1, -1)) for b in (b1, b2))
    h = x * w1 + b1
    on = [not v < 0 for v in h.entries()]
    a = kind(n, h_count, [v if kept else zero for v, kept in zip(h.entries(), on, strict=True)])
    y_pred = a * w2 + b2
    g = 2 * (y_pred - _matrix(kind, arrays[5]))
    ga = g * w2.transpose()
    gh = kind(n, h_count, [v if kept else zero for v, kept in zip(ga.entries(), on, strict=True)])
    sums = one.transpose()
    assert (g.nrows(), g.ncols()) == (n, o)
    return y_pred, x.transpose() * gh, sums * gh, a.transpose() * g, sums * g


def _ratio(v: Any) -> tuple[int, int]:
    sign, man, exp, _ = v._mpf_
    signed = -int(man) if sign else int(man)
    return signed << max(0, int(exp)), 1 << max(0, -int(exp))


def _rounded_arb(v: Any, dtype: Any) -> float:
    man, exp = v.man_exp()
    return float(Dyadic(np.array(int(man), dtype=object), int(exp)).rounded(dtype))
