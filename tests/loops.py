"""The network in plain Python loops over Fractions, with any slope at each kink: it shares nothing with refnet."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from strategies import Array, Case


class Results(NamedTuple):
    """Nested lists; the gradient of a bias is flat, whatever the form of the bias."""

    h: list[list[Fraction]]
    y_pred: list[list[Fraction]]
    loss: Fraction
    w1: list[list[Fraction]]
    b1: list[Fraction]
    w2: list[list[Fraction]]
    b2: list[Fraction]


def evaluate(case: Case, slopes: ArrayLike = 1) -> Results:
    """Evaluate the network; a unit j at its kink for sample n has the slope ``slopes[n, j]`` (or the one given)."""
    w1, w2, x, y = map(_rows, (case.params.w1, case.params.w2, case.x, case.y))
    b1, b2 = map(_row, (case.params.b1, case.params.b2))
    samples, features, units, outputs = range(len(x)), range(len(w1)), range(len(b1)), range(len(b2))
    identity = case.activation == "identity"
    at_kink = np.broadcast_to(np.array(slopes, dtype=int), (len(x), len(b1))).tolist()

    h = [[b1[j] + _sum(x[n][d] * w1[d][j] for d in features) for j in units] for n in samples]

    def slope(n: int, j: int) -> int:
        if identity or h[n][j] > 0:
            return 1
        return at_kink[n][j] if h[n][j] == 0 else 0

    a = [[h[n][j] if identity or h[n][j] > 0 else Fraction(0) for j in units] for n in samples]
    p = [[b2[o] + _sum(a[n][j] * w2[j][o] for j in units) for o in outputs] for n in samples]
    g = [[2 * (p[n][o] - y[n][o]) for o in outputs] for n in samples]
    gh = [[slope(n, j) * _sum(g[n][o] * w2[j][o] for o in outputs) for j in units] for n in samples]
    return Results(
        h=h,
        y_pred=p,
        loss=_sum((p[n][o] - y[n][o]) ** 2 for n in samples for o in outputs),
        w1=[[_sum(x[n][d] * gh[n][j] for n in samples) for j in units] for d in features],
        b1=[_sum(gh[n][j] for n in samples) for j in units],
        w2=[[_sum(a[n][j] * g[n][o] for n in samples) for o in outputs] for j in units],
        b2=[_sum(g[n][o] for n in samples) for o in outputs],
    )


def _sum(terms: Iterable[Fraction]) -> Fraction:
    return sum(terms, Fraction(0))


def _rows(array: Array) -> list[list[Fraction]]:
    return [[Fraction(number) for number in row] for row in array.tolist()]


def _row(array: Array) -> list[Fraction]:
    return [Fraction(number) for number in array.ravel().tolist()]
