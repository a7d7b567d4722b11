"""The PATH of an activated prefix on Windows, tried with wine: a DLL that lies in `Library\\bin` only is found by name.

A stub takes the place of python.exe in a conda-shaped prefix; a launcher gives it exactly our variables, as
CreateProcess does. Needs Debian's wine64 and gcc-mingw-w64-x86-64-win32.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import pytest

from mambench.environments import activation

COMPILER = "x86_64-w64-mingw32-gcc"
WINE = shutil.which("wine64") or next((path for path in ("/usr/lib/wine/wine64",) if Path(path).exists()), None)
SERVER = shutil.which("wineserver") or "/usr/lib/wine/wineserver64"

pytestmark = [
    pytest.mark.skipif(WINE is None, reason="wine64 is not here"),
    pytest.mark.skipif(shutil.which(COMPILER) is None, reason="the mingw-w64 compiler is not here"),
    pytest.mark.timeout(120),
]

STUB = r"""
#include <windows.h>
#include <stdio.h>
int main(int count, char **words) {
    HMODULE library = LoadLibraryA(words[1]);
    if (library == NULL) { printf("not found\n"); return 3; }
    int (*answer)(void) = (int (*)(void)) GetProcAddress(library, "answer");
    wchar_t value[4096] = L"";
    char text[8192] = "";
    GetEnvironmentVariableW(L"MKL_INTERFACE_LAYER", value, 4096);
    WideCharToMultiByte(CP_UTF8, 0, value, -1, text, sizeof text, NULL, NULL);
    printf("answer %d, layer %s\n", answer(), text);
    return 0;
}
"""
LIBRARY = "__declspec(dllexport) int answer(void) { return 42; }"
LAUNCHER = r"""
#include <windows.h>
#include <stdio.h>
static wchar_t *read_wide(const char *name) {
    static char bytes[1 << 16];
    FILE *file = fopen(name, "rb");
    size_t size = fread(bytes, 1, sizeof bytes - 2, file);
    fclose(file);
    bytes[size] = 0;
    int length = MultiByteToWideChar(CP_UTF8, 0, bytes, (int) size, NULL, 0);
    wchar_t *wide = calloc(length + 2, sizeof(wchar_t));
    MultiByteToWideChar(CP_UTF8, 0, bytes, (int) size, wide, length);
    return wide;
}
int main(void) {
    wchar_t *command = read_wide("command.txt"), *block = read_wide("block.txt");
    for (wchar_t *at = block; *at; at++) if (*at == L'\n') *at = 0;
    STARTUPINFOW startup = { sizeof startup };
    PROCESS_INFORMATION child;
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_UNICODE_ENVIRONMENT, block, L"C:\\", &startup, &child))
        { printf("cannot start: %lu\n", GetLastError()); return 9; }
    DWORD code;
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    return (int) code;
}
"""
USERS = {
    "PATH": r"C:\windows\system32;C:\windows",
    "SYSTEMROOT": r"C:\windows",
    "SystemDrive": "C:",
    "PATHEXT": ".COM;.EXE",
    "CONDA_PREFIX": r"C:\miniconda",
}


@dataclass(frozen=True)
class Windows:
    """A wine prefix with the three programs in it."""

    folder: Path
    environ: Mapping[str, str]

    def install(self, prefix: PureWindowsPath, *, library: str, inside: str) -> None:
        """A conda-shaped prefix with the stub as its python, and one library in one of its folders."""
        folder = self.path(prefix)
        for each in activation.WINDOWS_FOLDERS:
            (folder / each).mkdir(parents=True, exist_ok=True)
        shutil.copy(self.folder / "stub.exe", activation.python_in("win-64", folder, source="conda"))
        shutil.copy(self.folder / "library.dll", folder / inside / library)

    def path(self, path: PureWindowsPath) -> Path:
        """Where it lies here."""
        return self.folder / "wine" / "drive_c" / Path(*path.parts[1:])

    def run(self, prefix: PureWindowsPath, library: str, environ: Mapping[str, str]) -> tuple[int, str]:
        """Start the stub as CreateProcess would with this environment."""
        (self.folder / "block.txt").write_bytes(
            "".join(f"{name}={value}\n" for name, value in environ.items()).encode()
        )
        (self.folder / "command.txt").write_bytes(f'"{prefix / "python.exe"}" {library}'.encode())
        done = wine(self.folder, self.environ, "launcher.exe")
        return done.returncode, done.stdout.strip()


def wine(folder: Path, environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(WINE), *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
    )


def server(environ: Mapping[str, str], option: str) -> None:
    null = subprocess.DEVNULL  # it would keep our pipes open
    subprocess.run([SERVER, option], env=environ, stdin=null, stdout=null, stderr=null, timeout=60, check=False)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """Compiled programs and a fresh wine prefix, gone afterwards."""
    folder = tmp_path_factory.mktemp("windows")
    for each in ("home", "wine"):
        (folder / each).mkdir()
    for name, text, options in (
        ("stub.exe", STUB, []),
        ("library.dll", LIBRARY, ["-shared"]),
        ("launcher.exe", LAUNCHER, []),
    ):
        (folder / "source.c").write_text(text)
        subprocess.run([COMPILER, *options, "-o", name, "source.c", "-w"], cwd=folder, check=True)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "WINEPREFIX": str(folder / "wine"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
    }
    try:
        wine(folder, environ, "wineboot", "--init")
        yield Windows(folder, environ)
    finally:
        server(environ, "-k")
        shutil.rmtree(folder, ignore_errors=True)


def ours(prefix: PureWindowsPath) -> dict[str, str]:
    """What mambench would give a worker there."""
    home = prefix.parent.parent
    return activation.activated(
        "win-64",
        USERS,
        prefix=prefix,  # type: ignore[arg-type]
        private=home / "private",  # type: ignore[arg-type]
        temporary=home / "tmp",  # type: ignore[arg-type]
        variables={"MKL_INTERFACE_LAYER": "LP64,GNU"},
    )


HOMES = [
    r"C:\bench\envs\numpy-mkl-0123456789",
    r"C:\Users\José Müller\My benchmarks\mambench-home\envs\numpy-mkl-0123456789",
    r"C:\ユーザー\ma maison d'été & co\envs\numpy-mkl-0123456789",
]


@pytest.mark.parametrize(
    "prefix", [PureWindowsPath(home) for home in HOMES], ids=["plain", "accents and spaces", "kana"]
)
def test_a_library_in_library_bin_is_found_with_our_path_only(windows: Windows, prefix: PureWindowsPath):
    windows.install(prefix, library="only_there.dll", inside="Library/bin")
    assert windows.run(prefix, "only_there.dll", ours(prefix)) == (0, "answer 42, layer LP64,GNU")
    assert windows.run(prefix, "only_there.dll", USERS) == (3, "not found")


@pytest.mark.parametrize("inside", ["Library/mingw-w64/bin", "Library/usr/bin", "Scripts"])
def test_other_folders_of_an_activated_prefix_are_searched(windows: Windows, inside: str):
    prefix = PureWindowsPath(r"C:\each one\envs") / f"stack-{inside.replace('/', '-')}"
    windows.install(prefix, library="somewhere.dll", inside=inside)
    assert windows.run(prefix, "somewhere.dll", ours(prefix))[0] == 0


def test_the_users_own_path_comes_after_the_prefix(windows: Windows):
    """A library of the same name in another installation must not win."""
    other, prefix = PureWindowsPath(r"C:\other\envs\one"), PureWindowsPath(r"C:\bench two\envs\two")
    windows.install(prefix, library="shared.dll", inside="Library/bin")
    windows.path(other).mkdir(parents=True)
    (windows.path(other) / "shared.dll").write_bytes(b"no library")
    environ = ours(prefix)
    name = next(name for name in environ if name.upper() == "PATH")
    behind = {**environ, name: f"{environ[name]};{other}"}
    before = {**environ, name: f"{other};{environ[name]}"}
    assert windows.run(prefix, "shared.dll", behind)[0] == 0
    assert windows.run(prefix, "shared.dll", before)[0] == 3
