"""Whether a benchmark's rate is that of the framework: mambench's worker with our kernel against a bare loop.

A bare loop is what a user of the framework would write for speed, in the table below: operands, a warmup, timed calls
that wait for the result. Both run in the same python with the same variables and take the median of their calls, kernel
and bare process in turn; a ratio is the median of the pairs'. On the CPU, by default with the sizes of the preset
`quick`: smaller operands stay in a bare loop's caches, while the worker's have just changed signs. Exit code 1 unless
every ratio is at least 0.98. On a busy machine a ratio strays by more than that: look at its range, and at the best
runs, which stray less.

    python scripts/bench_fidelity.py --python PATH [--python PATH] [--benchmark NAME] [--framework NAME] [--size N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from mambench.app.context import Mambench
from mambench.app.pythons import existing_specs
from mambench.catalogue import plan
from mambench.environments.existing import ExistingSource
from mambench.measurement.runner import Runner
from mambench.model import BenchmarkSpec, Choices, Environment, Limits, Trial
from mambench.system.home import Home
from mambench.terminal.console import Terminal

LEAST = 0.98
WARMUP_SECONDS, SECONDS, LEAST_RUNS, TIMEOUT_SECONDS = 0.3, 0.5, 5, 120.0

# ---------------------------------------------------------------------------------------------- the bare loops
# `n` and `dtype` are given. normal(*shape) and uniform(*shape) between -1 and 1 are each framework's own.

BEGINNINGS = {
    "numpy": """
        import numpy as np
        random = np.random.default_rng(1)
        def normal(*shape): return random.standard_normal(shape, dtype)
        def uniform(*shape): return 2 * random.random(shape, dtype) - 1
    """,
    "torch": """
        import torch
        torch.set_default_dtype(getattr(torch, dtype))
        def normal(*shape): return torch.randn(shape)
        def uniform(*shape): return 2 * torch.rand(shape) - 1
    """,
    "tensorflow": """
        import tensorflow as tf
        def normal(*shape): return tf.random.normal(shape, dtype=dtype)
        def uniform(*shape): return tf.random.uniform(shape, -1, 1, dtype=dtype)
    """,
    "jax": """
        import jax, jax.numpy as jnp
        jax.config.update("jax_enable_x64", dtype == "float64")
        keys = iter(jax.random.split(jax.random.PRNGKey(1), 8))
        def normal(*shape): return jax.random.normal(next(keys), shape, dtype)
        def uniform(*shape): return jax.random.uniform(next(keys), shape, dtype, -1, 1)
    """,
}

GPT_TORCH = """
    from torch import nn
    from torch.nn import functional
    layers, heads, width, context, vocabulary = 4, 4, 128, 64, 256
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        def forward(self, x):
            parts = self.qkv(self.norm1(x)).split(width, 2)
            q, k, v = (part.view(n, context, heads, width // heads).transpose(1, 2) for part in parts)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, context, width))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))
    embedding, positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
    for each in (embedding, positions): nn.init.normal_(each.weight, std=0.02)
    blocks = nn.Sequential(*(Block() for _ in range(layers)), nn.LayerNorm(width))
    weights = [*embedding.parameters(), *positions.parameters(), *blocks.parameters()]
    groups = [{"params": [each for each in weights if each.ndim == 2]}]
    groups += [{"params": [each for each in weights if each.ndim == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95), weight_decay=0.1)
    text = torch.randint(vocabulary, (2**18,))
"""
GPT_TORCH_STEP = """
    starts = torch.randint(len(text) - context, (n, 1))
    tokens = text[starts + torch.arange(context + 1)]
    x = embedding(tokens[:, :-1]) + positions.weight
    logits = functional.linear(blocks(x), embedding.weight)
    loss = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
GPT_JAX = """
    import numpy as np
    random = np.random.default_rng(1)
    layers, heads, width, context, vocabulary = 4, 4, 128, 64, 256
    def matrix(*shape): return jnp.asarray(0.02 * random.standard_normal(shape), dtype)
    def linear(inputs, outputs): return matrix(inputs, outputs), jnp.zeros(outputs, dtype)
    def norm(): return jnp.ones(width, dtype), jnp.zeros(width, dtype)
    def block():
        attention = norm(), linear(width, 3 * width), linear(width, width)
        return *attention, norm(), linear(width, 4 * width), linear(4 * width, width)
    weights = matrix(vocabulary, width), matrix(context, width), [block() for _ in range(layers)], norm()
    first, second = jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights)
    text = jnp.asarray(random.integers(vocabulary, size=2**18), "int32")
    def normed(p, x):
        x = x - x.mean(-1, keepdims=True)
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * p[0] + p[1]
    def affine(p, x): return x @ p[0] + p[1]
    def loss(weights, tokens):
        embedding, positions, blocks, last = weights
        x = embedding[tokens[:, :-1]] + positions
        for norm1, qkv, out, norm2, up, down in blocks:
            q, k, v = jnp.moveaxis(affine(qkv, normed(norm1, x)).reshape(n, context, 3, heads, -1), 2, 0)
            x = x + affine(out, jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape))
            x = x + affine(down, jax.nn.gelu(affine(up, normed(norm2, x)), approximate=False))
        told = jax.nn.log_softmax(normed(last, x) @ embedding.T)
        return -jnp.take_along_axis(told, tokens[:, 1:, None], -1).mean()
    def step(weights, first, second, starts, count):
        gradient = jax.grad(loss)(weights, text[starts + jnp.arange(context + 1)])
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g * g, second, gradient)
        def updated(w, m, v):
            change = m / (1 - 0.9**count) / (jnp.sqrt(v / (1 - 0.95**count)) + 1e-8)
            return w * (1 - 6e-5 * (w.ndim == 2)) - 6e-4 * change
        return jax.tree.map(updated, weights, first, second), first, second
    step, count = jax.jit(step, donate_argnums=(0, 1, 2)), 0.0
"""
GPT_JAX_STEP = """
    count, starts = count + 1, random.integers(len(text) - context, size=(n, 1))
    weights, first, second = jax.block_until_ready(step(weights, first, second, starts, count))
"""

BARE = {
    # benchmark, framework: (operands, the timed call)
    ("matmul", "numpy"): ("a, b = normal(n, n), normal(n, n); c = np.zeros_like(a)", "np.matmul(a, b, out=c)"),
    ("matmul", "torch"): ("a, b = normal(n, n), normal(n, n); c = torch.zeros_like(a)", "torch.matmul(a, b, out=c)"),
    ("matmul", "tensorflow"): ("a, b = normal(n, n), normal(n, n)", "c = tf.matmul(a, b)"),
    ("matmul", "jax"): (
        "a, b, f = normal(n, n), normal(n, n), jax.jit(jnp.matmul)",
        "c = f(a, b).block_until_ready()",
    ),
    # In pieces that the cache holds: two passes over the whole arrays would move five of them.
    ("bandwidth", "numpy"): (
        "b, c = uniform(n), uniform(n); a = np.zeros_like(b); step = 2**15\n"
        "pieces = [slice(start, start + step) for start in range(0, n, step)]",
        "for piece in pieces: np.multiply(c[piece], 3, out=a[piece]); np.add(a[piece], b[piece], out=a[piece])",
    ),
    ("bandwidth", "torch"): (
        "b, c = uniform(n), uniform(n); a = torch.zeros_like(b)",
        "torch.add(b, c, alpha=3, out=a)",
    ),
    ("bandwidth", "tensorflow"): (
        "b, c, a = uniform(n), uniform(n), tf.Variable(tf.zeros(n, dtype))\n"
        "def f(b, c): a.assign(b + 3 * c)\n"
        "f = tf.function(f, jit_compile=True)",
        "f(b, c)",
    ),
    ("bandwidth", "jax"): (
        "b, c, f = uniform(n), uniform(n), jax.jit(lambda b, c: b + 3 * c)",
        "a = f(b, c).block_until_ready()",
    ),
    ("solve", "numpy"): ("a, b = uniform(n, n), uniform(n, 1)", "x = np.linalg.solve(a, b)"),
    ("solve", "torch"): ("a, b = uniform(n, n), uniform(n, 1)", "x = torch.linalg.solve(a, b)"),
    ("solve", "tensorflow"): ("a, b = uniform(n, n), uniform(n, 1)", "x = tf.linalg.solve(a, b)"),
    ("solve", "jax"): (
        "a, b, f = uniform(n, n), uniform(n, 1), jax.jit(jnp.linalg.solve)",
        "x = f(a, b).block_until_ready()",
    ),
    ("cholesky", "numpy"): (
        "a = uniform(n, n); a = a + a.T + 4 * n**0.5 * np.eye(n, dtype=dtype)",
        "l = np.linalg.cholesky(a)",
    ),
    ("cholesky", "torch"): (
        "a = uniform(n, n); a = a + a.T + 4 * n**0.5 * torch.eye(n)",
        "l = torch.linalg.cholesky(a)",
    ),
    ("cholesky", "tensorflow"): (
        "a = uniform(n, n); a = a + tf.transpose(a) + 4 * n**0.5 * tf.eye(n, dtype=dtype)",
        "l = tf.linalg.cholesky(a)",
    ),
    ("cholesky", "jax"): (
        "a = uniform(n, n); a = a + a.T + 4 * n**0.5 * jnp.eye(n, dtype=dtype); f = jax.jit(jnp.linalg.cholesky)",
        "l = f(a).block_until_ready()",
    ),
    ("fft", "numpy"): ("x = normal(n) + 1j * normal(n); y = np.zeros_like(x)", "np.fft.fft(x, out=y)"),
    ("fft", "torch"): ("x = torch.complex(normal(n), normal(n))", "y = torch.fft.fft(x)"),
    ("fft", "tensorflow"): ("x = tf.complex(normal(n), normal(n))", "y = tf.signal.fft(x)"),
    ("fft", "jax"): (
        "x, f = jax.lax.complex(normal(n), normal(n)), jax.jit(jnp.fft.fft)",
        "y = f(x).block_until_ready()",
    ),
    ("elementwise", "numpy"): (
        "x, z = uniform(n), uniform(n); y = np.zeros_like(x)",
        "np.add(x, z, out=y); np.exp(y, out=y); y *= x; y += z",
    ),
    ("elementwise", "torch"): (
        "x, z = uniform(n), uniform(n); y = torch.zeros_like(x)",
        "torch.add(x, z, out=y).exp_().mul_(x).add_(z)",
    ),
    ("elementwise", "tensorflow"): (
        "x, z, f = uniform(n), uniform(n), tf.function(lambda x, z: tf.exp(x + z) * x + z)",
        "y = f(x, z)",
    ),
    ("elementwise", "jax"): (
        "x, z, f = uniform(n), uniform(n), jax.jit(lambda x, z: jnp.exp(x + z) * x + z)",
        "y = f(x, z).block_until_ready()",
    ),
    ("gpt", "torch"): (GPT_TORCH, GPT_TORCH_STEP),
    ("gpt", "jax"): (GPT_JAX, GPT_JAX_STEP),
}

NAMES = tuple(dict.fromkeys(benchmark for benchmark, _framework in BARE))

LOOP = """
import statistics, sys, time
dtype, n = sys.argv[1], int(sys.argv[2])
warmup_seconds, timed_seconds, least_runs = map(float, sys.argv[3:])
{beginning}
{operands}
runs, until = 0, time.perf_counter() + warmup_seconds
while runs < 2 or time.perf_counter() < until:
{call}
    runs += 1
seconds, until = [], time.perf_counter() + timed_seconds
while len(seconds) < least_runs or time.perf_counter() < until:
    begin_of_run = time.perf_counter()
{call}
    seconds.append(time.perf_counter() - begin_of_run)
print(statistics.median(seconds), min(seconds))
"""


@dataclass
class Row:
    """One benchmark in one framework of one python, and of each pair a run's seconds, median and best."""

    trial: Trial
    benchmark: BenchmarkSpec
    environment: Environment
    ours: list[tuple[float, float]] = field(default_factory=list)
    bare: list[tuple[float, float]] = field(default_factory=list)

    def ratios(self, which: int) -> list[float]:
        """Our rate over the bare loop's, by the median (0) or the best (1) of each process."""
        return [bare[which] / ours[which] for ours, bare in zip(self.ours, self.bare, strict=True)]


def main() -> int:
    """Measure, print a line for each row, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", required=True, metavar="[NAME=]PATH", help="repeatable")
    parser.add_argument("--benchmark", action="append", choices=NAMES, help="repeatable (default: all)")
    parser.add_argument("--framework", action="append", choices=BEGINNINGS, help="repeatable (default: all)")
    parser.add_argument("--size", type=int, help="n (default: that of the benchmark's preset `quick`)")
    parser.add_argument("--dtype", help="default: the first of the benchmark's preset `quick`")
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.prepare()
        app = Mambench(home, environ=os.environ, terminal=Terminal())
        runner = app.runner(run_id="fidelity", seed=1)
        machine = app.machine
        print(f"{machine.cpu.model}, {machine.cpu.usable_cores} usable cores, {machine.os}{load()}", flush=True)
        for row in rows(app, arguments):
            for pair in range(arguments.pairs):
                measure_pair(runner, row, bare_first=pair % 2 == 1)
                print(f"{row.trial.key}, pair {pair + 1}: {row.ratios(0)[-1]:.3f}", file=sys.stderr, flush=True)
            ratios.append(median(row.ratios(0)))
            print(row_words(row), flush=True)
    faithful = bool(ratios) and min(ratios) >= LEAST
    below = sum(ratio < LEAST for ratio in ratios)
    print(f"{below} of {len(ratios)} ratios are below {LEAST}{load()}" if ratios else "nothing to measure: no kernel")
    return 0 if faithful else 1


def rows(app: Mambench, arguments: argparse.Namespace) -> Iterator[Row]:
    """What the pythons have, in the order of the benchmarks."""
    names, frameworks = arguments.benchmark or NAMES, arguments.framework or BEGINNINGS
    specs = [spec for text in arguments.python for spec in existing_specs(app, text, names)]
    for name in names:
        benchmark = app.catalogue.benchmarks[name]
        dtype = arguments.dtype or benchmark.presets["quick"]["cpu"].dtypes[0]
        sizes = (arguments.size,) if arguments.size else ()
        choices = Choices(preset="quick", benchmarks=(name,), devices=("cpu",), sizes=sizes, dtypes=(dtype,))
        for spec in specs:
            if spec.kernel in frameworks and (name, spec.kernel) in BARE:
                (stack,) = plan.build(choices, app.catalogue, app.machine, [spec]).stacks
                environment = ExistingSource(app.home, environ=app.environ).ready(spec)
                assert environment is not None
                yield Row(stack.trials[0], benchmark, environment)


def measure_pair(runner: Runner, row: Row, *, bare_first: bool) -> None:
    """One process of each, in changing order: a drift of the machine must not favour either."""
    if bare_first:
        row.bare.append(bare_seconds(runner, row))
    row.ours.append(worker_seconds(runner, row))
    if not bare_first:
        row.bare.append(bare_seconds(runner, row))


def worker_seconds(runner: Runner, row: Row) -> tuple[float, float]:
    """Seconds of a run of our kernel, median and best of a round. Ends the program where there is none."""
    limits = Limits(
        warmups=2,
        min_runs=LEAST_RUNS,
        max_runs=100_000,
        max_seconds=SECONDS,
        target_spread=None,
        warmup_seconds=WARMUP_SECONDS,
    )
    measured = runner.measure(
        row.trial,
        row.environment,
        benchmark=row.benchmark,
        limits=limits,
        timeout_seconds=TIMEOUT_SECONDS,
        index=0,
        order=0,
        on_event=lambda _event: None,
    )
    if measured.failure is not None:
        sys.exit(f"{row.trial.key}: {measured.failure.message}")
    seconds = [sample.seconds / sample.loops for sample in measured.samples]
    return median(seconds), min(seconds)


def bare_seconds(runner: Runner, row: Row) -> tuple[float, float]:
    """The same of the bare loop, with the variables of a worker. Ends the program if it fails."""
    trial = row.trial
    operands, call = (textwrap.dedent(part) for part in BARE[trial.benchmark, trial.framework])
    beginning = textwrap.dedent(BEGINNINGS[trial.framework])
    script = LOOP.format(beginning=beginning, operands=operands, call=textwrap.indent(call, "    "))
    command = [str(row.environment.python), "-E", "-B", "-X", "utf8", "-c", script, trial.dtype]
    command += [str(size_of(row)), str(WARMUP_SECONDS), str(SECONDS), str(LEAST_RUNS)]
    environ = runner.child_environ(row.environment, threads=None)
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode:
        sys.exit(f"{trial.key}, bare loop: {done.stderr}")
    middle, best = map(float, done.stdout.split())
    return middle, best


def size_of(row: Row) -> int:
    """The one extent that sizes this benchmark."""
    return dict(row.trial.size.params)[row.benchmark.size[0]]


def row_words(row: Row) -> str:
    """Benchmark, framework, dtype, size, both rates, the ratio's median and range."""
    trial, ratios = row.trial, row.ratios(0)
    ours, bare = (trial.work / median(middle for middle, _best in each) for each in (row.ours, row.bare))
    spread = f"{min(ratios):.3f} .. {max(ratios):.3f}, {len(ratios)} pairs; of best runs {median(row.ratios(1)):.3f}"
    return (
        f"{trial.benchmark:<11} {trial.framework:<10} {trial.dtype:<7} {size_of(row):>8}"
        f"  worker {ours:9.5g}  bare {bare:9.5g} {row.benchmark.about.unit:<8}  ratio {median(ratios):.3f} ({spread})"
    )


def load() -> str:
    """The load of the machine, where the system tells."""
    return f"; load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


if __name__ == "__main__":
    sys.exit(main())
