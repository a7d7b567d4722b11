"""Stacks made ready: prepare(stack) finds or solves one, install(draft) builds it. One class a source."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mambench import activation, home, network, prefixes, process, uv
from mambench.errors import MambenchError, NetworkError, ProvisionError, UnavailableError
from mambench.home import Home
from mambench.model import (
    Environment,
    EnvironmentSpec,
    OnEvent,
    Package,
    Provisioning,
    PypiRecipe,
    Source,
    Stack,
)
from mambench.prefixes import Draft, Identity

_QUESTION_SECONDS = 30.0


class Maker(Protocol):
    """What every source can do. `lock` and `install` raise ProvisionError, UnavailableError."""

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        """The environment if nothing needs doing."""

    def lock(self, spec: EnvironmentSpec, on_event: OnEvent, /) -> Draft:
        """Solve it; nothing is installed."""

    def install(self, draft: Draft, on_event: OnEvent, /) -> Environment:
        """Build the prefix from the lock; the caller holds its lock."""


class Environments:
    """All stacks, whatever their source."""

    def __init__(self, place: Home, makers: Mapping[Source, Maker], *, on_event: OnEvent) -> None:
        self._home, self._makers, self._on_event = place, makers, on_event

    def ready(self, spec: EnvironmentSpec, sources: Sequence[Source]) -> Environment | None:
        """The first of the sources that is ready; asks no network."""
        for source in sources:
            with contextlib.suppress(MambenchError):
                if source in self._makers and (environment := self._makers[source].ready(spec)) is not None:
                    return environment
        return None

    def prepare(self, stack: Stack) -> Environment | Draft:
        """A ready environment, or the draft of one from the first source that can be had.

        Raises the last source's ProvisionError or UnavailableError when none can.
        """
        if (environment := self.ready(stack.spec, stack.sources)) is not None:
            return environment
        return self._lock_first(stack.spec, stack.sources)

    def install(self, draft: Draft, stack: Stack) -> Environment:
        """Build the prefix; after a network failure the next source is tried, once, with a warning."""
        try:
            return self._install(draft)
        except NetworkError as error:
            later = stack.sources[stack.sources.index(draft.identity.source) + 1 :]
            if not later:
                raise
            other = self._lock_first(stack.spec, later)
            warning = f"made from {other.identity.source}: {error}"
            return self._install(replace(other, warnings=(*other.warnings, warning)))

    def _lock_first(self, spec: EnvironmentSpec, sources: Sequence[Source]) -> Draft:
        errors: list[MambenchError] = []
        for source in sources:
            try:
                draft = self._maker(source).lock(spec, self._on_event)
            except (UnavailableError, NetworkError) as error:
                errors.append(error)
                continue
            passed_over = tuple(
                f"not from {other}: {error}" for other, error in zip(sources, errors, strict=False)
            )
            return replace(draft, warnings=(*draft.warnings, *passed_over))
        if len(errors) == 1:
            raise errors[0]
        text = "; ".join(f"{source}: {error}" for source, error in zip(sources, errors, strict=True))
        raise UnavailableError("source", text, remedy=errors[-1].remedy)

    def _maker(self, source: Source) -> Maker:
        if source not in self._makers:
            raise UnavailableError("source", f"{source} is not part of this version")
        return self._makers[source]

    def _install(self, draft: Draft) -> Environment:
        maker = self._makers[draft.identity.source]
        self._on_event(Provisioning(draft.spec.name, "waiting for another mambench"))
        with self._home.lock(draft.prefix.name):
            if (environment := maker.ready(draft.spec)) is not None:
                return environment
            with _clean_prefix(draft.prefix):
                return maker.install(draft, self._on_event)


@contextlib.contextmanager
def _clean_prefix(prefix: Path) -> Iterator[None]:
    """Start without a wreck and leave none behind. Raises ProvisionError for what the disk does."""
    try:
        prefixes.remove(prefix)
        yield
    except BaseException as error:
        with contextlib.suppress(OSError):
            prefixes.remove(prefix)
        if isinstance(error, OSError):
            raise ProvisionError(
                f"cannot write {error.filename or prefix}: {error.strerror}",
                remedy="free disk space, or choose another --home",
            ) from error
        raise


# ---------------------------------------------------------------------------------------------------- pypi


class Pypi:
    """Environments from PyPI (or the user's mirror of it), made by uv."""

    def __init__(
        self,
        place: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
        torch_index: Callable[[], bool],
    ) -> None:
        self._home, self._platform, self._offline, self._torch_index = place, platform, offline, torch_index
        executable = uv.find(environ)
        self._uv = (
            uv.Uv(executable, place, platform=platform, environ=environ, offline=offline) if executable else None
        )

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        recipe = self._recipe(spec)
        identity, _ = self._identity(spec, recipe)
        return prefixes.ready(spec, identity, prefixes.prefix_of(self._home, identity))

    def lock(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        recipe = self._recipe(spec)
        on_event(Provisioning(spec.name, "resolving"))
        identity, python = self._identity(spec, recipe)
        prefix = prefixes.prefix_of(self._home, identity)
        log = self._home.logs / f"{prefix.name}.log"
        kept = prefixes.lock_file(prefix)
        warnings: tuple[str, ...] = ()
        if self._offline and kept.is_file():
            text = kept.read_text(encoding="utf-8")
        else:
            text, warnings = self._compile(recipe, python, log)
        packages = self._weighed(text)
        refusal = cuda_in_cpu_stack(recipe, packages, self._platform)
        if refusal is not None:
            raise refusal
        return Draft(spec, identity, prefix, str(python), text, packages, warnings)

    def install(self, draft: Draft, on_event: OnEvent) -> Environment:
        assert self._uv is not None
        log = self._home.logs / f"{draft.prefix.name}.log"
        self._uv.make_venv(draft.prefix, python=Path(draft.base_python), log=log)
        progress = _DownloadProgress(draft, on_event)
        with self._home.scratch() as folder:
            lock = folder / "pylock.toml"
            lock.write_text(draft.lock, encoding="utf-8")
            python = activation.python_in(self._platform, draft.prefix, source="pypi")
            self._uv.sync(lock, python=python, log=log, on_line=progress.line, on_tick=progress.tick)
        return prefixes.finish(draft, version=_venv_version(draft.prefix), shown_lock=draft.lock)

    def _recipe(self, spec: EnvironmentSpec) -> PypiRecipe:
        if spec.pypi is None:
            raise UnavailableError("source", f"{spec.name} has no PyPI recipe")
        if spec.pypi.platforms and self._platform not in spec.pypi.platforms:
            raise UnavailableError("source", f"PyPI has no wheels of {spec.name} for {self._platform}")
        if self._uv is None:
            raise UnavailableError("source", "uv is not here", remedy="put uv on PATH or name it in MAMBENCH_UV")
        return spec.pypi

    def _identity(self, spec: EnvironmentSpec, recipe: PypiRecipe) -> tuple[Identity, Path]:
        assert self._uv is not None
        python, version = self._uv.find_python(recipe)
        extra = (f"exclude_newer={recipe.exclude_newer}", f"torch_backend={recipe.torch_backend}")
        return Identity(spec.name, "pypi", self._platform, (*recipe.packages, *extra), (), version), python

    def _compile(self, recipe: PypiRecipe, python: Path, log: Path) -> tuple[str, tuple[str, ...]]:
        assert self._uv is not None
        torch_index = recipe.torch_backend is not None and self._torch_index()
        with self._home.scratch() as folder:
            options = {"python": python, "folder": folder, "log": log}
            try:
                return self._uv.compile(recipe, torch_index=torch_index, **options), ()
            except NetworkError:
                raise
            except ProvisionError:
                if recipe.exclude_newer is None:
                    raise
                undated = replace(recipe, exclude_newer=None)
                text = self._uv.compile(undated, torch_index=torch_index, **options)
                return text, ("the index gives no dates: packages are as new as it has them",)

    def _weighed(self, lock: str) -> tuple[Package, ...]:
        """The lock's packages with their sizes, asked by HEAD unless offline or known."""
        packages = uv.packages_in(lock)
        if self._offline or all(package.size_bytes for package in packages):
            return packages
        urls = uv.urls_in(lock)
        known = network.sizes(url for url in urls if url)
        return tuple(
            replace(package, size_bytes=package.size_bytes or known.get(url or ""))
            for package, url in zip(packages, urls, strict=True)
        )


def cuda_in_cpu_stack(recipe: PypiRecipe, packages: Sequence[Package], platform: str) -> UnavailableError | None:
    """Refuse a resolution of a CPU stack that holds a CUDA build: a plain torch on Linux is one."""
    if recipe.torch_backend != "cpu" or platform.startswith("osx-"):
        return None
    nvidia = [package.name for package in packages if package.name.startswith("nvidia-")]
    torch = [package for package in packages if package.name == "torch" and not package.version.endswith("+cpu")]
    if not nvidia and not torch:
        return None
    megabytes = sum(package.size_bytes or 0 for package in packages) / 1e6
    return UnavailableError(
        "source",
        f"the index has only the CUDA build of torch for {platform}, {len(nvidia)} NVIDIA packages, "
        f"{megabytes:,.0f} MB in all; a CPU build is needed",
        remedy="give access to PyTorch's own index, or put a +cpu wheel into pip's find-links",
    )


def _venv_version(prefix: Path) -> str:
    text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    match = re.search(r"^version(?:_info)?\s*=\s*(\S+)", text, re.MULTILINE)
    return match[1] if match else "unknown"


class _DownloadProgress:
    """Bytes of a download that uv does silently: packages that it reports, and what this machine received."""

    def __init__(self, draft: Draft, on_event: OnEvent) -> None:
        self._name, self._total, self._on_event = draft.spec.name, draft.download_bytes, on_event
        self._sizes = {package.name: package.size_bytes or 0 for package in draft.packages}
        self._finished = 0
        self._phase = "downloading"
        self._received_before = _received_bytes()
        self._shown = 0.0

    def line(self, line: str) -> None:
        if match := re.match(r"\s*Downloaded ([A-Za-z0-9_.-]+)", line):
            self._finished += self._sizes.get(match[1].lower().replace("_", "-"), 0)
        elif line.startswith("Prepared "):
            self._phase = "installing"

    def tick(self) -> None:
        if time.monotonic() - self._shown < 0.25:
            return
        self._shown = time.monotonic()
        received = _received_bytes() - self._received_before
        done = self._total if self._phase == "installing" else min(self._total, max(self._finished, received))
        self._on_event(Provisioning(self._name, self._phase, done, self._total or None))


def _received_bytes() -> int:
    import psutil

    try:
        return int(psutil.net_io_counters().bytes_recv)
    except (AttributeError, OSError, RuntimeError):
        return 0


# ------------------------------------------------------------------------------------------------ existing


_ASK = """
import importlib.util, json, platform, sys
def has(name):
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
frameworks = [framework for framework, module in MODULES.items() if has(module)]
print(json.dumps([sys.executable, platform.python_version(), frameworks]))
"""


@dataclass(frozen=True)
class ExistingPython:
    """What a python that the user named says about itself."""

    executable: Path
    version: str
    frameworks: tuple[str, ...]


class Existing:
    """Pythons that the user already has; nothing is installed into them."""

    def __init__(self, place: Home, *, environ: Mapping[str, str]) -> None:
        self._home, self._environ = place, environ

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        assert spec.python is not None
        found = self.ask(spec.python, {})
        return Environment(spec.name, spec, "existing", found.executable, None, found.version)

    def lock(self, spec: EnvironmentSpec, _on_event: OnEvent) -> Draft:
        assert spec.python is not None
        self.ask(spec.python, {})
        raise ProvisionError(f"{spec.python} answers only now and then")

    def install(self, draft: Draft, _on_event: OnEvent) -> Environment:
        raise ProvisionError(f"nothing is installed into {draft.spec.python}")

    def ask(self, python: Path, modules: Mapping[str, str]) -> ExistingPython:
        """Its real executable (a shim's is elsewhere), version and frameworks. Raises ProvisionError."""
        script = _ASK.replace("MODULES", repr(dict(modules)))
        environ = activation.inherited(self._environ, private=self._home.private, temporary=self._home.temporary)
        try:
            asked = process.run(
                [str(python), "-E", "-B", "-c", script], environ=environ, timeout_seconds=_QUESTION_SECONDS
            )
            executable, version, frameworks = json.loads(asked.stdout.strip().splitlines()[-1])
            return ExistingPython(Path(executable), version, tuple(frameworks))
        except OSError as error:
            raise ProvisionError(
                f"{python} cannot be started: {error.strerror}", remedy="name a python executable"
            ) from error
        except (ValueError, IndexError, TypeError) as error:
            raise ProvisionError(
                f"{python} does not answer as a python does", remedy="name a python executable"
            ) from error


def remove_all(place: Home, found: Sequence[prefixes.Found]) -> int:
    """Remove prefixes, each under its lock; gives the bytes that are free again. Raises HomeError, OSError."""
    freed = 0
    for each in found:
        with place.lock(each.prefix.name):
            freed += home.tree_bytes(each.prefix)
            prefixes.remove(each.prefix)
    return freed
