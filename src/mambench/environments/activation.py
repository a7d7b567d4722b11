"""Pure: the environment variables and PATH that a child gets, for a platform that is given as an argument.

Activation scripts are never run: there is no shell between us and a worker, so that a kill reaches it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
)
"""Variables by which a user limits threads; passed on, recorded, and worth a warning."""

SHAPING_VARIABLES = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "BLIS_ARCH_TYPE",
    "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS",
    "NVIDIA_TF32_OVERRIDE",
    "CUBLAS_WORKSPACE_CONFIG",
    "LD_PRELOAD",
)
"""Variables that change what a library does; only pythons that the user already has see them, with a warning."""

CUDA_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""Makes CUDA number GPUs as NVML does, which told their names and memory; its own order is by speed."""

WINDOWS_FOLDERS = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")
"""libmamba's get_path_dirs, the same in 1.5, 2.0 and 2.8: the order of an activated PATH on Windows."""

_POSIX = ("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TERM")
_WINDOWS = (
    "PATH", "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "OS", "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER", "PROCESSOR_LEVEL", "PROCESSOR_REVISION", "PROGRAMDATA",
    "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES", "COMMONPROGRAMFILES(X86)",
    "COMMONPROGRAMW6432", "ALLUSERSPROFILE", "PUBLIC", "DRIVERDATA", "USERNAME", "USERDOMAIN", "LANG", "TZ",
)  # fmt: skip
_ANYWHERE = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", *THREAD_VARIABLES,
)  # fmt: skip
_PREFIXES = ("LC_", "SLURM_")


def is_windows(platform: str) -> bool:
    """Whether a conda platform name such as `win-64` is a Windows."""
    return platform.startswith("win-")


def search_path(platform: str, prefix: Path | PurePath) -> list[str]:
    """The folders that an activated prefix puts before PATH, in their order."""
    if is_windows(platform):
        root = PureWindowsPath(prefix)
        return [str(root.joinpath(*folder.split("/"))) if folder else str(root) for folder in WINDOWS_FOLDERS]
    return [str(PurePosixPath(prefix) / "bin")]


def python_in(platform: str, prefix: Path, *, source: str) -> Path:
    """Where the python of a prefix lies: a conda prefix on Windows has it at its top."""
    if not is_windows(platform):
        return prefix / "bin" / "python"
    return prefix / "python.exe" if source == "conda" else prefix / "Scripts" / "python.exe"


def allowed(platform: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the user that reach a child in our own environments; all others are dropped."""
    windows = is_windows(platform)
    return {
        name: value
        for name, value in environ.items()
        if (name.upper() in _WINDOWS if windows else name in _POSIX)
        or name.upper() in _ANYWHERE
        or name.upper().startswith(_PREFIXES)
    }


def private_folders(platform: str, private: Path, temporary: Path) -> dict[str, str]:
    """Variables that keep inside the home what programs write into a user's folders without asking."""
    home, cache = private / "home", private / "cache"
    variables = {
        "HOME": home,
        "XDG_CACHE_HOME": cache,
        "XDG_CONFIG_HOME": private / "config",
        "XDG_DATA_HOME": private / "data",
        "XDG_STATE_HOME": private / "state",
        "TMPDIR": temporary,
        **cache_folders(private),
    }
    if is_windows(platform):
        variables |= {
            "USERPROFILE": home,
            "APPDATA": private / "config",
            "LOCALAPPDATA": private / "data",
            "TEMP": temporary,
            "TMP": temporary,
        }
    return {name: str(path) for name, path in variables.items()}


def cache_folders(private: Path) -> dict[str, Path]:
    """Where the frameworks keep compiled kernels and settings; TensorFlow's import writes ~/.keras."""
    cache = private / "cache"
    return {
        "KERAS_HOME": cache / "keras",
        "CUDA_CACHE_PATH": cache / "cuda",
        "CUPY_CACHE_DIR": cache / "cupy",
        "TRITON_CACHE_DIR": cache / "triton",
        "TORCHINDUCTOR_CACHE_DIR": cache / "inductor",
        "MPLCONFIGDIR": cache / "matplotlib",
    }


def activated(
    platform: str,
    environ: Mapping[str, str],
    *,
    prefix: Path,
    private: Path,
    temporary: Path,
    variables: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The complete environment of a child that runs in `prefix`; `variables` are the recipe's."""
    child = allowed(platform, environ)
    child |= private_folders(platform, private, temporary)
    child |= dict(variables or {})
    return with_path(platform, child, search_path(platform, prefix))


def with_path(platform: str, child: dict[str, str], folders: Sequence[str]) -> dict[str, str]:
    """`child` with `folders` put before its PATH, under the one name that PATH has there."""
    windows = is_windows(platform)
    name = next((name for name in child if windows and name.upper() == "PATH"), "PATH")
    separator = ";" if windows else ":"
    rest = child.get(name, "")
    child[name] = separator.join([*folders, *([rest] if rest else [])])
    return child


def without_bundle(environ: Mapping[str, str], bundle: str | None = None) -> dict[str, str]:
    """The user's environment: what PyInstaller's bootloader changed for its own sake is put back or dropped.

    `bundle` is the program's own folder; the one-file form has it in its environment.
    """
    child = {name: value for name, value in environ.items() if not name.startswith("_PYI_")}
    bundle = bundle or environ.get("_PYI_APPLICATION_HOME_DIR")
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
        original = child.pop(f"{name}_ORIG", None)
        if original is not None:
            child[name] = original
        elif bundle is not None and name in child:  # the bootloader keeps no original where there was none
            folders = [folder for folder in child.pop(name).split(":") if folder and folder != bundle]
            child |= {name: ":".join(folders)} if folders else {}
    return child


def inherited(environ: Mapping[str, str], *, private: Path, temporary: Path) -> dict[str, str]:
    """The environment for a python that the user already has: the user's own, caches kept in the home."""
    child = without_bundle(environ)
    child |= {name: str(path) for name, path in cache_folders(private).items()}
    child["TMPDIR"] = str(temporary)
    return child
