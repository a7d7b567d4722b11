"""What each command does. Gives a result or raises; exit codes are cli's."""
