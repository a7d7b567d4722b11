"""What shells, man and packagers are given: completions in real shells, and the manual page."""
