"""What only the downloaded program does: its home beside it, its window, its bundle and the bootloader of that.

Nothing of it is needed by an installed mambench, and nothing is measured or made in it.
"""
