"""pip's configuration under uv's names: which file wins, what is left alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from mambench.environments.pypi.pipconfig import uv_variables


class Computer:
    """A user's home and a root folder, both empty."""

    def __init__(self, folder: Path, platform: str = "linux-64") -> None:
        self.folder, self.platform = folder, platform
        self.home, self.root, self.site = folder / "home", folder / "root", folder / "venv"
        self.environ: dict[str, str] = {"USERPROFILE" if platform == "win-64" else "HOME": str(self.home)}

    def config(self, path: Path, text: str = "", **options: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in options.items()]
        path.write_text(text or "\n".join(["[global]", *lines]), encoding="utf-8")
        return path

    def index(self, path: Path, name: str) -> None:
        self.config(path, index_url=f"https://example.org/{name}")

    def variables(self, **environ: str) -> Mapping[str, str]:
        return uv_variables(self.platform, {**self.environ, **environ}, site=self.site, root=self.root)

    def default_index(self, **environ: str) -> str | None:
        found = self.variables(**environ).get("UV_DEFAULT_INDEX")
        return found.rpartition("/")[2] if found else None


@pytest.fixture
def here(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_without_any_configuration_nothing_is_said(here: Computer) -> None:
    assert here.variables() == {}


def test_later_files_beat_earlier_ones_on_linux(here: Computer) -> None:
    xdg = here.folder / "first", here.folder / "second"
    here.environ["XDG_CONFIG_DIRS"] = ":".join(map(str, xdg))
    chosen = here.folder / "chosen.conf"
    order = [
        xdg[0] / "pip/pip.conf",
        xdg[1] / "pip/pip.conf",
        here.root / "etc/pip.conf",
        here.home / ".pip/pip.conf",
        here.home / ".config/pip/pip.conf",
        here.site / "pip.conf",
    ]
    for number, path in enumerate(order):
        here.index(path, str(number))
        assert here.default_index() == str(number)
    here.index(chosen, "chosen")
    assert here.default_index(PIP_CONFIG_FILE=str(chosen)) == "chosen"
    assert here.default_index(PIP_CONFIG_FILE=str(chosen), PIP_INDEX_URL="https://example.org/v") == "v"


def test_the_folders_for_everybody_are_found_without_a_variable(here: Computer) -> None:
    here.index(here.root / "etc/xdg/pip/pip.conf", "xdg")
    assert here.default_index() == "xdg"


def test_xdg_config_home_replaces_dot_config(here: Computer) -> None:
    here.index(here.home / ".config/pip/pip.conf", "dot")
    here.index(here.folder / "config/pip/pip.conf", "xdg")
    assert here.default_index(XDG_CONFIG_HOME=str(here.folder / "config")) == "xdg"


def test_a_named_file_replaces_the_users_own_but_not_everybodys(here: Computer) -> None:
    here.config(here.root / "etc/pip.conf", cert=str(here.config(here.folder / "ca.pem", "x")))
    here.index(here.home / ".config/pip/pip.conf", "user")
    chosen = here.config(here.folder / "chosen.conf", proxy="http://proxy.example.org")
    found = here.variables(PIP_CONFIG_FILE=str(chosen))
    assert found.keys() == {"SSL_CERT_FILE", "ALL_PROXY"}
    assert here.default_index(PIP_CONFIG_FILE=str(here.folder / "missing")) == "user"


def test_devnull_as_the_file_switches_all_files_off(here: Computer) -> None:
    here.index(here.home / ".config/pip/pip.conf", "user")
    assert here.variables(PIP_CONFIG_FILE=os.devnull) == {}
    assert here.default_index(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="https://example.org/v") == "v"


def test_the_section_install_beats_global_whatever_the_file(here: Computer) -> None:
    here.config(here.root / "etc/pip.conf", "[install]\nindex-url = https://example.org/install\n")
    here.index(here.home / ".config/pip/pip.conf", "global")
    assert here.default_index() == "install"


def test_underscores_are_dashes(here: Computer) -> None:
    here.config(here.site / "pip.conf", "[global]\nindex_url = https://example.org/u\n")
    assert here.default_index() == "u"


def test_an_empty_value_is_none(here: Computer) -> None:
    here.config(here.site / "pip.conf", "[global]\nindex-url = https://example.org/g\n[install]\nindex-url =\n")
    assert here.default_index(PIP_INDEX_URL="") == "g"


@pytest.mark.parametrize("text", ["no section", "[global\n", "[global]\na = 1\na = 2\n"])
def test_a_broken_file_is_passed_over(here: Computer, text: str) -> None:
    here.config(here.home / ".config/pip/pip.conf", text)
    here.index(here.home / ".pip/pip.conf", "legacy")
    assert here.default_index() == "legacy"


def test_a_file_that_is_no_utf8_is_passed_over(here: Computer) -> None:
    here.config(here.site / "pip.conf").write_bytes(b"[global]\nindex-url = \xff\n")
    assert here.variables() == {}


def test_every_setting_has_its_name_in_uv(here: Computer) -> None:
    wheels, cert = here.folder / "wheels", here.folder / "ca.pem"
    wheels.mkdir()
    cert.write_text("x")
    here.config(
        here.site / "pip.conf",
        index_url="https://example.org/simple",
        extra_index_url="\n https://example.org/a\n https://example.org/b",
        find_links=f"{wheels} https://example.org/links",
        no_index="true",
        trusted_host="example.org example.net",
        cert=str(cert),
        proxy="http://proxy.example.org:3128",
    )
    assert here.variables() == {
        "UV_DEFAULT_INDEX": "https://example.org/simple",
        "UV_INDEX": "https://example.org/a https://example.org/b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"{wheels},https://example.org/links",
        "UV_NO_INDEX": "1",
        "UV_INSECURE_HOST": "example.org example.net",
        "SSL_CERT_FILE": str(cert),
        "ALL_PROXY": "http://proxy.example.org:3128",
    }


OWN = {
    "UV_DEFAULT_INDEX": "index_url",
    "UV_INDEX_URL": "index_url",
    "UV_INDEX": "extra_index_url",
    "UV_EXTRA_INDEX_URL": "extra_index_url",
    "UV_FIND_LINKS": "find_links",
    "UV_NO_INDEX": "no_index",
    "UV_INSECURE_HOST": "trusted_host",
    "SSL_CERT_FILE": "cert",
    "ALL_PROXY": "proxy",
    "https_proxy": "proxy",
}


@pytest.mark.parametrize(("name", "option"), OWN.items())
def test_what_uv_was_given_itself_is_left_alone(here: Computer, name: str, option: str) -> None:
    cert = here.config(here.folder / "ca.pem", "x")
    values = {"no_index": "1", "cert": str(cert), "trusted_host": "example.org"}
    here.config(here.site / "pip.conf", **{option: values.get(option, "https://example.org")})
    assert here.variables() != {}
    assert here.variables(**{name: "mine"}) == {}


def test_the_users_strategy_is_kept(here: Computer) -> None:
    here.config(here.site / "pip.conf", extra_index_url="https://example.org/a")
    assert here.variables(UV_INDEX_STRATEGY="first-index")["UV_INDEX_STRATEGY"] == "first-index"


@pytest.mark.parametrize("value", ["0", "false", "no", "off"])
def test_no_index_may_be_switched_off(here: Computer, value: str) -> None:
    assert here.variables(PIP_NO_INDEX=value) == {}


def test_dead_local_folders_are_dropped(here: Computer) -> None:
    alive = here.folder / "my wheels"
    alive.mkdir()
    links = f"{here.folder / 'gone'} {(here.folder / 'dead').as_uri()} {alive.as_uri()} https://example.org/links"
    found = here.variables(PIP_FIND_LINKS=links, PIP_EXTRA_INDEX_URL=(here.folder / "dead").as_uri())
    assert found == {"UV_FIND_LINKS": f"{alive.as_uri()},https://example.org/links"}


def test_a_certificate_that_is_not_there_is_dropped(here: Computer) -> None:
    assert here.variables(PIP_CERT=str(here.folder / "gone.pem")) == {}


def test_windows_has_its_own_places(tmp_path: Path) -> None:
    here = Computer(tmp_path, "win-64")
    here.environ |= {"PROGRAMDATA": str(tmp_path / "ProgramData"), "APPDATA": str(tmp_path / "Roaming")}
    order = [
        tmp_path / "ProgramData/pip/pip.ini",
        here.home / "pip/pip.ini",
        tmp_path / "Roaming/pip/pip.ini",
        here.site / "pip.ini",
    ]
    for number, path in enumerate(order):
        here.index(path, str(number))
        assert here.default_index() == str(number)


def test_macos_has_its_own_places(tmp_path: Path) -> None:
    here = Computer(tmp_path, "osx-arm64")
    order = [
        here.root / "Library/Application Support/pip/pip.conf",
        here.home / ".pip/pip.conf",
        here.home / ".config/pip/pip.conf",
        here.home / "Library/Application Support/pip/pip.conf",
        here.site / "pip.conf",
    ]
    for number, path in enumerate(order):
        here.index(path, str(number))
        assert here.default_index() == str(number)


def test_macos_does_not_look_where_only_linux_does(tmp_path: Path) -> None:
    here = Computer(tmp_path, "osx-arm64")
    here.index(here.root / "etc/pip.conf", "etc")
    assert here.default_index() is None
