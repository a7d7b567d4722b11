"""The version resource that Windows shows under Properties, Details; programs without one look suspect to scanners."""

from __future__ import annotations

_TEMPLATE = """\
VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0x0, OS=0x40004, fileType=0x1),
  kids=[
    StringFileInfo([StringTable("040904B0", {strings})]),
    VarFileInfo([VarStruct("Translation", [0x409, 1200])]),
  ],
)
"""


def version_resource(version: str, *, description: str, file_name: str) -> str:
    """The text that PyInstaller turns into a VERSIONINFO resource."""
    parts = [int(part) for part in version.split(".") if part.isdigit()]
    numbers = tuple((parts + [0, 0, 0, 0])[:4])
    strings = {
        "CompanyName": "the mambench authors",
        "FileDescription": description,
        "FileVersion": version,
        "InternalName": "mambench",
        "LegalCopyright": "BSD-3-Clause",
        "OriginalFilename": file_name,
        "ProductName": "mambench",
        "ProductVersion": version,
    }
    table = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in strings.items())
    return _TEMPLATE.format(numbers=numbers, strings=f"[{table}]")
