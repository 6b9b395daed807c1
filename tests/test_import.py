"""What an import costs: ``import refnet`` is NumPy and the network; everything else comes when it is asked for."""

import subprocess
import sys

import pytest

import refnet
from refnet import conformance


def modules(code: str) -> set[str]:
    """The modules that a fresh interpreter has imported after the code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def imported(code: str) -> set[str]:
    """The packages, and the modules that are in none."""
    return {name.partition(".")[0] for name in modules(code)}


def test_import_refnet_imports_numpy_and_nothing_heavier() -> None:
    more = modules("import refnet") - modules("import numpy")
    assert {name.partition(".")[0] for name in more} - set(sys.stdlib_module_names) == {"refnet", "numpy"}
    assert {name for name in more if name.startswith("refnet")} == {"refnet", "refnet.network"}
    assert "numpy.random" not in more  # which NumPy itself imports where it is first named: a fifth of its own time


def test_the_plugin_that_pytest_always_loads_imports_no_hypothesis() -> None:
    assert "hypothesis" not in imported("import refnet.conformance.plugin")
    assert "hypothesis" not in imported("import refnet; refnet.assert_forward; refnet.exact; refnet.numerical")


def test_the_suite_needs_no_pytest() -> None:
    code = "import refnet; refnet.conformance.run; refnet.conformance.strategies; refnet.conformance.text"
    after = imported(code)
    assert "hypothesis" in after
    assert "pytest" not in after
    assert "pytest" not in imported("import refnet.cli")


def test_every_public_name_is_there_and_listed() -> None:
    for module in (refnet, conformance):
        for name in module.__all__:
            assert getattr(module, name) is not None
            assert name in dir(module)
    for name in ("conformance", "enclosure", "exact", "numerical", "rounding"):
        assert getattr(refnet, name).__name__ == f"refnet.{name}"
        assert name in dir(refnet)
    assert conformance.load is refnet.conformance.loading.load


@pytest.mark.parametrize("name", ["nothing", "assert_nothing", "test", "_hidden"])
def test_what_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'refnet' has no attribute '{name}'$"):
        getattr(refnet, name)
    with pytest.raises(AttributeError, match=f"^module 'refnet.conformance' has no attribute '{name}'$"):
        getattr(conformance, name)
    assert not hasattr(refnet, name)
