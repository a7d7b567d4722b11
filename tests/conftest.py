"""For all tests: children hear the signals that they are sent, however the tests themselves were started."""

from __future__ import annotations

import signal

pytest_plugins = ("promises",)

# `nohup` and a shell's `&` start programs deaf to these, children inherit that, and mambench respects it.
HEARD = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL, "SIGQUIT": signal.SIG_DFL}
for name, handler in HEARD.items():
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)
