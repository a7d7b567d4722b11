"""A report in, text out, and back. Pure: writes no file."""
