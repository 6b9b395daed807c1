"""Implementations that are not a Python object at hand: in a process of their own, in any language."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refnet.adapters.command import load_command

__all__ = ["load_command"]

_HOMES = {"load_command": "command"}


def __getattr__(name: str) -> Any:
    """Import on first use: an adapter may need what nobody else does."""
    if name in _HOMES:
        return getattr(import_module(f"refnet.adapters.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'refnet.adapters' has no attribute {name!r}")
