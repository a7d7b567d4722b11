"""pixi.lock, written by py-rattler where that is installed: it holds all that packages say of themselves."""

from __future__ import annotations

import json
from pathlib import Path

from mambench.errors import ProvisionError, UsageError
from mambench.system import addresses, contents, files


def lock_file(prefix: Path, *, platform: str, channels: tuple[str, ...], folder: Path) -> str:
    """The text of a pixi.lock with one environment, `default`, written in `folder` on its way.

    pixi itself also wants a manifest of the same channels and platform; other users of rattler do not. Raises
    UsageError without py-rattler, ProvisionError.
    """
    try:
        from rattler import LockChannel, LockFile, LockPlatform, PrefixRecord
        from rattler.exceptions import InvalidUrlError, IoError
    except ImportError as error:
        raise UsageError(
            "a pixi.lock is written by py-rattler, which is not installed beside mambench",
            remedy="`pip install py-rattler` where mambench came from pip too, or take --format explicit",
        ) from error
    target = LockPlatform(platform)
    lock, file = LockFile([target]), folder / "pixi.lock"
    try:
        lock.set_channels("default", [LockChannel(channel) for channel in channels])
        for record in sorted((prefix / "conda-meta").glob("*-*-*.json")):
            content = contents.json_in(contents.text_of(record))
            content.setdefault("fn", content["url"].rpartition("/")[2])
            files.write(folder / record.name, json.dumps(content))
            lock.add_conda_package("default", target, PrefixRecord.from_path(folder / record.name))
        lock.to_path(file)
        return addresses.without_credentials(contents.text_of(file))
    except (OSError, ValueError, KeyError, AttributeError, InvalidUrlError, IoError) as error:
        raise ProvisionError(
            f"py-rattler cannot write the lock file of {prefix}: {contents.words(error)}",
            remedy="take --format explicit",
        ) from error
