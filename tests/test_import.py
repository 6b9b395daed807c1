"""What an import costs: ``import refnet`` is NumPy and the network; everything else comes when it is asked for."""

import subprocess
import sys

import pytest

import refnet
from refnet import conformance


def imported(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after the code."""
    show = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_import_refnet_imports_numpy_and_nothing_heavier() -> None:
    more = imported("import refnet") - imported("import numpy.random")
    assert more - set(sys.stdlib_module_names) == {"refnet"}
    assert "refnet.conformance" not in subprocess.check_output(
        [sys.executable, "-c", "import refnet, sys; print(*sys.modules)"], text=True
    )


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
    assert conformance.load is refnet.conformance.target.load


@pytest.mark.parametrize("name", ["nothing", "assert_nothing", "test", "_hidden"])
def test_what_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'refnet' has no attribute '{name}'$"):
        getattr(refnet, name)
    with pytest.raises(AttributeError, match=f"^module 'refnet.conformance' has no attribute '{name}'$"):
        getattr(conformance, name)
    assert not hasattr(refnet, name)
