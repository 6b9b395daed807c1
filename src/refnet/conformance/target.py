"""The implementation under test: finding it, and calling it without being disturbed by what it does.

It is any object with some of ``forward(params, x)``, ``loss(params, x, y)``, ``grads(params, x, y)``,
``update(params, grads, lr)`` and ``step(params, x, y, lr)``. A function that takes a keyword ``activation`` is told it.
"""

import contextlib
import io
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.conformance.problem import AnyProblem
from refnet.formats import TENSOR32, TF32, Dtype, Precision
from refnet.judgement import ResultError, as_array, as_four
from refnet.network import Activation, Grads, Params
from refnet.rounding import subnormals_work

if TYPE_CHECKING:
    pass

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
            with contextlib.nullcontext() if isinstance(function, Elsewhere) else quiet():
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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let the implementation print and warn without disturbing the report."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield
