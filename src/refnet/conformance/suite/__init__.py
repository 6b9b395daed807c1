"""The suite: one check for each clause that binds an implementation."""

from refnet.conformance.checks import CHECKS
from refnet.conformance.suite import behaviour, edges, laws, values

__all__ = ["CHECKS", "behaviour", "edges", "laws", "values"]
