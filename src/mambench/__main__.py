"""`python -m mambench`, and where the frozen program starts."""

import sys

from mambench.cli import main

if __name__ == "__main__":
    if getattr(sys, "frozen", False):
        from mambench import frozen

        sys.exit(frozen.run(main))
    sys.exit(main())
