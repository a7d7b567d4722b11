"""mambench: benchmarks in isolated environments, verified, in one folder."""

__version__ = "0.1.0"
