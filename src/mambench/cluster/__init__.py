"""Slurm: writes a job's script, submits it, follows it, collects what its nodes measured; asks Slurm's own programs.

Nothing is printed here, no environment is made, and no node is spoken to but through Slurm.
"""
