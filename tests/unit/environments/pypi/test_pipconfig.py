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
        variables = self.variables(**environ).get("UV_DEFAULT_INDEX")
        return variables.rpartition("/")[2] if variables else None


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_without_any_configuration_nothing_is_said(computer: Computer) -> None:
    assert computer.variables() == {}


@pytest.mark.skipif(os.name == "nt", reason="a colon separates folders on Linux, and is in each of Windows' paths")
def test_later_files_beat_earlier_ones_on_linux(computer: Computer) -> None:
    xdg = computer.folder / "first", computer.folder / "second"
    computer.environ["XDG_CONFIG_DIRS"] = ":".join(map(str, xdg))
    chosen = computer.folder / "chosen.conf"
    order = [
        xdg[0] / "pip/pip.conf",
        xdg[1] / "pip/pip.conf",
        computer.root / "etc/pip.conf",
        computer.home / ".pip/pip.conf",
        computer.home / ".config/pip/pip.conf",
        computer.site / "pip.conf",
    ]
    for number, path in enumerate(order):
        computer.index(path, str(number))
        assert computer.default_index() == str(number)
    computer.index(chosen, "chosen")
    assert computer.default_index(PIP_CONFIG_FILE=str(chosen)) == "chosen"
    assert computer.default_index(PIP_CONFIG_FILE=str(chosen), PIP_INDEX_URL="https://example.org/v") == "v"


@pytest.mark.skipif(os.name == "nt", reason="a colon separates folders on Linux, and is in each of Windows' paths")
def test_the_folders_for_everybody_are_found_without_a_variable(computer: Computer) -> None:
    computer.index(computer.root / "etc/xdg/pip/pip.conf", "xdg")
    assert computer.default_index() == "xdg"


def test_xdg_config_home_replaces_dot_config(computer: Computer) -> None:
    computer.index(computer.home / ".config/pip/pip.conf", "dot")
    computer.index(computer.folder / "config/pip/pip.conf", "xdg")
    assert computer.default_index(XDG_CONFIG_HOME=str(computer.folder / "config")) == "xdg"


def test_a_named_file_replaces_the_users_own_but_not_everybodys(computer: Computer) -> None:
    computer.config(computer.root / "etc/pip.conf", cert=str(computer.config(computer.folder / "ca.pem", "x")))
    computer.index(computer.home / ".config/pip/pip.conf", "user")
    chosen = computer.config(computer.folder / "chosen.conf", proxy="http://proxy.example.org")
    variables = computer.variables(PIP_CONFIG_FILE=str(chosen))
    assert variables.keys() == {"SSL_CERT_FILE", "ALL_PROXY"}
    assert computer.default_index(PIP_CONFIG_FILE=str(computer.folder / "missing")) == "user"


def test_devnull_as_the_file_switches_all_files_off(computer: Computer) -> None:
    computer.index(computer.home / ".config/pip/pip.conf", "user")
    assert computer.variables(PIP_CONFIG_FILE=os.devnull) == {}
    assert computer.default_index(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="https://example.org/v") == "v"


def test_the_section_install_beats_global_whatever_the_file(computer: Computer) -> None:
    computer.config(computer.root / "etc/pip.conf", "[install]\nindex-url = https://example.org/install\n")
    computer.index(computer.home / ".config/pip/pip.conf", "global")
    assert computer.default_index() == "install"


def test_underscores_are_dashes(computer: Computer) -> None:
    computer.config(computer.site / "pip.conf", "[global]\nindex_url = https://example.org/u\n")
    assert computer.default_index() == "u"


def test_an_empty_value_is_none(computer: Computer) -> None:
    computer.config(computer.site / "pip.conf", "[global]\nindex-url = https://example.org/g\n[install]\nindex-url =\n")
    assert computer.default_index(PIP_INDEX_URL="") == "g"


@pytest.mark.parametrize("text", ["no section", "[global\n", "[global]\na = 1\na = 2\n"])
def test_a_broken_file_is_passed_over(computer: Computer, text: str) -> None:
    computer.config(computer.home / ".config/pip/pip.conf", text)
    computer.index(computer.home / ".pip/pip.conf", "legacy")
    assert computer.default_index() == "legacy"


def test_a_file_that_is_no_utf8_is_passed_over(computer: Computer) -> None:
    computer.config(computer.site / "pip.conf").write_bytes(b"[global]\nindex-url = \xff\n")
    assert computer.variables() == {}


def test_every_setting_has_its_name_in_uv(computer: Computer) -> None:
    wheels, cert = computer.folder / "wheels", computer.folder / "ca.pem"
    wheels.mkdir()
    cert.write_text("x")
    computer.config(
        computer.site / "pip.conf",
        index_url="https://example.org/simple",
        extra_index_url="\n https://example.org/a\n https://example.org/b",
        find_links=f"{wheels} https://example.org/links",
        no_index="true",
        trusted_host="example.org example.net",
        cert=str(cert),
        proxy="http://proxy.example.org:3128",
    )
    assert computer.variables() == {
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
def test_what_uv_was_given_itself_is_left_alone(computer: Computer, name: str, option: str) -> None:
    cert = computer.config(computer.folder / "ca.pem", "x")
    values = {"no_index": "1", "cert": str(cert), "trusted_host": "example.org"}
    computer.config(computer.site / "pip.conf", **{option: values.get(option, "https://example.org")})
    assert computer.variables() != {}
    assert computer.variables(**{name: "mine"}) == {}


def test_the_users_strategy_is_kept(computer: Computer) -> None:
    computer.config(computer.site / "pip.conf", extra_index_url="https://example.org/a")
    assert computer.variables(UV_INDEX_STRATEGY="first-index")["UV_INDEX_STRATEGY"] == "first-index"


@pytest.mark.parametrize("value", ["0", "false", "no", "off"])
def test_no_index_may_be_switched_off(computer: Computer, value: str) -> None:
    assert computer.variables(PIP_NO_INDEX=value) == {}


def test_dead_local_folders_are_dropped(computer: Computer) -> None:
    alive = computer.folder / "my wheels"
    alive.mkdir()
    links = (
        f"{computer.folder / 'gone'} {(computer.folder / 'dead').as_uri()} {alive.as_uri()} https://example.org/links"
    )
    variables = computer.variables(PIP_FIND_LINKS=links, PIP_EXTRA_INDEX_URL=(computer.folder / "dead").as_uri())
    assert variables == {"UV_FIND_LINKS": f"{alive.as_uri()},https://example.org/links"}


def test_a_certificate_that_is_not_there_is_dropped(computer: Computer) -> None:
    assert computer.variables(PIP_CERT=str(computer.folder / "gone.pem")) == {}


def test_windows_has_its_own_places(tmp_path: Path) -> None:
    computer = Computer(tmp_path, "win-64")
    computer.environ |= {"PROGRAMDATA": str(tmp_path / "ProgramData"), "APPDATA": str(tmp_path / "Roaming")}
    order = [
        tmp_path / "ProgramData/pip/pip.ini",
        computer.home / "pip/pip.ini",
        tmp_path / "Roaming/pip/pip.ini",
        computer.site / "pip.ini",
    ]
    for number, path in enumerate(order):
        computer.index(path, str(number))
        assert computer.default_index() == str(number)


def test_macos_has_its_own_places(tmp_path: Path) -> None:
    computer = Computer(tmp_path, "osx-arm64")
    order = [
        computer.root / "Library/Application Support/pip/pip.conf",
        computer.home / ".pip/pip.conf",
        computer.home / ".config/pip/pip.conf",
        computer.home / "Library/Application Support/pip/pip.conf",
        computer.site / "pip.conf",
    ]
    for number, path in enumerate(order):
        computer.index(path, str(number))
        assert computer.default_index() == str(number)


def test_macos_does_not_look_where_only_linux_does(tmp_path: Path) -> None:
    computer = Computer(tmp_path, "osx-arm64")
    computer.index(computer.root / "etc/pip.conf", "etc")
    assert computer.default_index() is None
