"""What micromamba says when it fails, as what happened, why, and the next step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mambench.environments import endings, path_lengths
from mambench.environments.conda.channels import hosts_of
from mambench.errors import NetworkError, ProvisionError
from mambench.system import addresses, ending, faults, process


def said(finished: process.Finished, document: Mapping[str, Any]) -> str:
    """All that micromamba gave as reasons: standard error, and the documents of either shape."""
    parts = [finished.stderr]
    if document:
        parts += [str(problem) for problem in _several(document.get("solver_problems"))]
        history = _several(document.get("log_history"))
        parts += [str(entry.get("message", "")) for entry in history if isinstance(entry, dict)]
        parts += [str(document.get("message", "")), str(document.get("error", ""))]
    else:
        parts.append(finished.stdout)
    text = "\n".join(part for part in parts if part.strip())
    return text or ending.describe_exit(finished.returncode)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True)
class _Meaning:
    """What a message of micromamba means: its pattern, the error it becomes, words, and the next step."""

    pattern: str
    words: str
    remedy: str
    network: bool = False


@dataclass(frozen=True)
class _Curl:
    """What curl says that a network did, by host and what the pattern's group found.

    Numbers: https://curl.se/libcurl/c/libcurl-errors.html
    """

    pattern: str
    fault: Callable[[str, str], faults.Fault]


_MIRROR = "or name a mirror with --channel, or pass --source pypi"
_WRONG_BYTES = "a download is not what the channel promised (wrong hash or size)"
_WHO_CHANGES = "try again; if it stays, a proxy or the mirror changes files"
_EDIT = "edit the stack's TOML file, or pass --source pypi"

_MEANINGS: tuple[_Meaning | _Curl, ...] = (
    _Meaning(r"([\w.-]+) [^\n└]*does not exist \(perhaps", "no package fits {0} in the channel", _EDIT),
    _Meaning(
        r"__cuda[^\n]*missing on the system",
        "it needs an NVIDIA driver with a newer CUDA",
        "update the driver, or choose a -cpu stack",
    ),
    _Meaning(r"not installable|could not be installed|nothing provides", "its packages do not fit: {text}", _EDIT),
    _Curl(r"(?:tunnel failed, response|HTTP code|status:) ?407", lambda host, _: faults.answered(host, 407, "")),
    _Curl(r"Could not resolve proxy", lambda _host, _: faults.dns_failed("the proxy")),
    _Curl(r"Could(?:n't| not) resolve host", lambda host, _: faults.dns_failed(host)),
    _Curl(r"onnection refused", lambda host, _: faults.refused(f"{host} or its proxy")),
    _Curl(
        r"Download error \(7\)|Failed to connect|(?:Couldn't|Could not) connect",
        lambda host, _: faults.cannot_connect(host),
    ),
    _Meaning(
        r"status: ?(40[13])",
        "the channel refuses the login ({0})",
        "put the login into the channel's URL: https://user:password@server/channel",
    ),
    _Meaning(
        r"status: ?404 \[[^\]\s]*/repodata",
        "the channel has no packages for this platform (404)",
        "correct --channel, or pass --source pypi",
    ),
    _Meaning(
        r"status: ?404 \[[^\]\s]*/([^/\]\s]+)\]",
        "the channel's index names {0}, but its server has no such file (404)",
        f"try again, {_MIRROR}",
        network=True,
    ),
    _Curl(r"status: ?(429|5\d\d)", lambda host, status: faults.answered(host, int(status), "")),
    _Meaning(
        r"No space left on device|not enough space on the disk|The disk is full|Input/output error|disk full",
        "the disk is full or broken",
        "free disk space, or choose another --home",
    ),
    _Meaning(
        r"Read-only file system|Permission denied|(?:any|[Nn]o) writable|not writable",
        "the home cannot be written",
        "see that it can, or choose another --home",
    ),
    _Meaning(r"doesn't match expectation", _WRONG_BYTES, _WHO_CHANGES, network=True),
    _Curl(r"subject name|certificate is not valid for", lambda host, _: faults.wrong_name(host)),
    _Curl(r"certificate has expired|IS_NOT_TIME_VALID", lambda host, _: faults.expired(host)),
    _Curl(r"certificate is not yet valid", lambda host, _: faults.not_valid_yet(host)),
    _Curl(
        r"Download error \((?:35|51|58|60|77|83|91)\)|SSL peer certificate|self.signed certificate",
        lambda host, _: faults.not_trusted(host),
    ),
    _Curl(r"Download error \(47\)|redirects followed", lambda host, _: faults.redirect_loop(host)),
    _Curl(r"Operation too slow|Timeout was reached|Download error \(28\)", lambda host, _: faults.no_answer(host)),
    _Curl(r"Download error|partial file|Could not load repodata", lambda host, _: faults.broke_off(host)),
    _Meaning(
        r"json\.exception|parse_error|extraction failed",
        "a package, or the channel's index, came out damaged; the disk may have been full",
        "free disk space, run `mambench env remove --all` and try again",
    ),
    _Meaning(r"Found incorrect downloads", _WRONG_BYTES, _WHO_CHANGES, network=True),
    _Meaning(r"Subdir \S+ not loaded", "the channel's index could not be read", f"try again, {_MIRROR}", network=True),
    _Meaning(r"Non-conda folder exists", "a folder is in the way of the prefix", "remove it"),
    _Meaning(
        r"arguments? (?:was|were) not expected",
        "this micromamba does not know what mambench asks of it",
        "unset MAMBENCH_MICROMAMBA, or name one of version 2",
    ),
)
"""Source: the failure table that was recorded of a real one; the first that matches counts."""


def failure(
    what: str,
    finished: process.Finished,
    document: Mapping[str, Any],
    log: Path | None,
    channels: Sequence[str] = (),
) -> ProvisionError:
    """How micromamba failed, as what, why and the next step."""
    if finished.stalled:
        fault = faults.no_answer(hosts_of(channels) or "the channel's server")
        return NetworkError(f"cannot {what}: {fault.words}", remedy=f"{fault.remedy}; {_MIRROR}", log=log)
    if (killed := endings.killed(what, "micromamba", finished, log)) is not None:
        return killed
    text = addresses.without_credentials(said(finished, document))
    short = " ".join(re.sub(r"\x1b\[[0-9;]*m|[│├└─]", " ", text).split())[-300:]
    if (too_long := path_lengths.failure(what, text, log)) is not None:
        return too_long
    for meaning in _MEANINGS:
        if match := re.search(meaning.pattern, text):
            named = next((group for group in match.groups() if group), "")
            if isinstance(meaning, _Curl):
                url = re.search(r"https?://[^\s\]]+", text)
                fault = meaning.fault(addresses.host_of(url[0]) if url is not None else "the channel's server", named)
                return NetworkError(f"cannot {what}: {fault.words}", remedy=f"{fault.remedy}; {_MIRROR}", log=log)
            kind = NetworkError if meaning.network else ProvisionError
            return kind(f"cannot {what}: {meaning.words.format(named, text=short)}", remedy=meaning.remedy, log=log)
    return ProvisionError(f"cannot {what}: {short}", remedy="the log has all that micromamba said", log=log)
