"""The vectors as files: JSON in one canonical form, large arrays as raw little-endian numbers beside it."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import refnet
from refnet import specification
from refnet.network import Params
from refnet.rounding import Format, format_of
from refnet.vectors.decimals import shortest
from refnet.vectors.families import FAMILIES, Family
from refnet.vectors.flags import NOTES
from refnet.vectors.groups import Array, Group, Vector

VERSION = 1  # of the layout of the files
PAGES = ("README.md", "schema.json")  # what is not computed: it is copied from the specification
COMMAND = "refnet vectors"

Show = Callable[[int, int, str], None]
_RESULTS = ("y_pred", "loss", *Params._fields)


class _Text(str):
    """A piece of JSON that is written already."""


def folder() -> Path:
    """Return where the pages of the vectors lie, ``spec/vectors``."""
    return specification.spec_folder() / "vectors"


def files(show: Show | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of every file of the vectors, the same bytes on every machine.

    Takes about half a minute; ``show`` is told how far it is.
    """
    for page in PAGES:
        yield page, (folder() / page).read_bytes()
    for i, family in enumerate(FAMILIES):
        if show is not None:
            show(i, len(FAMILIES) + 1, family.name)
        yield from family_files(family).items()
    if show is not None:
        show(len(FAMILIES), len(FAMILIES) + 1, "")


def family_files(family: Family) -> dict[str, bytes]:
    """Return the files of one family by their names: its JSON first, then its raw arrays."""
    raw: dict[str, bytes] = {}
    table: dict[str, dict[str, Any]] = {}
    known: dict[bytes, str] = {}

    def beside(array: Array) -> dict[str, Any]:
        """Return what stands for an array in the JSON, and keep its file; equal arrays share one."""
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        content = little.tobytes()
        if content not in known:
            name = f"{family.name}/{len(raw) + 1:02}.{array.dtype.name}"
            known[content], raw[name] = name, content
            table[name] = {
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "byte_order": "little",
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        return {"file": known[content]}

    made = family.make()
    write = beside if family.raw else None
    groups = [_group(group, f"{family.name}-{i}", write) for i, group in enumerate(made, 1)]
    vectors = [vector for group in made for vector in group.vectors]
    flags = sorted({flag for vector in vectors for flag in vector.flags})
    content = {
        "family": family.name,
        "about": family.about,
        "version": VERSION,
        "source": {
            "refnet": refnet.__version__,
            "specification": specification.version(),
            "command": COMMAND,
            "generator": "splitmix64",
        },
        "licence": "MIT",
        "counts": {
            "groups": len(groups),
            "vectors": len(vectors),
            "components": sum(array.size for vector in vectors for array in vector.result.values()),
        },
        "notes": {flag: {"says": NOTES[flag].says, "faults": list(NOTES[flag].faults)} for flag in flags},
        "files": table,
        "groups": groups,
    }
    return {family.file: (_pretty(content) + "\n").encode("ascii"), **raw}


def _group(group: Group, name: str, beside: Callable[[Array], dict[str, Any]] | None) -> dict[str, Any]:
    fmt = format_of(group.dtype)
    d, h = group.params.w1.shape

    def arrays(named: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _value(value, fmt, beside) for key, value in named.items()}

    return {
        "id": name,
        "about": group.about,
        "format": fmt.name,
        "activation": group.activation,
        "sizes": {"N": group.n, "D": d, "H": h, "O": group.params.w2.shape[1]},
        "params": arrays(group.params._asdict()),
        "vectors": [_vector(vector, f"{name}-{i}", arrays) for i, vector in enumerate(group.vectors, 1)],
    }


def _vector(vector: Vector, name: str, arrays: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": name,
        "op": vector.operation,
        "clauses": list(vector.clauses),
        "level": vector.level,
        "may_refuse": vector.may_refuse,
        "flags": list(vector.flags),
        "inputs": arrays(vector.inputs),
        "result": arrays(vector.result),
        "low": arrays(vector.low),
        "high": arrays(vector.high),
    }


_INLINE = 64  # numbers: what is larger lies beside the JSON, if anything of the family does


def _value(value: Any, fmt: Format, beside: Callable[[Array], dict[str, Any]] | None) -> Any:
    if hasattr(value, "_asdict"):
        return {key: _value(part, fmt, beside) for key, part in value._asdict().items()}
    array = np.asarray(value)
    if beside is not None and array.size > _INLINE:
        return beside(array)
    return _Text(_numbers(array.tolist(), fmt))


def _numbers(value: Any, fmt: Format) -> str:
    """Return nested lists of numbers, with words among them, as JSON on one line."""
    if isinstance(value, list):
        return f"[{', '.join(_numbers(part, fmt) for part in value)}]"
    text = value if isinstance(value, str) else shortest(float(value), fmt)
    return text if text[-1].isdigit() else json.dumps(text)


def _pretty(value: Any, indent: str = "") -> str:
    """Return a value as JSON: a line for each member, but an array of numbers or words on one line."""
    inner = indent + " "
    if isinstance(value, _Text):
        return str(value)
    if isinstance(value, dict) and value:
        members = (f"{inner}{json.dumps(key)}: {_pretty(part, inner)}" for key, part in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return "[\n" + ",\n".join(f"{inner}{_pretty(part, inner)}" for part in value) + f"\n{indent}]"
    return json.dumps(value)
