"""What of the user's settings reaches uv: indexes, mirrors, certificates, credentials; nothing else."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from mambench.environments.pypi import pipconfig
from mambench.system import addresses

HANDED_ON = frozenset({
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_INDEX_STRATEGY", "UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL", "UV_ASTRAL_MIRROR_URL",
    "UV_KEYRING_PROVIDER", "UV_CREDENTIALS_DIR", "UV_INSECURE_HOST", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS",
})  # fmt: skip
"""The user's variables of uv that are handed on. Source: https://docs.astral.sh/uv/reference/environment/"""

PACKAGE_ENDS = (".whl", ".tar.gz", ".zip")
"""Of the files to which a package index links."""

_ADDRESSES = {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"}
_LOGIN = re.compile(r"UV_INDEX_\w+_(?:USERNAME|PASSWORD)")


def uv_settings(platform: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of uv that the user or pip's configuration sets and that are handed on.

    Tokens in the paths of the indexes among them are shown nowhere from then on.
    """
    users = {name: value for name, value in environ.items() if name in HANDED_ON or _LOGIN.fullmatch(name)}
    settings = users | pipconfig.uv_variables(platform, environ, site=Path(sys.prefix))
    for name in _ADDRESSES & settings.keys():
        for url in re.split(r"[\s,]+", settings[name]):
            addresses.hide_tokens(url)
    return settings


def indexes(settings: Mapping[str, str], *, default: str | None = None) -> list[str]:
    """The URLs of the package indexes that are asked, the first first; `default` where none is set as that."""
    named = f"{settings.get('UV_INDEX', '')} {settings.get('UV_EXTRA_INDEX_URL', '')}".split()
    named.append(settings.get("UV_DEFAULT_INDEX") or settings.get("UV_INDEX_URL") or default or "")
    return [re.sub(r"^[\w.-]+=", "", index) for index in named if index]  # uv's own variables may put NAME= before it


def shown(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as a report may hold them, without logins."""
    return {
        name: addresses.STARS if _LOGIN.fullmatch(name) else addresses.setting_without_credentials(value)
        for name, value in settings.items()
    }
