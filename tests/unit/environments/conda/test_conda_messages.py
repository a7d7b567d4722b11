"""What micromamba's messages mean; the texts are those that were recorded of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.environments.conda.messages import failure, said
from mambench.errors import NetworkError, ProvisionError
from mambench.system.process import Finished

URL = "https://mirror.example.org/conda-forge/linux-64/repodata.json.zst"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"Download error (6) Could not resolve hostname [{URL}]", "DNS lookup failed for mirror.example.org"),
        (f"Download error (5) Could not resolve proxy name [{URL}]", "DNS lookup failed for the proxy"),
        (f"Download error (7) Could not connect to server [{URL}]\nConnection refused", "connection refused by mirror"),
        (f"Download error (7) Could not connect to server [{URL}]", "cannot connect to mirror.example.org"),
        (
            f"Download error (56) Receiving data failed [{URL}]\nCONNECT tunnel failed, response 407",
            "proxy answered 407",
        ),
        (f"Download error (60) SSL peer certificate was not OK [{URL}]", "certificate of mirror.example.org is not tr"),
        (
            f"Download error (60) SSL peer certificate was not OK [{URL}]\n"
            "SSL: no alternative certificate subject name matches target host name",
            "certificate is not valid for mirror.example.org",
        ),
        (
            f"Download error (60) SSL peer certificate or SSH remote key was not OK [{URL}]\n"
            "SSL certificate problem: certificate has expired",
            "certificate of mirror.example.org has expired",
        ),
        (
            f"Download error (60) SSL peer certificate or SSH remote key was not OK [{URL}]\n"
            "SSL certificate OpenSSL verify result: certificate has expired (10)",
            "certificate of mirror.example.org has expired",
        ),
        (
            f"Download error (60) SSL peer certificate or SSH remote key was not OK [{URL}]\n"
            "schannel: CertGetCertificateChain trust error CERT_TRUST_IS_NOT_TIME_VALID",
            "certificate of mirror.example.org has expired",
        ),
        (
            f"Download error (60) SSL peer certificate or SSH remote key was not OK [{URL}]\n"
            "SSL certificate problem: certificate is not yet valid",
            "certificate of mirror.example.org is not valid yet: this computer's clock may be wrong, it says 20",
        ),
        (
            f"Download error (60) SSL peer certificate or SSH remote key was not OK [{URL}]\n"
            "SSL certificate problem: self-signed certificate",
            "certificate of mirror.example.org is not trusted",
        ),
        (
            f"Download error (47) Number of redirects hit maximum amount [{URL}]\nMaximum (5) redirects followed",
            "mirror.example.org redirects in a loop",
        ),
        (f"Download error (52) Server returned nothing (no headers, no data) [{URL}]", "mirror.example.org broke off"),
        (f"Download error (28) Timeout was reached [{URL}]", "connection to mirror.example.org timed out"),
        (f"Transfer finalized, status: 503 [{URL}] 12 bytes", "mirror.example.org answered 503"),
        (f"Download error (18) Transferred a partial file [{URL}]", "connection to mirror.example.org broke off"),
        (f"Download error (6) Could not resolve hostname [{URL}]\nSubdir x/linux-64 not loaded!", "DNS lookup failed"),
        ("Subdir x/linux-64 not loaded!", "index could not be read"),
        (f"status: 404 [{URL.replace('repodata.json.zst', 'toy-1.conda')}]", "no such file (404)"),
        ("File doesn't match expectation", "wrong hash or size"),
    ],
)
def test_what_a_network_did(text: str, words: str) -> None:
    error = failure("install the packages", Finished(1, "", f"critical libmamba {text}"), {}, Path("x.log"))
    assert type(error) is NetworkError
    assert str(error).startswith(f"cannot install the packages: {words}") or words in str(error)
    assert error.remedy
    assert error.log == Path("x.log")


@pytest.mark.parametrize(
    ("text", "words", "remedy"),
    [
        ("nosuchpkg =* * does not exist (perhaps a typo or a missing channel).", "no package fits nosuchpkg", "edit"),
        ("__cuda >=12, which is missing on the system.", "needs an NVIDIA driver", "-cpu stack"),
        ("a is not installable because it requires b", "its packages do not fit", "--source pypi"),
        (f"status: 401 [{URL}]", "refuses the login (401)", "https://user:password@server/channel"),
        (f"status: 404 [{URL}]", "no packages for this platform", "--channel"),
        ("write: No space left on device", "the disk is full", "free disk space"),
        ("There is not enough space on the disk.", "the disk is full", "free disk space"),
        ("Could not find any writable cache directory", "the home cannot be written", "--home"),
        ("extraction failed", "came out damaged", "env remove --all"),
        ("The following argument was not expected: --x", "does not know what mambench asks", "MAMBENCH_MICROMAMBA"),
        ("something new", "cannot solve: something new", "the log"),
    ],
)
def test_what_no_other_try_would_change(text: str, words: str, remedy: str) -> None:
    error = failure("solve", Finished(1, "", text), {}, None)
    assert type(error) is ProvisionError
    assert words in str(error)
    assert remedy in error.remedy


def test_no_message_shows_a_login() -> None:
    text = f"Download error (6) Could not resolve [{URL.replace('//', '//me:secret@')}]"
    error = failure("solve", Finished(1, "", text), {}, None)
    assert "secret" not in f"{error} {error.remedy}"


def test_the_reasons_of_either_json_shape_are_heard() -> None:
    assert said(Finished(1, "", ""), {"solver_problems": ["a does not exist"]}) == "a does not exist"
    history = {"log_history": [{"message": "b is missing"}, "odd"]}
    assert said(Finished(1, "{}", "an error"), history) == "an error\nb is missing"
    assert said(Finished(1, "plain words", ""), {}) == "plain words"
    assert said(Finished(-11, "", ""), {}) == "killed by signal 11 (SIGSEGV)"


def test_a_micromamba_that_was_killed_is_told_by_its_signal() -> None:
    for stderr in ("", "warning  libmamba something"):
        error = failure("solve", Finished(-9, "", stderr), {}, Path("x.log"))
        assert type(error) is ProvisionError
        assert str(error).startswith("cannot solve: micromamba was killed by signal 9")
        assert "memory" in error.remedy or "try again" in error.remedy
    error = failure("solve", Finished(1, "", "terminate called: std::bad_alloc"), {}, None)
    assert str(error) == "cannot solve: micromamba ran out of memory"
