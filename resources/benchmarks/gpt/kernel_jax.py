"""One training step of a small GPT with JAX alone, compiled by XLA, on the CPU or a CUDA device.

setup(params) -> state   weights and text from numpy.random.RandomState(seed), the same in every framework
run(state) -> None       one more step, in the memory of the old weights and moments (donated), waited for
result(state)            weights, first and second moments, tokens, losses: see benchmark.toml for their rows
flip(state, *rows)       nothing: each run changes the weights and the data itself
facts(state) -> dict     device, type and attention, XLA's threads, precision

The model is nanoGPT's (https://github.com/karpathy/nanoGPT) with its defaults: biases, pre-LayerNorm, exact GELU, tied
head, initial weights, decay of matrices only; no dropout, clipping or schedule. AdamW is written out here. float32
means IEEE (precision "highest"); tf32 is precision "tensorfloat32"; bfloat16 casts the operands of matrix products and
leaves weights, moments, LayerNorm and loss in float32, as autocast does. There is no event to time a GPU with: the
host's clock includes the launch. The CUDA path has not run on such a device yet.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jaxlib
import numpy

# Of weights and moments, and of the operands of matrix products.
DTYPES = {"float32": "float32", "tf32": "float32", "bfloat16": "float32"}
PRODUCTS = {**DTYPES, "bfloat16": "bfloat16"}
PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}
AMPERE = (8, 0)
# nanoGPT's defaults, and LayerNorm's epsilon.
LEARNING_RATE, BETA_1, BETA_2, EPSILON, DECAY = 6e-4, 0.9, 0.95, 1e-8, 0.1
INITIAL_DEVIATION = 0.02
NORM_EPSILON = 1e-5
# The text: each token is followed by one of so many that are drawn for it.
TEXT_TOKENS, SUCCESSORS = 2**18, 8
# A prime, so that the starts of sequences scatter over the text.
STRIDE = 7919
TOLD_STEPS = 20
# The name that XLA's CPU client gives the threads of its pool (seen in jaxlib 0.10.2).
POOL_THREAD = "tf_XLAEigen"

Rows = Callable[[int, int], Any]


class Affine(NamedTuple):
    """A linear map, weight (outputs, inputs) and bias (outputs), or a LayerNorm's scale and shift."""

    weight: Any
    bias: Any


class Block(NamedTuple):
    """One block's weights, in the order in which they are drawn and shown."""

    attention_norm: Affine
    qkv: Affine
    out: Affine
    mlp_norm: Affine
    up: Affine
    down: Affine


class Weights(NamedTuple):
    """All weights; the tokens' embedding is the head as well."""

    tokens: Any
    positions: Any
    blocks: list[Block]
    norm: Affine


@dataclass
class State:
    """Weights and moments, the text, the compiled step, and what the steps told."""

    params: dict[str, Any]
    device: Any
    weights: Weights
    first: Weights
    second: Weights
    text: Any
    step: Callable[..., Any]
    tokens: Any
    losses: Any
    steps: int = 0
    curve: list[Any] = field(default_factory=list)


def setup(params: dict[str, Any]) -> State:
    """Make the weights; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    _refuse(dtype, device)
    if params["embedding"] % params["heads"]:
        raise ValueError("embedding has to be a multiple of heads")
    # Global, so that it holds for the backward pass and inside of jax.nn too.
    jax.config.update("jax_default_matmul_precision", PRECISIONS[dtype])
    # Put there by name, as what a step returns is: else the second step is compiled anew.
    drawn = _initial(params)
    zeros = jax.tree.map(numpy.zeros_like, drawn)
    weights, first, second = (jax.device_put(tree, device) for tree in (drawn, zeros, zeros))
    text = jax.device_put(_text(params["seed"], params["vocabulary"]), device)
    tokens = numpy.zeros((params["batch"], params["context"] + 1))
    losses = numpy.full(params["batch"] * params["context"], math.nan)
    jax.block_until_ready((weights, first, second, text))
    return State(params, device, weights, first, second, text, _compiled(params), tokens, losses)


def run(state: State) -> None:
    """Train one step and wait for it."""
    count = state.steps + 1
    rate, root = LEARNING_RATE / (1.0 - BETA_1**count), math.sqrt(1.0 - BETA_2**count)
    done = state.step(state.weights, state.first, state.second, state.text, _starts(state), rate, root)
    state.weights, state.first, state.second, state.tokens, state.losses, loss = jax.block_until_ready(done)
    if state.steps < TOLD_STEPS:
        state.curve.append(loss)
    state.steps = count


def result(state: State) -> tuple[Rows, ...]:
    """Return weights, first moments, second moments, tokens and losses as readers of float64 rows."""
    columns = state.params["embedding"]
    packed = [_rows(jax.tree.leaves(tree), columns) for tree in (state.weights, state.first, state.second)]
    curve = numpy.full(1 + TOLD_STEPS, math.nan)
    curve[: 1 + len(state.curve)] = [state.steps, *map(float, state.curve)]
    return (*packed, _rows([state.tokens], state.params["context"] + 1), _rows([curve, state.losses], 1))


def flip(state: State, *rows: list[int]) -> None:
    """Change nothing: no operand has rows that change sign."""


def facts(state: State) -> dict[str, Any]:
    """Say which JAX trains, and what its matrix products are and where."""
    common = {
        "framework": "jax",
        "framework_version": jax.__version__,
        "blas": "xla",
        "blas_version": jaxlib.__version__,
        "result_device": _device_of(state.losses) if state.steps else None,
        "result_dtype": PRODUCTS[state.params["dtype"]],
        "float32_precision": "tf32" if state.params["dtype"] == "tf32" else "ieee",
        "attention": "jax.nn.dot_product_attention (xla)",
        "optimizer": "AdamW",
    }
    if state.device.platform == "cpu":
        return {**common, "device_kind": "cpu", "threads": _threads(), "threading_layer": "xla"}
    capability = getattr(state.device, "compute_capability", None)
    return {
        **common,
        "device_kind": "cuda",
        "device_name": state.device.device_kind,
        "compute_capability": capability,
    }


def _compiled(params: dict[str, Any]) -> Callable[..., Any]:
    """Return one step, compiled; the old weights and moments are given away for the memory of the new ones."""
    heads, context, product = params["heads"], params["context"], PRODUCTS[params["dtype"]]

    def step(weights: Weights, first: Weights, second: Weights, text: Any, starts: Any, rate: Any, root: Any) -> Any:
        tokens = text[starts[:, None] + jnp.arange(context + 1)]
        gradient, losses = jax.grad(_mean_loss, has_aux=True)(weights, tokens, heads, product)
        first = jax.tree.map(lambda m, g: BETA_1 * m + (1.0 - BETA_1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: BETA_2 * v + (1.0 - BETA_2) * g * g, second, gradient)
        weights = jax.tree.map(lambda w, m, v: _updated(w, m, v, rate, root), weights, first, second)
        return weights, first, second, tokens, losses, losses.mean()

    compiled: Callable[..., Any] = jax.jit(step, donate_argnums=(0, 1, 2))
    return compiled


def _updated(weight: Any, first: Any, second: Any, rate: Any, root: Any) -> Any:
    """Return AdamW's new weight: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019."""
    decay = LEARNING_RATE * DECAY if weight.ndim == 2 else 0.0
    return weight * (1.0 - decay) - rate * first / (jnp.sqrt(second) / root + EPSILON)


def _mean_loss(weights: Weights, tokens: Any, heads: int, product: str) -> tuple[Any, Any]:
    """Return the mean loss and each token's."""
    logits = _logits(weights, tokens[:, :-1], heads, product)
    logits = logits.astype("float32")
    told = jnp.take_along_axis(logits, tokens[:, 1:, None], axis=-1)[..., 0]
    losses = jax.nn.logsumexp(logits, axis=-1) - told
    return losses.mean(), losses.ravel()


def _logits(weights: Weights, tokens: Any, heads: int, product: str) -> Any:
    x = weights.tokens[tokens] + weights.positions[: tokens.shape[1]]
    for block in weights.blocks:
        x = x + _attention(block, _norm(block.attention_norm, x), heads, product)
        up = _linear(block.up, _norm(block.mlp_norm, x), product)
        x = x + _linear(block.down, jax.nn.gelu(up, approximate=False), product)
    return _product(_norm(weights.norm, x), weights.tokens, product)


def _attention(block: Block, x: Any, heads: int, product: str) -> Any:
    batch, context, embedding = x.shape
    qkv = _linear(block.qkv, x, product).reshape(batch, context, 3, heads, embedding // heads)
    y = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], is_causal=True, implementation="xla")
    return _linear(block.out, y.reshape(batch, context, embedding), product)


def _linear(affine: Affine, x: Any, product: str) -> Any:
    return _product(x, affine.weight, product) + affine.bias.astype(product)


def _product(x: Any, weight: Any, product: str) -> Any:
    return x.astype(product) @ weight.astype(product).T


def _norm(affine: Affine, x: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + NORM_EPSILON) * affine.weight + affine.bias


def _starts(state: State) -> Any:
    """Return where this step's sequences begin in the text."""
    batch, context = state.params["batch"], state.params["context"]
    first = state.steps * batch
    starts = [(first + row) * STRIDE % (TEXT_TOKENS - context) for row in range(batch)]
    return jax.device_put(numpy.array(starts, dtype="int32"), state.device)


def _text(seed: int, vocabulary: int) -> Any:
    """Return a Markov chain's tokens; low tokens and first successors come more often, so that it can be learnt."""
    random = numpy.random.RandomState(seed)
    spread = random.random_sample((vocabulary, SUCCESSORS))
    table = (vocabulary * (spread * spread)).astype("int64").tolist()
    chances = random.random_sample(TEXT_TOKENS)
    token, text = 0, []
    for choice in (SUCCESSORS * (chances * chances)).astype("int64").tolist():
        token = table[token][choice]
        text.append(token)
    return numpy.array(text, dtype="int32")


def _initial(params: dict[str, Any]) -> Weights:
    """Draw the matrices in order; biases are 0 and the LayerNorms 1 and 0."""
    random, dtype, embedding = numpy.random.RandomState(params["seed"]), DTYPES[params["dtype"]], params["embedding"]
    in_residual = INITIAL_DEVIATION / math.sqrt(2 * params["layers"])

    def matrix(rows: int, columns: int, deviation: float = INITIAL_DEVIATION) -> Any:
        return (deviation * random.standard_normal((rows, columns))).astype(dtype)

    def norm() -> Affine:
        return Affine(numpy.ones(embedding, dtype), numpy.zeros(embedding, dtype))

    def linear(outputs: int, inputs: int, deviation: float = INITIAL_DEVIATION) -> Affine:
        return Affine(matrix(outputs, inputs, deviation), numpy.zeros(outputs, dtype))

    def block() -> Block:
        return Block(
            attention_norm=norm(),
            qkv=linear(3 * embedding, embedding),
            out=linear(embedding, embedding, in_residual),
            mlp_norm=norm(),
            up=linear(4 * embedding, embedding),
            down=linear(embedding, 4 * embedding, in_residual),
        )

    tokens, positions = matrix(params["vocabulary"], embedding), matrix(params["context"], embedding)
    return Weights(tokens, positions, [block() for _ in range(params["layers"])], norm())


def _device(text: str) -> Any:
    """Return JAX's device; only its platform is started, so that a CPU trial takes no GPU memory."""
    kind, index = text.split(":")
    if kind not in ("cpu", "cuda"):
        raise LookupError(f"JAX computes on the CPU and on CUDA devices here, not on {kind}")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    jax.config.update("jax_platforms", "cpu" if kind == "cpu" else "cuda,cpu")
    if kind == "cpu":
        return jax.devices("cpu")[0]
    try:
        devices = jax.devices("cuda")
    except RuntimeError as error:
        raise LookupError(f"JAX sees no usable CUDA device: {str(error).splitlines()[0]}") from error
    if int(index) >= len(devices):
        raise LookupError(f"there is no {text}: JAX sees {len(devices)} CUDA devices")
    return devices[int(index)]


def _device_of(array: Any) -> str:
    """Return where an array lies, in the words of a trial."""
    (device,) = array.devices()
    return "cpu:0" if device.platform == "cpu" else f"cuda:{device.local_hardware_id}"


def _refuse(dtype: str, device: Any) -> None:
    if dtype == "float64":
        raise NotImplementedError("jax.nn.dot_product_attention sums in float32; use float32, or PyTorch for float64")
    if dtype not in DTYPES:
        raise NotImplementedError(f"a GPT is not trained in {dtype} here")
    if dtype == "tf32" and device.platform == "cpu":
        raise NotImplementedError("tf32 exists on CUDA devices only")
    if device.platform != "cpu" and dtype in ("tf32", "bfloat16"):
        capability = tuple(int(part) for part in str(getattr(device, "compute_capability", "0.0")).split("."))
        if capability < AMPERE:
            raise NotImplementedError(f"{dtype} needs a CUDA device of compute capability 8.0 or later")


def _rows(leaves: Sequence[Any], columns: int) -> Rows:
    """Read arrays as rows of one width that lie below each other; the array read last is kept on the host."""
    ends = numpy.cumsum([leaf.size // columns for leaf in leaves]).tolist()
    starts = [0, *ends[:-1]]
    host = functools.lru_cache(maxsize=1)(lambda index: numpy.asarray(leaves[index]).reshape(-1, columns))

    def read(start: int, stop: int) -> Any:
        wanted = [index for index in range(len(leaves)) if starts[index] < stop and start < ends[index]]
        parts = [host(index)[max(0, start - starts[index]) : stop - starts[index]] for index in wanted]
        return numpy.concatenate([part.astype("float64") for part in parts])

    return read


def _threads() -> int | None:
    """Count the threads of XLA's pool on Linux; elsewhere nothing tells."""
    if not sys.platform.startswith("linux"):
        return None
    names = []
    for thread in os.listdir("/proc/self/task"):
        try:
            names.append(Path(f"/proc/self/task/{thread}/comm").read_text("ascii", "replace").strip())
        except OSError:  # it has just ended
            continue
    return names.count(POOL_THREAD) or None
