"""What this computer is and how it is doing: processor, memory, limits, GPUs. Reads, never changes anything."""
