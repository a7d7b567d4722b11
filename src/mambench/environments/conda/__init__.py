"""The source `conda`: a stack's whole life through micromamba."""
