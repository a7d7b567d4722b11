"""@EXPLICIT lock files: what micromamba is given, and what may be kept and shown."""

from __future__ import annotations

import pytest

from mambench.environments.conda.explicit import localised, lock_text, packages_in, packages_of, shown
from mambench.errors import ProvisionError

RECORD = {"name": "toy", "version": "1", "build_string": "h0", "url": "https://example.org/c/toy-1-h0.conda"}
HIDDEN = {**RECORD, "url": "https://example.org/t/*****/c/toy-1-h0.conda"}


def test_a_record_is_a_package_without_login() -> None:
    (package,) = packages_of([{**RECORD, "url": "https://me:secret@example.org/c/toy.conda", "size": 7}])
    assert (package.name, package.build, package.size_bytes) == ("toy", "h0", 7)
    assert package.url == "https://***@example.org/c/toy.conda"


def test_a_lock_file_tells_its_packages() -> None:
    records = [{**RECORD, "sha256": "a" * 64, "channel": "https://example.org"}, {**RECORD, "md5": "b" * 32}]
    text = lock_text(records, ["https://example.org"])
    assert packages_in(text) == (packages_of(records)[0], packages_of([{**records[0], "sha256": None}])[0])
    two = "# a comment\n\n@EXPLICIT\nhttps://me:secret@example.org/linux-64/a-b-1.0-h1_0.tar.bz2\n"
    (package,) = packages_in(two)
    assert (package.name, package.version, package.build, package.sha256) == ("a-b", "1.0", "h1_0", None)
    assert package.channel == "https://***@example.org"


@pytest.mark.parametrize(
    "text", ["", "@EXPLICIT\n", "https://example.org/c/a-1-0.conda\n", "@EXPLICIT\nfile:///a.conda\n"]
)
def test_what_is_no_lock_file_is_refused(text: str) -> None:
    with pytest.raises(ProvisionError, match="EXPLICIT"):
        packages_in(text)


def test_each_line_has_a_hash_and_md5_will_do() -> None:
    text = lock_text([{**RECORD, "sha256": "aa", "md5": "bb"}, {**RECORD, "md5": "bb"}], ["https://example.org/c"])
    assert text == f"@EXPLICIT\n{RECORD['url']}#aa\n{RECORD['url']}#bb\n"


def test_a_token_that_micromamba_hides_is_put_back_for_it_and_not_shown() -> None:
    text = lock_text([{**HIDDEN, "sha256": "aa"}], ["https://me:secret@example.org/t/T0KEN/c/"])
    assert text.splitlines()[1] == "https://example.org/t/T0KEN/c/toy-1-h0.conda#aa"
    assert "T0KEN" not in shown(text) and shown(text).endswith("#aa\n")


def test_the_token_of_another_channel_is_not_used() -> None:
    assert "T0KEN" not in lock_text([{**HIDDEN, "sha256": "aa"}], ["https://example.net/t/T0KEN/c"])


def test_addresses_give_way_to_paths_where_there_are_some() -> None:
    text = f"# of today\n@EXPLICIT\n{RECORD['url']}#aa\nhttps://example.org/c/other-2-h1.conda#bb\n"
    lines = localised(text, lambda package: "file:///kit/toy-1-h0.conda" if package.name == "toy" else None)
    assert lines.splitlines() == [
        "# of today", "@EXPLICIT", "file:///kit/toy-1-h0.conda#aa", "https://example.org/c/other-2-h1.conda#bb",
    ]  # fmt: skip
