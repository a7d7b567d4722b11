"""Environments made by micromamba, end to end: by the stand-in, or by a real one where variables name it."""
