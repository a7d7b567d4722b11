#!/bin/bash
# setup.sh DEST   makes a Windows CPython that runs under wine; nothing is done where it is there already.
#   DEST/python   python.exe and all of Windows CPython, with pip
#   DEST/prefix   a wine prefix
#   DEST/wpy      runs it
# LINUX_PYTHON in the environment may name a Linux Python with pip (python3). Exits 77 with a sentence where a part
# is missing. README.md in this folder tells what comes from where, and what is done about wine.
set -euo pipefail
kit=$(dirname "$(readlink -f "$0")")
linux=${LINUX_PYTHON:-python3}
skip() {
    echo "$*" >&2
    exit 77
}
[ $# = 1 ] || { sed -n '2,7s/^# //p' "$0"; exit 2; }
mkdir -p "$1"
dest=$(readlink -f "$1")

# ---------------------------------------------------------------------------------------- what must be here
missing=()
[ -x /usr/lib/wine/wine64 ] || command -v wine64 >/dev/null || missing+=(wine64)
command -v x86_64-w64-mingw32-gcc >/dev/null || missing+=(gcc-mingw-w64-x86-64-win32)
command -v x86_64-w64-mingw32-objdump >/dev/null || missing+=(binutils-mingw-w64-x86-64)
[ ${#missing[@]} = 0 ] || skip "Debian packages are missing: ${missing[*]}."
"$linux" -m pip --version >/dev/null 2>&1 || skip "$linux has no pip."

# The DLLs are in a wheel of panda3d, the standard library in a Linux Python of the very same version.
interpreter() { # interpreter VERSION: prints its path
    local python
    for python in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1/bin/python3" \
        "$HOME"/.local/share/uv/python/cpython-"$1"-*/bin/python3 "$(command -v "python${1%.*}" || true)"; do
        [ -x "$python" ] || continue
        if [ "$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null)" = "$1" ]; then
            echo "$python"
            return
        fi
    done
}
host='' version='' panda3d=''
while [ -z "$host" ] && read -r version panda3d; do
    host=$(interpreter "$version")
done <<<"3.13.0 1.10.15
3.12.1 1.10.14"
[ -n "$host" ] || skip "No standard library of CPython 3.13.0 or 3.12.1 is here; pyenv or uv can install one."
dot=${version%.*} xy=${dot/./}

stamp="$version $panda3d $(cat "$kit/setup.sh" "$kit/wpy" "$kit"/shim/* | sha256sum)"
if [ "$(cat "$dest/.stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
rm -f "$dest"/.stamp "$dest"/.installed-*
if [ -x "$dest/wpy" ]; then "$dest/wpy" --shutdown; fi
rm -rf "${dest:?}"/{python,prefix,home}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# ------------------------------------------------------------ python: the DLLs, and what the wheel lacks
wheel=("$dest"/wheels/panda3d-"$panda3d"-cp"$xy"-*.whl)
if [ ! -f "${wheel[0]}" ]; then
    "$linux" -m pip download -qq --no-deps --only-binary=:all: --platform win_amd64 --python-version "$dot" \
        -d "$dest/wheels" "panda3d==$panda3d" || skip "pip could not download panda3d $panda3d for Windows."
    wheel=("$dest"/wheels/panda3d-"$panda3d"-cp"$xy"-*.whl)
fi
"$linux" - "${wheel[0]}" "$work" <<'P'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith("deploy_libs/")])
P
libs=$work/deploy_libs
dll=$libs/python$xy.dll
grep -aq "tags/v${version}[^0-9.a-z]" "$dll" || skip "The wheel of panda3d $panda3d has no CPython $version."
python=$dest/python
mkdir -p "$python/DLLs" "$python/Lib/site-packages"
cp "$dll" "$python/"
for file in "$libs"/[Vv][Cc][Rr][Uu][Nn]*.dll; do
    name=${file##*/}
    cp "$file" "$python/${name,,}"
done
cp "$libs"/*.pyd "$libs"/lib*.dll "$libs"/sqlite3.dll "$python/DLLs/"
if [ -f "$libs/zlib1.dll" ]; then cp "$libs/zlib1.dll" "$python/DLLs/"; fi
rm -f "$python"/DLLs/{*.cp*t-win_amd64,_test*,_ctypes_test,_tkinter}.pyd
rm -f "$python/DLLs/_wmi.pyd" # wine 8: propsys has no VariantToString, and platform.* would abort
lib=$("$host" -c 'import os; print(os.path.dirname(os.__file__))')
tar -cf - -C "$lib" --exclude=./{lib-dynload,site-packages,test,tkinter,idlelib,'_sysconfigdata*','config-*'} \
    --exclude={tests,__pycache__} . | tar -xf - -C "$python/Lib"
# wine 8: kernel32 has no CopyFile2, and shutil.copy2 would abort
sed -i 's/^    import _winapi$/&\n    vars(_winapi).pop("CopyFile2", None)  # not in wine 8/' "$python/Lib/shutil.py"
"$host" -m compileall -q -j 2 "$python/Lib" # the same version: Windows takes these as its own

exports() { # exports DLL: prints the names
    x86_64-w64-mingw32-objdump -p "$1" | awk '/Ordinal\/Name Pointer/ {on = 1; next} !NF {on = 0} on {print $NF}'
}
gcc=(x86_64-w64-mingw32-gcc -O2 -s -static-libgcc)
x86_64-w64-mingw32-windres -I "$kit/shim" "$kit/shim/python.rc" "$work/rc.o"
"${gcc[@]}" -municode -Wl,--stack,2000000 "$kit/shim/python.c" "$work/rc.o" "$dll" -o "$python/python.exe"
{ echo EXPORTS; exports "$dll" | sed "s/.*/& = python$xy.&/"; } >"$work/python3.def"
"${gcc[@]}" -shared -nostdlib -Wl,-e,DllMain "$kit/shim/forward.c" "$work/python3.def" -o "$python/python3.dll"
launchers=$python/Lib/venv/scripts/nt
mkdir -p "$launchers"
"${gcc[@]}" -municode "$kit/shim/venvlauncher.c" -o "$launchers/venvlauncher.exe"
for name in venvwlauncher python pythonw; do cp "$launchers/venvlauncher.exe" "$launchers/$name.exe"; done # 3.12: python

# --------------------------------------------------------- prefix: wine's own, then the DLLs that it lacks
install "$kit/wpy" "$dest/wpy"
"$dest/wpy" --run cmd /c exit || true # makes the prefix
system=$dest/prefix/drive_c/windows/system32
[ -f "$system/ucrtbase.dll" ] || skip "wine could not make a prefix in $dest/prefix."
"$dest/wpy" --run winecfg -v win10 # the registry tells Windows 7 otherwise
"$dest/wpy" --shutdown
"${gcc[@]}" -shared "$kit/shim/bcryptprimitives.c" -ladvapi32 -o "$system/bcryptprimitives.dll"
# wine's ucrtbase under another name, without the mark by which wine takes it for a builtin
"$linux" - "$system/ucrtbase.dll" "$system/ucrtwine.dll" <<'P'
import pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
data, mark = source.read_bytes(), b"Wine builtin DLL"
assert mark in data[:128], "not wine's own"
target.write_bytes(data.replace(mark, bytes(len(mark)), 1))
P
"${gcc[@]}" -c "$kit/shim/ucrtbase.c" -o "$work/ucrtbase.o"
ours=$(x86_64-w64-mingw32-nm "$work/ucrtbase.o" | sed -n 's/.* T w_/ /p' | tr -d '\n')
{
    echo EXPORTS
    exports "$system/ucrtwine.dll" | awk -v ours="$ours" 'BEGIN {n = split(ours, a); for (i in a) our[a[i]]}
        {print $0 " = " ($0 in our ? "w_" $0 : "ucrtwine." $0)}'
} >"$work/ucrtbase.def"
rm "$system/ucrtbase.dll"
"${gcc[@]}" -shared -nostartfiles -Wl,-e,DllMain "$work/ucrtbase.o" "$work/ucrtbase.def" -o "$system/ucrtbase.dll"

# -------------------------------------------------------------- pip, and a proof that it all holds together
"$dest/wpy" -m ensurepip >"$dest/ensurepip.log" 2>&1 || skip "ensurepip failed; see $dest/ensurepip.log."
[ "$("$dest/wpy" -c 'import platform, ssl, ctypes, sqlite3; print(platform.python_version())' | tr -d '\r')" = "$version" ] ||
    skip "The Windows Python in $dest does not run."
echo "$stamp" >"$dest/.stamp"
