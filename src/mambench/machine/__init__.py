"""What this computer is and how it is doing: processor, memory, limits, GPUs.

Everything is read, nothing is changed, no process is started; what cannot be read is None and no error.
"""
