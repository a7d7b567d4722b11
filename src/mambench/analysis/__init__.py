"""Rounds -> results, intervals, verdicts, warnings. Pure: no files, no clock, no screen."""
