"""The proxy that Windows' and macOS' own settings name, for programs that read variables only."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Mapping

_NAMES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}


def variables(environ: Mapping[str, str], hosts: Iterable[str]) -> dict[str, str]:
    """The system's proxies as variables, and those of the hosts that are to be reached without; {} where set.

    In small letters: curl reads HTTP_PROXY in no others (https://curl.se/libcurl/c/libcurl-env.html).
    """
    if _NAMES & {name.upper() for name, value in environ.items() if value}:
        return {}
    proxies = urllib.request.getproxies()
    named = {f"{scheme}_proxy": proxies[scheme] for scheme in ("http", "https") if proxies.get(scheme)}
    if not named or any(name.upper() == "NO_PROXY" for name in environ):
        return named
    direct = [host for host in dict.fromkeys(hosts) if host and urllib.request.proxy_bypass(host)]
    return named | ({"no_proxy": ",".join(direct)} if direct else {})
