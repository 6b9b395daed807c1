"""What a table was measured on, in words that name no host and no path."""

import os
import platform
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path

import numpy as np

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "autograd", "scipy", "python-flint", "mpmath", "hypothesis")


def machine() -> str:
    """Describe the processor, the system and how busy it is."""
    lines = [
        f"- processor: {processor()}, {os.cpu_count()} cores",
        f"- system: {platform.system()}, {platform.machine()}; Python {platform.python_version()}",
        f"- the BLAS of NumPy: {blas()}",
    ]
    if hasattr(os, "getloadavg"):
        lines.append(f"- load of the machine when this was written, its own included: {os.getloadavg()[1]:.1f}")
    return "\n".join(lines)


def processor() -> str:
    """Return the name of the processor as the system has it."""
    described = Path("/proc/cpuinfo")
    if described.exists():
        fields = [line.partition(":") for line in described.read_text(encoding="utf-8").splitlines()]
        named = [
            f"{value.strip()}"
            for wanted in ("model name", "model")
            for key, _, value in fields
            if key.strip() == wanted
        ]
        if len(named) > 1:
            return f"{named[0]} (model {named[-1]})"
    return platform.processor() or "unknown"


def blas() -> str:
    """Return the library that multiplies NumPy's matrices, its version, and for which processors its kernels are."""
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    family = kernels()
    return f"{found['name']} {found['version']}" + (f", kernels for {family}" if family else "")


def kernels() -> str:
    """Return the family of processors whose kernels NumPy's BLAS runs here, or "" where threadpoolctl does not tell.

    It decides how fast products are, and is chosen as the library is loaded.
    """
    try:
        loaded = import_module("threadpoolctl").threadpool_info()
    except ModuleNotFoundError:
        return ""
    libraries = [library for library in loaded if library["user_api"] == "blas"]
    numpys = [library for library in libraries if "numpy" in library["filepath"]] or libraries
    return str(numpys[0].get("architecture", "")) if numpys else ""


def versions(packages: Sequence[str] = PACKAGES) -> str:
    """List the installed ones of the packages, with their versions."""
    installed = []
    for package in packages:
        try:
            installed.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            installed.append(f"no {package}")
    return ", ".join(installed)
