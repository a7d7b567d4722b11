"""One command, one file: `add` says its arguments, `run` does it and gives the exit code.

A file here loads what it needs only in `run`, so that `--help` and every other command do not wait for it.
"""
