"""How a stranger's function takes the four parameters: found by calling it with sizes that are all different.

With unequal sizes a call goes well only where every matrix is the right way round, so what is found is no guess.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from refnet.conformance.target import TargetError
from refnet.network import Params

SIZES = (3, 5, 2)  # D, H, O of the probe; no two sizes are equal
_SAMPLES = 4
TRANSPOSED: tuple[tuple[str, ...], ...] = ((), ("w1", "w2"), ("w1",), ("w2",))
_INPUTS = ("x", "xs", "input", "inputs", "data", "batch", "features")


class Way(NamedTuple):
    """One way of calling a network.

    ``predict`` is called with the parameters, in the orientation that it expects, and x. ``transposed`` names the
    weights that it takes as (H, D) or (O, H). ``said`` tells a person how the parameters are handed over.
    """

    predict: Callable[[Params[Any], Any], Any]
    transposed: tuple[str, ...]
    said: str

    def oriented(self, four: Iterable[Any]) -> Params[Any]:
        """Return the four arrays with the weights turned that it takes transposed; twice is as before."""
        named = zip(Params._fields, four, strict=True)
        return Params(*(array.T if name in self.transposed else array for name, array in named))


def ways_to_call(function: Callable[..., Any], name: str) -> Iterator[Way]:
    """Yield how a function may take its parameters: by name, or all in one argument.

    Raises TargetError where its signature is of neither kind.
    """
    needed = _needed(function, name)
    roles = {_role(argument): argument for argument in needed}
    if set(roles) == {"x", *Params._fields} and len(needed) == len(roles):
        yield from _by_name(function, needed)
    elif len(needed) == 2 and "y" not in roles:
        yield from _in_one(function, needed)
    else:
        raise TargetError(
            f"{name} takes ({', '.join(needed)}), expected a function that returns the prediction: of x, w1, b1, w2, b2"
            " by these names, in any order, or of (params, x)"
        )


def _needed(function: Callable[..., Any], name: str) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise TargetError(f"{name} does not say which arguments it takes: wrap it in a function that does") from error
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(
        p.name for p in parameters if p.default is p.empty and p.kind not in several and p.name != "activation"
    )


def _role(argument: str) -> str:
    """Return what an argument is by its name: W1, w_1 and weight1 are w1."""
    word = argument.lower().replace("_", "")
    word = word.replace("weights", "w").replace("weight", "w").replace("biases", "b").replace("bias", "b")
    return "x" if word in _INPUTS else word


def _by_name(function: Callable[..., Any], needed: tuple[str, ...]) -> Iterator[Way]:
    def predict(params: Params[Any], x: Any, **told: Any) -> Any:
        values = {"x": x, **params._asdict()}
        return function(*(values[_role(argument)] for argument in needed), **told)

    for transposed in TRANSPOSED:
        yield Way(predict, transposed, f"({', '.join(needed)})")


def _in_one(function: Callable[..., Any], needed: tuple[str, ...]) -> Iterator[Way]:
    forms: dict[str, Callable[[Params[Any]], Any]] = {
        "(w1, b1, w2, b2)": lambda params: params,
        "a dict by these names": lambda params: params._asdict(),
        "pairs, [(w1, b1), (w2, b2)]": lambda params: [(params.w1, params.b1), (params.w2, params.b2)],
    }
    orders = [i for i, argument in enumerate(needed) if _role(argument) == "x"] or [1, 0]
    for at in orders:
        for said, form in forms.items():

            def predict(params: Params[Any], x: Any, at: int = at, form: Any = form, **told: Any) -> Any:
                both = (form(params), x)
                return function(*(both if at == 1 else both[::-1]), **told)

            for transposed in TRANSPOSED:
                yield Way(predict, transposed, f"{needed[1 - at]} as {said}")


def found_way(ways: Iterable[Way], lift: Callable[[Any], Any], told: dict[str, Any]) -> Way | dict[str, str]:
    """Return the first of the ways that gives a prediction of the right shape, or why not, for what each is called.

    ``lift`` makes the framework's array of NumPy's; ``told`` are further keywords.
    """
    params, x = _params(), lift(np.full((_SAMPLES, SIZES[0]), 0.5, np.float32))
    failed: dict[str, str] = {}
    for way in ways:
        try:
            four = map(np.ascontiguousarray, way.oriented(params))
            prediction = way.predict(Params(*map(lift, four)), x, **told)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a stranger's function may raise anything, SystemExit included
            failed.setdefault(way.said, in_one_line(error))
            continue
        shape = getattr(prediction, "shape", None)
        if shape is not None and tuple(shape) == (_SAMPLES, SIZES[2]):
            return way
        kind = type(prediction).__name__
        what = f"a {kind}" if shape is None else f"a {kind} of shape {tuple(shape)}"
        failed.setdefault(way.said, f"it returned {what}, expected {(_SAMPLES, SIZES[2])}")
    return failed


def _params() -> Params[np.float32]:
    d, h, o = SIZES
    return Params(*(np.full(shape, 0.5, np.float32) for shape in ((d, h), (h,), (h, o), (o,))))


def probe_of() -> str:
    """Say what the probe is, for an error."""
    d, h, o = SIZES
    return f"x ({_SAMPLES}, {d}), w1 ({d}, {h}), b1 ({h},), w2 ({h}, {o}), b2 ({o},)"


def in_one_line(error: BaseException) -> str:
    """Return an error in one line, however it is laid out."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def called(way: Way) -> str:
    """Say how a function is called, for the notes of a report."""
    shapes = {"w1": "(H, D)", "w2": "(O, H)"}
    turned = " and ".join(f"{name} transposed, {shapes[name]}" for name in way.transposed)
    return f"the function is called with {way.said}" + (f", {turned}" if turned else "")


def no_prediction(name: str, failed: dict[str, str]) -> str:
    """Say what each way of calling a function came to."""
    why = "; ".join(f"with {said}: {said_of}" for said, said_of in failed.items())
    remedy = "wrap it in a function that takes them in one of these ways"
    return f"{name} gives no prediction for {probe_of()}: {why}; {remedy}"


def takes_activation(function: Callable[..., Any]) -> bool:
    """Return whether a function is to be told the activation."""
    return "activation" in inspect.signature(function).parameters
