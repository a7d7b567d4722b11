"""The source `pypi`: environments made by uv from PyPI, or from the user's mirror of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mambench.environments import activation, downloads
from mambench.environments.integrity import PackageOnDisk
from mambench.environments.path_lengths import require_fitting
from mambench.environments.pins import require_held
from mambench.environments.prefix import Draft, Identity, finish, lock_path, pins, prefix_of, ready
from mambench.environments.pypi import integrity, messages, pylock
from mambench.environments.pypi.bootstrap import Toolbox, Tools
from mambench.environments.pypi.progress import DownloadProgress
from mambench.environments.pypi.pythons import BasePython
from mambench.environments.pypi.target import Target
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import Environment, EnvironmentSpec, OnEvent, Package, Provisioning, PypiRecipe, Reason
from mambench.system import addresses, contents, files, network
from mambench.system.home import Home

TORCH_INDEX = "https://download.pytorch.org/whl/"

PLAIN_IS_CPU = ("win-64", "linux-aarch64")
"""Where the wheels of torch on PyPI, which have no `+cpu` in their version, hold no CUDA."""


class PypiSource:
    """Has a uv and a python found, solves with `uv pip compile`, installs the lock file with `uv pip sync`."""

    def __init__(
        self, home: Home, toolbox: Toolbox, *, platform: str, offline: bool, path_limit: int | None = None
    ) -> None:
        self._path_limit = path_limit
        self._home, self._toolbox, self._platform, self._offline = home, toolbox, platform, offline
        self._torch_index = functools.cache(lambda: network.unreachable(TORCH_INDEX) is None)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        recipe = self._recipe(spec)
        tools = self._toolbox.present()
        python = tools.pythons.find(recipe.python) if tools is not None else None
        if python is None:
            return None
        identity = self._identity(spec, recipe, python)
        made = ready(spec, identity, prefix_of(self._home, identity))
        if made is not None or not recipe.lock:
            return made
        solved = self._identity(spec, replace(recipe, lock=""), python)
        made = ready(spec, solved, prefix_of(self._home, solved))
        return made if made is not None and pylock.is_same(made.lock_file or "", recipe.lock) else None

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        recipe = self._recipe(spec)
        if recipe.lock:
            draft = self.locked(spec, recipe.lock, on_event)
            draft = replace(draft, missing=tuple(integrity.not_in(self._home.uv_cache, draft.packages)))
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
        prefix = prefix_of(self._home, self._identity(spec, recipe, python))
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
        return self._draft(spec, tools, python, lock_file, (other,) if made_with not in ("", python.release) else ())

    def _draft(
        self, spec: EnvironmentSpec, tools: Tools, python: BasePython, lock_file: str, warnings: tuple[str, ...] = ()
    ) -> Draft:
        recipe = self._recipe(spec)
        identity = self._identity(spec, recipe, python)
        packages = self._weighed(lock_file, Target(self._platform, python.version))
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
            installer_variables=tools.uv.shown_settings(),
        )
        return require_fitting(require_held(draft), self._home, self._path_limit)

    def install(self, draft: Draft, on_event: OnEvent) -> Environment:
        tools = self._toolbox.present()
        assert tools is not None
        log = self._log(draft.prefix)
        tools.uv.make_venv(draft.prefix, python=Path(draft.base_python), log=log)
        progress = DownloadProgress(draft, tools.uv.cache, on_event)
        with self._home.scratch() as folder:
            lock = folder / "pylock.toml"
            lock.write_text(pylock.portable(draft.lock_file), encoding="utf-8")
            python = activation.python_in(self._platform, draft.prefix, source="pypi")
            tools.uv.sync(lock, python=python, log=log, on_line=progress.line, on_tick=progress.tick)
        lock_file = addresses.without_credentials(draft.lock_file)
        on_disk = self.contents(draft.prefix)
        return finish(draft, version=_venv_version(draft.prefix), lock_file=lock_file, on_disk=on_disk)

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
        return python or tools.pythons.fetch(recipe.python, on_tick)

    def _identity(self, spec: EnvironmentSpec, recipe: PypiRecipe, python: BasePython) -> Identity:
        packages = (
            *recipe.packages,
            f"exclude_newer={recipe.exclude_newer}",
            f"torch_backend={recipe.torch_backend}",
        )
        if recipe.lock:
            packages = pins(replace(recipe, lock=pylock.portable(recipe.lock)))
        return Identity(spec.name, "pypi", self._platform, packages, (), python.version)

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


def _venv_version(prefix: Path) -> str:
    text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    match = re.search(r"^version(?:_info)?\s*=\s*(\S+)", text, re.MULTILINE)
    return match[1] if match else "unknown"
