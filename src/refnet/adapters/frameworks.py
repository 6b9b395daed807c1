"""Which framework a network is written for, and handing it to that framework's adapter.

A framework is imported where it is named, or where the network itself has imported it already.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeGuard

from refnet.adapters.adapted import Adapted, translated
from refnet.conformance.target import TargetError

FRAMEWORKS = {"torch": "refnet.adapters.pytorch", "jax": "refnet.adapters.jax"}
_SAID = {"torch": "PyTorch", "jax": "JAX"}


def adapted(found: object, name: str, framework: str | None, device: str | None) -> Adapted | None:
    """Return a module of PyTorch, or a function, as an implementation; None for what is neither.

    Raises TargetError where the framework is not installed, or the network is not one of two layers.
    """
    if _is_module(found):
        if framework == "jax":
            raise TargetError(f"{name} is a module of PyTorch, expected a function of JAX")
        return _adapter("torch").from_module(found, name, device)  # type: ignore[no-any-return]  # found by its name
    chosen = (framework or framework_of(found)) if _is_function(found) else None
    return _adapter(chosen).from_function(found, name, device) if chosen else None


def on_arrays_of(
    operations: dict[str, Callable[..., object]], name: str, framework: str | None, device: str | None
) -> Adapted | None:
    """Return a network that has operations of its own so that they are given the framework's arrays, if one is named.

    Raises TargetError where the framework is not installed, and where a device is named without one.
    """
    if framework is None and device is None:
        return None
    if framework is None:
        raise TargetError(f"{name} has operations of its own, on NumPy arrays: name the framework too for {device!r}")
    return translated(operations, _adapter(framework).bridge(device))


def is_candidate(found: object, has_operations: bool) -> bool:
    """Return whether what a module holds may be named as the network, and is no part of a framework itself."""
    kind_of_part = isinstance(found, type) or inspect.isroutine(found)
    if kind_of_part and _home(found).partition(".")[0] in FRAMEWORKS:
        return False
    if has_operations or not _is_function(found):
        return has_operations
    return framework_of(found) is not None and len(inspect.signature(found).parameters) in (2, 5)


def _adapter(framework: str) -> Any:
    if framework not in FRAMEWORKS:
        raise TargetError(f"there is no adapter for {framework!r}; there are {', '.join(FRAMEWORKS)}")
    try:
        return importlib.import_module(FRAMEWORKS[framework])
    except ModuleNotFoundError as error:
        raise TargetError(
            f"{_SAID[framework]} is not installed (there is no {error.name}): pip install 'refnet[{framework}]'"
        ) from error


def _is_module(found: object) -> bool:
    """Return whether it is an nn.Module, or a class of one, whose forward takes the input alone."""
    torch = sys.modules.get("torch")
    base = getattr(getattr(torch, "nn", None), "Module", None)
    if base is None:
        return False
    if isinstance(found, type):
        return issubclass(found, base) and _inputs(getattr(found, "forward")) == 2  # noqa: B009  # self is one
    return isinstance(found, base) and _inputs(found.forward) == 1


def _inputs(forward: Callable[..., object]) -> int:
    parameters = inspect.signature(forward).parameters.values()
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)


def _is_function(found: object) -> TypeGuard[Callable[..., object]]:
    # What jax.jit and torch.compile return is no function of Python's, and wraps one.
    return inspect.isroutine(found) or (callable(found) and hasattr(found, "__wrapped__"))


def framework_of(function: Callable[..., object]) -> str | None:
    """Return the framework that a function is written for, by the names that it uses; None where none is known.

    Where its own names tell nothing, those of its module do, if it imports one framework and not both.
    """
    wrapper = type(function).__module__.partition(".")[0]
    if wrapper == "jaxlib":
        return "jax"
    inner: Any = inspect.unwrap(function)
    names = getattr(inner, "__globals__", {})
    used = _frameworks(names.get(key) for key in _names(getattr(inner, "__code__", None)))
    for known in (used, _frameworks(names.values())):
        if len(known) == 1:
            return known.pop()
    return None


def _names(code: object) -> set[str]:
    if not isinstance(code, CodeType):
        return set()
    return set(code.co_names).union(*(_names(constant) for constant in code.co_consts))


def _frameworks(values: Any) -> set[str]:
    """Return the frameworks among the homes of these values."""
    homes = (value.__name__ if inspect.ismodule(value) else _home(value) for value in list(values))
    return {home.partition(".")[0] for home in homes} & set(FRAMEWORKS)


def _home(value: object) -> str:
    home = getattr(value, "__module__", None)
    return home if isinstance(home, str) else ""
