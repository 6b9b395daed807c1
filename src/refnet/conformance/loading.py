"""Making an implementation of what a user names: an object, a module or a file, with what it says of itself."""

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from refnet.conformance.finding import module_named, names_object
from refnet.conformance.target import DTYPES, OPERATIONS, Implementation, Pace, TargetError, quiet
from refnet.formats import Dtype, Precision
from refnet.network import Activation, ArgumentValueError

if TYPE_CHECKING:
    from refnet.adapters.adapted import Adapted


def _takes_activation(function: Callable[..., object]) -> bool:
    try:
        return "activation" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin, or a callable from C, has no signature
        return False


def load(target: str, *, framework: str | None = None, device: str | None = None) -> Implementation:
    """Find ``package.module``, ``package.module:object``, ``path/to/file.py`` or ``path/to/file.py:object``.

    An nn.Module of PyTorch, and a function of tensors, are taken as `refnet.adapters` has it: ``framework`` ("torch" or
    "jax") and ``device`` ("cuda") are for these. Raises TargetError that says what is missing, and what to do.
    """
    if not isinstance(target, str):
        raise TargetError(f"target is a {type(target).__name__}, expected a name: write implementation(target)")
    where, _, attribute = target.rpartition(":") if names_object(target) else (target, "", "")
    module = module_named(where)
    found: object = module
    missing = object()
    for part in attribute.split(".") if attribute else ():
        if _attribute(where, found, part, missing) is missing:
            raise TargetError(f"{where} has no {attribute!r}; it has {', '.join(_public(module)) or 'nothing public'}")
        found = getattr(found, part)
    return implementation(found, name=target, framework=framework, device=device)


def anew(net: Implementation) -> Implementation:
    """Return the implementation as it is before any call, where it can be loaded again; itself where it cannot."""
    if net.renewed is not None:
        return net.renewed()
    if net.made != loading(net.name, framework=net.framework, device=net.device):
        return net
    try:
        return load(net.name, framework=net.framework, device=net.device)
    except TargetError:
        return net


def loading(name: str, *, framework: str | None = None, device: str | None = None) -> str:
    """Return the Python expression that loads that target."""
    options = "".join(f", {key}={word!r}" for key, word in (("framework", framework), ("device", device)) if word)
    return f"refnet.conformance.load({name!r}{options})"


def implementation(
    found: object, name: str | None = None, *, framework: str | None = None, device: str | None = None
) -> Implementation:
    """Return the implementation that an object is. A class is called, without arguments.

    ``framework`` and ``device`` are those of `load`. Raises TargetError where it has no operation, or says of itself
    what means nothing, and as the adapters do.
    """
    if isinstance(found, (str, os.PathLike)):
        raise TargetError(f"{found!r} is a {type(found).__name__}, expected an object: write load({str(found)!r})")
    can_be_loaded = name is not None or inspect.ismodule(found)
    if name is None:
        name = str(getattr(found, "__name__", type(found).__name__))
    made = loading(name, framework=framework, device=device)
    if not can_be_loaded:
        made = f"refnet.conformance.implementation(net)  # where net is the {name} that is checked"
    adapted = _adapted(found, name, framework, device)
    if isinstance(found, type) and adapted is None:
        try:
            with quiet():
                found = found()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a stranger's class may raise anything, SystemExit included
            raise TargetError(
                f"{name} is a class and cannot be made without arguments ({type(error).__name__}: {error}):"
                " name an object of it instead"
            ) from error
    operations = adapted.operations if adapted else _operations(name, found)
    if not operations:
        inside = ", ".join(f"{name}:{key}" for key in _networks_in(found))
        hint = f"; name one in it: {inside}" if inside else ""
        if inspect.isroutine(found):
            hint = "; where it is a function of tensors, name the framework, --framework torch or jax"
        raise TargetError(f"{name} has none of {', '.join(OPERATIONS)}: there is nothing in it to check{hint}")
    if adapted is None and (adapted := _on_arrays_of(operations, name, framework, device)):
        operations = adapted.operations
    precisions = _precisions(name, found)
    return Implementation(
        name,
        made,
        operations,
        frozenset(key for key, function in operations.items() if _takes_activation(function)),
        _declared(name, found, "activation", get_args(Activation), ("relu",)),
        _dtypes(name, found, precisions, adapted),
        Pace(),
        precisions,
        lacks=tuple(adapted.lacks.items()) if adapted else (),
        notes=adapted.notes if adapted else (),
        framework=framework,
        device=device,
    )


def _adapted(found: object, name: str, framework: str | None, device: str | None) -> "Adapted | None":
    """Return what an adapter makes of it, None where it has operations of its own."""
    from refnet.adapters.frameworks import adapted  # which takes TargetError from here

    with quiet():
        return adapted(found, name, framework, device)


def _on_arrays_of(
    operations: dict[str, Callable[..., object]], name: str, framework: str | None, device: str | None
) -> "Adapted | None":
    from refnet.adapters.frameworks import on_arrays_of  # as above

    with quiet():
        return on_arrays_of(operations, name, framework, device)


def _dtypes(
    name: str, found: object, precisions: tuple[Precision, ...], adapted: "Adapted | None"
) -> tuple[Dtype, ...]:
    """Return what it declares, or its precisions or parameters have, or the usual, less what its framework lacks."""
    usual = tuple(precision.storage for precision in precisions) or (adapted.dtypes if adapted else ()) or DTYPES
    declared: tuple[Dtype, ...] = _declared(name, found, "dtypes", get_args(Dtype), usual)
    lacks = adapted.lacks if adapted else {}
    there = tuple(dtype for dtype in declared if dtype not in lacks)
    if not there:
        raise TargetError(f"{name}.dtypes is {declared!r}: {'; '.join(lacks[dtype] for dtype in declared)}")
    return there


def _precisions(name: str, found: object) -> tuple[Precision, ...]:
    """Return what the object declares as ``precision``: a Precision, a mapping of its fields, or several of them."""
    declared = _attribute(name, found, "precision", ())
    several = declared if isinstance(declared, (tuple, list)) else (declared,)
    try:
        precisions = tuple(Precision(**one) if isinstance(one, Mapping) else one for one in several)
        for one in precisions:
            if not isinstance(one, Precision):
                raise ArgumentValueError(f"{one!r} is of type {type(one).__name__}, expected a refnet.Precision")
    except (TypeError, ValueError) as error:
        remedy = 'write refnet.Precision(storage="bfloat16", accumulate="float32"), or a tuple of them'
        raise TargetError(f"{name}.precision cannot be read: {error}; {remedy}") from error
    storages = [precision.storage for precision in precisions]
    twice = next((storage for storage in storages if storages.count(storage) > 1), None)
    if twice is not None:
        raise TargetError(f"{name}.precision has two for {twice}, expected one: leave one out")
    return precisions


def _operations(name: str, found: object) -> dict[str, Callable[..., object]]:
    every = {key: _attribute(name, found, key, None) for key in OPERATIONS}
    return {key: function for key, function in every.items() if callable(function)}


def _public(module: object) -> dict[str, object]:
    """Return what the module has that a user may name: modules that it imports are not its own."""
    named = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    return {key: value for key, value in named.items() if not inspect.ismodule(value)}


def _networks_in(found: object) -> Iterator[str]:
    """Yield the names of what is to be checked in a module, where the module itself is not."""
    from refnet.adapters.frameworks import is_candidate  # as above

    for key, value in _public(found).items() if inspect.ismodule(found) else ():
        with contextlib.suppress(TargetError):  # it cannot be read, so it is no suggestion
            if is_candidate(value, bool(_operations(key, value))):
                yield key


def _attribute(name: str, found: object, key: str, default: object) -> Any:
    """Return the attribute, or the default where there is none; to read it may run a stranger's code."""
    try:
        with quiet():
            return getattr(found, key, default)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise TargetError(f"{name}.{key} cannot be read: {type(error).__name__}: {error}") from error


def _declared(name: str, found: object, attribute: str, known: tuple[Any, ...], default: tuple[Any, ...]) -> Any:
    """Return what the object declares, as a tuple of known words. The caller knows which words they are."""
    declared = _attribute(name, found, attribute, default)
    if attribute == "activation" and callable(declared):
        return default  # the activation itself, a function or a layer, names none
    several = isinstance(declared, (tuple, list))
    words = tuple(dict.fromkeys(_word(word) for word in (declared if several else (declared,))))
    wrong = [word for word in words if word not in known]
    if wrong or not words:
        expected = " or ".join(map(repr, known))
        raise TargetError(f"{name}.{attribute} is {declared!r}, expected {expected}, or a tuple of them")
    return words


def _word(word: object) -> str:
    if isinstance(word, str) or word is None:
        return str(word)
    try:
        return np.dtype(word).name  # type: ignore[call-overload,no-any-return]  # whatever it is, NumPy decides
    except TypeError:
        return str(word).rpartition(".")[2]  # another library's dtype, such as torch.float32
