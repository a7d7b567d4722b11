"""What only the downloaded program does: its home beside it, its window, its temporary folder, its parent."""
