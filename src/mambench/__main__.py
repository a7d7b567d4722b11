"""`python -m mambench`."""

import sys

from mambench.cli import main

if __name__ == "__main__":
    sys.exit(main())
