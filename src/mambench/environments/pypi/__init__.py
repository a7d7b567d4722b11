"""The source `pypi`: a stack's whole life through uv. Of conda it knows only a `Source`; `source` is the way in."""
