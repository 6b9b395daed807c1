"""A shared library with a plain C interface (``spec/library.md``), called through ctypes.

It is loaded into the process that imports it: into one of its own, since a library linked with -ffast-math changes
the arithmetic of whoever loads it, and one that is wrong may write anywhere.
"""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.target import OPERATIONS, Implementation, Pace, TargetError
from refnet.formats import Dtype
from refnet.judgement import ResultError
from refnet.network import Activation, Grads, Params

# The caller owns every array of such a call, and says how large it is: these hold whatever the library does.
UNSEEN = dict.fromkeys(
    (
        *("FWD-2", "LOSS-2", "GRAD-5", "UPD-2", "STEP-2"),
        *("PURE-2", "LAYOUT-1", "LAYOUT-2", "LAYOUT-3", "EDGE-5", "ERR-1", "ERR-2", "ERR-3"),
    ),
    "cannot be otherwise behind a C interface",
)

_NUMBERS = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_BESIDE = 256  # bytes on either side of a result, which the library must leave alone
_PATTERN = 0xA5


class StatusError(Exception):
    """A function said that it could not do what it was asked."""


def is_library(target: str) -> bool:
    """Return whether the target is named as a shared library is: libnet.so, libnet.so.1, libnet.dylib, net.dll."""
    return bool({".so", ".dylib", ".dll"} & set(Path(target).suffixes))


def load_here(target: str) -> Implementation:
    """Load the library into this process, and return it as an implementation of what it has.

    Raises TargetError where there is none, where it cannot be loaded, and where it has no function to check.
    """
    path = Path(target)
    if not path.is_file():
        raise TargetError(f"there is no file {path}")
    try:
        library = ctypes.CDLL(str(path.resolve()))
    except OSError as error:
        raise TargetError(f"{path} cannot be loaded: {error}") from error
    there = {symbol: getattr(library, symbol) for symbol in _symbols() if hasattr(library, symbol)}
    dtypes = tuple(dtype for dtype in get_args(Dtype) if any(symbol.endswith(dtype) for symbol in there))
    activations = tuple(a for a in get_args(Activation) if any(_is_of(symbol, a) for symbol in there)) or ("relu",)
    wanted = {op: [_symbol(op, a, dtype) for a in activations for dtype in dtypes] for op in OPERATIONS}
    operations = {op: _operation(op, there) for op, symbols in wanted.items() if all(s in there for s in symbols)}
    if not there or not operations:
        has = (
            f"has {', '.join(there)} alone"
            if there
            else "has none of forward_float32, loss_float32, grads_float32, ..."
        )
        raise TargetError(
            f"{path} {has}: there is nothing in it to check; spec/refnet.h has the prototypes,"
            ' and C++ hides a function that is not extern "C"'
        )
    return Implementation(
        target,
        f"refnet.adapters.load_isolated({target!r})",
        operations,
        frozenset(operations),
        activations,
        dtypes,
        Pace(),
        lacks=tuple(
            (word, "it has no function for that; spec/refnet.h has the prototypes")
            for word in (*get_args(Activation), *get_args(Dtype))
            if word not in (*activations, *dtypes)
        ),
        notes=tuple(_missing(wanted, there)),
        unseen=UNSEEN,
    )


def _symbol(operation: str, activation: str, dtype: str) -> str:
    return f"{operation}{'_identity' * (activation == 'identity' and operation != 'update')}_{dtype}"


def _symbols() -> Iterator[str]:
    for dtype in get_args(Dtype):
        for activation in get_args(Activation):
            yield from (_symbol(operation, activation, dtype) for operation in OPERATIONS)


def _is_of(symbol: str, activation: str) -> bool:
    return not symbol.startswith("update") and ("_identity_" in symbol) == (activation == "identity")


def _missing(wanted: dict[str, list[str]], there: dict[str, Any]) -> Iterator[str]:
    for operation, symbols in wanted.items():
        missing = [symbol for symbol in symbols if symbol not in there]
        if 0 < len(missing) < len(symbols):
            yield f"it has no {' and no '.join(missing)}: {operation} is left out"


class _Guarded:
    """An array for a result, between bytes that nobody is to write to. It starts as NaN: what is not written shows."""

    def __init__(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        size = int(np.prod(shape)) * dtype.itemsize
        self._name = name
        self._bytes = np.full(size + 2 * _BESIDE, _PATTERN, np.uint8)
        self._end = _BESIDE + size
        self.array: NDArray[Any] = self._bytes[_BESIDE : self._end].view(dtype).reshape(shape)
        self.array.fill(np.nan)

    def check(self) -> None:
        """Raise ResultError where a byte beside the array has changed."""
        for where, beside in (
            ("before its start", self._bytes[:_BESIDE]),
            ("beyond its end", self._bytes[self._end :]),
        ):
            if (beside != _PATTERN).any():
                count = self.array.size
                raise ResultError(
                    self._name, f"was written to {where}: it has room for {count} number{'s' * (count != 1)}"
                )


def _operation(operation: str, there: dict[str, Any]) -> Callable[..., object]:
    def operate(params: Params[Any], *others: Any, activation: Activation) -> object:
        dtype = params.w1.dtype
        number = _NUMBERS[dtype.name]
        sizes = [*params.w1.shape, params.w2.shape[1]]
        if operation != "update":
            sizes.insert(0, len(others[0]))
        inputs = [
            *params,
            *(part for other in others for part in (other if isinstance(other, Grads) else (other,))),
        ]
        results = _results(operation, params, sizes)
        function = there[_symbol(operation, activation, dtype.name)]
        held = [np.ascontiguousarray(array) for array in inputs if isinstance(array, np.ndarray)]
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in held]
        rates = [number(value) for value in inputs if not isinstance(value, np.ndarray)]
        outputs = [ctypes.c_void_p(result.array.ctypes.data) for result in results.values()]
        function.restype = ctypes.c_int
        status = function(*map(ctypes.c_int, sizes), *pointers, *rates, *outputs)
        for result in results.values():
            result.check()
        if status:
            raise StatusError(f"it returned {status}, where 0 says that all went well")
        found = {key: result.array for key, result in results.items()}
        return found if len(found) > 1 else next(iter(found.values()))

    return operate


def _results(operation: str, params: Params[Any], sizes: list[int]) -> dict[str, _Guarded]:
    """Return an array for each part of the result, in the order of the prototypes."""
    dtype = params.w1.dtype
    if operation == "forward":
        return {"y_pred": _Guarded("forward.y_pred", (sizes[0], sizes[-1]), dtype)}
    if operation == "loss":
        return {"loss": _Guarded("loss", (), dtype)}
    return {key: _Guarded(f"{operation}.{key}", p.shape, dtype) for key, p in params._asdict().items()}
