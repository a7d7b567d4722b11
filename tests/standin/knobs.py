"""What a test can change about the stand-in: leading `--standin-NAME=VALUE` arguments."""

from __future__ import annotations

from dataclasses import dataclass, fields

MARK = "--standin-"


@dataclass(frozen=True)
class Knobs:
    """Times are seconds; a zero means off."""

    shape: str = "release"  # or "main": the JSON documents of the main branch
    name: str = "micromamba"  # the executable's file, which names a key of `info --json`
    bytes_per_second: float = 0.0  # for each download
    solve_delay: float = 0.0
    extract_delay: float = 0.0  # for each package, with half of its files written
    link_delay: float = 0.0  # after each package
    compile_delay: float = 0.0  # in the byte-compiling child, between its reads and its writes
    stall_seconds: float = 60.0  # without data before a download counts as stalled
    disk_full: str = ""  # "download", "extract" or "link"

    def arguments(self) -> list[str]:
        """The arguments that give these knobs to a child."""
        return [f"{MARK}{field.name.replace('_', '-')}={getattr(self, field.name)}" for field in fields(self)]


def split_knobs(arguments: list[str]) -> tuple[Knobs, list[str]]:
    """Take the knobs off the front of a command line."""
    values: dict[str, str | float] = {}
    types = {field.name: type(field.default) for field in fields(Knobs)}
    while arguments and arguments[0].startswith(MARK):
        name, _, value = arguments[0].removeprefix(MARK).partition("=")
        name = name.replace("-", "_")
        values[name] = float(value) if types[name] is float else value
        arguments = arguments[1:]
    return Knobs(**values), arguments  # type: ignore[arg-type]
