"""The command line: words in, an exit code out. The only room that exits; measures and prints nothing itself."""
