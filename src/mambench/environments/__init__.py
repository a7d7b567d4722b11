"""Stacks made ready: solved, locked, installed, activated. Measures nothing.

One folder a source: `conda`, `pypi`; `existing` for a python that the user already has.
"""
