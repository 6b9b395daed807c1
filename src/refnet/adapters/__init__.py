"""Implementations that are not operations on NumPy arrays at hand: of a framework, or in a process of their own."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refnet.adapters.command import load_command
    from refnet.adapters.isolated import load as load_isolated

__all__ = ["load_command", "load_isolated"]

_HOMES = {"load_command": ("command", "load_command"), "load_isolated": ("isolated", "load")}


def __getattr__(name: str) -> Any:
    """Import on first use: an adapter may need what nobody else does."""
    if name in _HOMES:
        home, known_there_as = _HOMES[name]
        return getattr(import_module(f"refnet.adapters.{home}"), known_there_as)
    raise AttributeError(f"module 'refnet.adapters' has no attribute {name!r}")
