"""Make resources/benchmarks/gpt/reference.json: the first losses of the shapes that the presets name.

    python make_gpt_reference.py losses torch float64 20 layers=4 ... >losses      with a framework's interpreter
    python make_gpt_reference.py make PYTHON_OF_TORCH PYTHON_OF_JAX

PyTorch trains in float64, and JAX confirms it in float32, in which its attention sums whatever the type is. Curves that
are in the file already are kept. The wide shapes have few steps: at this learning rate their loss overshoots at the
third, and what is rounding in the first steps is 1e-4 after 16 in float32. GPT-2's shape would take hours in float64.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "benchmarks" / "gpt"
SMALL = {"layers": 4, "heads": 4, "embedding": 128, "context": 64, "vocabulary": 256}
MEDIUM = {"layers": 6, "heads": 6, "embedding": 384, "context": 256, "vocabulary": 256}
# Shape, batch, steps in float64, and how many of them are confirmed.
CURVES = [(SMALL, 8, 20, 20), (SMALL, 32, 20, 20), (MEDIUM, 4, 4, 4), (MEDIUM, 64, 2, 1)]
CONFIRMED_WITHIN = 1e-5
DIGITS = 12


def main() -> int:
    command, *arguments = sys.argv[1:]
    if command == "losses":
        framework, dtype, steps, *pairs = arguments
        params = {name: int(value) for name, value in (pair.split("=") for pair in pairs)}
        print(json.dumps(losses(framework, dtype, int(steps), params)))
        return 0
    file = FOLDER / "reference.json"
    curves = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    for shape, batch, steps, confirmed in CURVES:
        params = {**shape, "batch": batch, "seed": 1}
        if any(params.items() <= each.items() for each in curves):
            continue
        curves.append(curve(*arguments, params, steps, confirmed))
        lines = ",\n".join(json.dumps(each) for each in curves)
        file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return 0


def losses(framework: str, dtype: str, steps: int, params: dict[str, int]) -> list[float]:
    """Train with our own kernel and return its curve."""
    spec = importlib.util.spec_from_file_location("kernel", FOLDER / f"kernel_{framework}.py")
    kernel = importlib.util.module_from_spec(spec)
    sys.modules["kernel"] = kernel  # a dataclass looks its own module up there
    spec.loader.exec_module(kernel)
    state = kernel.setup({**params, "dtype": dtype, "device": "cpu:0", "threads": None, "settings": {}})
    for _ in range(steps):
        kernel.run(state)
    return kernel.result(state)[-1](1, 1 + steps)[:, 0].tolist()


def curve(torch: str, jax: str, params: dict[str, int], steps: int, confirmed: int) -> dict:
    """Return one entry of the reference; raises ValueError where the frameworks disagree."""
    reference = asked(torch, "torch", "float64", steps, params)
    apart = max(abs(a - b) for a, b in zip(reference, asked(jax, "jax", "float32", confirmed, params), strict=False))
    print(f"{params}: {reference[0]:.6f} to {reference[-1]:.6f}, {apart:.1e} apart", file=sys.stderr, flush=True)
    if not (all(map(math.isfinite, reference)) and apart < CONFIRMED_WITHIN):
        raise ValueError(f"the frameworks disagree by {apart:g} for {params}")
    return {**params, "losses": [round(loss, DIGITS) for loss in reference]}


def asked(python: str, framework: str, dtype: str, steps: int, params: dict[str, int]) -> list[float]:
    pairs = [f"{name}={value}" for name, value in params.items()]
    command = [python, __file__, "losses", framework, dtype, str(steps), *pairs]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
