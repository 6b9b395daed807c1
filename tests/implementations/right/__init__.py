"""Implementations built on what others wrote, each in a file of its own."""
