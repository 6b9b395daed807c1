"""Which framework a network is written for: found without importing any, and said where it cannot be."""

import subprocess
import sys
from pathlib import Path

import pytest
from implementations.checking import missing

from refnet.adapters import frameworks
from refnet.conformance import TargetError, implementation, load

NEITHER = """
def net(x, w1, b1, w2, b2):
    return (x @ w1 + b1).clip(0) @ w2 + b2

class Net:
    def forward(self, params, x):
        return net(x, *params)
"""


@pytest.fixture
def neither(tmp_path: Path) -> str:
    path = tmp_path / "neither.py"
    path.write_text(NEITHER)
    return str(path)


def test_no_framework_is_imported_where_none_is_meant(neither: str) -> None:
    code = f"import sys, refnet; refnet.conformance.load({neither + ':Net'!r}); import refnet.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "jax", "refnet.adapters.pytorch", "refnet.adapters.jax"} & set(loaded)


def test_a_function_of_no_known_framework_asks_for_one(neither: str) -> None:
    with pytest.raises(TargetError) as caught:
        load(f"{neither}:net")
    assert str(caught.value).endswith(
        "nothing in it to check; where it is a function of tensors, name the framework, --framework torch or jax"
    )


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_it_is_taken_for_the_framework_that_is_named(neither: str, framework: str) -> None:
    if missing(framework):
        pytest.skip(f"{framework} is not installed: pip install 'refnet[{framework}]' to try this too")
    net = load(f"{neither}:net", framework=framework)
    assert net.notes[0].startswith("the function is called with (x, w1, b1, w2, b2)")
    assert net.made == f"refnet.conformance.load({neither + ':net'!r}, framework={framework!r})"
    assert net.framework == framework


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_framework_that_is_not_installed_is_said_with_what_to_install(
    neither: str, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, framework, None)
    monkeypatch.delitem(sys.modules, frameworks.FRAMEWORKS[framework], raising=False)
    name = {"torch": "PyTorch", "jax": "JAX"}[framework]
    for target in (f"{neither}:net", f"{neither}:Net"):
        with pytest.raises(TargetError, match=rf"^{name} is not installed .*: pip install 'refnet\[{framework}\]'$"):
            load(target, framework=framework)


def test_there_is_no_other_framework(neither: str) -> None:
    for target in (f"{neither}:net", f"{neither}:Net"):
        with pytest.raises(TargetError, match=r"^there is no adapter for 'numpy'; there are torch, jax$"):
            load(target, framework="numpy")


def test_a_device_is_for_the_arrays_of_a_framework(neither: str) -> None:
    with pytest.raises(
        TargetError, match=r"Net has operations of its own, on NumPy arrays: name the framework too for 'g"
    ):
        load(f"{neither}:Net", device="gpu")


def test_what_wraps_a_function_and_a_builtin_are_of_no_framework() -> None:
    with pytest.raises(TargetError, match=r"^len has none of forward, loss"):
        implementation(len)


USES = """
import numpy
import {0}
from {0} import {1} as part, {2} as imported_function
def by_module(params, x):
    return {0}.{1}.missing(params, x)
def by_part(params, x):
    return part.missing(params, x)
def by_function(params, x):
    return imported_function(params)
def by_its_file(params, x):
    return params["w1"] + x
def deep(params, x):
    return [(lambda p: part)(p) for p in params]
def of_six(a, b, c, d, e, f):
    return part
number = 3
"""


@pytest.mark.parametrize(("framework", "part", "function"), [("torch", "nn", "matmul"), ("jax", "numpy", "jit")])
def test_the_framework_is_known_by_the_names_that_a_function_uses(
    tmp_path: Path, framework: str, part: str, function: str
) -> None:
    if missing(framework):
        pytest.skip(f"{framework} is not installed: pip install 'refnet[{framework}]' to try this too")
    (tmp_path / "uses.py").write_text(USES.format(framework, part, function))
    names: dict[str, object] = {}
    exec(compile(USES.format(framework, part, function), "uses.py", "exec"), names)  # as an import does
    by_name = [value for key, value in names.items() if key.startswith(("by_", "deep"))]
    assert len(by_name) == 5
    assert {frameworks.framework_of(value) for value in by_name if callable(value)} == {framework}
    with pytest.raises(TargetError) as caught:
        load(str(tmp_path / "uses.py"))
    suggested = str(caught.value).partition("name one in it: ")[2].split(", ")
    assert [name.rpartition(":")[2] for name in suggested] == [
        "by_module",
        "by_part",
        "by_function",
        "by_its_file",
        "deep",
    ]


def test_where_a_file_has_both_the_function_decides() -> None:
    if absent := missing("torch", "jax"):
        pytest.skip(f"{' and '.join(absent)} not installed: pip install 'refnet[torch,jax]' to try this too")
    import jax
    import torch

    names: dict[str, object] = {"torch": torch, "jax": jax}
    uses = {"one": "torch.relu(x)", "other": "jax.nn.relu(x)", "none": "x"}
    for key, result in uses.items():
        exec(f"def {key}(params, x): return {result}", names)
    known = [frameworks.framework_of(names[key]) for key in uses]  # type: ignore[arg-type]  # exec's
    assert known == ["torch", "jax", None]


def test_a_module_of_pytorch_is_no_function_of_jax() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'refnet[torch]' to try this too")
    with pytest.raises(TargetError, match=r"^Linear is a module of PyTorch, expected a function of JAX$"):
        implementation(torch.nn.Linear(2, 2), framework="jax")


def test_the_command_takes_a_framework_and_a_device(neither: str) -> None:
    if missing("torch"):
        pytest.skip("PyTorch is not installed: pip install 'refnet[torch]' to try this too")
    command = [sys.executable, "-m", "refnet", "check", f"{neither}:net", "--clause", "FWD-2", "--examples", "3"]
    run = subprocess.run(
        [*command, "--framework", "torch", "--device", "cpu"], capture_output=True, text=True, check=True
    )
    assert "note: the function is called with (x, w1, b1, w2, b2); the loss is the sum of squares" in run.stdout
    assert " on cpu\n" in run.stdout
    run = subprocess.run([*command, "--framework", "torch", "--device", "meta"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "there is no device meta for this PyTorch" in run.stderr
