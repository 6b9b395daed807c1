"""Implementations with one fault each, which the first line of each file names."""
