"""A two-layer network that speaks JSON lines (spec/protocol.md): a model for programs in Python, without any package.

refnet check --command "python net.py"

"python net.py stale" is wrong: in a step it takes the gradient of w1 behind the w2 that it has updated already.
"""

import ctypes
import json
import math
import sys
from itertools import chain

DESCRIPTION = {
    "name": "net.py",
    "operations": ["forward", "loss", "grads", "update", "step"],
    "activations": ["relu", "identity"],
    "dtypes": ["float32", "float64"],
}
STALE = sys.argv[1:] == ["stale"]


# Reading and writing. Numbers that are not finite are strings: float() reads them, json would write bare words.


def read(asked, key, *shape):
    """Return a vector or a matrix; a vector may come as a matrix of one row. Raises ValueError where it does not fit."""
    value = asked[key]
    if len(shape) == 1:
        return numbers(key, value[0] if value and isinstance(value[0], list) else value, *shape)
    if len(value) != shape[0]:
        raise ValueError(f"{key} has {len(value)} rows, expected {shape[0]}")
    return [numbers(key, row, shape[1]) for row in value]


def numbers(key, row, size):
    if not isinstance(row, list) or len(row) != size:
        raise ValueError(f"{key} has not rows of {size} numbers")
    return [float(number) for number in row]


def written(value, dtype):
    """Return the value with each number rounded to the format, and those that are not finite as words."""
    if isinstance(value, list):
        return [written(part, dtype) for part in value]
    number = ctypes.c_float(value).value if dtype == "float32" else value
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


# The network, in float64 whatever the format: what is more precise than it must be is right too.


def product(a, b, columns):
    return [[sum(map(float.__mul__, row, column), 0.0) for column in columns_of(b, columns)] for row in a]


def columns_of(a, count):
    return [[row[j] for row in a] for j in range(count)]


def layers(p, x, relu):
    h = [[v + b for v, b in zip(row, p["b1"])] for row in product(x, p["w1"], len(p["b1"]))]
    a = [[0.0 if v < 0 else v for v in row] for row in h] if relu else h
    return h, a, [[v + b for v, b in zip(row, p["b2"])] for row in product(a, p["w2"], len(p["b2"]))]


def gradient(p, x, h, a, r, relu, lr):
    units, outputs = len(p["b1"]), len(p["b2"])
    g = [[2 * v for v in row] for row in r]
    found = {"w2": product(columns_of(a, units), g, outputs), "b2": [sum(c, 0.0) for c in columns_of(g, outputs)]}
    w2 = descended(p["w2"], found["w2"], lr) if STALE else p["w2"]
    gh = product(g, columns_of(w2, outputs), units)
    if relu:
        gh = [[0.0 if unit < 0 else v for v, unit in zip(*rows)] for rows in zip(gh, h)]
    return found | {
        "w1": product(columns_of(x, len(p["w1"])), gh, units),
        "b1": [sum(column, 0.0) for column in columns_of(gh, units)],
    }


def descended(p, g, lr):
    if isinstance(p, list):
        return [descended(*pair, lr) for pair in zip(p, g)]
    return p - lr * g


def answer(asked):
    op, relu = asked["op"], asked["activation"] == "relu"
    d, units, o = asked["d"], asked["h"], asked["o"]
    shapes = {"w1": (d, units), "b1": (units,), "w2": (units, o), "b2": (o,)}
    p = {key: read(asked, key, *shape) for key, shape in shapes.items()}
    lr = float(asked.get("lr", 0.0))
    if op == "update":
        four = {key: descended(p[key], read(asked, f"g{key}", *shape), lr) for key, shape in shapes.items()}
    else:
        x = read(asked, "x", asked["n"], d)
        h, a, y_pred = layers(p, x, relu)
        if op == "forward":
            return {"y_pred": written(y_pred, asked["dtype"])}
        r = [[v - target for v, target in zip(*rows)] for rows in zip(y_pred, read(asked, "y", asked["n"], o))]
        if op == "loss":
            return {"loss": written(sum((v * v for v in chain(*r)), 0.0), asked["dtype"])}
        four = gradient(p, x, h, a, r, relu, lr if op == "step" else 0.0)
        if op == "step":
            four = {key: descended(p[key], four[key], lr) for key in p}
    # The gradient of a bias that came as a row is a row.
    rows = {key: [four[key]] if isinstance(asked[key][0], list) and key in ("b1", "b2") else four[key] for key in four}
    return {key: written(value, asked["dtype"]) for key, value in rows.items()}


for line in sys.stdin:
    asked = json.loads(line)
    try:
        found = DESCRIPTION if asked["op"] == "describe" else answer(asked)
    except (KeyError, TypeError, ValueError) as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), flush=True)
