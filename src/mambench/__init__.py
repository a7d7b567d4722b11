"""mambench: matrix multiplication measured in isolated environments, verified, in one folder."""

__version__ = "0.1.0"
