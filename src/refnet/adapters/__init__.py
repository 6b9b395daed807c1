"""Implementations that are not operations on NumPy arrays at hand: of a framework, or in a process of their own."""
