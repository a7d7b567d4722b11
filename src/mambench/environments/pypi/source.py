"""The source `pypi`: environments made by uv from PyPI, or from the user's mirror of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mambench.environments import activation
from mambench.environments import prefix as prefixes
from mambench.environments.prefix import Draft, Identity
from mambench.environments.pypi import messages, pylock, uv
from mambench.environments.pypi.bootstrap import Declined, Toolbox
from mambench.environments.pypi.progress import DownloadProgress
from mambench.errors import UnavailableError
from mambench.model import Environment, EnvironmentSpec, OnEvent, Package, Provisioning, PypiRecipe, Reason
from mambench.system import network
from mambench.system.home import Home


class PypiSource:
    """Solves with `uv pip compile`, installs the lock with `uv pip sync`."""

    def __init__(
        self,
        home: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
        torch_index: Callable[[], bool],
        toolbox: Toolbox | None = None,
    ) -> None:
        self._home, self._platform, self._offline, self._torch_index = home, platform, offline, torch_index
        self._environ, self._toolbox = environ, toolbox
        self._uv = self._found(toolbox.present() if toolbox is not None else None)

    def _found(self, tools: Environment | None) -> uv.Uv | None:
        """The uv that can be used, with the toolbox's python to fall back on."""
        executables = [uv.find(self._environ, kept=self._toolbox.kept_uv if self._toolbox else lambda: None)]
        if tools is not None and self._toolbox is not None and not self._environ.get("MAMBENCH_UV"):
            executables.append(self._toolbox.uv_in(tools))
        candidates = [
            uv.Uv(
                executable,
                self._home,
                platform=self._platform,
                environ=self._environ,
                offline=self._offline,
                spare_python=tools.python if tools is not None else None,
            )
            for executable in executables
            if executable is not None
        ]
        if len(candidates) > 1 and candidates[0].problem() is not None:
            return candidates[1]
        return candidates[0] if candidates else None

    def _equip(self, recipe: PypiRecipe, on_event: OnEvent) -> None:
        """See to it that there are a uv and a python. Raises UnavailableError."""
        named = bool(self._environ.get("MAMBENCH_UV"))  # its faults are told, not passed over
        usable = self._uv is not None and (named or self._uv.problem() is None)
        if self._toolbox is None or (self._uv is not None and usable and self._uv.has_python(recipe)):
            return
        try:
            self._uv = self._found(self._toolbox.fetch(on_event))
        except Declined:
            raise
        except UnavailableError as error:
            if self._uv is None:  # else uv may fetch a python by itself
                if self._offline:
                    raise
                self._toolbox.fetch_uv(on_event, because=error)
                self._uv = self._found(None)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        recipe = self._recipe(spec)
        identity, _ = self._identity(spec, recipe, fetch=False)
        return prefixes.ready(spec, identity, prefixes.prefix_of(self._home, identity))

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        self._equip(self._wanted(spec), on_event)
        recipe = self._recipe(spec)
        on_event(Provisioning(spec.name, "resolving"))
        if not self._offline:
            network.warm_up()
        identity, python = self._identity(spec, recipe, fetch=True)
        prefix = prefixes.prefix_of(self._home, identity)
        log = self._home.logs / f"{prefix.name}.log"
        kept = prefixes.lock_path(prefix)
        warnings: tuple[str, ...] = ()
        if self._offline and kept.is_file():
            text = kept.read_text(encoding="utf-8")
        else:
            text, warnings = self._compile(recipe, python, log)
        assert self._uv is not None
        packages = self._weighed(text)
        refusal = wrong_build(recipe, packages, self._platform)
        if refusal is not None:
            raise refusal
        settings = self._uv.shown_settings()
        return Draft(spec, identity, prefix, str(python), text, packages, warnings, installer_variables=settings)

    def install(self, draft: Draft, on_event: OnEvent) -> Environment:
        assert self._uv is not None
        log = self._home.logs / f"{draft.prefix.name}.log"
        self._uv.make_venv(draft.prefix, python=Path(draft.base_python), log=log)
        progress = DownloadProgress(draft, self._uv.cache, on_event)
        with self._home.scratch() as folder:
            lock = folder / "pylock.toml"
            lock.write_text(draft.lock_file, encoding="utf-8")
            python = activation.python_in(self._platform, draft.prefix, source="pypi")
            self._uv.sync(lock, python=python, log=log, on_line=progress.line, on_tick=progress.tick)
        return prefixes.finish(draft, version=_venv_version(draft.prefix), lock_file=draft.lock_file)

    def _recipe(self, spec: EnvironmentSpec) -> PypiRecipe:
        recipe = self._wanted(spec)
        if self._uv is None:
            raise UnavailableError(Reason.SOURCE, "uv is not here", remedy="put uv on PATH or name it in MAMBENCH_UV")
        return recipe

    def _wanted(self, spec: EnvironmentSpec) -> PypiRecipe:
        if spec.pypi is None:
            raise UnavailableError(Reason.SOURCE, f"{spec.name} has no PyPI recipe")
        if spec.pypi.platforms and self._platform not in spec.pypi.platforms:
            raise UnavailableError(Reason.SOURCE, f"PyPI has no wheels of {spec.name} for {self._platform}")
        return spec.pypi

    def _identity(self, spec: EnvironmentSpec, recipe: PypiRecipe, *, fetch: bool) -> tuple[Identity, Path]:
        assert self._uv is not None
        python, version = self._uv.find_python(recipe, fetch=fetch)
        extra = (f"exclude_newer={recipe.exclude_newer}", f"torch_backend={recipe.torch_backend}")
        return Identity(spec.name, "pypi", self._platform, (*recipe.packages, *extra), (), version), python

    def _compile(self, recipe: PypiRecipe, python: Path, log: Path) -> tuple[str, tuple[str, ...]]:
        assert self._uv is not None
        torch_index = recipe.torch_backend is not None and self._torch_index()
        with self._home.scratch() as folder:
            options = {"python": python, "folder": folder, "log": log}
            try:
                return self._uv.compile(recipe, torch_index=torch_index, **options), ()
            except messages.UndatedError:
                undated = replace(recipe, exclude_newer=None)
                text = self._uv.compile(undated, torch_index=torch_index, **options)
                date = recipe.exclude_newer
                return text, (f"the package index gives no upload times: packages may be newer than {date}",)

    def _weighed(self, lock: str) -> tuple[Package, ...]:
        """The lock's packages with their sizes, asked by HEAD unless offline or known."""
        packages = pylock.packages_in(lock)
        if self._offline or all(package.size_bytes for package in packages):
            return packages
        urls = pylock.urls_in(lock)
        known = network.sizes(url for url in urls if url)
        return tuple(
            replace(package, size_bytes=package.size_bytes or known.get(url or ""))
            for package, url in zip(packages, urls, strict=True)
        )


def wrong_build(recipe: PypiRecipe, packages: Sequence[Package], platform: str) -> UnavailableError | None:
    """Refuse the CUDA build of torch for a CPU stack, and the CPU build for a GPU stack.

    A plain torch on Linux is the CUDA build, on Windows the CPU build; macOS has only one.
    """
    torch = next((package for package in packages if package.name == "torch"), None)
    if torch is None or recipe.torch_backend is None or platform.startswith("osx-"):
        return None
    nvidia = [package.name for package in packages if package.name.startswith("nvidia-")]
    megabytes = sum(package.size_bytes or 0 for package in packages) / 1e6
    remedy = "give access to PyTorch's own index, or put the right wheel into pip's find-links"
    if recipe.torch_backend == "cpu" and (nvidia or not torch.version.endswith("+cpu")):
        message = (
            f"the index has only torch {torch.version} for {platform}, which is no +cpu build: "
            f"NVIDIA packages: {len(nvidia)}, {megabytes:,.0f} MB in all"
        )
        return UnavailableError(Reason.SOURCE, message, remedy=remedy)
    if recipe.torch_backend != "cpu" and not nvidia and "+cu" not in torch.version:
        message = f"the index has only torch {torch.version} for {platform}, which is no CUDA build"
        return UnavailableError(Reason.SOURCE, message, remedy=remedy)
    return None


def _venv_version(prefix: Path) -> str:
    text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    match = re.search(r"^version(?:_info)?\s*=\s*(\S+)", text, re.MULTILINE)
    return match[1] if match else "unknown"
