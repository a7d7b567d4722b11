"""Whether what was resolved is what the recipe asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import a_spec

from mambench.environments.pins import require_held
from mambench.environments.prefix import Draft, Identity
from mambench.errors import ProvisionError
from mambench.model import CondaRecipe, Package, PypiRecipe


def a_draft(source: Any, pins: tuple[str, ...], *packages: Package) -> Draft:
    spec = a_spec(conda=CondaRecipe(("conda-forge",), pins), pypi=PypiRecipe(">=3.11", pins))
    identity = Identity(spec.name, source, "linux-64", pins, (), "")
    return Draft(spec, identity, Path("prefix"), "python", "a lock", packages)


WHEELS = [
    ("numpy==2.4.6", Package("numpy", "2.4.6"), True),
    ("numpy==2.4.6", Package("numpy", "2.3.0"), False),
    ("numpy==2.4.6", Package("scipy", "2.4.6"), False),
    ("torch==2.13.0", Package("torch", "2.13.0+cpu"), True),
    ("torch==2.13.0", Package("torch", "2.13.1+cpu"), False),
    ("cupy-cuda12x[ctk]==14.2.0", Package("cupy-cuda12x", "14.2.0"), True),
    ("Typing_Extensions>=4", Package("typing-extensions", "5.0"), True),
    ("numpy>=2,<3", Package("numpy", "3.0"), False),
    ("numpy", Package("numpy", "3.0rc1"), True),
    ("pywin32==1; sys_platform == 'elsewhere'", Package("numpy", "3.0"), True),
    ("-r more.txt", Package("numpy", "3.0"), True),
]

CONDA = [
    ("numpy=2.4.6", Package("numpy", "2.4.6"), True),
    ("numpy=2.4", Package("numpy", "2.4.6"), True),
    ("numpy=2.4", Package("numpy", "2.40.0"), False),
    ("numpy=2.4.*", Package("numpy", "2.4.6"), True),
    ("numpy==2.4", Package("numpy", "2.4.6"), False),
    ("numpy=2.4.6", Package("numpy", "2.3.0"), False),
    ("numpy=2.4.6", Package("libnumpy", "2.4.6"), False),
    ("python>=3.11,<3.14", Package("python", "3.12.7"), True),
    ("python>=3.11,<3.14", Package("python", "3.14.0"), False),
    ("libblas=*=*mkl", Package("libblas", "3.11.0", "5_h0_mkl"), True),
    ("libblas=*=*mkl", Package("libblas", "3.11.0", "5_h0_openblas"), False),
    ("pytorch=2.13.0=cpu*", Package("pytorch", "2.13.0", "cuda128"), False),
    ("conda-forge::numpy=2.4.6", Package("numpy", "2.3.0"), False),
    ("conda-forge::numpy", Package("numpy", "2.3.0"), True),
    ("numpy[version='>=2']", Package("numpy", "2.3.0"), True),
    ("numpy 2.4.* *mkl", Package("numpy", "2.3.0"), True),
    ("openssl=3.0", Package("openssl", "3.0a"), False),
]


@pytest.mark.parametrize(
    ("source", "pin", "package", "holds"),
    [("pypi", *case) for case in WHEELS] + [("conda", *case) for case in CONDA],
)
def test_a_resolution_holds_its_pins_or_is_refused(source: str, pin: str, package: Package, holds: bool) -> None:
    draft = a_draft(source, (pin,), package)
    if holds:
        assert require_held(draft) is draft
    else:
        with pytest.raises(ProvisionError, match="is not what its recipe asks for") as caught:
            require_held(draft)
        assert pin in str(caught.value)
        assert caught.value.remedy


@pytest.mark.parametrize("source", ["pypi", "conda"])
def test_a_resolution_of_nothing_is_refused(source: str) -> None:
    with pytest.raises(ProvisionError, match=r"numpy \(resolved: nothing\)"):
        require_held(a_draft(source, ("numpy",)))
