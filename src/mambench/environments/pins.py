"""Whether what was resolved holds what the recipe asks for: nothing else may bear its digest. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from mambench.environments.prefix import Draft
from mambench.errors import ProvisionError
from mambench.model import Package


def require_held(draft: Draft) -> Draft:
    """The draft, if its packages hold the recipe's pins. Raises ProvisionError."""
    by_name = {package.name: package for package in draft.packages}
    recipe = draft.spec.conda if draft.identity.source == "conda" else draft.spec.pypi
    if recipe is not None and recipe.lock:
        return draft  # it was asked for as it is
    unmet = _unmet_by_conda if draft.identity.source == "conda" else _unmet_by_wheels
    wrong = [
        f"{pin} (resolved: {by_name[name].version if name in by_name else 'nothing'})"
        for pin, name in unmet(recipe.packages if recipe is not None else (), by_name)
    ]
    if wrong:
        raise ProvisionError(
            f"what was resolved for {draft.spec.name} is not what its recipe asks for: {', '.join(wrong)}",
            remedy="run again without --offline; if it stays, the package index or channel gives other packages",
        )
    return draft


def _unmet_by_wheels(pins: tuple[str, ...], packages: dict[str, Package]) -> Iterator[tuple[str, str]]:
    """Ref: https://packaging.python.org/en/latest/specifications/dependency-specifiers/"""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for pin in pins:
        try:
            wanted = Requirement(pin)
        except InvalidRequirement:
            continue  # an option or a path: uv's own business
        name = canonicalize_name(wanted.name)
        package = packages.get(name)
        if package is None:
            if wanted.marker is None:
                yield pin, name
        elif package.version and not wanted.specifier.contains(package.version, prereleases=True):
            yield pin, name


def _unmet_by_conda(pins: tuple[str, ...], packages: dict[str, Package]) -> Iterator[tuple[str, str]]:
    """Names always, versions and builds in the forms that recipes have: `a=1.2`, `a==1.2`, `a=*=*mkl`, `a>=1,<2`.

    Ref: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html#package-match-specifications
    """
    for pin in pins:
        match = re.match(r"(?:.*::)?\s*([\w.-]+)\s*([^\[]*)", pin)
        if match is None:
            continue
        name, rest = match[1].lower(), match[2].strip()
        if name not in packages or not _fits(rest, packages[name]):
            yield pin, name


def _fits(constraint: str, package: Package) -> bool:
    exact = re.fullmatch(r"(==?)([^=<>!~|,\s]+)(?:=([^=<>!~|,\s]+))?", constraint)
    if exact is None:
        return _in_range(constraint, package.version)
    sign, version, build = exact.groups()
    if build is not None and not fnmatch.fnmatchcase(package.build or "", build):
        return False
    if sign == "==":
        return fnmatch.fnmatchcase(package.version, version)
    stem = version.rstrip("*").rstrip(".")
    return not stem or package.version == stem or package.version.startswith(f"{stem}.")


def _in_range(constraint: str, version: str) -> bool:
    """What is no range, or no version as Python has them, is micromamba's own business."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(constraint).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True
