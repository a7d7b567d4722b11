"""One colour for each stack, the same in every chart and on the terminal. Pure.

Dark and light backgrounds both leave each colour a contrast of 3 to 1 (WCAG 2.1, 1.4.11), and hues follow Okabe and
Ito, "Color Universal Design" (2008): those of stacks that run on one device differ for colour-blind readers too, in
lightness where not in hue. Stacks of one framework on different devices share one; names always stand beside it.
"""

from __future__ import annotations

import zlib

BLUE, VERMILION, GREEN, PINK = "#2f7fc1", "#d55e00", "#00956d", "#c2649a"
PURPLE, OCHRE, SLATE, SKY = "#8566d1", "#a97b00", "#77818c", "#2796b8"

_KNOWN = {
    "numpy-openblas": BLUE,
    "numpy-mkl": VERMILION,
    "numpy-accelerate": SKY,
    "numpy-blis": SLATE,
    "torch-cpu": GREEN,
    "torch-cuda": GREEN,
    "torch-mps": GREEN,
    "jax-cpu": PURPLE,
    "jax-cuda": PURPLE,
    "tensorflow-cpu": OCHRE,
    "tensorflow-cuda": OCHRE,
    "cupy-cuda": PINK,
    "mlx-metal": PINK,
}
PALETTE = (BLUE, VERMILION, GREEN, PINK, PURPLE, OCHRE, SLATE, SKY)


def colour(name: str) -> str:
    """As `#rrggbb`, by the stack's name without its source; a user's own stack always gets the same one."""
    return _KNOWN.get(name) or PALETTE[zlib.crc32(name.encode("utf-8", "replace")) % len(PALETTE)]
