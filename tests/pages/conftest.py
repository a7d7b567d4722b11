"""A browser, or a skip that says what is missing."""

from __future__ import annotations

import os

import pytest

from pages.browser import Browser, missing


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Chromium; where it or npm is missing the tests are skipped, with MAMBENCH_TEST_PAGES=1 they fail."""
    lacking = missing()
    if lacking and os.environ.get("MAMBENCH_TEST_PAGES") == "1":
        pytest.fail(f"missing: {lacking}")
    if lacking:
        pytest.skip(f"missing: {lacking}")
    return Browser(tmp_path_factory.mktemp("node"))
