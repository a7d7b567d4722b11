#!/bin/bash
# install.sh DEST PROJECT [REQUIREMENT...]   installs a project (a folder, or FOLDER[EXTRA]) and further requirements
# into DEST/python. The Linux pip downloads the wheels for Windows and builds the project's. What has not changed since
# the last time is not done again. LINUX_PYTHON in the environment may name a Linux Python with pip (python3).
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0"; exit 2; }
dest=$(readlink -f "$1")
extra=$(sed -n 's/.*\(\[.*\]\)$/\1/p' <<<"$2")
project=$(readlink -f "${2%"$extra"}")
shift 2
linux=${LINUX_PYTHON:-python3}
version=$(cut -d' ' -f1 "$dest/.stamp")
wheels=$dest/wheels

digest() { # digest FILE|FOLDER...: of all that lies there, in the project
    (cd "$project" && find "$@" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum
}
requirements="$(digest pyproject.toml) $extra $*"
content="$(digest pyproject.toml src resources)"
noted() { [ "$(cat "$dest/.installed-$1" 2>/dev/null)" = "$2" ]; }
if noted requirements "$requirements" && noted content "$content"; then exit 0; fi

built=$(mktemp -d)
trap 'rm -r "$built"' EXIT
"$linux" -m pip wheel -qq --no-deps -w "$built" "$project"
wheel=$(basename "$built"/*.whl)
mkdir -p "$wheels"
mv "$built/$wheel" "$wheels/"
cd "$dest"
install=(./wpy -m pip --isolated install -q --no-index --find-links wheels --no-warn-script-location)

if ! noted requirements "$requirements"; then
    # `pip download --platform` reads markers such as sys_platform == "win32" for the host, so they are set here.
    "$linux" - "$version" -qq --platform win_amd64 --only-binary=:all: \
        --find-links "$wheels" -d "$wheels" "$wheels/$wheel$extra" "$@" <<'P'
import sys
from pip._internal.cli.main import main
from pip._vendor.packaging import markers
_, version, *arguments = sys.argv
host = markers.default_environment
markers.default_environment = lambda: {
    **host(), "os_name": "nt", "sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64",
    "platform_release": "10", "platform_version": "10.0.18362", "implementation_version": version,
    "python_full_version": version, "python_version": version.rpartition(".")[0],
}
sys.exit(main(["download", "--python-version", version, *arguments]))
P
    "${install[@]}" "wheels/$wheel$extra" "$@"
fi
# pip takes a wheel of the same version for the same wheel.
if [ -f .installed-content ]; then "${install[@]}" --no-deps --force-reinstall "wheels/$wheel"; fi

# wine 8: the console takes the modes ENABLE_VIRTUAL_TERMINAL_*, and then shows escapes as text and loses arrows
toolkit=python/Lib/site-packages/prompt_toolkit
for file in "$toolkit"/output/windows10.py "$toolkit"/input/win32.py; do
    [ -f "$file" ] || continue
    sed -i '/return False  # wine 8/d; s/^def _\?is_win_vt100.*_enabled() -> bool:$/&\n    return False  # wine 8/' "$file"
done
echo "$requirements" >"$dest/.installed-requirements"
echo "$content" >"$dest/.installed-content"
