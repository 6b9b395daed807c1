"""A folder of vectors: what may be written into, and what an existing one has that it should not."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from refnet.vectors.families import FAMILIES
from refnet.vectors.writing import PAGES

_RAW = re.compile(r"[a-z-]+/[0-9]+\.float(32|64)")
_SHOWN = 60  # characters of a line that differs


class FolderError(Exception):
    """The folder cannot be written into, or read, as a folder of vectors."""


def held(folder: Path) -> set[str]:
    """Return the names of all files in a folder, those in its folders included. Raises FolderError."""
    if not folder.is_dir():
        why = "is no folder" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {why}: name a folder of vectors")
    try:
        return {path.relative_to(folder).as_posix() for path in _walk(folder)}
    except OSError as error:
        raise FolderError(f"cannot read {error.filename or folder}: {error.strerror}") from error


def writable(folder: Path) -> None:
    """Raise FolderError where vectors must not, or cannot, be written: nothing else is put among them, or lost."""
    if not folder.exists():
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise FolderError(f"{folder} cannot be made: {above} cannot be written into")
        return
    others = sorted(name for name in held(folder) if not _is_ours(name))
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise FolderError(
            f"{folder} has other things in it: {others[0]}{more}; name an empty folder, or one that does not exist"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderError(f"{folder} cannot be written into: name another folder, or change who may")


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> tuple[int, int]:
    """Write the files, and return how many they are, and how many bytes. Raises FolderError."""
    written: set[str] = set()
    size = 0
    try:
        for name, content in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.add(name)
            size += len(content)
    except OSError as error:
        raise FolderError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    if stale := sorted(held(folder) - written):
        raise FolderError(f"{folder / stale[0]} is of other vectors, and no longer among these: remove it")
    return len(written), size


def first_difference(folder: Path, files: Iterable[tuple[str, bytes]]) -> str:
    """Return where the folder first differs from the files, or "". Raises FolderError where it cannot be read."""
    there = held(folder)
    for name, content in files:
        if name not in there:
            return f"{name} is missing"
        there.remove(name)
        try:
            found = (folder / name).read_bytes()
        except OSError as error:
            raise FolderError(f"cannot read {folder / name}: {error.strerror}") from error
        if found != content:
            return _difference(name, found, content)
    return f"{min(there)} should not be there" if there else ""


def _difference(name: str, found: bytes, content: bytes) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(found, content, strict=False)) if a != b), min(len(found), len(content))
    )
    if _RAW.fullmatch(name):
        return f"{name} differs from byte {at} on ({len(found)} bytes, expected {len(content)})"
    line = content[:at].count(b"\n")
    texts = (_line(text, line, at - (content[:at].rfind(b"\n") + 1)) for text in (found, content))
    return "{}, line {}: has {}, expected {}".format(name, line + 1, *texts)


def _line(text: bytes, line: int, column: int) -> str:
    """Return the part of a line where it differs, in quotes."""
    lines = text.split(b"\n")
    if line >= len(lines):
        return "nothing"
    start = max(0, column - _SHOWN // 2)
    return repr(lines[line][start : start + _SHOWN].decode("ascii", "backslashreplace"))


def _is_ours(name: str) -> bool:
    ours = {*PAGES, *(family.file for family in FAMILIES)}
    return name in ours or bool(_RAW.fullmatch(name))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path
