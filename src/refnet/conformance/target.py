"""The implementation under test: finding it, and calling it without being disturbed by what it does.

It is any object with some of ``forward(params, x)``, ``loss(params, x, y)``, ``grads(params, x, y)``,
``update(params, grads, lr)`` and ``step(params, x, y, lr)``. A function that takes a keyword ``activation`` is told it.
"""

import contextlib
import importlib
import importlib.util
import inspect
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.problem import AnyProblem
from refnet.formats import TENSOR32, TF32, Dtype, Precision
from refnet.judgement import ResultError, as_array, as_four
from refnet.network import Activation, ArgumentValueError, Grads, Params
from refnet.rounding import subnormals_work

if TYPE_CHECKING:
    from refnet.adapters.adapted import Adapted

# What each operation is called with, in this order, by the names that a problem has for it.
ARGUMENTS = {
    "forward": ("params", "x"),
    "loss": ("params", "x", "y"),
    "grads": ("params", "x", "y"),
    "update": ("params", "grads", "lr"),
    "step": ("params", "x", "y", "lr"),
}
OPERATIONS = tuple(ARGUMENTS)
DTYPES: tuple[Dtype, ...] = ("float32", "float64")  # what an implementation that says nothing is given


class TargetError(Exception):
    """The target cannot be checked at all: there is no such thing, it does not load, or nothing in it is a network."""


class CallError(AssertionError):
    """The implementation raised, or left the process in a state in which nothing can be judged."""


class NoResultError(CallError):
    """The call of ``operation`` brought no result at all."""

    def __init__(self, operation: str, said: str) -> None:
        super().__init__(f"{operation} {said}")
        self.operation = operation


class RaisedError(NoResultError):
    """The implementation raised an exception: the name of its class is ``kind``, and ``why`` what it says.

    SystemExit is the kind of all that would end the process.
    """

    def __init__(self, operation: str, kind: str, why: str = "") -> None:
        said = "tried to end the process" if kind == "SystemExit" else f"raised {kind}"
        why = " ".join(why.split())  # in one line, as every message is
        super().__init__(operation, said + (f": {why}" if why else ""))
        self.kind = kind
        self.why = why


class LostError(NoResultError):
    """The implementation never came back from the call: it hung, it died, or its process said what nobody can read.

    That is a failure wherever it happens: no clause takes it for an error that was raised. ``problem`` is what the
    operation was called with, once that is known.
    """

    problem: "AnyProblem | None" = None


class Reported(Exception):  # noqa: N818  # it is no error itself
    """What an operation in a process of its own raises: the error that `Implementation.call` is to raise."""

    def __init__(self, error: CallError | ResultError) -> None:
        super().__init__(str(error))
        self.error = error


class Elsewhere:
    """The base of an operation that is carried out in another process, and prints and warns there."""

    def apart(self) -> "Elsewhere":
        """Return the operation on copies: whatever becomes of these and of its results there, nothing changes here."""
        raise NotImplementedError

    def __call__(self, *arguments: object, activation: Activation | None = None) -> object:
        """Call it over there."""
        raise NotImplementedError


def raised(operation: str, cause: BaseException) -> RaisedError:
    """Return the error that says which exception the operation raised."""
    try:
        why = str(cause)
    except BaseException:  # an exception may be a stranger's too
        why = ""
    return RaisedError(operation, "SystemExit" if isinstance(cause, SystemExit) else type(cause).__name__, why)


class Pace:
    """What is known of an implementation's speed: the one thing about it that changes while it is checked.

    ``seconds``: spent in it so far. ``most_work``: the multiplications that an example may take, None until measured.
    ``few_shapes``: whether it compiles for each new shape. ``note``: what is left out because of either. ``lost``: how
    often it hung or died; ``lost_note``: what follows from that.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.most_work: int | None = None
        self.few_shapes = False
        self.note = ""
        self.lost = 0
        self.lost_note = ""


class Implementation(NamedTuple):
    """A network to be checked: what the user named, and what it says of itself."""

    name: str
    made: str  # the Python expression that makes it again
    operations: dict[str, Callable[..., object]]
    told: frozenset[str]  # the operations that take a keyword ``activation``
    activations: tuple[Activation, ...]
    dtypes: tuple[Dtype, ...]
    pace: "Pace"
    precisions: tuple[Precision, ...] = ()  # of the formats in which it does not compute all along
    renewed: "Callable[[], Implementation] | None" = None  # it before any call, where `anew` cannot know how
    lacks: tuple[tuple[str, str], ...] = ()  # the dtypes and activations that there are not, and why
    notes: tuple[str, ...] = ()  # what a reader of the report has to know of it
    framework: str | None = None  # what it was loaded with, as `load` has it
    device: str | None = None
    unseen: Mapping[str, str] = MappingProxyType({})  # the clauses that nothing can show of it, each with the reason
    line: Callable[..., str] | None = None  # what a program is sent for a call: its arguments are those of `call`

    def precision(self, dtype: Dtype) -> Precision:
        """Return how it computes where it is given arrays of that dtype."""
        return next((precision for precision in self.precisions if precision.storage == dtype), Precision(dtype))

    def call(self, operation: str, *arguments: object, activation: Activation) -> object:
        """Return what the operation returns for these arguments, whatever else it does.

        Raises RaisedError where it raises anything but KeyboardInterrupt, SystemExit included, and LostError where it
        hangs or dies in a process of its own.
        """
        return self._called(operation, self.operations[operation], arguments, activation)

    def _called(
        self, operation: str, function: Callable[..., object], arguments: tuple[object, ...], activation: Activation
    ) -> object:
        keywords = {"activation": activation} if operation in self.told else {}
        start = time.perf_counter()
        try:
            # To be quiet takes as long as a small call, and one in another process disturbs nobody here.
            with contextlib.nullcontext() if isinstance(function, Elsewhere) else _quiet():
                result = function(*arguments, **keywords)
        except KeyboardInterrupt:
            raise
        except Reported as reported:
            self.pace.lost += isinstance(reported.error, LostError)
            raise reported.error from None
        except BaseException as cause:
            raise raised(operation, cause) from cause
        finally:
            self.pace.seconds += time.perf_counter() - start
        if not subnormals_work():
            raise CallError(
                f"{operation} has switched subnormal numbers off for the whole process (a library linked with"
                " -ffast-math does that): nothing can be judged here any more; run it in a process of its own"
            )
        return result

    def run(self, operation: str, problem: AnyProblem) -> dict[str, NDArray[Any]]:
        """Return the named arrays of the operation's result for that problem, in the shapes the contract gives.

        The implementation is given copies, and copies of its result are returned: one that writes to its arguments, or
        to an earlier result, spoils no other check. Raises CallError and ResultError.
        """
        function = self.operations[operation]
        if isinstance(function, Elsewhere):
            return self._read(operation, function.apart(), problem)
        return {name: array.copy() for name, array in self.run_on(operation, copied(problem)).items()}

    def run_on(self, operation: str, problem: AnyProblem) -> dict[str, NDArray[Any]]:
        """Do as `run` does, with the arrays of the problem themselves, and return the arrays that came back.

        They may share memory with whatever the implementation likes.
        """
        return self._read(operation, self.operations[operation], problem)

    def _read(self, operation: str, function: Callable[..., object], problem: AnyProblem) -> dict[str, NDArray[Any]]:
        try:
            result = self._called(operation, function, arguments(operation, problem), problem.activation)
        except LostError as error:
            error.problem = problem
            raise
        return read(operation, problem, result)


def copied(problem: AnyProblem) -> AnyProblem:
    """Return the problem with a copy of each array, in C order."""
    params = Params(*(array.copy() for array in problem.params))
    grads = Grads(*(array.copy() for array in problem.grads))
    return problem._replace(params=params, x=problem.x.copy(), y=problem.y.copy(), grads=grads)


def arguments(operation: str, problem: AnyProblem) -> tuple[object, ...]:
    """Return what that operation is called with."""
    return tuple(getattr(problem, name) for name in ARGUMENTS[operation])


def read(operation: str, problem: AnyProblem, result: object) -> dict[str, NDArray[Any]]:
    """Return the named arrays of what the operation returned. Raises ResultError."""
    if operation == "forward":
        return {"forward": as_array("forward", result, problem.y.shape)}
    if operation == "loss":
        return {"loss": as_array("loss", result, ())}
    four = as_four(operation, result, [p.shape for p in problem.params])
    return {f"{operation}.{key}": array for key, array in zip(problem.params._fields, four, strict=True)}


def has_dtype(result: object, name: str) -> bool:
    """Return whether the result has a dtype of its own: a list or a Python float has none, and any is right."""
    key = name.partition(".")[2]
    if not key:
        return hasattr(result, "dtype")
    if hasattr(result, "keys"):
        part = result[key]  # type: ignore[index]  # it was read as a mapping before
    elif hasattr(result, key):
        part = getattr(result, key)
    else:
        part = list(result)[Params._fields.index(key)]  # type: ignore[call-overload]  # read as a sequence before
    return hasattr(part, "dtype")


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
    where, _, attribute = target.rpartition(":") if _names_object(target) else (target, "", "")
    module = _module(where)
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
            with _quiet():
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

    with _quiet():
        return adapted(found, name, framework, device)


def _on_arrays_of(
    operations: dict[str, Callable[..., object]], name: str, framework: str | None, device: str | None
) -> "Adapted | None":
    from refnet.adapters.frameworks import on_arrays_of  # as above

    with _quiet():
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


def computing_in(
    net: Implementation, *, storage: Dtype | None = None, operands: str = "", accumulate: str = ""
) -> Implementation:
    """Return the implementation as one that computes so, whatever it says of itself; what is not given stays as it is.

    With ``storage`` it is given that format alone. Without, "tf32" and "tensor32" are not for its float64, where it has
    other formats too: no hardware reads or sums float64 so, and the bound would be too wide. Raises
    ArgumentValueError for a format that there is not.
    """
    dtypes = net.dtypes if storage is None else (storage,)
    of_float32 = {operands, accumulate} & {TF32.name, TENSOR32.name}
    told = []
    for one in map(net.precision, dtypes):
        stays = of_float32 and storage is None and one.storage == "float64" and len(dtypes) > 1
        told.append(one if stays else Precision(one.storage, operands or one.operands, accumulate or one.accumulate))
    return net._replace(dtypes=dtypes, precisions=tuple(told))


def _precisions(name: str, found: object) -> tuple[Precision, ...]:
    """Return what the object declares as ``precision``: a Precision, a mapping of its fields, or several of them."""
    declared = _attribute(name, found, "precision", ())
    several = declared if isinstance(declared, (tuple, list)) else (declared,)
    try:
        precisions = tuple(Precision(**one) if isinstance(one, Mapping) else one for one in several)
        for one in precisions:
            if not isinstance(one, Precision):
                raise ArgumentValueError(f"{one!r} is a {type(one).__name__}, expected a refnet.Precision")
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
        with _quiet():
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


def _names_object(target: str) -> bool:
    _, colon, attribute = target.rpartition(":")
    return bool(colon) and all(part.isidentifier() for part in attribute.split("."))


_LIBRARIES = (".so", ".dylib", ".dll")


def _module(where: str) -> object:
    looks_like_a_file = where.endswith((".py", *_LIBRARIES)) or os.sep in where
    try:
        if looks_like_a_file:
            return _module_from_file(Path(where))
        _let_import_from(Path.cwd())
        with _quiet():
            return importlib.import_module(where)
    except TargetError:
        raise
    except ModuleNotFoundError as error:
        sought = not looks_like_a_file and error.name is not None and f"{where}.".startswith(f"{error.name}.")
        if sought and Path(where).is_file():
            raise TargetError(
                f"{where} is not a Python file: a program is checked with --command and the words that start it,"
                ' such as "node mynet.js"'
            ) from error
        if sought:
            raise TargetError(f"there is no module {where}: give a module that can be imported, or a file") from error
        raise TargetError(f"{where} cannot be imported: it needs {error.name}, which is not installed") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's module may raise anything, SystemExit included
        hint = "; name it as package.module instead" if "no known parent package" in str(error) else ""
        raise TargetError(f"{where} cannot be imported: {type(error).__name__}: {error}{hint}") from error


def _module_from_file(path: Path) -> object:
    if not path.is_file():
        raise TargetError(f"there is no file {path}")
    if set(_LIBRARIES) & set(path.suffixes):
        raise TargetError(
            f"{path} is a shared library, which changes the process that it is loaded into: load it into one of its"
            f" own, with refnet.adapters.load_isolated({str(path)!r})"
        )
    name = f"refnet_target_{path.stem}"  # never the name of a module that others import
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        word = str(path) if os.sep in str(path) else f"./{path}"
        hint = f': a program is checked with --command "{word}"' if os.access(path, os.X_OK) else ""
        raise TargetError(f"{path} is not a Python file{hint}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # a dataclass looks its own module up
    _let_import_from(path.parent)
    with _quiet():
        specification.loader.exec_module(module)
    return module


def _let_import_from(folder: Path) -> None:
    entry = str(folder.resolve())
    if entry not in sys.path:
        sys.path.insert(0, entry)  # and left there: the target may import its neighbours later, in a call


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let the implementation print and warn without disturbing the report."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield
