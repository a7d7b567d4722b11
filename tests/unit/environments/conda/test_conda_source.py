"""The source `conda`: probe, solve, lock, install, progress; micromamba and the network are fakes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import a_spec

from mambench.environments import prefix as prefixes
from mambench.environments.conda import source as conda
from mambench.environments.conda.bootstrap import Located
from mambench.environments.conda.channels import DEFAULT_SERVER
from mambench.environments.conda.micromamba import Solution
from mambench.environments.conda.source import CondaSource, python_version
from mambench.environments.prefix import Draft, Identity
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import CondaRecipe, EnvironmentSpec, Event, Note, Package, Provisioning
from mambench.system import mutex, network
from mambench.system.home import Home


def a_record(name: str, version: str = "1", size: int = 100) -> dict[str, Any]:
    url = f"https://example.org/channel/linux-64/{name}-{version}-0.conda"
    return {"name": name, "version": version, "build": "0", "url": url, "sha256": name * 8, "size": size}


RECORDS = (a_record("python", "3.12.7", 1000), a_record("numpy", "2.4.6", 500))


class FakeMamba:
    """Instead of `Micromamba`: solves to RECORDS, installs a python, notes what it was asked."""

    solution = Solution(RECORDS, frozenset({"numpy"}))
    asked: list[Any] = []
    fails: Exception | None = None

    def __init__(self, executable: Path, home: Home, **options: Any) -> None:
        self.package_cache = home.mamba_root / "pkgs"
        self.asked.append((executable, options["offline"]))

    def solve(
        self, specs: Sequence[str], channels: Sequence[str], *, log: Path, on_tick: Callable[[], None]
    ) -> Solution:
        on_tick()
        self.asked.append((tuple(specs), tuple(channels), log.name))
        return self.solution

    def install(
        self,
        lock: Path,
        channels: Sequence[str],
        *,
        prefix: Path,
        log: Path,
        on_line: Callable[[str], None],
        on_tick: Callable[[], None],
        received_bytes: Callable[[], int | None],
    ) -> None:
        del channels, log
        self.asked.append(lock.read_text())
        archive = self.package_cache / "numpy-2.4.6-0.conda"
        archive.parent.mkdir(parents=True)
        archive.write_bytes(bytes(200))
        on_tick()
        assert received_bytes() == 200
        archive.write_bytes(bytes(500))
        on_tick()
        assert received_bytes() is None, "it waits for nothing while it unpacks"
        on_line("Linking python-3.12.7-0")
        on_line("Linking numpy-2.4.6-0")
        on_tick()
        if self.fails is not None:
            raise self.fails
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin" / "python").write_text("")
        (prefix / "conda-meta").mkdir()
        for record in RECORDS:
            (prefix / "conda-meta" / f"{record['name']}-{record['version']}-0.json").write_text("{}")


class FakeLocator:
    note = ""
    fails: Exception | None = None

    def locate(self, _on_bytes: object) -> Located:
        if self.fails is not None:
            raise self.fails
        return Located(Path("/tools/micromamba"), "carried", note=self.note)


class Source:
    """A `CondaSource` in a home of its own, with its fakes."""

    def __init__(self, folder: Path) -> None:
        self.home, self.locator, self.events = Home(folder / "home"), FakeLocator(), list[Event]()
        self.home.prepare()
        self.unreachable: dict[str, NetworkError] = {}

    def conda(self, *channels: str, offline: bool = False, platform: str = "linux-64") -> CondaSource:
        locator: Any = self.locator
        return CondaSource(
            self.home,
            locator,
            platform=platform,
            environ={},
            offline=offline,
            channels=channels,
            cuda_version=None,
        )

    def draft(self, spec: EnvironmentSpec, *channels: str, **options: Any) -> Draft:
        return self.conda(*channels, **options).solve(spec, self.events.append)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    made = Source(tmp_path)
    monkeypatch.setattr(conda, "Micromamba", FakeMamba)
    monkeypatch.setattr(FakeMamba, "asked", [])
    monkeypatch.setattr(network, "unreachable", lambda url, **_options: made.unreachable.get(url))
    return made


SPEC = a_spec(conda=CondaRecipe(("conda-forge",), ("python=3.12", "numpy=2.4.6")))


# -------------------------------------------------------------------------------------------------- solving


def test_a_draft_holds_lock_packages_and_what_is_missing(source: Source) -> None:
    draft = source.draft(SPEC)
    assert draft.lock_file.splitlines()[0] == "@EXPLICIT"
    assert [package.name for package in draft.packages] == ["python", "numpy"]
    assert ([package.name for package in draft.downloads], draft.download_bytes) == (["numpy"], 500)
    assert draft.base_python == "3.12.7"
    assert FakeMamba.asked[1][:2] == (("python=3.12", "numpy=2.4.6"), ("conda-forge",))
    assert source.events.count(Provisioning(SPEC.name, "solving", host="conda.anaconda.org")) == 2


def test_channels_that_are_named_take_the_place_of_the_recipes(source: Source) -> None:
    draft = source.draft(SPEC, "https://me:secret@example.org/a,b/")
    assert FakeMamba.asked[1][1] == ("https://me:secret@example.org/a,b",)
    assert draft.identity.channels == ("https://example.org/a,b",)
    assert draft.identity.digest != source.draft(SPEC).identity.digest


def test_a_channel_that_could_not_be_reached_says_why_and_keeps_the_cause(source: Source) -> None:
    problem = NetworkError("DNS lookup failed for example.org", remedy="set HTTPS_PROXY")
    for name in ("repodata.json.zst", "repodata.json"):
        source.unreachable[f"{DEFAULT_SERVER}conda-forge/linux-64/{name}"] = problem
    with pytest.raises(UnavailableError, match=r"DNS lookup failed for example\.org") as caught:
        source.draft(SPEC)
    assert caught.value.reason == "source"
    assert caught.value.remedy == "set HTTPS_PROXY; or name a mirror with --channel"
    assert caught.value.__cause__ is problem
    assert FakeMamba.asked == []


def test_offline_asks_no_channel_and_names_what_is_missing(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "unreachable", lambda url, **_options: pytest.fail(f"{url} was asked"))
    with pytest.raises(UnavailableError, match="numpy") as caught:
        source.draft(SPEC, offline=True)
    assert caught.value.reason == "offline"
    monkeypatch.setattr(FakeMamba, "solution", Solution(RECORDS, frozenset()))
    assert source.draft(SPEC, offline=True).downloads == ()


def test_what_a_lock_file_names_is_here_in_its_own_build_only(source: Source) -> None:
    lock = "@EXPLICIT\nhttps://e.org/linux-64/python-3.12.7-h0_0.conda\nhttps://e.org/linux-64/numpy-2.4.6-h0_0.conda\n"
    for name in ("python-3.12.7-h0_0", "numpy-2.4.6-h0_1"):
        (source.home.package_cache / name / "info").mkdir(parents=True)
    draft = source.conda().locked(SPEC, lock, source.events.append)
    assert [package.name for package in draft.downloads] == ["numpy"]
    assert (draft.base_python, FakeMamba.asked) == ("3.12.7", [])
    with pytest.raises(UnavailableError, match="not here yet: numpy"):
        source.conda(offline=True).locked(SPEC, lock, source.events.append)


@pytest.mark.parametrize(
    ("spec", "platform", "words"),
    [
        (a_spec(conda=None), "linux-64", "has no conda recipe"),
        (a_spec(conda=CondaRecipe(("c",), ("p",), platforms=("win-64",))), "linux-64", "for linux-64"),
    ],
)
def test_a_stack_that_the_source_has_not(source: Source, spec: EnvironmentSpec, platform: str, words: str) -> None:
    with pytest.raises(UnavailableError, match=words):
        source.draft(spec, platform=platform)


def test_a_local_channel_with_a_space_is_refused(source: Source) -> None:
    with pytest.raises(UnavailableError, match="cannot hold a space"):
        source.draft(SPEC, "/my channel")


def test_a_micromamba_that_could_not_be_fetched_makes_the_source_unavailable(source: Source) -> None:
    source.locator.fails = NetworkError("DNS lookup failed for example.org", remedy="set HTTPS_PROXY")
    with pytest.raises(UnavailableError, match="no micromamba: DNS lookup failed") as caught:
        source.draft(SPEC)
    assert caught.value.__cause__ is source.locator.fails


def test_what_is_odd_about_micromamba_is_said(source: Source) -> None:
    source.locator.note = "it was changed"
    source.draft(SPEC)
    assert Note("it was changed") in source.events


def test_a_solution_without_python_is_none() -> None:
    assert python_version([Package("python", "3.12.7")]) == "3.12.7"
    with pytest.raises(ProvisionError, match="no python"):
        python_version([Package("numpy", "1")])


# ----------------------------------------------------------------------------------------------- installing


def test_a_prefix_is_installed_from_the_lock_and_the_archives_go(source: Source) -> None:
    draft = source.draft(SPEC)
    source.events.clear()
    environment = source.conda().install(draft, source.events.append)
    assert FakeMamba.asked[-1] == draft.lock_file
    assert (str(environment.key), environment.version) == ("numpy-openblas@conda", "3.12.7")
    assert not list(source.home.mamba_root.rglob("*.conda"))
    ready = source.conda().ready(SPEC)
    assert ready is not None
    assert ready.packages == environment.packages
    steps = [
        (each.phase, each.done_bytes, each.total_bytes) for each in source.events if isinstance(each, Provisioning)
    ]
    assert steps == [("downloading", 200, 500), ("unpacking", 500, 500), ("linking package 2 of 2", None, None)]


def test_a_failed_install_has_no_marker_and_forgets_tokens(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = "https://example.org/t/se-cret/channel"
    draft = source.draft(SPEC, channel)
    monkeypatch.setattr(FakeMamba, "fails", ProvisionError("no"))
    urls = source.home.mamba_root / "pkgs" / "urls.txt"
    install = FakeMamba.install

    def writes_token(self: FakeMamba, *arguments: Any, **options: Any) -> None:
        try:
            install(self, *arguments, **options)
        finally:
            urls.write_text("https://example.org/t/se-cret/channel/linux-64/numpy-2.4.6-0.conda\n")

    monkeypatch.setattr(FakeMamba, "install", writes_token)
    with pytest.raises(ProvisionError, match="no"):
        source.conda(channel).install(draft, source.events.append)
    assert source.conda(channel).ready(SPEC) is None
    assert "se-cret" not in urls.read_text()


def test_who_waits_for_the_packages_says_so(source: Source) -> None:
    draft = source.draft(SPEC)
    begun = threading.Event()

    def on_event(event: Event) -> None:
        source.events.append(event)
        begun.set()

    thread = threading.Thread(target=lambda: source.conda().install(draft, on_event))
    with mutex.held(source.home, mutex.PACKAGES, "the mambench that installs other"):
        thread.start()
        assert begun.wait(30)
        event = source.events[-1]
        assert isinstance(event, Provisioning)
        assert event.phase.startswith("waiting for the mambench that installs other (pid ")
    thread.join(30)
    assert prefixes.ready(SPEC, draft.identity, draft.prefix) is not None


def test_the_recipe_platform_and_channels_are_the_identity(source: Source) -> None:
    identity = source.draft(SPEC).identity
    assert identity == Identity(
        "numpy-openblas", "conda", "linux-64", ("python=3.12", "numpy=2.4.6"), ("conda-forge",), ""
    )
