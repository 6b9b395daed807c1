"""The suite: one check for each clause that binds an implementation."""

from refnet.conformance.check import CHECKS
from refnet.conformance.suite import behaviour, edges, laws, values

__all__ = ["CHECKS", "behaviour", "edges", "laws", "values"]
