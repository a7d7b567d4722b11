"""The command line: words in, an exit code out. The only room that exits, and that prints documents for other programs.

Measures nothing itself; a module here loads little before the command is known, so that `--help` is quick.
"""
