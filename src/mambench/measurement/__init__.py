"""Plan -> Report: fresh workers in rounds, followed to their end. Prints nothing; installs nothing itself."""
