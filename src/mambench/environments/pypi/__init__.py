"""The source `pypi`: a stack's whole life through uv."""
