"""Adapters: what is written for a framework, checked as it is, with no code of the user's in between.

Each imports its framework when it is used, and never before.
"""
