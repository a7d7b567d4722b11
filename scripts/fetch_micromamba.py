"""Download the pinned micromamba archive of a platform into resources/mm, verified.

python scripts/fetch_micromamba.py [--platform linux-64]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mambench.environments import pinned
from mambench.environments.conda.bootstrap import read_pin
from mambench.errors import MambenchError
from mambench.machine import operating_system
from mambench.system import network, resources


def fetch(platform: str) -> Path:
    """The archive, downloaded unless it is there already. Raises MambenchError."""
    folder = resources.micromamba()
    pin = read_pin(folder / "micromamba.toml", platform)
    archive = folder / pin.archive_name
    if pinned.sha256_of(archive) != pin.archive_sha256:
        network.download(pin.url, archive, sha256=pin.archive_sha256, on_bytes=lambda _done, _total: None)
    return archive


def main() -> int:
    """Fetch and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default=operating_system.platform_here())
    try:
        print(fetch(parser.parse_args().platform))
    except MambenchError as error:
        print(f"{error}; {error.remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
