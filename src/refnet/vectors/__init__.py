"""Test vectors: calls with the interval of every right result, for programs that have no Python beside them.

`files` makes them, ``refnet vectors`` writes them, and ``spec/vectors/README.md`` says what they are, and why an
interval can be trusted.
"""

from refnet.vectors.families import FAMILIES, Family
from refnet.vectors.writing import family_files, files

__all__ = ["FAMILIES", "Family", "family_files", "files"]
