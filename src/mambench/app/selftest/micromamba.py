"""micromamba, tried: it makes an environment of one package that we carry."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from mambench.app.context import Mambench
from mambench.app.findings import State
from mambench.environments.conda.micromamba import Micromamba
from mambench.errors import ProvisionError
from mambench.system import resources

PACKAGE = "mambench-selftest-1.0-0.tar.bz2"
PACKED_FILE = "share/mambench-selftest/prefix.txt"


def try_micromamba(app: Mambench) -> tuple[State, str]:
    """An environment of one carried package, whose file must then hold the prefix's path."""
    locator = app.micromamba(offline=True)
    if locator.present() is None and not locator.carried():
        return "note", "none is carried, so it was not tried: it is downloaded when it is first needed"
    located = locator.locate(lambda _done, _total: None)
    tool = Micromamba(
        located.executable, app.home, platform=app.machine.platform, environ=app.environ, cuda_version=None
    )
    with app.home.scratch() as folder:
        _install(tool, folder)
    made = f"{tool.version()} ({located.origin}) made an environment of one package"
    return ("note", f"{made}; {located.note}") if located.note else ("ok", made)


def _install(tool: Micromamba, folder: Path) -> None:
    archive, prefix, log = folder / PACKAGE, folder / "prefix", folder / "log"
    shutil.copyfile(resources.selftest() / PACKAGE, archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    lock = folder / "selftest.lock"
    lock.write_text(f"@EXPLICIT\n{archive.as_uri()}#{digest}\n", encoding="utf-8")
    tool.install(lock, (), prefix=prefix, log=log, on_line=lambda _line: None, on_tick=lambda: None)
    text = (prefix / PACKED_FILE).read_text(encoding="utf-8").strip()
    if Path(text) != prefix:
        raise ProvisionError(f"micromamba wrote {text!r} where {str(prefix)!r} belongs")
