"""The icon, drawn: three bars on a dark tile, as PNG and as ICO. Standard library only."""

from __future__ import annotations

import struct
import zlib

SIZES = (16, 32, 48, 256)
_TILE, _CLEAR = (32, 37, 48, 255), (0, 0, 0, 0)
_BARS = (
    (0.19, 0.36, 0.55, (102, 187, 106, 255)),
    (0.41, 0.58, 0.36, (66, 165, 245, 255)),
    (0.63, 0.80, 0.18, (255, 167, 38, 255)),
)
"""Left and right edge, top, colour; in parts of the side."""
_FLOOR, _ROUND = 0.82, 0.18


def png(size: int) -> bytes:
    """The icon as a PNG of `size` x `size` pixels. Source of the format: RFC 2083."""
    rows = b"".join(b"\0" + b"".join(bytes(_pixel(x, y, size)) for x in range(size)) for y in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def ico(sizes: tuple[int, ...] = SIZES) -> bytes:
    """The icon for Windows: PNG entries, which Vista and later read."""
    images = [png(size) for size in sizes]
    offset = 6 + 16 * len(images)
    directory = struct.pack("<HHH", 0, 1, len(images))
    for size, image in zip(sizes, images, strict=True):
        directory += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(image), offset)
        offset += len(image)
    return directory + b"".join(images)


def _pixel(x: int, y: int, size: int) -> tuple[int, int, int, int]:
    across, down = (x + 0.5) / size, (y + 0.5) / size
    for left, right, top, colour in _BARS:
        if left <= across < right and top <= down < _FLOOR:
            return colour
    beyond = [max(0.0, _ROUND - edge) for edge in (min(across, 1 - across), min(down, 1 - down))]
    return _TILE if beyond[0] ** 2 + beyond[1] ** 2 <= _ROUND**2 else _CLEAR


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
