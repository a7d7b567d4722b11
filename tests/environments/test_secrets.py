"""Logins and tokens in --channel: they work, and nothing keeps or shows them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from environments.house import Done, House
from environments.index import Stack, serving
from mambench.errors import ProvisionError
from standin.server import ChannelServer, Fault, serve

pytestmark = pytest.mark.promise("secrets")

PASSWORD = 's3 c/r@t:"\\'


def told_nothing(house: House, *done: Done, secret: str = "s3") -> None:
    """No part of the password in the home, the person's folders, or on the screen."""
    words = {PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), "c/r@t", "c%2Fr%40t"} if secret == "s3" else {secret}
    for word in words:
        assert house.containing(word, house.home, house.user, house.cwd, house.temporary) == []
        assert not [each for each in done if word in each.out + each.err]


def with_login(server: ChannelServer, password: str = PASSWORD) -> str:
    return server.url.replace("://", f"://jane:{quote(password, safe='')}@")


@pytest.fixture
def guarded(channel: Path):
    """A server that asks for jane's password."""
    with serve(channel, login=f"jane:{PASSWORD}") as served:
        yield served


@pytest.mark.usefixtures("shape")
def test_login_works_and_is_told_nowhere(house: House, guarded: ChannelServer):
    done = house.run(channel=with_login(guarded), more=["--json", "-"])
    assert done.code == 0, done.text
    listed = house.call("env", "list", "--json")
    doctor = house.call("doctor", "--channel", with_login(guarded), "--json")
    told_nothing(house, done, listed, doctor)
    assert house.environment()["channels"][0].endswith(guarded.url.removeprefix("http:"))
    assert all(PASSWORD not in line and "c%2Fr" not in line for line in house.calls("")), "in the list of processes"


def test_another_password_finds_the_same_environment(house: House, guarded: ChannelServer):
    house.offer("small", "python")
    assert house.create("small", channel=with_login(guarded)).code == 0
    guarded.login = "jane:changed"
    assert house.create("small", channel=with_login(guarded, "changed")).code == 0
    assert len(house.prefixes()) == 1


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("*python-3*", Fault(status=404)),
        ("*python-3*", Fault(wrong_bytes=True)),
        ("*python-3*", Fault(cut_after_bytes=1000)),
        ("*python-3*", Fault(status=401)),
        ("*repodata*", Fault(status=403)),
    ],
)
def test_failures_do_not_tell_it(house: House, guarded: ChannelServer, pattern: str, fault: Fault):
    house.offer("small", "python")
    guarded.faults[pattern] = fault
    done = house.run("small", channel=with_login(guarded))
    assert done.code == 3
    assert house.row()["failure"]
    told_nothing(house, done)


def test_wrong_login_is_named_as_such(house: House, guarded: ChannelServer):
    house.offer("small", "python")
    done = house.run("small", channel=with_login(guarded, "wr0ng-one"))
    assert done.code == 3
    assert "401" in house.row()["failure"]["message"]
    told_nothing(house, done, secret="wr0ng-one")


@pytest.mark.usefixtures("shape")
def test_token_works_and_is_told_nowhere(house: House, channel: Path, tmp_path: Path):
    folder = tmp_path / "served" / "t" / "T0KEN-xyz" / "get"
    folder.mkdir(parents=True)
    (folder / "chan").symlink_to(channel)
    house.offer("small", "python", "toy-bz2")
    with serve(tmp_path / "served") as server:
        url = f"{server.url}/t/T0KEN-xyz/get/chan"
        done = house.create("small", channel=url)
        assert done.code == 0, done.text
        told_nothing(house, done, secret="T0KEN-xyz")
        assert not [line for line in house.calls("") if "T0KEN" in line], "in the list of processes"
        server.faults["*toy-bz2*"] = Fault(status=404)
        house.call("env", "remove", "--all")
        failed = house.create("small", channel=url)
        assert failed.code == 4
        told_nothing(house, failed, secret="T0KEN-xyz")


def test_the_persons_own_netrc_is_not_read(house: House, guarded: ChannelServer):
    (house.user / ".netrc").write_text(f"machine 127.0.0.1 login jane password {PASSWORD!r}\n")
    (house.user / ".netrc").chmod(0o600)
    house.offer("small", "python")
    done = house.run("small", channel=guarded.url)
    assert done.code == 3
    assert "401" in house.row()["failure"]["message"]


def test_a_token_in_a_query_is_told_nowhere(house: House, server: ChannelServer):
    house.offer("small", "python")
    done = house.run("small", channel=f"{server.url}/chan?token=T0KEN-xyz", more=["--json", "-"])
    assert done.code == 3
    report = house.report()
    assert report["settings"]["channels"] == [f"{server.url}/chan?token=***"]
    assert f"{server.url}/chan?token=***" in report["argv"]
    told_nothing(house, done, secret="T0KEN-xyz")


@pytest.mark.parametrize(
    "proxy", ["jane:s3cret@127.0.0.1:9", "http://jane:s3c/ret@127.0.0.1:9", "jane:s3c/r#et@127.0.0.1:9"]
)
def test_the_login_of_a_proxy_is_told_nowhere(house: House, proxy: str):
    house.environ["HTTP_PROXY"] = house.environ["http_proxy"] = proxy
    house.offer("small", "python")
    doctor = house.call("doctor", "--channel", "http://channel.invalid/x")
    assert "HTTP_PROXY=" in doctor.text and "***@127.0.0.1:9" in doctor.text
    done = house.run("small", channel="http://channel.invalid/x")
    assert done.code == 3
    told_nothing(house, doctor, done, secret="s3c")


@pytest.mark.parametrize("login", ["jane:s3c/ret", "jane:s3c#ret", "jane:s3c/r#et"])
def test_a_login_that_is_not_encoded_is_refused_without_showing_it(house: House, login: str):
    done = house.run(channel=f"http://{login}@channel.invalid/x")
    assert done.code == 2
    assert "%2F" in done.text and "http://***@channel.invalid/x" in done.text
    told_nothing(house, done, secret="s3c")


@pytest.mark.parametrize("given", ["", "mirror=", "pip"])
def test_logins_and_tokens_of_an_index_are_told_nowhere_by_uv(
    tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
):
    """Its cache apart, in which uv keeps addresses; a token in the path is one of the user's own index."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with serving() as index:
        index.login, index.folder = "jane:s3cret-word", "/aB3dE5gH7jK9mN1p/python"
        url = index.url.replace("://", "://jane:s3cret-word@")
        name = "PIP_INDEX_URL" if given == "pip" else "UV_INDEX" if given else "UV_DEFAULT_INDEX"
        stack = Stack(tmp_path, url, environ={name: f"{given.removeprefix('pip')}{url}"})
        draft = stack.make()
        ready = stack.source.ready(stack.spec)
        index.wheel = "missing"
        with pytest.raises(ProvisionError) as caught:
            Stack(tmp_path / "other", url).make()
    assert ready is not None
    shown = [str(draft.packages), str(draft.installer_variables), str(ready), str(stack.events)]
    shown += [str(caught.value), caught.value.remedy]
    kept = [path for folder in ("home", "other/home") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    shown += [path.read_bytes().decode(errors="replace") for path in kept if "cache" not in path.parts]
    for secret in ("s3cret-word", "aB3dE5gH7jK9mN1p"):
        assert not [text for text in shown if secret in text]
