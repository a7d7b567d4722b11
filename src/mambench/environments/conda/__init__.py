"""The source `conda`: a stack's whole life through micromamba. Knows nothing of PyPI; `source` is the way in."""
