"""For all tests: children hear the signals that they are sent, however the tests themselves were started."""

from __future__ import annotations

import signal

# `nohup` and a shell's `&` start programs deaf to these, children inherit that, and mambench respects it.
for number, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL), ("SIGQUIT", signal.SIG_DFL)):
    if hasattr(signal, number) and signal.getsignal(getattr(signal, number)) is signal.SIG_IGN:
        signal.signal(getattr(signal, number), handler)
