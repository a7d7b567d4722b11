"""What is put back before work begins; the rest is tested in tests/frozen."""

from __future__ import annotations

from mambench.environments import activation
from mambench.frozen import bundle, start


def test_what_the_bootloader_changed_is_put_back():
    given = {"LD_LIBRARY_PATH": "/bundle:/mine", "LD_LIBRARY_PATH_ORIG": "/mine", "_PYI_ARCHIVE_FILE": "x", "A": "b"}
    assert activation.without_bundle(given, "/bundle") == {"LD_LIBRARY_PATH": "/mine", "A": "b"}
    assert activation.without_bundle({"LD_LIBRARY_PATH": "/bundle"}, "/bundle") == {}


def test_outside_a_frozen_program_nothing_happens():
    assert start.begin({"LD_LIBRARY_PATH_ORIG": "kept"}) == {"LD_LIBRARY_PATH_ORIG": "kept"}
    assert not bundle.is_one_file()
