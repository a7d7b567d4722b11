"""For all tests: a folder's run in one process, and children hear the signals sent to them, however we were started."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest_plugins = ("promises",)

TESTS = Path(__file__).parent

# `nohup` and a shell's `&` start programs deaf to these, children inherit that, and mambench respects it.
HEARD = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL, "SIGQUIT": signal.SIG_DFL}
for name, handler in HEARD.items():
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup` the tests of a folder share what takes long to make: frozen programs, a Windows."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(TESTS).parts[0]))
