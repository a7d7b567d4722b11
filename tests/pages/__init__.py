"""Pages in a real browser, from a file and without a network."""
