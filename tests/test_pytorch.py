"""PyTorch's adapter: which modules and functions it takes, what it says of them, and what it refuses."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'refnet[torch]' to try the adapter")

from torch import nn  # noqa: E402  # which only an installed PyTorch has
from torch.nn import functional as F  # noqa: E402, N812  # the name that everyone uses

import refnet  # noqa: E402
from refnet.adapters import pytorch  # noqa: E402
from refnet.conformance import TargetError, engine, generate, implementation, plan, run  # noqa: E402
from refnet.conformance.target import RaisedError, computing_in  # noqa: E402


def refused(found: object, *clauses: str, dtype: Any = "float64", **options: Any) -> set[str]:
    """Return the clauses that fail."""
    net = implementation(found, **options)
    with mock.patch.object(engine, "minimised", lambda problem, *_, **__: problem):  # which takes seconds
        report = run(net, plan(net, clauses=clauses, dtypes=(dtype,), examples=5), diagnose=False)
    assert not [verdict for verdict in report.verdicts if verdict.outcome == "error"]
    return {verdict.clause for verdict in report.verdicts if verdict.outcome == "fail"}


def linear(d: int, h: int, o: int, *between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d, h), *(between or (nn.ReLU(),)), nn.Linear(h, o))


class Layers(nn.Module):  # type: ignore[misc]  # PyTorch is Any to the type checker
    """Two layers that each class below puts together in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 2)


class Usual(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x)))


class OwnParameters(nn.Module):  # type: ignore[misc]  # as above
    """Weights as refnet has them, biases as rows, registered in another order, and all sizes equal."""

    def __init__(self) -> None:
        super().__init__()
        self.b2, self.b1 = nn.Parameter(torch.zeros(1, 4)), nn.Parameter(torch.zeros(1, 4))
        self.second, self.first = nn.Parameter(torch.eye(4)), nn.Parameter(torch.eye(4))

    def forward(self, x: Any) -> Any:
        return (x @ self.first + self.b1[0]).clamp(min=0) @ self.second + self.b2[0]


class HalfTransposed(OwnParameters):
    def forward(self, x: Any) -> Any:
        return F.linear(F.relu(x @ self.first + self.b1), self.second) + self.b2


class Sized(nn.Module):  # type: ignore[misc]  # as above
    """It holds its sizes, as many do: made anew for each problem, it is right."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        self.fc1, self.fc2 = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_out)

    def forward(self, x: Any) -> Any:
        return self.fc2(self.fc1(x.reshape(-1, self.n_in)).relu()).reshape(-1, self.n_out)


class Viewed(Layers):
    def forward(self, x: Any) -> Any:  # PyTorch keeps a parameter contiguous, and a view of another shape needs that
        weight = self.fc1.weight
        return self.fc2(F.relu(F.linear(x, weight.view(-1).view(weight.shape), self.fc1.bias)))


def by_name(b2: Any, W2: Any, bias_1: Any, weight1: Any, x: Any) -> Any:
    return torch.relu(x @ weight1 + bias_1) @ W2 + b2


def as_four(params: Any, x: Any) -> Any:
    w1, b1, w2, b2 = params
    return F.linear(torch.relu(F.linear(x, w1, b1)), w2, b2)


def as_dict(inputs: Any, params: Any) -> Any:
    return torch.relu(inputs @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def as_pairs(layers: Any, batch: Any) -> Any:
    (w1, b1), (w2, b2) = layers
    return torch.relu(batch @ w1 + b1) @ w2 + b2


def unnamed(first: Any, second: Any) -> Any:  # neither name says which is x
    return as_dict(first, second)


def told(params: Any, x: Any, *, activation: str) -> Any:
    h = x @ params.w1 + params.b1
    return (h if activation == "identity" else torch.relu(h)) @ params.w2 + params.b2


RIGHT = {
    "sequential": (linear(7, 7, 7), "w1 is 0.weight transposed, b1 is 0.bias, w2 is 2.weight transposed, b2 is 2.bias"),
    "inplace": (linear(3, 4, 1, nn.ReLU(inplace=True)), "w1 is 0.weight transposed"),
    "dropout in evaluation": (linear(3, 4, 1, nn.ReLU(), nn.Dropout()).eval(), "in evaluation mode, as it was found"),
    "a class": (Usual, "w1 is fc1.weight transposed, b1 is fc1.bias, w2 is fc2.weight transposed, b2 is fc2.bias"),
    "an object": (Usual(), "in training mode, as it was found"),
    "counting on contiguous parameters": (Viewed(), "w1 is fc1.weight transposed"),
    "own parameters": (OwnParameters(), "w1 is first, b1 is b1, w2 is second, b2 is b2"),
    "half transposed": (HalfTransposed(), "w1 is first, b1 is b1, w2 is second transposed, b2 is b2"),
    "made of three sizes": (Sized, "w1 is fc1.weight transposed"),
    "in float64 already": (linear(5, 3, 2).double(), "the loss is the sum of squares, the gradients are autograd's"),
    "by name": (by_name, "called with (b2, W2, bias_1, weight1, x)"),
    "four": (as_four, "with params as (w1, b1, w2, b2), w1 transposed, (H, D) and w2 transposed, (O, H)"),
    "dict": (as_dict, "with params as a dict by these names"),
    "pairs": (as_pairs, "with layers as pairs, [(w1, b1), (w2, b2)]"),
    "unnamed": (unnamed, "with second as a dict by these names"),
    "told": (told, "with params as (w1, b1, w2, b2)"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_taken_as_it_is_and_the_report_says_how(name: str) -> None:
    found, said = RIGHT[name]
    net = implementation(found)
    assert said in "; ".join(net.notes)
    assert f"PyTorch {torch.__version__} on cpu" in net.notes
    assert list(net.operations) == ["forward", "loss", "grads"]
    assert (
        refused(found, "FWD", "LOSS", "GRAD", "KINK", "EDGE", "PURE-1", "LAYOUT-3", "LAYOUT-4", dtype="float32")
        == set()
    )


def test_the_notes_are_in_the_report() -> None:
    net = implementation(Usual())
    report = run(net, plan(net, clauses=("PURE-1",), dtypes=("float32",)), diagnose=False)
    assert report.notes == net.notes


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_function_that_takes_the_activation_is_told_it(activation: Any) -> None:
    net = implementation(told)
    assert net.told == {"forward", "loss", "grads"}
    problem = generate("normal", (3, 2, 4, 2), "float64", activation, 0)
    actual = net.run("forward", problem)["forward"]
    refnet.assert_forward(actual, problem.params, problem.x, activation=activation)
    assert implementation(Usual()).told == frozenset()


def test_the_module_keeps_its_own_parameters() -> None:
    module = Usual()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    problem = generate("normal", (3, 2, 4, 2), "float32", "relu", 0)
    net = implementation(module)
    for operation in net.operations:
        net.run(operation, problem)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_a_target_of_another_shape_is_an_error_and_never_broadcast() -> None:
    params = refnet.init(np.random.default_rng(0), 3, 4, 1)
    net = implementation(Usual())
    for operation in ("loss", "grads"):
        with pytest.raises(RaisedError, match=r"y has shape \(5,\), expected \(5, 1\), the shape of the prediction"):
            net.call(operation, params, np.ones((5, 3)), np.ones(5), activation="relu")
    assert refused(Usual(), "ERR") == set()


# Networks that are wrong.


class Leaky(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.leaky_relu(self.fc1(x)))


class NoFirstBias(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(x @ self.fc1.weight.T))


class NoSecondBias(Layers):
    def forward(self, x: Any) -> Any:
        return F.relu(self.fc1(x)) @ self.fc2.weight.T


class BiasTwice(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x) + self.fc1.bias))


class FirstLayerDetached(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x)).detach())


class AllDetached(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x))).detach()


class NoReLU(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(self.fc1(x))


class InputOverwritten(Layers):
    def forward(self, x: Any) -> Any:
        y_pred = self.fc2(F.relu(self.fc1(x)))
        x.zero_()
        return y_pred


class Squeezed(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x))).squeeze(1)


class Float32Inside(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x)).float().to(x.dtype))


class MaskForgetsNaN(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x.nan_to_num())))


VALUE = {"FWD-1", "LOSS-1", "GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4"}


@pytest.mark.parametrize(
    ("module", "clauses"),
    [
        (Leaky, VALUE),
        (NoFirstBias, VALUE),
        (NoSecondBias, VALUE),
        (BiasTwice, VALUE),
        (NoReLU, VALUE),
        (FirstLayerDetached, {"GRAD-1", "GRAD-2"}),
        (AllDetached, {"GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4", "GRAD-5"}),
        (Float32Inside, VALUE),
        (InputOverwritten, {"GRAD-1", "GRAD-2", "GRAD-3", "GRAD-4", "GRAD-5", "PURE-1"}),
    ],
)
def test_a_wrong_module_is_refused_by_the_right_clauses(module: Any, clauses: set[str]) -> None:
    assert refused(module, "FWD-1", "LOSS-1", "GRAD", "PURE-1") == clauses


def test_one_that_drops_an_axis_is_refused_where_there_is_one() -> None:
    assert {"FWD-2", "EDGE-2"} <= refused(Squeezed, "FWD-2", "EDGE-2")


# What is no network of two layers.


class Fixed(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x.view(-1, 6))))


class TwoResults(Layers):
    def forward(self, x: Any) -> Any:
        return self.fc1(x), x


class OfTwoSizes(Layers):
    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()


class Unwilling(Layers):
    def __init__(self) -> None:
        raise SystemExit("no")


class OneParameter(nn.Module):  # type: ignore[misc]  # as above
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.ones(3, 3)

    def forward(self, x: Any) -> Any:
        return x @ self.w


def of_three(a: Any, b: Any, c: Any) -> Any:
    return torch.relu(a + b + c)


def a_loss(params: Any, y: Any) -> Any:
    return torch.relu(params.w1 - y)


def other_keys(params: Any, x: Any) -> Any:
    return torch.relu(x @ params["kernel"])


def one_layer(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return torch.relu(x @ w1 + b1)


def ends(params: Any, x: Any) -> Any:
    torch.relu(x)
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (
            nn.Sequential(nn.Linear(3, 5, bias=False), nn.Linear(5, 2)),
            r"has 0\.weight \(5, 3\), 1\.weight \(2, 5\), 1\.bia",
        ),
        (
            nn.Sequential(nn.Linear(3, 5, bias=False), nn.Linear(5, 2)),
            r"expected four: .*; no bias in 0, and this network",
        ),
        (
            linear(3, 5, 2, nn.ReLU(), nn.Linear(5, 5)),
            r"2\.weight \(5, 5\), 2\.bias \(5,\).*expected four: w1 \(D, H\), b1",
        ),
        (
            linear(3, 5, 2, nn.ReLU(), nn.Dropout(0.5)),
            r"has 2, Dropout\(p=0\.5.*: in training it drops .*call eval\(\)",
        ),
        (linear(3, 5, 2, nn.BatchNorm1d(5)), r"has 1, BatchNorm1d\(5.*: it makes another network"),
        (linear(3, 5, 2, nn.LayerNorm(5, elementwise_affine=False)), r"has 1, LayerNorm\(\(5,\).*: it makes another"),
        (nn.Sequential(nn.Linear(3, 5), nn.Linear(6, 2)), r"is no network of two layers: it has 0\.weight \(5, 3\)"),
        (
            nn.Sequential(nn.LazyLinear(5), nn.Linear(5, 2)),
            r"without a shape, 0\.weight, 0\.bias: call it once with an",
        ),
        (OneParameter, r"has no parameters, expected four: .*; a tensor counts where it is an nn\.Parameter"),
        (
            Fixed,
            r"takes inputs of its own 6 features and no others, .*: RuntimeError: .*made with \(n_in, ",
        ),
        (TwoResults, r"gives no prediction for x \(4, 3\), w1 \(3, 5\).*it returned a tuple, expected \(4, 2\)"),
        (OfTwoSizes, r"is a class that needs \(n_in, n_hidden\), expected no arguments, or three sizes"),
        (Unwilling, r"Unwilling\(\) cannot be made: SystemExit: no"),
        (
            of_three,
            r"of_three takes \(a, b, c\), expected a function that returns the prediction: of x, w1, b1, w2, b2",
        ),
        (a_loss, r"a_loss takes \(params, y\), expected a function that returns the prediction"),
        (other_keys, r"other_keys gives no prediction .* with params as a dict by these names: KeyError: 'kernel'"),
        (one_layer, r"it returned a Tensor of shape \(4, 5\), expected \(4, 2\)"),
        (ends, r"gives no prediction .*: SystemExit: 3"),
    ],
)
def test_what_is_no_network_of_two_layers_is_said(found: object, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        implementation(found)


def test_an_interrupt_is_not_the_network_s() -> None:
    class Interrupted(Layers):
        def forward(self, x: Any) -> Any:
            raise KeyboardInterrupt

    class Interrupting(Layers):
        def __init__(self) -> None:
            raise KeyboardInterrupt

    for found in (Interrupted, Interrupting):
        with pytest.raises(KeyboardInterrupt):
            implementation(found)


# Formats, devices and settings.


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_an_array_goes_there_and_back_to_the_bit(dtype: str) -> None:
    there = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    across = pytorch.bridge("cpu")
    for array in (
        np.array([[1.0, -0.0], [np.inf, 1e-3]]).astype(there),
        np.zeros((0, 3), there),
        np.ones(2, there)[::-1],
    ):
        tensor = across.lift(array)
        assert str(tensor.dtype) == f"torch.{dtype}"
        back = across.lower(tensor)
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert across.lacks == {}


class SumsInBfloat16(Layers):
    """It adds one product after the other, each sum rounded to bfloat16."""

    def forward(self, x: Any) -> Any:
        def product(a: Any, b: Any) -> Any:
            total = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
            for k in range(a.shape[1]):
                total = total + a[:, k : k + 1] * b[k]
            return total

        hidden = F.relu(product(x, self.fc1.weight.T) + self.fc1.bias)
        return product(hidden, self.fc2.weight.T) + self.fc2.bias


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_module_whose_parameters_are_narrow_is_judged_in_their_format(dtype: str) -> None:
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed: pip install 'refnet[bfloat16]'")
    module = Usual().to(getattr(torch, dtype))
    net = implementation(module)
    assert net.dtypes == (dtype,)
    assert any(f"its own parameters are {dtype}" in note and "--accumulate float32" in note for note in net.notes)
    assert run(net, plan(net, clauses=("FWD-1", "GRAD-1"), examples=3), diagnose=False).conforms
    assert computing_in(net, storage="float32").dtypes == ("float32",)
    module.dtypes = ("float64",)  # what it says goes before what it is
    assert implementation(module).dtypes == ("float64",)
    mixed = Usual()
    mixed.fc1.to(getattr(torch, dtype))
    assert implementation(mixed).dtypes == implementation(Usual()).dtypes == ("float32", "float64")


@pytest.mark.parametrize(("module", "failing"), [(Usual, set()), (SumsInBfloat16, {"FWD-1"})])
def test_a_module_in_bfloat16_is_judged_by_the_precision_that_is_declared(module: Any, failing: set[str]) -> None:
    pytest.importorskip(
        "ml_dtypes", reason="ml_dtypes is not installed: pip install 'refnet[bfloat16]' to try this too"
    )
    net = computing_in(implementation(module), storage="bfloat16", accumulate="float32")
    with mock.patch.object(engine, "minimised", lambda problem, *_, **__: problem):  # which takes seconds
        report = run(net, plan(net, clauses=("FWD-1",), examples=10), diagnose=False)
    assert {verdict.clause for verdict in report.verdicts if verdict.outcome != "pass"} == failing


def test_what_a_network_writes_to_its_input_is_written_to_the_caller_s() -> None:
    array = np.ones((2, 3))
    pytorch.bridge(None).lift(array)[0, 0] = 5
    assert array[0, 0] == 5
    array.flags.writeable = False
    pytorch.bridge(None).lift(array)[0, 1] = 5  # but not to what must not be written to
    assert array[0, 1] == 1


@pytest.mark.parametrize("device", ["meta", "no such thing", "cuda:99"])
def test_a_device_that_cannot_be_used_is_said(device: str) -> None:
    with pytest.raises(TargetError, match=rf"there is no device {device} for this PyTorch, \S+: \w+: "):
        implementation(Usual, device=device)


def test_a_dtype_that_the_device_lacks_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytorch, "_lacks", lambda place: {"float64": f"{place} has none"})
    net = implementation(Usual)
    assert net.dtypes == ("float32",)
    with pytest.raises(refnet.conformance.PlanError, match=r"^there is no float64 in Usual: cpu has none$"):
        plan(net, dtypes=("float64",))
    with pytest.raises(TargetError, match=r"^Narrow\.dtypes is .*: cpu has none$"):
        implementation(type("Narrow", (Usual,), {"dtypes": "float64"}))


def test_what_cannot_be_computed_on_a_device_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pytorch._DTYPES, "uint16", torch.uint16)  # which the CPU cannot multiply
    lacks = pytorch.bridge("cpu").lacks
    assert list(lacks) == ["uint16"]
    assert lacks["uint16"].startswith(f"cpu has none in this PyTorch, {torch.__version__}: NotImplementedError: ")


@pytest.fixture
def _precision_as_it_was() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.usefixtures("_precision_as_it_was")
def test_reduced_products_are_reported() -> None:
    assert not [note for note in implementation(Usual).notes if "products" in note]
    torch.set_float32_matmul_precision("medium")
    assert "float32 in bfloat16 for matrix products (fp32_precision)" in implementation(Usual).notes


@pytest.mark.usefixtures("_precision_as_it_was")
@pytest.mark.parametrize(("set_to", "said"), [("highest", "full precision"), ("high", "TF32")])
def test_tf32_is_reported_on_cuda_whether_it_is_on_or_off(set_to: str, said: str) -> None:
    torch.set_float32_matmul_precision(set_to)
    notes = list(pytorch._surroundings(torch.device("cuda")))
    assert notes[1].startswith(f"float32 in {said} for matrix products, in TF32 for convolutions")


# Operations of one's own, on tensors.


class OnTensors:
    def forward(self, params: Any, x: Any) -> Any:
        return torch.relu(x @ params.w1 + params.b1) @ params.w2 + params.b2

    def loss(self, params: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(self.forward(params, x), y, reduction="sum")

    def grads(self, params: Any, x: Any, y: Any) -> Any:
        four = [p.requires_grad_() for p in params]
        return torch.autograd.grad(self.loss(four_as(four), x, y), four)

    def update(self, params: Any, grads: Any, lr: float) -> Any:
        return {key: p - lr * getattr(grads, key) for key, p in params._asdict().items()}

    def step(self, params: Any, x: Any, y: Any, lr: float) -> Any:
        moved = zip(params, self.grads(params, x, y), strict=True)
        return refnet.Params(*(p - lr * g for p, g in moved))


def four_as(four: Any) -> Any:
    return refnet.Params(*four)


def test_operations_of_one_s_own_are_given_tensors_where_the_framework_is_named() -> None:
    net = implementation(OnTensors(), framework="torch")
    assert net.notes[0] == "forward, loss, grads, update, step: given Tensors, not NumPy's"
    assert refused(OnTensors(), "FWD", "LOSS", "GRAD", "UPD", "STEP", framework="torch") == set()
    assert "FWD-1" in refused(OnTensors(), "FWD-1")  # without it they are given arrays of NumPy's
