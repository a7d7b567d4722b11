"""`python -m mambench`, and where the frozen program starts."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is not loaded for `--version`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def main() -> int:
    """Run the command line; a frozen program minds its window, too."""
    if sys.argv[1:] == ["--version"]:  # scripts ask it often: nothing else is loaded
        from mambench import __version__

        try:
            sys.stdout.write(f"mambench {__version__}\n")
            sys.stdout.flush()
            return 0
        except (OSError, AttributeError):  # cli tells what is the matter with standard output
            pass
    from mambench.cli import main as cli

    if not getattr(sys, "frozen", False):
        return cli.main()
    from mambench.frozen import start

    return start.run(cli.main, message_folder=_home)


def _home(environ: Mapping[str, str]) -> Path:
    from mambench.app.homes import home_from

    return home_from(None, environ).root


if __name__ == "__main__":
    sys.exit(main())
