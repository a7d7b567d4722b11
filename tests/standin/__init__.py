"""A stand-in for micromamba, a small channel for it to install from, and a server with faults."""
