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

_LOGIN = re.compile(r"UV_INDEX_\w+_(?:USERNAME|PASSWORD)")


def uv_settings(platform: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of uv that the user or pip's configuration sets and that are handed on."""
    users = {name: value for name, value in environ.items() if name in HANDED_ON or _LOGIN.fullmatch(name)}
    return users | pipconfig.uv_variables(platform, environ, site=Path(sys.prefix))


def shown(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as a report may hold them, without logins."""
    return {
        name: "***" if _LOGIN.fullmatch(name) else addresses.without_credentials(value)
        for name, value in settings.items()
    }
