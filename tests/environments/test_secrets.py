"""Logins and tokens in --channel: they work, and nothing keeps or shows them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from environments.house import Done, House
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
