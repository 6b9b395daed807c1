"""Finding the module or the file that a target names, and importing it without being disturbed by what it does."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

from refnet.conformance.target import TargetError, quiet


def names_object(target: str) -> bool:
    """Return whether the target names an object behind a colon: ``mypkg.mynet:net``."""
    _, colon, attribute = target.rpartition(":")
    return bool(colon) and all(part.isidentifier() for part in attribute.split("."))


_LIBRARIES = (".so", ".dylib", ".dll")


def module_named(where: str) -> object:
    """Import the module, or the file, of that name. Raises TargetError that says why it cannot be."""
    looks_like_a_file = where.endswith((".py", *_LIBRARIES)) or os.sep in where
    try:
        if looks_like_a_file:
            return _module_from_file(Path(where))
        _let_import_from(Path.cwd())
        with quiet():
            return importlib.import_module(where)
    except TargetError:
        raise
    except ModuleNotFoundError as error:
        sought = not looks_like_a_file and error.name is not None and f"{where}.".startswith(f"{error.name}.")
        if sought and Path(where).is_file():
            raise TargetError(
                f"{where} is not a Python file: a program is checked with --command and the words that start it,"
                ' such as "node mynet.js"'
            ) from error
        if sought:
            raise TargetError(f"there is no module {where}: give a module that can be imported, or a file") from error
        raise TargetError(f"{where} cannot be imported: it needs {error.name}, which is not installed") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's module may raise anything, SystemExit included
        hint = "; name it as package.module instead" if "no known parent package" in str(error) else ""
        raise TargetError(f"{where} cannot be imported: {type(error).__name__}: {error}{hint}") from error


def _module_from_file(path: Path) -> object:
    if not path.is_file():
        raise TargetError(f"there is no file {path}")
    if set(_LIBRARIES) & set(path.suffixes):
        raise TargetError(
            f"{path} is a shared library, which changes the process that it is loaded into: load it into one of its"
            f" own, with refnet.adapters.load_isolated({str(path)!r})"
        )
    name = f"refnet_target_{path.stem}"  # never the name of a module that others import
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        word = str(path) if os.sep in str(path) else f"./{path}"
        hint = f': a program is checked with --command "{word}"' if os.access(path, os.X_OK) else ""
        raise TargetError(f"{path} is not a Python file{hint}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # a dataclass looks its own module up
    _let_import_from(path.parent)
    with quiet():
        specification.loader.exec_module(module)
    return module


def _let_import_from(folder: Path) -> None:
    entry = str(folder.resolve())
    if entry not in sys.path:
        sys.path.insert(0, entry)  # and left there: the target may import its neighbours later, in a call
