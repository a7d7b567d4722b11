"""The source `pypi`: environments made by uv from PyPI, or from the user's mirror of it."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mambench.environments import activation, downloads
from mambench.environments.integrity import PackageOnDisk
from mambench.environments.kit import Entry, Kit, told_as_unpacking
from mambench.environments.path_lengths import require_fitting
from mambench.environments.pins import require_held
from mambench.environments.prefix import Draft, Identity, finish, lock_path, pins, prefix_of, ready
from mambench.environments.pypi import integrity, messages, pylock
from mambench.environments.pypi.bootstrap import Toolbox, Tools
from mambench.environments.pypi.progress import DownloadProgress
from mambench.environments.pypi.pythons import BasePython
from mambench.environments.pypi.target import Target
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import (
    Destination,
    Environment,
    EnvironmentSpec,
    OnEvent,
    Package,
    Provisioning,
    PypiRecipe,
    Reason,
)
from mambench.system import addresses, contents, files, network, serving
from mambench.system.home import Home

TORCH_INDEX = "https://download.pytorch.org/whl/"

PLAIN_IS_CPU = ("win-64", "linux-aarch64")
"""Where the wheels of torch on PyPI, which have no `+cpu` in their version, hold no CUDA."""


class PypiSource:
    """Has a uv and a python found, solves with `uv pip compile`, installs the lock file with `uv pip sync`."""

    def __init__(
        self,
        home: Home,
        toolbox: Toolbox,
        *,
        platform: str,
        offline: bool,
        path_limit: int | None = None,
        destination: Destination | None = None,
    ) -> None:
        """With a `destination` it solves for another computer, of which `platform` is then too."""
        self._path_limit, self._destination, self._kit = path_limit, destination, Kit(home)
        self._home, self._toolbox, self._platform, self._offline = home, toolbox, platform, offline
        self._torch_index = functools.cache(lambda: network.unreachable(TORCH_INDEX) is None)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        recipe = self._recipe(spec)
        tools = self._toolbox.present()
        entry = self._kit.entry(self._identity(spec, recipe, ""))
        for wanted in (recipe.python, *([_minor(entry)] if entry is not None else [])):
            python = tools.pythons.find(wanted) if tools is not None else None
            if python is not None and (made := self._ready(spec, recipe, python)) is not None:
                return made
        return None

    def _ready(self, spec: EnvironmentSpec, recipe: PypiRecipe, python: BasePython) -> Environment | None:
        identity = self._identity(spec, recipe, python.version)
        made = ready(spec, identity, prefix_of(self._home, identity))
        if made is not None or not recipe.lock:
            return made
        solved = self._identity(spec, replace(recipe, lock=""), python.version)
        made = ready(spec, solved, prefix_of(self._home, solved))
        return made if made is not None and pylock.is_same(made.lock_file or "", recipe.lock) else None

    def from_kit(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft | None:
        if (entry := self._kit.entry(self._identity(spec, self._recipe(spec), ""))) is None:
            return None
        self._kit.require_whole(entry, full=False)
        tools = self._toolbox.equip(_minor(entry), on_event)
        if (python := tools.pythons.find(_minor(entry))) is None:
            version = entry.identity.base_python
            raise UnavailableError(
                Reason.OFFLINE,
                f"its wheels are for python {version}, and no such python is on this machine",
                remedy=f"install python {version}, or fetch {spec.name} where a conda channel can be reached",
            )
        return self._draft(spec, tools, python, entry.lock_file, entry.warnings, missing=())

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        recipe = self._recipe(spec)
        if recipe.lock:
            draft = self.locked(spec, recipe.lock, on_event)
            told = pylock.urls_in(recipe.lock, Target(self._platform, draft.identity.base_python))
            known = zip(draft.packages, told, strict=True)
            urls = {package: str(url or package.url) for package, url in known if url or package.url}
            return downloads.asked_for(draft, urls, on_event, offline=self._offline)
        tools = self._toolbox.equip(recipe.python, on_event)
        resolving = Provisioning(spec.name, "resolving", host="" if self._offline else tools.uv.host)
        on_event(resolving)
        if not self._offline:
            network.warm_up()
        python = self._python(tools, recipe, on_event, spec.name)
        prefix = prefix_of(self._home, self._identity(spec, recipe, python.version))
        lock_file, warnings = self._kept(prefix) or self._compile(
            tools, recipe, python, log=self._log(prefix), on_tick=functools.partial(on_event, resolving)
        )
        return self._draft(spec, tools, python, lock_file, warnings)

    def locked(self, spec: EnvironmentSpec, lock_file: str, on_event: OnEvent) -> Draft:
        recipe = self._recipe(spec)
        tools = self._toolbox.equip(recipe.python, on_event)
        python = self._python(tools, recipe, on_event, spec.name)
        made_with = pylock.made_with(lock_file) if recipe.lock else ""
        other = f"its lock file was made with python {made_with}, it is carried by python {python.release}"
        warnings = (other,) if made_with not in ("", python.release) else ()
        missing = self._missing(pylock.packages_in(lock_file, Target(self._platform, python.version)))
        if self._offline and missing:
            raise UnavailableError(
                Reason.OFFLINE,
                f"not here yet: {', '.join(package.name for package in missing)}",
                remedy="run once without --offline",
            )
        return self._draft(spec, tools, python, lock_file, warnings, missing=missing)

    def _missing(self, packages: Sequence[Package]) -> tuple[Package, ...]:
        """What neither the kit nor uv's cache has; a wheel on a disk counts as long as it lies there."""
        absent = set(integrity.not_in(self._home.uv_cache, packages))
        paths = {package: addresses.local_path(package.url or "://") for package in packages}
        gone = {package for package, path in paths.items() if (not path.is_file() if path else package in absent)}
        return tuple(package for package in packages if package in gone and self._kit.path_of(package) is None)

    def fetch(self, draft: Draft, kit: Kit, on_event: OnEvent, *, needs: Sequence[str] = ()) -> Entry:
        tools = self._toolbox.present()
        assert tools is not None
        named = zip(draft.packages, pylock.urls_in(draft.lock_file), strict=True)
        indexes = tools.uv.indexes()
        urls = [addresses.with_login(url or package.url or "", indexes) for package, url in named]
        shown = addresses.without_credentials(draft.lock_file)
        entry = kit.fetch(draft, urls, on_event, lock_file=shown, needs=needs, variables=tools.uv.user_settings())
        if self._platform == tools.uv.platform:
            self._unpack(draft, tools, on_event)
        return entry

    def _draft(
        self,
        spec: EnvironmentSpec,
        tools: Tools,
        python: BasePython,
        lock_file: str,
        warnings: tuple[str, ...] = (),
        *,
        missing: tuple[Package, ...] | None = None,
    ) -> Draft:
        recipe = self._recipe(spec)
        identity = self._identity(spec, recipe, python.version)
        wheels = Target(self._platform, python.version)
        packages = pylock.packages_in(lock_file, wheels) if missing == () else self._weighed(lock_file, wheels)
        if (refusal := wrong_build(recipe, packages, self._platform)) is not None:
            raise refusal
        draft = Draft(
            spec=spec,
            identity=identity,
            prefix=prefix_of(self._home, identity),
            base_python=str(python.executable),
            lock_file=lock_file,
            packages=packages,
            warnings=warnings,
            missing=missing,
            installer_variables=tools.uv.shown_settings(),
        )
        return require_fitting(require_held(draft), self._home, self._path_limit)

    def _unpack(self, draft: Draft, tools: Tools, on_event: OnEvent) -> None:
        """Have uv unpack what was fetched, into its cache: an environment of it is made in no time then.

        uv knows unpacked wheels by their addresses. Paths change where a kit is carried, so that it is told others.
        """
        python = tools.pythons.find(f"=={draft.identity.base_python}.*")
        known = {self._kit.address_of(package): self._kit.path_of(package) for package in draft.packages}
        served = {address: path for address, path in known.items() if address is not None and path is not None}
        if python is None or len(served) < len(draft.packages):
            return
        tell = functools.partial(told_as_unpacking, on_event)
        unpacking = replace(draft, base_python=str(python.executable), missing=())
        with self._home.scratch() as folder, serving.served(served) as variables:
            for package in draft.packages:
                if addresses.local_path(package.url or "://") is not None:
                    tools.uv.forget(package.name)  # it was unpacked once already, to be looked at
            alone = {**variables, "UV_FIND_LINKS": ""}  # uv asks those too, whatever the lock file names
            tools.uv.make_venv(folder / "venv", python=python.executable, log=self._log(draft.prefix))
            self._sync(unpacking, tools, folder / "venv", tell, known=self._kit.address_of, variables=alone)

    def install(self, draft: Draft, on_event: OnEvent) -> Environment:
        tools = self._toolbox.present()
        assert tools is not None
        tools.uv.make_venv(draft.prefix, python=Path(draft.base_python), log=self._log(draft.prefix))
        with self._kit.verified(draft):
            self._sync_from_here(draft, tools, on_event)
        lock_file = addresses.without_credentials(draft.lock_file)
        on_disk = self.contents(draft.prefix)
        return finish(draft, version=_venv_version(draft.prefix), lock_file=lock_file, on_disk=on_disk)

    def _sync_from_here(self, draft: Draft, tools: Tools, on_event: OnEvent) -> None:
        """What the kit has is taken unpacked from uv's cache, where that has all of it, else from its files."""
        if draft.packages and all(self._kit.path_of(package) is not None for package in draft.packages):
            with contextlib.suppress(ProvisionError, UnavailableError):
                self._sync(draft, tools, draft.prefix, on_event, known=self._kit.address_of)
                return
        self._sync(draft, tools, draft.prefix, on_event, known=self._kit.path_of)

    def _sync(
        self,
        draft: Draft,
        tools: Tools,
        venv: Path,
        on_event: OnEvent,
        *,
        known: Callable[[Package], Path | str | None],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        progress = DownloadProgress(draft, tools.uv.cache, on_event)
        with self._home.scratch() as folder:
            lock = folder / "pylock.toml"
            wheels = Target(self._platform, draft.identity.base_python)
            lock.write_text(pylock.portable(pylock.localised(draft.lock_file, known, wheels)), encoding="utf-8")
            tools.uv.sync(
                lock,
                python=activation.python_in(tools.uv.platform, venv, source="pypi"),
                log=self._log(draft.prefix),
                on_line=progress.line,
                on_tick=progress.tick,
                all_is_here=not draft.downloads and variables is None,
                variables=variables,
            )

    def contents(self, prefix: Path) -> Iterable[PackageOnDisk]:
        return integrity.in_prefix(prefix)

    def cached(self) -> Iterable[PackageOnDisk]:
        return integrity.in_cache(self._home.uv_cache)

    def forget(self, package: PackageOnDisk) -> None:
        tools = self._toolbox.present()
        if tools is not None:
            tools.uv.forget(package.name)
        files.remove(package.folder)

    def _log(self, prefix: Path) -> Path:
        return self._home.logs / f"{prefix.name}.log"

    def _recipe(self, spec: EnvironmentSpec) -> PypiRecipe:
        if spec.pypi is None:
            raise UnavailableError(Reason.SOURCE, f"{spec.name} has no PyPI recipe")
        if spec.pypi.platforms and self._platform not in spec.pypi.platforms:
            raise UnavailableError(Reason.SOURCE, f"PyPI has no wheels of {spec.name} for {self._platform}")
        return spec.pypi

    def _python(self, tools: Tools, recipe: PypiRecipe, on_event: OnEvent, stack: str) -> BasePython:
        python = tools.pythons.find(recipe.python)
        if python is None and self._offline:
            raise UnavailableError(Reason.OFFLINE, f"no python {recipe.python} is on this machine")
        on_tick = functools.partial(on_event, Provisioning(stack, "downloading a python"))
        python = python or tools.pythons.fetch(recipe.python, on_tick)
        wanted = self._destination.python if self._destination is not None else None
        return python if wanted is None else replace(python, release=f"{wanted}.0")

    def _identity(self, spec: EnvironmentSpec, recipe: PypiRecipe, python: str) -> Identity:
        packages = (
            *recipe.packages,
            f"exclude_newer={recipe.exclude_newer}",
            f"torch_backend={recipe.torch_backend}",
        )
        if recipe.lock:
            packages = pins(replace(recipe, lock=pylock.portable(recipe.lock)))
        return Identity(spec.name, "pypi", self._platform, packages, (), python)

    def _kept(self, prefix: Path) -> tuple[str, tuple[str, ...]] | None:
        """Offline, the lock file of a prefix that was removed or left unfinished. Raises ProvisionError."""
        lock = lock_path(prefix)
        if not self._offline or not lock.exists():
            return None
        try:
            text = contents.text_of(lock)
            pylock.packages_in(text)
        except (OSError, ValueError, ProvisionError) as error:
            remedy = "delete it, and run once without --offline"
            raise ProvisionError(f"broken: {lock}: {contents.words(error)}", remedy=remedy) from error
        return (text, ()) if addresses.STARS not in text else None  # uv's cache goes by the whole address

    def _compile(
        self, tools: Tools, recipe: PypiRecipe, python: BasePython, *, log: Path, on_tick: Callable[[], None]
    ) -> tuple[str, tuple[str, ...]]:
        """The lock file, and a warning where its packages could not be dated."""
        torch_index = recipe.torch_backend is not None and self._torch_index()
        with self._home.scratch() as folder:
            compiled = functools.partial(
                tools.uv.compile,
                python=python.executable,
                folder=folder,
                log=log,
                torch_index=torch_index,
                on_tick=on_tick,
                destination=self._destination,
            )
            try:
                return compiled(recipe), ()
            except messages.UndatedError:
                lock_file = compiled(replace(recipe, exclude_newer=None))
                date = recipe.exclude_newer
                return lock_file, (f"the package index gives no upload times: packages may be newer than {date}",)
            except NetworkError:
                raise
            except ProvisionError as error:
                if (problem := tools.uv.index_problem(recipe.packages[0], on_tick)) is not None:
                    problem.log = error.log
                    raise problem from error
                raise

    def _weighed(self, lock_file: str, target: Target) -> tuple[Package, ...]:
        """The lock file's packages with their sizes, asked by HEAD unless offline or known."""
        packages = pylock.packages_in(lock_file, target)
        if self._offline or all(package.size_bytes for package in packages):
            return packages
        urls = pylock.urls_in(lock_file, target)
        known = network.sizes(url for url in urls if url)
        return tuple(
            replace(package, size_bytes=package.size_bytes or known.get(url or ""))
            for package, url in zip(packages, urls, strict=True)
        )


def wrong_build(recipe: PypiRecipe, packages: Sequence[Package], platform: str) -> UnavailableError | None:
    """Refuse the CUDA build of torch for a CPU stack, and the CPU build for a GPU stack.

    PyPI's plain torch is the CUDA build on linux-64 and the CPU build elsewhere; macOS has only one.
    """
    torch = next((package for package in packages if package.name == "torch"), None)
    if torch is None or recipe.torch_backend is None or platform.startswith("osx-"):
        return None
    nvidia = [package.name for package in packages if package.name.startswith("nvidia-")]
    megabytes = sum(package.size_bytes or 0 for package in packages) / 1e6
    remedy = "give access to PyTorch's own index, or put the right wheel into pip's find-links"
    plain_is_cpu = platform in PLAIN_IS_CPU and "+" not in torch.version
    is_cpu = not nvidia and (plain_is_cpu or torch.version.endswith("+cpu"))
    if recipe.torch_backend == "cpu" and not is_cpu:
        message = (
            f"the index has only torch {torch.version} for {platform}, which is no CPU build: "
            f"NVIDIA packages: {len(nvidia)}, {megabytes:,.0f} MB in all"
        )
        return UnavailableError(Reason.SOURCE, message, remedy=remedy)
    if recipe.torch_backend != "cpu" and not nvidia and "+cu" not in torch.version:
        message = f"the index has only torch {torch.version} for {platform}, which is no CUDA build"
        return UnavailableError(Reason.SOURCE, message, remedy=remedy)
    return None


def _minor(entry: Entry) -> str:
    """What a python has to be for the wheels of a kit."""
    return f"=={entry.identity.base_python}.*"


def _venv_version(prefix: Path) -> str:
    text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    match = re.search(r"^version(?:_info)?\s*=\s*(\S+)", text, re.MULTILINE)
    return match[1] if match else "unknown"
