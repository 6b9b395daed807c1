"""Python's own lists and floats, with each sum by math.fsum, which rounds once. No NumPy but the arguments."""

from collections.abc import Sequence
from math import fsum
from typing import Any

from numpy.typing import NDArray

from refnet import Grads, Params

Vector = Sequence[float]
Matrix = Sequence[Vector]


def _dot(one: Vector, two: Vector, *more: float) -> float:
    return fsum([*(a * b for a, b in zip(one, two, strict=True)), *more])


def _columns(matrix: Matrix, width: int) -> list[list[float]]:
    return [[row[j] for row in matrix] for j in range(width)]


def _layer(rows: Matrix, weights: NDArray[Any], bias: NDArray[Any]) -> list[list[float]]:
    units = list(zip(_columns(weights.tolist(), weights.shape[1]), bias.ravel().tolist(), strict=True))
    return [[_dot(row, column, b) for column, b in units] for row in rows]


def _passes(params: Params[Any], x: NDArray[Any]) -> tuple[Matrix, Matrix, Matrix]:
    h = _layer(x.tolist(), params.w1, params.b1)
    a = [[max(value, 0.0) for value in row] for row in h]
    return h, a, _layer(a, params.w2, params.b2)


def forward(params: Params[Any], x: NDArray[Any]) -> Matrix:
    _, _, y_pred = _passes(params, x)
    return y_pred


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> float:
    return fsum(r * r for row in _residual(forward(params, x), y) for r in row)


def _residual(y_pred: Matrix, y: NDArray[Any]) -> Matrix:
    return [[p - t for p, t in zip(*rows, strict=True)] for rows in zip(y_pred, y.tolist(), strict=True)]


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> dict[str, Any]:
    (n_in, n_hidden), n_out = params.w1.shape, params.w2.shape[1]
    h, a, y_pred = _passes(params, x)
    g = [[2 * r for r in row] for row in _residual(y_pred, y)]
    w2 = params.w2.tolist()
    gh = [[_dot(g[n], w2[j]) if h[n][j] >= 0 else 0.0 for j in range(n_hidden)] for n in range(len(g))]
    by_unit, by_output = _columns(gh, n_hidden), _columns(g, n_out)
    return {
        "w1": [[_dot(feature, unit) for unit in by_unit] for feature in _columns(x.tolist(), n_in)],
        "b1": _like(params.b1, [fsum(unit) for unit in by_unit]),
        "w2": [[_dot(unit, output) for output in by_output] for unit in _columns(a, n_hidden)],
        "b2": _like(params.b2, [fsum(output) for output in by_output]),
    }


def _like(bias: NDArray[Any], values: list[float]) -> list[Any]:
    return [values] if bias.ndim == 2 else values


def update(params: Params[Any], grads: Grads[Any], lr: float) -> list[Any]:
    return [_minus(p.tolist(), g.tolist(), lr) for p, g in zip(params, grads, strict=True)]


def _minus(p: Any, g: Any, lr: float) -> Any:
    return [_minus(a, b, lr) for a, b in zip(p, g, strict=True)] if isinstance(p, list) else p - lr * g
