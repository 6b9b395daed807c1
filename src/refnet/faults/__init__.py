"""Known mistakes: each a small variation of the network, with a name, a note, and the line that is wrong.

>>> print(named("missing-factor-2").wrong)
g = y_pred - y
>>> named("missing-factor-2").clause
'GRAD-1'

Each is an implementation too, by its name with underscores: ``refnet check refnet.faults:missing_factor_2``.
"""

import difflib
from typing import Any, get_args

from refnet.faults import bias as bias
from refnet.faults import extras as extras
from refnet.faults import factors as factors
from refnet.faults import layout as layout
from refnet.faults import mask as mask
from refnet.faults import precision as precision
from refnet.faults import reduction as reduction
from refnet.faults import shape as shape
from refnet.faults import special as special
from refnet.faults import state as state
from refnet.faults import update as update
from refnet.faults import wiring as wiring
from refnet.faults.narrow import Narrowed, in_dtype
from refnet.faults.pieces import LISTED, Family, Fault, Network
from refnet.formats import STORAGE, Dtype
from refnet.network import Activation

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "Fault",
    "Narrowed",
    "Network",
    "UnknownFaultError",
    "in_dtype",
    "made_for",
    "named",
]

FAMILIES: tuple[Family, ...] = get_args(Family)
CATALOGUE: dict[str, Fault] = {
    name: fault for family in FAMILIES for name, fault in LISTED.items() if fault.family == family
}


class UnknownFaultError(ValueError):
    """There is no fault of that name."""


def named(name: str) -> Fault:
    """Return the fault of that name. Raises UnknownFaultError that says which names are near it."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = [other for other in CATALOGUE if name in other][:3] if name else []
    near = difflib.get_close_matches(name, CATALOGUE, n=3) or near
    remedy = f"did you mean {' or '.join(near)}?" if near else "`refnet faults` lists those that there are"
    raise UnknownFaultError(f"there is no fault {name!r}: {remedy}")


def made_for(fault: Fault, dtype: Dtype, activation: Activation) -> Network | Narrowed | None:
    """Return a fresh implementation with the fault for these arguments; None where it cannot show with them."""
    made = fault.make()
    if activation not in made.activation:
        return None
    shows = dtype in made.dtypes or (STORAGE[dtype].is_narrow and "float32" in made.dtypes)
    return in_dtype(made, dtype) if shows else None


def __getattr__(name: str) -> Any:
    """Return a fresh implementation with the fault of that name, its hyphens written as underscores."""
    if (listed := CATALOGUE.get(name.replace("_", "-"))) is not None:
        return listed.make()
    raise AttributeError(f"module 'refnet.faults' has no attribute {name!r}")
