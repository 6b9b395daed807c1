"""PyTorch: an nn.Module, or a function of tensors. The loss is the sum of squares, the gradients are autograd's."""

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from refnet.adapters.adapted import Adapted, Bridge, check_target, differentiated, told
from refnet.adapters.probing import (
    SIZES,
    TRANSPOSED,
    Way,
    called,
    found_way,
    in_one_line,
    no_prediction,
    probe_of,
    takes_activation,
    ways_to_call,
)
from refnet.conformance.target import TargetError
from refnet.formats import Dtype, numpy_dtype
from refnet.network import Params


def bridge(device: str | None, own: torch.device | None = None) -> Bridge:
    """Return the way into PyTorch, on the device that is asked for, or the network's own, or the CPU.

    Raises TargetError where the device cannot be used.
    """
    place = _place(device, own or torch.device("cpu"))
    return Bridge(partial(_tensor, place=place), _array, torch.Tensor, _lacks(place), tuple(_surroundings(place)))


def from_module(found: Any, name: str, device: str | None) -> Adapted:
    """Return an nn.Module, or a class of one, as an implementation.

    A class is made without arguments, or, where it needs three, with the sizes (n_in, n_hidden, n_out) of each problem.
    Each problem's parameters stand in for the module's own (`torch.func.functional_call`), which stay as they are.
    Raises TargetError where it is not a network of two layers with bias, and says what it is.
    """
    make = _maker(found, name)
    module = make(*SIZES)
    _check_parts(module, name)
    ways = list(_ways_to_fill(make, module))
    if not ways:
        raise TargetError(f"{name} is no network of two layers: it has {_listed(module)}, expected {_EXPECTED}")
    across = bridge(device, next(module.parameters()).device)
    way = found_way(ways, across.lift, {})
    if isinstance(way, dict):
        raise TargetError(_why_none_fits(module, name, next(iter(way.values()))))
    mode = "training" if module.training else "evaluation"
    adapted = _adapted(way, across, f"{way.said}; it is in {mode} mode, as it was found", tells=False)
    narrow = _narrow(module)
    if narrow is None:
        return adapted
    note = (
        f"its own parameters are {narrow}, so that is what it is judged in, if nothing else is asked for;"
        " where it sums in float32, as most devices do, say --accumulate float32: the bounds are narrower then"
    )
    return adapted._replace(dtypes=(narrow,), notes=(*adapted.notes, note))


def from_function(function: Callable[..., Any], name: str, device: str | None) -> Adapted:
    """Return a function of tensors that gives the prediction, as an implementation.

    It takes x, w1, b1, w2, b2 by these names, or (params, x). Raises TargetError where it can be called in no such way.
    """
    across = bridge(device)
    tells = takes_activation(function)
    way = found_way(ways_to_call(function, name), across.lift, told("relu" if tells else None))
    if isinstance(way, dict):
        raise TargetError(no_prediction(name, way))
    return _adapted(way, across, called(way), tells=tells)


def _adapted(way: Way, across: Bridge, how: str, *, tells: bool) -> Adapted:
    lift, lower, *_ = across

    def leaves(params: Params[Any], *, track: bool) -> Params[Any]:
        # Contiguous, as the parameters of PyTorch are: a network may count on that.
        return Params(*(lift(np.ascontiguousarray(p)).requires_grad_(track) for p in way.oriented(params)))

    def total(params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: str | None) -> torch.Tensor:
        prediction = way.predict(params, lift(x), **told(activation))
        check_target(prediction, y)
        return (prediction - lift(y)).square().sum()

    def forward(params: Params[Any], x: NDArray[Any], activation: str | None = None) -> NDArray[Any]:
        return lower(way.predict(leaves(params, track=False), lift(x), **told(activation)))

    def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: str | None = None) -> NDArray[Any]:
        return lower(total(leaves(params, track=False), x, y, activation))

    def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any], activation: str | None = None) -> Params[Any]:
        tracked = leaves(params, track=True)
        # A parameter that the prediction does not depend on keeps its value in training: its gradient is 0.
        four = torch.autograd.grad(total(tracked, x, y, activation), tracked, materialize_grads=True)
        return way.oriented(map(lower, four))

    notes = (f"{how}; the loss is the sum of squares, the gradients are autograd's", *across.notes)
    return Adapted(differentiated(forward, loss, grads, tells=tells), across.lacks, notes)


# Modules.

_EXPECTED = "w1 (D, H), b1 (H,), w2 (H, O), b2 (O,), where a weight may be transposed and a bias a row"


def _maker(found: Any, name: str) -> Callable[..., Any]:
    """Return what gives the module for the sizes D, H, O."""
    if not isinstance(found, type):
        return lambda *_: found
    needed = [
        p.name for p in inspect.signature(found).parameters.values() if p.default is p.empty and p.kind not in _SEVERAL
    ]
    if len(needed) not in (0, 3):
        raise TargetError(
            f"{name} is a class that needs ({', '.join(needed)}), expected no arguments, or three sizes,"
            " (n_in, n_hidden, n_out): name an object of it instead"
        )
    try:
        made = found(*SIZES[: len(needed)])
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's class may raise anything, SystemExit included
        given = ", ".join(map(str, SIZES[: len(needed)]))
        raise TargetError(f"{name}({given}) cannot be made: {in_one_line(error)}") from error
    return lru_cache(maxsize=64)(found) if needed else lambda *_: made


def _narrow(module: Any) -> Dtype | None:
    """Return the format of the module's parameters, where it is one that is not checked otherwise."""
    own = {p.dtype for p in module.parameters()}
    narrow: tuple[Dtype, ...] = ("float16", "bfloat16")
    return next((name for name in narrow if own == {_DTYPES[name]}), None)


_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_NORMALISES = (torch.nn.modules.batchnorm._NormBase, torch.nn.LayerNorm, torch.nn.GroupNorm)
_DROPS = torch.nn.modules.dropout._DropoutNd


def _check_parts(module: Any, name: str) -> None:
    """Raise TargetError for a part that the network does not have, and for parameters that are not four."""
    for key, part in module.named_modules():
        what = f"{name} has {key or 'itself'}, {part}"
        if isinstance(part, _NORMALISES):
            raise TargetError(f"{what}: it makes another network, in which the samples or units meet; leave it out")
        if isinstance(part, _DROPS) and part.training and part.p > 0:
            raise TargetError(
                f"{what}: in training it drops units at random; call eval() on the module first, or leave it out"
            )
    given = dict(module.named_parameters())
    lazy = [key for key, p in given.items() if isinstance(p, torch.nn.parameter.UninitializedParameter)]
    if lazy:
        raise TargetError(f"{name} has parameters without a shape, {', '.join(lazy)}: call it once with an input first")
    if len(given) != len(Params._fields):
        without = [
            key for key, part in module.named_modules() if isinstance(part, torch.nn.Linear) and part.bias is None
        ]
        hint = f"; no bias in {' and '.join(without)}, and this network has biases" if without else ""
        hint = hint or ("" if given else "; a tensor counts where it is an nn.Parameter")
        raise TargetError(f"{name} has {_listed(module) or 'no parameters'}, expected four: {_EXPECTED}{hint}")


def _listed(module: Any) -> str:
    return ", ".join(f"{key} {tuple(p.shape)}" for key, p in module.named_parameters())


def _ways_to_fill(make: Callable[..., Any], module: Any) -> Iterator[Way]:
    """Yield each way in which the module's parameters, by their shapes, may be w1, b1, w2 and b2, the usual ones first.

    Where sizes are equal there are several; the probe tells them apart.
    """
    own = dict(module.named_parameters())
    for names in permutations(own):
        for transposed in TRANSPOSED[::-1]:
            way = _filled(make, names, {key: p.ndim for key, p in own.items()}, transposed)
            w1, b1, w2, b2 = (tuple(p.shape) for p in way.oriented(own[key].detach() for key in names))
            biases = all(shape[:-1] in ((), (1,)) for shape in (b1, b2))
            if len(w1) == len(w2) == 2 and biases and w1[1] == b1[-1] == w2[0] and w2[1] == b2[-1]:
                yield way


def _filled(make: Callable[..., Any], names: tuple[str, ...], ndim: dict[str, int], transposed: tuple[str, ...]) -> Way:
    roles = dict(zip(Params._fields, names, strict=True))

    def predict(params: Params[Any], x: Any) -> Any:
        shaped = (_as_bias(p, ndim[roles[key]]) if key in ("b1", "b2") else p for key, p in params._asdict().items())
        turned_back = (array.shape for array in way.oriented(params))
        (d, h), _, (_, o), _ = turned_back
        return torch.func.functional_call(make(d, h, o), dict(zip(names, shaped, strict=True)), (x,))

    listed = (f"{key} is {roles[key]}{' transposed' if key in transposed else ''}" for key in Params._fields)
    way = Way(predict, transposed, ", ".join(listed))
    return way


def _as_bias(p: torch.Tensor, ndim: int) -> torch.Tensor:
    """Return a bias as the module keeps it, a vector or a row."""
    return p if p.ndim == ndim else p.reshape((1,) * (ndim - 1) + (-1,))


def _why_none_fits(module: Any, name: str, why: str) -> str:
    """Say why no way goes well: whether the module takes the sizes that it was made with, and no others."""
    own = dict(module.named_parameters())
    for d in dict.fromkeys(size for p in own.values() for size in p.shape):
        try:
            prediction = module(next(iter(own.values())).new_full((4, d), 0.5))
        except KeyboardInterrupt:
            raise
        except BaseException:  # a stranger's module may raise anything: these are not its sizes
            continue
        if isinstance(prediction, torch.Tensor) and prediction.ndim == 2:
            return (
                f"{name} takes inputs of its own {d} features and no others, and refnet gives it all sizes: for"
                f" {probe_of()}: {why}; take the sizes from the shapes of x and of the parameters, or name a class"
                " that is made with (n_in, n_hidden, n_out)"
            )
    return f"{name} has {_listed(module)}, and gives no prediction for {probe_of()} in their place: {why}"


# Tensors and devices.


def _tensor(array: NDArray[Any], place: torch.device) -> torch.Tensor:
    """Return an array as a tensor on that device, of the same dtype; on the CPU it shares memory where it can."""
    usable = array if array.flags.writeable and min(array.strides, default=0) >= 0 else np.array(array)
    if array.dtype.name == "bfloat16":  # which NumPy has from ml_dtypes, and PyTorch does not know it by that
        return torch.from_numpy(usable.view(np.uint16)).view(torch.bfloat16).to(place)
    return torch.from_numpy(usable).to(place)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor as an array, of the same dtype."""
    here = tensor.detach().cpu()
    if here.dtype == torch.bfloat16:
        bits: NDArray[Any] = here.contiguous().view(torch.uint16).numpy()
        return bits.view(numpy_dtype("bfloat16"))
    array: NDArray[Any] = here.numpy()
    return array


def _place(asked: str | None, own: torch.device) -> torch.device:
    """Return the device that was asked for, or that of the module. Raises TargetError where it cannot be used."""
    try:
        place = torch.device(own if asked is None else asked)
        torch.ones(1, device=place).add(1).cpu()
    except Exception as error:  # each backend has its own class
        said = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
        raise TargetError(f"there is no device {asked or own} for this PyTorch, {torch.__version__}: {said}") from error
    return place


# A format of refnet's, and PyTorch's.
_DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}


def _lacks(place: torch.device) -> dict[str, str]:
    """Return why the device does not compute in a dtype, for each such dtype."""
    lacks = {}
    for name, dtype in _DTYPES.items():
        try:
            one = torch.ones((1, 1), dtype=dtype, device=place)
            one.mm(one).cpu()
        except Exception as error:  # each backend has its own class
            lacks[name] = f"{place} has none in this PyTorch, {torch.__version__}: {in_one_line(error)}"
    return lacks


def _surroundings(place: torch.device) -> Iterator[str]:
    """Yield what of PyTorch's settings decides on the numbers."""
    yield f"PyTorch {torch.__version__} on {place}"
    if place.type == "cuda":
        products, convolutions = (_precision(b) for b in (torch.backends.cuda.matmul, torch.backends.cudnn.conv))
        yield f"float32 in {products} for matrix products, in {convolutions} for convolutions (fp32_precision)"
    elif place.type == "cpu" and (products := _precision(torch.backends.mkldnn.matmul)) != "full precision":
        yield f"float32 in {products} for matrix products (fp32_precision)"


def _precision(backend: Any) -> str:
    """Return how a backend computes with float32; the older settings, such as allow_tf32, set the same."""
    setting = getattr(backend, "fp32_precision", "a precision that this PyTorch does not tell")
    words = {"none": "full precision", "ieee": "full precision", "tf32": "TF32", "bf16": "bfloat16"}
    return words.get(setting, setting)
