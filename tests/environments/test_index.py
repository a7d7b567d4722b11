"""What the real uv says of an index on loopback that gives no upload times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.index import Index, Stack, serving
from mambench.errors import ProvisionError


@pytest.fixture
def index() -> Iterator[Index]:
    with serving() as served:
        yield served


def test_index_without_upload_times_is_asked_again_and_said(tmp_path: Path, index: Index):
    draft = Stack(tmp_path, index.url).solve()
    assert [(package.name, package.version) for package in draft.packages] == [("toy", "1.0")]
    assert draft.warnings == ("the package index gives no upload times: packages may be newer than 2026-11-15",)
    assert draft.installer_variables == {"UV_DEFAULT_INDEX": index.url}


def test_package_that_the_index_lacks_is_its_own_failure(tmp_path: Path, index: Index):
    with pytest.raises(ProvisionError, match="nosuch was not found in the package registry"):
        Stack(tmp_path, index.url, "nosuch==1").solve()
