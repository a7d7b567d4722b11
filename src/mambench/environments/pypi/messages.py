"""What uv says when it fails, as what happened, why, and the next step."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mambench.environments import endings, path_lengths
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import Reason
from mambench.system import addresses, ending, faults
from mambench.system.process import Finished


class UndatedError(ProvisionError):
    """The index gives no upload time for a file, so that `exclude_newer` shuts it out."""


def failure(what: str, finished: Finished, log: Path | None, *, offline: bool) -> ProvisionError | UnavailableError:
    """How uv failed, as what, why and the next step."""
    if (killed := endings.killed(what, "uv", finished, log)) is not None:
        return killed
    stderr = finished.stderr
    begin = re.search(r"^\s*(?:error: |× )", stderr, re.MULTILINE)
    said = stderr[begin.end() :] if begin is not None else stderr
    text = " ".join(re.sub(r"[×╰─▶│├]", " ", said).split())
    text = text or f"uv said nothing ({ending.describe_exit(finished.returncode)})"
    short = addresses.without_credentials(text)[:400]
    if re.search(r"\(os error (28|39|112)\)|No space left", text):  # ENOSPC; ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
        return ProvisionError(
            f"cannot {what}: the disk is full", remedy="free disk space, or choose another --home", log=log
        )
    if (too_long := path_lengths.failure(what, text, log)) is not None:
        return too_long
    if re.search("has no publish time|missing an upload date", stderr):
        return UndatedError(f"cannot {what}: {short}", remedy="the log has all that uv said", log=log)
    if offline:
        remedy = "run once with a network, then --offline works"
        return UnavailableError(Reason.OFFLINE, f"cannot {what} offline: {short}", remedy=remedy)
    if (fault := _fault(text)) is not None:
        remedy = f"{fault.remedy}; a mirror is taken from pip's configuration or UV_DEFAULT_INDEX"
        return NetworkError(f"cannot {what}: {fault.words}", remedy=remedy, log=log)
    return ProvisionError(f"cannot {what}: {short}", remedy="the log has all that uv said", log=log)


def _fault(text: str) -> faults.Fault | None:
    """What a network did, by uv's words for it; None where it did nothing."""
    url = re.search(r"https?://[^\s`)]+", text)
    host = addresses.host_of(url[0]) if url is not None else "the package index"
    if re.search("proxy authorization required|407 Proxy Auth", text):
        return faults.answered(host, 407, "")
    if "dns error" in text:
        return faults.dns_failed(host)
    if match := re.search(r"invalid peer certificate: (.+)", text):
        return _certificate_fault(host, match[1])
    if "onnection refused" in text:
        return faults.refused(f"{host} or its proxy")
    if match := re.search(r"HTTP status server error \((\d{3}) ?([^)]*)\)", text):
        return faults.answered(host, int(match[1]), match[2])
    if "timed out" in text or "network timeout" in text:
        return faults.no_answer(host)
    if re.search("[cC]onnection (closed|reset)|error decoding response body", text):
        return faults.broke_off(host)
    if re.search(r"tcp connect error|client error \(Connect\)", text):
        return faults.cannot_connect(host)
    if re.search("invalid package format|Failed to extract archive|[Ii]nvalid zip file|[Hh]ash mismatch", text):
        named = re.search(r"[\w.+-]+\.whl|(?<=`)[^`\s]+==[^`\s]+(?=`)|[\w.-]+==[\w.+!-]+(?= has an invalid)", text)
        return faults.damaged(named[0] if named is not None else "a package")
    return None


def _certificate_fault(host: str, why: str) -> faults.Fault:
    """By rustls's words, of which a newer one has sentences with seconds of the epoch in the place of some names."""
    when = re.search(r"not valid (?:after|before) (\d{1,11})\b", why)
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(when[1])) if when is not None else None
    if re.match("Expired|certificate expired", why):
        return faults.expired(host, date)
    if re.match("NotValidYet|certificate not valid yet", why):
        return faults.not_valid_yet(host, date)
    if re.match("NotValidForName|certificate not valid for name", why):
        return faults.wrong_name(host)
    return faults.not_trusted(host, why.split()[0])
