"""Implementations that are not a Python object at hand: in a process of their own."""
