"""What freezing costs: sizes and start times beside a PyInstaller "hello" with the same imports and exclusions.

    python scripts/bench_frozen.py [DIR] [--repeats 40]

DIR is what scripts/freeze.py wrote (default: dist). The hello is frozen by the same spec file: it holds every module
outside mambench that mambench imports, and prints one line. Ends with 1 if a bound is broken.
"""

from __future__ import annotations

import argparse
import ast
import functools
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


LARGEST_BYTES = 24_000_000
OWN_BYTES = 2_000_000
START_RATIO, FOLDER_RATIO, SCREEN_SECONDS = 1.15, 1.3, 0.5
"""The bounds: issue "The downloadable program", Cost."""

FIRST_SCREEN = b"What next?"
HELLO = "def never():\n    import {}\n\n\nprint('hello')\n"


def main() -> int:
    """Build the hello, measure in turn, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    parser.add_argument("--repeats", type=int, default=40)
    chosen = parser.parse_args()
    (packed,) = chosen.folder.glob("mambench-*.tar.gz")
    name = packed.name.removesuffix(".tar.gz")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"TMPDIR": scratch, "MAMBENCH_HOME": f"{scratch}/home"}
        hello = freeze_hello(Path(scratch), chosen.folder / "work" / "stage")
        folder = chosen.folder / "folder" / name
        kept = [
            *sizes(chosen.folder / name, folder, hello),
            *starts(chosen.folder / name, folder / "mambench", hello, chosen.repeats),
            *first_screen(chosen.folder / name, hello, max(5, chosen.repeats // 4)),
        ]
    return 0 if all(kept) else 1


def freeze_hello(scratch: Path, stage: Path) -> Path:
    """The hello, in one file."""
    script = scratch / "hello.py"
    script.write_text(HELLO.format(", ".join(sorted(foreign_imports()))))
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "--distpath", str(scratch)]
    command += ["--workpath", str(scratch / "work"), str(ROOT / "specs" / "mambench.spec")]
    command += ["--", "--stage", str(stage), "--name", "hello", "--onefile", "--hello", str(script)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return scratch / "hello"


def foreign_imports() -> set[str]:
    """Every module outside mambench that mambench imports somewhere."""
    modules: set[str] = set()
    for file in (ROOT / "src" / "mambench").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
    return {name for name in modules if name.partition(".")[0] not in ("mambench", "__future__", "uv", "threadpoolctl")}


def sizes(one_file: Path, folder: Path, hello: Path) -> Iterator[bool]:
    """The one file against the hello, the archive and 2 MB, and against 24 MB."""
    archives = (folder / "_internal" / "mambench" / "resources" / "mm").glob("*.tar.bz2")
    archive = sum(file.stat().st_size for file in archives)
    ours, theirs = one_file.stat().st_size, hello.stat().st_size
    print(f"one file {ours / 1e6:.1f} MB; hello {theirs / 1e6:.1f} MB, archive {archive / 1e6:.1f} MB")
    own = ours - theirs - archive
    yield judged(f"mambench's own {own / 1e6:.2f} MB", own <= OWN_BYTES, f"at most {OWN_BYTES / 1e6:.0f} MB")
    yield judged(f"one file {ours / 1e6:.1f} MB", ours <= LARGEST_BYTES, f"at most {LARGEST_BYTES / 1e6:.0f} MB")


def starts(one_file: Path, program: Path, hello: Path, repeats: int) -> Iterator[bool]:
    """`--version` against the hello, and the folder form against the source."""
    source = [sys.executable, "-m", "mambench"]
    commands = [[str(one_file), "--version"], [str(hello)]]
    ours, theirs = in_turn([functools.partial(run, command) for command in commands], repeats)
    yield compared("one file --version / hello", ours, theirs, START_RATIO)
    commands = [[str(program), "list"], [*source, "list"]]
    ours, theirs = in_turn([functools.partial(run, command) for command in commands], repeats)
    yield compared("folder list / source", ours, theirs, FOLDER_RATIO)
    commands = [[str(program), "--version"], [*source, "--version"]]
    ours, theirs = in_turn([functools.partial(run, command) for command in commands], repeats)
    print(f"        folder --version {_fastest(ours)}, source {_fastest(theirs)}: any PyInstaller program takes 32 ms")


def first_screen(one_file: Path, hello: Path, repeats: int) -> Iterator[bool]:
    """The wizard's first screen, at most half a second after the hello would have ended."""
    ours, theirs = in_turn([lambda: until_first_screen(one_file), lambda: run([str(hello)])], repeats)
    later = min(ours) - min(theirs)
    yield judged(f"first screen {later:.3f} s after the hello", later <= SCREEN_SECONDS, f"at most {SCREEN_SECONDS} s")


def in_turn(actions: Sequence[Callable[[], float]], repeats: int) -> list[list[float]]:
    """Seconds of each action, all in turn, so that a busy moment meets them alike."""
    for action in actions:
        action()
    rounds = [[action() for action in actions] for _ in range(repeats)]
    return [list(column) for column in zip(*rounds, strict=True)]


def run(command: list[str]) -> float:
    """Seconds of a command."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - begin


def until_first_screen(program: Path) -> float:
    """Seconds until the wizard asks its first question, in a pseudo-terminal."""
    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        os.execv(program, [str(program)])
    seen = b""
    while FIRST_SCREEN not in seen:
        seen += os.read(terminal, 65536)
        if b"\x1b[6n" in seen:  # where the cursor is, which a terminal answers
            os.write(terminal, b"\x1b[1;1R")
            seen = seen.replace(b"\x1b[6n", b"")
    seconds = time.perf_counter() - begin
    os.write(terminal, b"\x03")
    os.waitpid(pid, 0)
    os.close(terminal)
    return seconds


def compared(what: str, ours: list[float], theirs: list[float], bound: float) -> bool:
    """The ratio of the fastest starts: what else runs on a machine makes a start slower, never faster."""
    ratio = min(ours) / min(theirs)
    medians = f"medians {statistics.median(ours) * 1e3:.0f} and {statistics.median(theirs) * 1e3:.0f}"
    return judged(
        f"{what} {ratio:.2f} ({_fastest(ours)}, {_fastest(theirs)}; {medians})", ratio <= bound, f"at most {bound}"
    )


def _fastest(seconds: list[float]) -> str:
    return f"{min(seconds) * 1e3:.0f} ms"


def judged(what: str, kept: bool, bound: str) -> bool:
    """One line, and whether the bound holds."""
    print(f"{'ok' if kept else 'BROKEN':>6}  {what}; {bound}")
    return kept


if __name__ == "__main__":
    sys.exit(main())
