"""Which source makes a stack, and that a prefix is either whole or not there. Makers are fakes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from builders import a_spec, a_stack, an_environment

from mambench.environments import prefix as prefixes
from mambench.environments.integrity import PackageOnDisk, RecordedFile
from mambench.environments.kit import Entry, Kit
from mambench.environments.prefix import Draft, Identity
from mambench.environments.provision import Environments, in_turn, remove_all
from mambench.errors import Interrupted, MambenchError, NetworkError, PathError, ProvisionError, UnavailableError
from mambench.model import (
    Environment,
    EnvironmentSpec,
    Event,
    Note,
    OnEvent,
    Package,
    Provisioning,
    Reason,
    SourceName,
)
from mambench.system.home import Home

SPEC = a_spec()


@dataclass
class FakeMaker:
    """A source that is ready, locks or installs as it is told; it notes what it was asked."""

    source: SourceName
    home: Home
    is_ready: bool = False
    lock_error: BaseException | None = None
    install_errors: list[BaseException] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    on_install: Callable[[Path], None] | None = None
    packages: tuple[Package, ...] = ()
    kept: list[PackageOnDisk] = field(default_factory=list)
    kit: str | None = None

    def contents(self, prefix: Path) -> list[PackageOnDisk]:
        return [PackageOnDisk(each.name, each.version, prefix, prefix / "half", list) for each in self.packages]

    def cached(self) -> list[PackageOnDisk]:
        return self.kept

    def forget(self, package: PackageOnDisk) -> None:
        self.asked.append(f"forget {package.name}")

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        self.asked.append("ready")
        return an_environment(spec, self.source) if self.is_ready else None

    def from_kit(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft | None:
        if self.kit is None:
            return None
        return replace(self.locked(spec, self.kit, on_event), missing=())

    def fetch(self, draft: Draft, kit: Kit, _on_event: OnEvent) -> Entry:
        raise AssertionError((draft, kit))

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        self.asked.append("lock")
        on_event(Provisioning(spec.name, "solving"))
        if self.lock_error is not None:
            raise self.lock_error
        identity = Identity(spec.name, self.source, "linux-64", (), (), "3.12")
        prefix = prefixes.prefix_of(self.home, identity)
        return Draft(spec, identity, prefix, "/usr/bin/python3", "a lock", self.packages, ("its own",))

    def locked(self, spec: EnvironmentSpec, lock_file: str, on_event: OnEvent) -> Draft:
        draft = self.solve(spec, on_event)
        self.asked[-1] = f"locked by {lock_file}"
        return draft

    def install(self, draft: Draft, _on_event: OnEvent) -> Environment:
        self.asked.append("install")
        assert not draft.prefix.exists(), "a wreck is in the way"
        draft.prefix.mkdir()
        (draft.prefix / "half").write_text("x")
        if self.on_install is not None:
            self.on_install(draft.prefix)
        if self.install_errors:
            raise self.install_errors.pop(0)
        return prefixes.finish(draft, version="3.12.7", lock_file=draft.lock_file, on_disk=self.contents(draft.prefix))


class Sources:
    """conda and pypi, both able to do everything until told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.conda, self.pypi = FakeMaker("conda", self.home), FakeMaker("pypi", self.home)
        self.events: list[Event] = []
        self.every = Environments(self.home, {"conda": self.conda, "pypi": self.pypi}, on_event=self.events.append)

    def prepare(self, *sources: SourceName) -> Environment | Draft:
        return self.every.prepare(a_stack(SPEC, sources=sources or ("conda", "pypi")))

    def made(self, *sources: SourceName) -> Environment:
        stack = a_stack(SPEC, sources=sources or ("conda", "pypi"))
        draft = self.every.prepare(stack)
        assert isinstance(draft, Draft)
        return self.every.install(draft, stack)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.home.environments.iterdir())


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


# ----------------------------------------------------------------------------------------------- prepare


def test_what_is_ready_is_taken_before_anything_is_solved(sources: Sources) -> None:
    sources.pypi.is_ready = True
    prepared = sources.prepare()
    assert isinstance(prepared, Environment)
    assert prepared.source == "pypi"
    assert sources.conda.asked == ["ready"]


def test_the_first_source_wins_where_both_are_ready(sources: Sources) -> None:
    sources.conda.is_ready = sources.pypi.is_ready = True
    assert str(sources.prepare().key) == "numpy-openblas@conda"  # type: ignore[union-attr]
    assert str(sources.prepare("pypi", "conda").key) == "numpy-openblas@pypi"  # type: ignore[union-attr]


def test_a_source_that_cannot_say_whether_it_is_ready_is_passed_over(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_spec: EnvironmentSpec) -> None:
        raise UnavailableError(Reason.SOURCE, "not here")

    monkeypatch.setattr(sources.conda, "ready", broken)
    sources.pypi.is_ready = True
    assert isinstance(sources.prepare(), Environment)


def test_the_first_source_is_solved_and_no_other(sources: Sources) -> None:
    draft = sources.prepare()
    assert isinstance(draft, Draft)
    assert draft.identity.source == "conda"
    assert draft.warnings == ("its own",)
    assert "lock" not in sources.pypi.asked
    assert sources.left() == []


@pytest.mark.parametrize("error", [NetworkError("it is down"), UnavailableError(Reason.SOURCE, "it is down")])
def test_a_source_that_cannot_be_had_is_passed_over_and_said(sources: Sources, error: MambenchError) -> None:
    sources.conda.lock_error = error
    draft = sources.prepare()
    assert isinstance(draft, Draft)
    assert draft.identity.source == "pypi"
    assert draft.warnings == ("its own", "not from conda: it is down")


def test_a_recipe_that_cannot_be_solved_is_not_hidden_by_another_source(sources: Sources) -> None:
    sources.conda.lock_error = ProvisionError("no package matches")
    with pytest.raises(ProvisionError, match="no package matches"):
        sources.prepare()


def test_where_no_source_can_be_had_all_reasons_are_told(sources: Sources) -> None:
    sources.conda.lock_error = NetworkError("the channel is down")
    sources.pypi.lock_error = UnavailableError(Reason.OFFLINE, "the index is down", remedy="plug it in")
    with pytest.raises(UnavailableError) as caught:
        sources.prepare()
    assert str(caught.value) == "conda: the channel is down; pypi: the index is down"
    assert (caught.value.reason, caught.value.remedy) == ("source", "plug it in")


def test_a_single_source_keeps_its_own_error(sources: Sources) -> None:
    sources.conda.lock_error = NetworkError("the channel is down")
    with pytest.raises(NetworkError, match="the channel is down"):
        sources.prepare("conda")


def test_what_the_kit_has_is_taken_before_anything_is_solved(sources: Sources) -> None:
    sources.pypi.kit = "the kit's"
    draft = sources.prepare()
    assert isinstance(draft, Draft)
    assert (draft.identity.source, draft.downloads) == ("pypi", ())
    assert sources.conda.asked == ["ready"]
    assert sources.pypi.asked[-1] == "locked by the kit's"


def test_a_prefix_that_was_made_elsewhere_is_made_anew_from_its_lock_file(sources: Sources, tmp_path: Path) -> None:
    sources.made("pypi")
    moved = Sources(tmp_path / "moved")
    moved.home.environments.rmdir()
    shutil.copytree(sources.home.environments, moved.home.environments)
    draft = moved.prepare()
    assert isinstance(draft, Draft)
    assert moved.conda.asked == ["ready"]
    assert moved.pypi.asked[-1] == "locked by a lock"
    (note,) = (event for event in moved.events if isinstance(event, Note))
    assert note.message.startswith(f"numpy-openblas was made in {sources.home.environments}")


def test_one_that_cannot_be_made_anew_is_solved(sources: Sources, tmp_path: Path) -> None:
    sources.made("pypi")
    moved = Sources(tmp_path / "moved")
    moved.home.environments.rmdir()
    shutil.copytree(sources.home.environments, moved.home.environments)
    next(moved.home.environments.glob("*.lock")).write_text("damaged")
    moved.prepare()
    assert (moved.conda.asked[-1], moved.pypi.asked) == ("lock", ["ready"])


@pytest.mark.parametrize(
    ("remedy", "advice"),
    [("name a mirror", "name a mirror; or take blas-mkl instead"), ("", "take blas-mkl instead")],
)
@pytest.mark.parametrize("kind", [NetworkError, ProvisionError])
def test_where_no_source_can_make_it_the_stack_to_take_instead_is_named(
    sources: Sources, kind: type[ProvisionError], remedy: str, advice: str
) -> None:
    sources.conda.lock_error = kind("the channel is down", remedy=remedy)
    with pytest.raises(kind) as caught:
        sources.every.prepare(a_stack(a_spec("numpy-mkl", instead="blas-mkl"), sources=("conda",)))
    assert (str(caught.value), caught.value.remedy) == ("the channel is down", advice)


def test_no_stack_is_named_where_there_is_none_to_take_instead(sources: Sources) -> None:
    sources.conda.lock_error = NetworkError("the channel is down", remedy="name a mirror")
    with pytest.raises(NetworkError) as caught:
        sources.prepare("conda")
    assert caught.value.remedy == "name a mirror"


def test_a_source_that_nobody_makes_is_unavailable(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    every = Environments(home, {}, on_event=lambda _event: None)
    with pytest.raises(UnavailableError, match="conda is not part"):
        every.prepare(a_stack(SPEC, sources=("conda",)))


# ----------------------------------------------------------------------------------------------- install


def test_an_environment_is_built_whole(sources: Sources) -> None:
    environment = sources.made()
    assert str(environment.key) == "numpy-openblas@conda"
    assert environment.prefix is not None
    assert (environment.prefix / prefixes.MARKER).exists()
    assert sources.left() == [environment.prefix.name, f"{environment.prefix.name}.lock"]


def test_a_wreck_is_removed_before_building(sources: Sources) -> None:
    draft = sources.prepare()
    assert isinstance(draft, Draft)
    (draft.prefix / "conda-meta").mkdir(parents=True)
    assert sources.made().prefix == draft.prefix
    assert not (draft.prefix / "conda-meta").exists()


def test_what_another_mambench_made_meanwhile_is_used(sources: Sources) -> None:
    draft = sources.prepare()
    assert isinstance(draft, Draft)
    sources.conda.is_ready = True
    sources.every.install(draft, a_stack(SPEC))
    assert "install" not in sources.conda.asked


@pytest.mark.parametrize(
    "error", [ProvisionError("no"), Interrupted(), KeyboardInterrupt(), RuntimeError("a fault")], ids=repr
)
def test_nothing_half_made_is_left_behind(sources: Sources, error: BaseException) -> None:
    sources.conda.install_errors = [error]
    with pytest.raises(type(error)) as caught:
        sources.made()
    assert caught.value is error
    assert sources.left() == []


def test_what_the_disk_does_is_told_with_the_next_step(sources: Sources) -> None:
    sources.conda.install_errors = [OSError(28, "No space left on device", "/x")]
    with pytest.raises(ProvisionError, match="cannot write /x: No space left on device") as caught:
        sources.made()
    assert "--home" in caught.value.remedy
    assert sources.left() == []


def test_a_path_that_windows_does_not_take_is_told_as_one(sources: Sources) -> None:
    error = OSError(2, "No such file or directory", "/x")
    error.winerror = 206  # type: ignore[attr-defined, unused-ignore]
    sources.conda.install_errors = [error]
    with pytest.raises(PathError, match="cannot write /x: a path is too long"):
        sources.made("conda")


@pytest.mark.parametrize("kind", [NetworkError, PathError])
def test_after_a_network_failure_or_too_long_a_path_the_next_source_is_tried_with_a_warning(
    sources: Sources, kind: type[ProvisionError]
) -> None:
    sources.conda.install_errors = [kind("it broke off")]
    environment = sources.made()
    assert environment.source == "pypi"
    assert environment.warnings == ("its own", "made from pypi: it broke off")
    assert not any("conda" in name for name in sources.left())
    assert len(sources.left()) == 2


def test_the_next_source_is_tried_once_only(sources: Sources) -> None:
    sources.conda.install_errors = [NetworkError("first")]
    sources.pypi.install_errors = [NetworkError("second"), NetworkError("third")]
    with pytest.raises(NetworkError, match="second"):
        sources.made()
    assert sources.conda.asked.count("install") == sources.pypi.asked.count("install") == 1
    assert sources.left() == []


@pytest.mark.parametrize("error", [ProvisionError("no"), Interrupted()], ids=repr)
def test_only_a_network_failure_falls_through(sources: Sources, error: BaseException) -> None:
    sources.conda.install_errors = [error]
    with pytest.raises(type(error)):
        sources.made()
    assert "install" not in sources.pypi.asked


def test_the_last_source_has_nothing_to_fall_back_on(sources: Sources) -> None:
    sources.pypi.install_errors = [NetworkError("it broke off")]
    with pytest.raises(NetworkError, match="it broke off"):
        sources.made("pypi")


def test_building_holds_the_lock_of_the_prefix(sources: Sources) -> None:
    import filelock

    held = []

    def look(prefix: Path) -> None:
        other = filelock.FileLock(sources.home.mutexes / f"{prefix.name}.mutex", timeout=0)
        with pytest.raises(filelock.Timeout):
            other.acquire()
        held.append(prefix)

    sources.conda.on_install = look
    sources.made()
    assert len(held) == 1


def test_who_waits_for_a_mutex_says_for_whom(tmp_path: Path) -> None:
    home, events = Home(tmp_path), []  # type: ignore[var-annotated]
    home.prepare()
    waiting, done = threading.Event(), threading.Event()

    def on_event(event: Event) -> None:
        events.append(event)
        waiting.set()

    def wait() -> None:
        with in_turn(home, "packages", "jax-cpu", on_event):
            done.set()

    with in_turn(home, "packages", "torch-cpu", events.append):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(30)
        assert not done.is_set()
    thread.join(30)
    assert done.is_set()
    (event,) = events
    assert isinstance(event, Provisioning) and event.environment == "jax-cpu"
    assert event.phase.startswith(f"waiting for the mambench that installs torch-cpu (pid {os.getpid()}, since ")
    assert not list(home.mutexes.glob("*.json"))


def test_removing_tells_what_became_free(sources: Sources) -> None:
    sources.made()
    entries = list(prefixes.existing(sources.home))
    assert remove_all(sources.home, entries, on_event=sources.events.append) > 0
    assert sources.left() == []


# ------------------------------------------------------------------------------------------------ damage


def kept_in(folder: Path, name: str, *, sha256: str | None = None) -> PackageOnDisk:
    """A package in a cache, with one file."""
    file = folder / name / "file"
    file.parent.mkdir()
    file.write_text("x")
    return PackageOnDisk(name, "1", file.parent, file, lambda: [RecordedFile(file, 1, sha256)])


def test_a_cached_package_that_is_damaged_is_not_installed_from(sources: Sources, tmp_path: Path) -> None:
    sources.conda.packages = Package("whole", "1"), Package("cut", "1")
    sources.conda.kept = [
        kept_in(tmp_path, "whole"),
        kept_in(tmp_path, "cut", sha256="0" * 64),
        kept_in(tmp_path, "of-another-stack", sha256="0" * 64),
    ]
    sources.made()
    assert [word for word in sources.conda.asked if word.startswith(("forget", "install"))] == ["forget cut", "install"]


def test_a_ready_environment_that_is_whole_has_nothing_to_tell(sources: Sources) -> None:
    assert sources.every.examine(sources.made()) == ""


def test_a_ready_environment_that_is_damaged_is_told_with_the_way_out(sources: Sources) -> None:
    environment = sources.made()
    assert environment.prefix is not None
    prefixes.lock_path(environment.prefix).unlink()
    told = sources.every.examine(environment)
    assert told.startswith(
        "its environment is damaged: its lock file is gone; `mambench env check numpy-openblas --rep"
    )


def test_a_python_of_the_users_own_is_not_looked_at(sources: Sources) -> None:
    assert sources.every.examine(an_environment(prefix=None)) == ""


def test_a_damaged_environment_is_made_anew_though_it_is_ready(sources: Sources) -> None:
    environment = sources.made()
    assert environment.prefix is not None
    (environment.prefix / "half").write_text("damaged")
    sources.conda.is_ready = True
    sources.every.repair(SPEC, prefixes.look(environment.prefix))
    assert (environment.prefix / "half").read_text() == "x"
    assert sources.conda.asked[-2:] == ["locked by a lock", "install"]


@pytest.mark.parametrize("lock_file", ["another", None])
def test_what_no_lock_file_tells_any_more_is_solved_again(sources: Sources, lock_file: str | None) -> None:
    environment = sources.made()
    assert environment.prefix is not None
    if lock_file is None:
        prefixes.lock_path(environment.prefix).unlink()
    else:
        prefixes.lock_path(environment.prefix).write_text(lock_file)
    sources.every.repair(SPEC, prefixes.look(environment.prefix))
    assert sources.conda.asked[-2:] == ["lock", "install"]


def test_a_lock_file_that_lacks_secrets_is_not_used(sources: Sources) -> None:
    lock = prefixes.lock_path(sources.home.environments / "mine-0123456789")
    lock.write_text("https://***@example.org/toy.whl")
    assert prefixes.Installed(lock.with_suffix(""), None).lock_file() is None
    lock.write_text("https://example.org/toy.whl")
    assert prefixes.Installed(lock.with_suffix(""), None).lock_file() == lock.read_text()


def test_what_was_made_from_another_recipe_is_not_repaired(sources: Sources) -> None:
    environment = sources.made()
    assert environment.prefix is not None
    moved = environment.prefix.rename(environment.prefix.with_name("numpy-openblas-0123456789"))
    with pytest.raises(ProvisionError, match="another recipe") as caught:
        sources.every.repair(SPEC, prefixes.look(moved))
    assert "`mambench env remove numpy-openblas`" in caught.value.remedy
    assert moved.exists()
