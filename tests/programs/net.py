"""A two-layer network that speaks JSON lines (spec/protocol.md): a model for programs in Python, without any package.

refnet check --command "python net.py"

"python net.py stale" is wrong: in a step it takes the gradient of w1 behind the w2 that it has updated already.
"""

import ctypes
import json
import math
import sys
from itertools import chain
from operator import add, mul, sub

DESCRIPTION = {
    "name": "net.py",
    "operations": ["forward", "loss", "grads", "update", "step"],
    "activations": ["relu", "identity"],
    "dtypes": ["float32", "float64"],
}
STALE = sys.argv[1:] == ["stale"]


# Reading and writing. Numbers that are not finite are strings: float() reads them, json would write bare words.


def read(asked, key, *shape):
    """Return a vector or a matrix; a vector may come as a matrix of one row. Raises ValueError for other shapes."""
    value, dtype = asked[key], asked["dtype"]
    if len(shape) == 1:
        return numbers(key, value[0] if value and isinstance(value[0], list) else value, *shape, dtype)
    if len(value) != shape[0]:
        raise ValueError(f"{key} has {len(value)} rows, expected {shape[0]}")
    return [numbers(key, row, shape[1], dtype) for row in value]


def numbers(key, row, size, dtype):
    if not isinstance(row, list) or len(row) != size:
        raise ValueError(f"{key} has not rows of {size} numbers")
    return [rounded(float(number), dtype) for number in row]


def rounded(number, dtype):
    """Return the nearest float32 where that is the format: the digits of a request are those of one."""
    return ctypes.c_float(number).value if dtype == "float32" else number


def written(value, dtype):
    """Return the value with each number rounded to the format, and those that are not finite as words."""
    if isinstance(value, list):
        return [written(part, dtype) for part in value]
    number = rounded(value, dtype)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


# The network, in float64 whatever the format: what is more precise than it must be is right too.


def product(a, b, columns):
    return [[sum(map(mul, row, column), 0.0) for column in columns_of(b, columns)] for row in a]


def columns_of(a, count):
    return [[row[j] for row in a] for j in range(count)]


def each(function, a, *others):
    """Combine arrays of one shape, number by number."""
    if isinstance(a, list):
        return [each(function, *parts) for parts in zip(a, *others, strict=True)]
    return function(a, *others)


def layer(x, w, b):
    return [each(add, row, b) for row in product(x, w, len(b))]


def layers(p, x, relu):
    h = layer(x, p["w1"], p["b1"])
    a = each(lambda v: 0.0 if v < 0 else v, h) if relu else h
    return h, a, layer(a, p["w2"], p["b2"])


def gradient(p, x, h, a, r, relu, lr):
    units, outputs = len(p["b1"]), len(p["b2"])
    g = each(lambda v: 2 * v, r)
    found = {"w2": product(columns_of(a, units), g, outputs), "b2": [sum(c, 0.0) for c in columns_of(g, outputs)]}
    w2 = each(lambda v, slope: v - lr * slope, p["w2"], found["w2"]) if STALE else p["w2"]
    gh = product(g, columns_of(w2, outputs), units)
    if relu:
        gh = each(lambda v, unit: 0.0 if unit < 0 else v, gh, h)
    return found | {
        "w1": product(columns_of(x, len(p["w1"])), gh, units),
        "b1": [sum(column, 0.0) for column in columns_of(gh, units)],
    }


def answer(asked):
    op, relu = asked["op"], asked["activation"] == "relu"
    d, units, o = asked["d"], asked["h"], asked["o"]
    shapes = {"w1": (d, units), "b1": (units,), "w2": (units, o), "b2": (o,)}
    p = {key: read(asked, key, *shape) for key, shape in shapes.items()}
    lr = rounded(asked.get("lr", 0.0), asked["dtype"])  # 0 for grads: nothing is updated before it
    if op == "update":
        g = {key: read(asked, f"g{key}", *shape) for key, shape in shapes.items()}
    else:
        x = read(asked, "x", asked["n"], d)
        h, a, y_pred = layers(p, x, relu)
        if op == "forward":
            return {"y_pred": written(y_pred, asked["dtype"])}
        r = each(sub, y_pred, read(asked, "y", asked["n"], o))
        if op == "loss":
            return {"loss": written(sum((v * v for v in chain(*r)), 0.0), asked["dtype"])}
        g = gradient(p, x, h, a, r, relu, lr)
    four = g if op == "grads" else {key: each(lambda v, slope: v - lr * slope, p[key], g[key]) for key in p}
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
