"""The program on Windows, driven from Linux: a real Windows CPython under wine. See kit/README.md."""
