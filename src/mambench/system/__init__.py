"""Processes, files, network: every effect on the world outside, one importer for each."""
