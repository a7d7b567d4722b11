"""Processes, files, network, standard streams: every effect on the world outside, one module for each."""
