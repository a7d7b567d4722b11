"""Downloads whole or not at all, sizes, reachability, and nothing secret in any message; servers are loopback."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from servers import CONTENT, SHA256, Server, fetch

from mambench.errors import NetworkError, ProvisionError
from mambench.system import network

pytestmark = [pytest.mark.promise("networks"), pytest.mark.usefixtures("no_surroundings")]


# --------------------------------------------------------------------------------------------- download


def test_a_whole_download_lies_there_and_told_its_progress(server: Server, tmp_path: Path) -> None:
    seen = fetch(f"{server.url}/file", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert server.asked[0][2].startswith("mambench/")


def test_a_server_may_not_tell_the_length(server: Server, tmp_path: Path) -> None:
    assert fetch(f"{server.url}/unsized", tmp_path / "x")[-1] == (len(CONTENT), None)


@pytest.mark.parametrize(
    ("name", "sha256", "kind", "words"),
    [
        ("file", "0" * 64, ProvisionError, "SHA-256"),
        ("cut", SHA256, NetworkError, "broke off"),
        ("nothing", SHA256, NetworkError, "404 Not Found"),
        ("portal", SHA256, NetworkError, "127.0.0.1 answered with another page"),
        ("loop", SHA256, NetworkError, "redirects in a loop"),
    ],
)
def test_a_download_that_fails_leaves_the_old_file_and_nothing_else(
    server: Server, tmp_path: Path, name: str, sha256: str, kind: type[ProvisionError], words: str
) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(kind, match=words) as caught:
        fetch(f"{server.url}/{name}", tmp_path / "x", sha256)
    assert type(caught.value) is kind
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_download_that_is_interrupted_leaves_nothing(server: Server, tmp_path: Path) -> None:
    def stop(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network.download(f"{server.url}/file", tmp_path / "x", sha256=SHA256, on_bytes=stop)
    assert list(tmp_path.iterdir()) == []


def resumed(server: Server, path: Path, name: str, sha256: str | None = SHA256) -> list[int]:
    seen: list[int] = []
    network.download(
        f"{server.url}/{name}", path, sha256=sha256, on_bytes=lambda done, _total: seen.append(done), resume=True
    )
    return seen


def test_a_download_that_broke_off_goes_on_behind_what_has_come(server: Server, tmp_path: Path) -> None:
    path, part = tmp_path / "x", tmp_path / f"x{network.PART}"
    with pytest.raises(NetworkError, match="broke off"):
        resumed(server, path, "cut")
    half = part.stat().st_size
    assert half > len(CONTENT) * 0.49
    with pytest.raises(NetworkError, match="broke off"):
        resumed(server, path, "cut")
    more = part.stat().st_size
    assert more > len(CONTENT) * 0.74
    assert part.read_bytes() == CONTENT[:more]
    assert min(resumed(server, path, "file")) >= more
    assert path.read_bytes() == CONTENT
    assert not part.exists()


@pytest.mark.parametrize("name", ["file", "deaf"])
@pytest.mark.parametrize("begun", [b"", CONTENT[:1000], CONTENT, CONTENT + b"more"])
def test_it_begins_anew_where_there_is_nothing_to_go_on_with(
    server: Server, tmp_path: Path, name: str, begun: bytes
) -> None:
    (tmp_path / f"x{network.PART}").write_bytes(begun)
    resumed(server, tmp_path / "x", name)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_what_came_of_another_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"x{network.PART}").write_bytes(b"another")
    with pytest.raises(ProvisionError, match="SHA-256"):
        resumed(server, tmp_path / "x", "file")
    assert list(tmp_path.iterdir()) == []
    resumed(server, tmp_path / "x", "file")


def test_several_are_fetched_at_once_and_the_first_that_fails_ends_it(server: Server, tmp_path: Path) -> None:
    seen: list[int] = []
    names = [f"{number}/file" for number in range(9)]
    several = [network.Download(f"{server.url}/{name}", tmp_path / name.replace("/", "-"), SHA256) for name in names]
    network.download_all(several, on_bytes=seen.append)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {CONTENT}
    assert seen == sorted(seen)
    missing = network.Download(f"{server.url}/nothing", tmp_path / "nothing", None)
    begun = time.monotonic()
    with pytest.raises(NetworkError, match="404"):
        slow = network.Download(f"{server.url}/stalls", tmp_path / "slow", None)
        network.download_all([slow, missing], on_bytes=seen.append)
    assert time.monotonic() - begun < 5
    assert len(list(tmp_path.iterdir())) >= 9


def test_a_refused_connection_is_a_network_error(closed_port: int, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=f"connection refused by 127.0.0.1:{closed_port}"):
        fetch(f"http://127.0.0.1:{closed_port}/file", tmp_path / "x")


def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProvisionError, match="cannot write"):
        fetch(f"{server.url}/file", tmp_path / "file" / "x")


def test_a_download_that_falls_silent_is_given_up_and_tells_meanwhile_that_it_waits(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "SILENT_SECONDS", 0.6)
    seen: list[int] = []
    with pytest.raises(NetworkError, match=r"connection to 127\.0\.0\.1 timed out"):
        network.download(
            f"{server.url}/stalls", tmp_path / "x", sha256=SHA256, on_bytes=lambda done, _total: seen.append(done)
        )
    assert seen[-2:] == [len(CONTENT) // 2] * 2, "nothing was told while nothing came"
    assert list(tmp_path.iterdir()) == []


def test_a_second_try_has_no_minute_of_its_own(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SILENT_SECONDS", 1.5)
    begun = time.monotonic()
    with pytest.raises(NetworkError, match="timed out"):
        fetch(f"{server.url}/silent", tmp_path / "x")
    assert time.monotonic() - begun < 2.8


def test_a_slow_download_that_moves_goes_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SILENT_SECONDS", 0.6)
    begun = time.monotonic()
    fetch(f"{server.url}/drips", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert time.monotonic() - begun > 1.2, "it was not slow"


# ------------------------------------------------------------------------------------------------- sizes


def test_sizes_are_asked_by_head(server: Server) -> None:
    urls = [f"{server.url}/{name}" for name in ("file", "moved", "nothing", "unsized")]
    assert network.sizes(urls) == {urls[0]: len(CONTENT), urls[1]: len(CONTENT)}
    assert {command for command, _, _ in server.asked} == {"HEAD"}


def test_what_would_not_be_downloaded_is_told_before_it_is(server: Server, closed_port: int, tmp_path: Path) -> None:
    names = ("file", "nothing", "unsized", "silent")
    urls = [*(f"{server.url}/{name}" for name in names), f"http://127.0.0.1:{closed_port}/x", str(tmp_path / "gone")]
    answers = network.heads(urls)
    assert answers.pop(urls[0]) == len(CONTENT)
    assert {url: fault.words for url, fault in answers.items() if not isinstance(fault, int)} == {
        urls[1]: "127.0.0.1 answered 404 Not Found",
        urls[4]: f"connection refused by 127.0.0.1:{closed_port}",
        urls[5]: f"{tmp_path / 'gone'} does not exist",
    }
    assert {command for command, _, _ in server.asked} == {"HEAD"}


def test_sizes_of_local_files_need_no_server(tmp_path: Path) -> None:
    file = tmp_path / "a%20b 100%.whl"
    file.write_bytes(b"12345")
    gone = (tmp_path / "gone.whl").as_uri()
    assert network.sizes([file.as_uri(), str(file), gone]) == {file.as_uri(): 5, str(file): 5}


def test_no_sizes_are_no_question() -> None:
    assert network.sizes([]) == {}


def test_a_server_that_is_gone_has_no_sizes(closed_port: int) -> None:
    assert network.sizes([f"http://127.0.0.1:{closed_port}/file"]) == {}


def test_a_server_that_says_nothing_costs_so_many_seconds_and_no_other_size(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "PROBE_SECONDS", 0.5)
    begun = time.monotonic()
    urls = [*(f"{server.url}/silent?{number}" for number in range(40)), f"{server.url}/file"]
    assert network.sizes(urls[-2:]) == {urls[-1]: len(CONTENT)}
    assert network.sizes(urls[:40]) == {}
    assert time.monotonic() - begun < 3


@pytest.mark.skipif(os.name == "nt", reason="sends itself SIGINT")
@pytest.mark.parametrize(
    "ask",
    [
        lambda url: network.sizes([url]),
        network.unreachable,
        lambda url: network.links(url, on_bytes=lambda _done, _total: None),
    ],
)
def test_ctrl_c_does_not_wait_for_a_server(server: Server, ask: Callable[[str], object]) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask(f"{server.url}/silent")
    assert time.monotonic() - begun < 2


# ------------------------------------------------------------------------------------------ reachability


def test_what_answers_is_reachable(server: Server, tmp_path: Path) -> None:
    assert network.unreachable(f"{server.url}/file") is None
    assert network.unreachable(f"{server.url}/moved") is None
    assert network.unreachable(tmp_path.as_uri()) is None
    assert network.unreachable(str(tmp_path)) is None


def test_what_a_server_answers_is_told(server: Server, tmp_path: Path) -> None:
    assert str(network.unreachable(f"{server.url}/nothing")) == (
        f"cannot read {server.url}/nothing: 127.0.0.1 answered 404 Not Found"
    )
    gone = tmp_path / "gone"
    assert str(network.unreachable(gone.as_uri())) == f"{gone} does not exist"


def test_a_login_page_in_the_place_of_a_file_is_told(server: Server) -> None:
    problem = network.unreachable(f"{server.url}/portal", begins=(b"{",))
    assert str(problem).endswith("127.0.0.1 answered with another page than was asked for, as the login page of a "
                                 "network does")  # fmt: skip
    assert problem is not None and "log in to the network" in problem.remedy
    assert network.unreachable(f"{server.url}/file", begins=(b"no", CONTENT[:4])) is None


def test_a_redirect_that_leads_nowhere_is_told(server: Server) -> None:
    assert "127.0.0.1 redirects in a loop" in str(network.unreachable(f"{server.url}/loop"))
    assert "no valid URL" in str(network.unreachable(f"{server.url}/astray"))


NOT_USABLE = ["http://[x", "http://[x/simple", "http://host:port/x", f"http://{'a' * 70}.example/x", "http:///x"]


@pytest.mark.parametrize("url", NOT_USABLE)
def test_what_is_no_url_is_an_error_of_its_own(url: str, tmp_path: Path) -> None:
    assert "no valid URL" in str(network.unreachable(url))
    assert network.sizes([url]) == {}
    with pytest.raises(NetworkError, match="no valid URL"):
        network.links(url, on_bytes=lambda _done, _total: None)
    with pytest.raises(NetworkError, match="no valid URL") as caught:
        fetch(url, tmp_path / "x")
    assert "correct the URL" in caught.value.remedy


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_certificate_variable_that_names_no_file_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone.pem"
    monkeypatch.setenv(name, str(gone))
    url = "https://127.0.0.1:9/x"
    assert network.sizes([url]) == {}
    problem = network.unreachable(url)
    assert problem is not None and str(gone) in str(problem) and name in problem.remedy
    for ask in (lambda: network.links(url, on_bytes=lambda _done, _total: None), lambda: fetch(url, tmp_path / "x")):
        with pytest.raises(NetworkError) as caught:
            ask()
        assert str(gone) in str(caught.value) and name in caught.value.remedy


def test_no_network_is_blamed_for_a_local_path_that_is_missing(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(NetworkError) as caught:
        network.links(gone.as_uri(), on_bytes=lambda _done, _total: None)
    told = str(caught.value).lower()
    assert told.startswith(f"{gone}: ".lower()) and ("no such file" in told or "not found" in told)
    assert caught.value.remedy == "correct the path"
    with pytest.raises(NetworkError) as caught:
        network.download(str(gone), tmp_path / "file", sha256="", on_bytes=lambda _done, _total: None)
    told = str(caught.value).lower()
    assert told.startswith(f"{gone}: ".lower()) and ("no such file" in told or "file not found" in told)
    assert caught.value.remedy == "correct the path"


# ------------------------------------------------------------------------------- secrets and certificates


def test_a_failed_download_tells_no_secret(server: Server, tmp_path: Path) -> None:
    address = server.url.replace("//", "//me:secret@")
    for name, sha256 in (("file", "0" * 64), ("nothing", SHA256), ("cut", SHA256)):
        with pytest.raises(ProvisionError) as caught:
            fetch(f"{address}/t/secret/{name}", tmp_path / "x", sha256)
        assert "secret" not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/ca.pem"}, "/ca.pem"),
        ({"SSL_CERT_FILE": "/ca.pem", "REQUESTS_CA_BUNDLE": "/other.pem"}, True),
    ],
)
def test_a_certificate_bundle_is_taken_under_any_of_its_names(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: object
) -> None:
    """True leaves REQUESTS_CA_BUNDLE to requests itself."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    verify: list[object] = []

    def ask(self: requests.Session, *_arguments: object, **_options: object) -> object:
        verify.append(self.verify)
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", ask)
    network.unreachable("https://example.org")
    assert verify == [expected]
