"""The program through its command line, with real workers."""
