"""One command, one file: its arguments, and the function that does it."""
