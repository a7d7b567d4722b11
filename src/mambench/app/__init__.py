"""What the command line and the wizard both call: one invocation put together, a plan carried out and saved.

Knows every room below and parses no arguments.
"""
