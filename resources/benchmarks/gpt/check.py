"""Proof that a run was one training step of this GPT: its data, its losses, its optimizer and what it has learnt.

steps    The step that is told is the number of runs since setup, where params["runs"] says how many there were.
data     The tokens are those of the text at that step, made again here.
loss     The losses that the last step told for its tokens, against a forward pass in float64 by numpy. The weights that
         are there are those after the step, so AdamW's update is taken back by its moments first: a step that kept no
         moments, or made another update of them, shows other losses. Of all sequences the first tokens are looked
         at, as far as WORK goes, and further ones of a drawn sequence; once (thorough) that one to its end. The error
         is the largest of a token, in units of the largest logit there or 1.
update   The learning rate over the root mean square of the update taken back from the first MLP: honest 1 to 5.
curve    The mean losses of the first steps against reference.json, for the shapes in it: float64, confirmed by another
         framework (scripts/make_gpt_reference.py).
fall     From the 20th step on: the mean of the last four of the first 20 losses, over the first one.

Not seen: where no curve is in reference.json, a backward pass over a part of the batch or in lower precision; in
bfloat16 it may stay within a curve of few steps too.
"""

from __future__ import annotations

import functools
import importlib
import json
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable

# As in the kernels: nanoGPT's defaults, and the text.
LEARNING_RATE, BETA_1, BETA_2, EPSILON, DECAY = 6e-4, 0.9, 0.95, 1e-8, 0.1
NORM_EPSILON = 1e-5
TEXT_TOKENS, SUCCESSORS, STRIDE = 2**18, 8, 7919
TOLD_STEPS = 20
SHAPE = ("layers", "heads", "embedding", "context", "vocabulary", "batch", "seed")

# Unit roundoff of what is stored and summed, and of the operands of products where those are narrower.
UNIT_ROUNDOFF = {"float64": 2.0**-53}
UNIT_ROUNDOFF_ELSE = 2.0**-24
UNIT_OPERANDS = {"tf32": 2.0**-11, "bfloat16": 2.0**-9}
# A token's loss is a difference of logits. Rounded operands move each of them by about u_operands of the largest one in
# the last product, and as much again in all of those before: measured 2.1 u_operands (bfloat16, up to 12 layers,
# 768 wide). Sums of C to 4 C terms in as many layers, and the rounding of the weights after the update, move them
# by (sqrt(4 C) + 16) u: measured 0.6 of it at most. TF32 passed off as float32 lies 7 to 40 times above the bound.
SAFETY_OF_OPERANDS, SAFETY_OF_SUMS, SHORT_SUM = 8.0, 4.0, 16.0
ERF_ERROR = 1e-11
# Of a mean loss, absolute: roundings average out over the tokens but gather over the steps, the more the wider a model
# is. Measured on the curves in reference.json: 3e-6 in float32, 1.8e-3 in bfloat16 (PyTorch, JAX), 1e-12 in float64.
# TF32, with two more bits, leaves 8e-5 (simulated). Within 20 steps of the default shape SGD and frozen weights are 0.8
# away, gradients of half of the batch 0.16, and from the second step on 0.02 at least.
CURVE_TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "tf32": 5e-3, "bfloat16": 1e-2}
MOST_OF_RATE = 50.0
# Where a step's loss is too noisy, or a narrow model learns too slowly, nothing is said: the least tokens of a step,
# their number over the vocabulary's, and the least width. Measured there: 0.98 at most; without learning 1.00.
FALL_TOKENS, FALL_SHARE, FALL_EMBEDDING = 256, 0.125, 64
FALL_STEPS, FALL_TOLERANCE = 4, 0.99
# Floating point operations that a look may cost, apart from the thorough one: less than a second of one core.
WORK = 4e9
# erf by cubic Hermite interpolation with its exact derivative: this step leaves an error of 4e-13.
ERF_STEP, ERF_END = 2.0**-9, 6.0
# Of one block of the head.
BLOCK_BYTES = 12 * 2**20

# Rows start to stop of the weights; whether AdamW lets them decay.
Read = Callable[[int, int, bool], Any]


def verify(
    operands: Sequence[Any], result: Any, params: dict[str, Any], *, seed: int, thorough: bool
) -> Iterator[tuple[str, float, float]]:
    """Yield (name, error, tolerance) of each proof; raises ValueError where no step is told."""
    numpy: Any = importlib.import_module("numpy")
    *packed, shown = operands
    told = _whole(numpy, result)[:, 0]
    steps, curve, losses = float(told[0]), told[1 : 1 + TOLD_STEPS], told[1 + TOLD_STEPS :]
    if not (steps >= 1.0 and steps.is_integer()):
        raise ValueError(f"the kernel tells of {steps:g} training steps; each run is one")
    if "runs" in params:
        yield "steps", abs(steps - params["runs"]), 0.0
    tokens = batch_of(numpy, params, int(steps) - 1)
    yield "data", float((_whole(numpy, shown) != tokens).sum()), 0.0
    groups = _groups(params, random.Random(f"mambench gpt {seed}"), thorough=thorough)
    before = functools.partial(_before, numpy, packed, int(steps))
    losses = losses.reshape(tokens.shape[0], -1)
    with numpy.errstate(all="ignore"):  # what is not finite is an error that is NaN
        own = forward(numpy, before, params, [tokens[rows, : length + 1] for rows, length in groups])
        errors = [abs(losses[rows, :length] - exact) / unit for (rows, length), (exact, unit) in zip(groups, own)]
    worst = [float(each.max()) for each in errors]
    yield "loss", math.nan if any(map(math.isnan, worst)) else max(worst), loss_tolerance(params)
    first_mlp = _first_mlp(params)
    with numpy.errstate(all="ignore"):
        moved = _update(numpy, [matrix(*first_mlp) for matrix in packed[1:]], int(steps))
        error = float(LEARNING_RATE / numpy.sqrt((moved**2).mean()))
    yield "update", error, MOST_OF_RATE
    yield from _learnt(curve[: int(steps)], params)


def loss_tolerance(params: dict[str, Any]) -> float:
    """Return the largest error of an honest token's loss, in units of the largest logit or 1."""
    dtype = params["dtype"]
    sums = (math.sqrt(4.0 * params["embedding"]) + SHORT_SUM) * UNIT_ROUNDOFF.get(dtype, UNIT_ROUNDOFF_ELSE)
    return SAFETY_OF_OPERANDS * UNIT_OPERANDS.get(dtype, 0.0) + SAFETY_OF_SUMS * sums + ERF_ERROR


@functools.lru_cache(maxsize=1)
def references() -> dict[tuple[int, ...], list[float]]:
    """Return the reference curves by the numbers of SHAPE."""
    curves = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))
    return {tuple(curve[name] for name in SHAPE): curve["losses"] for curve in curves}


def forward(numpy: Any, read: Read, params: dict[str, Any], groups: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return each group's losses and their units; a group is tokens (sequences, length + 1).

    Each layer's weights are read once, for all groups, and the head's in blocks.
    """
    vocabulary, context, embedding = params["vocabulary"], params["context"], params["embedding"]
    streams = [_embedded(numpy, read, vocabulary, group[:, :-1]) for group in groups]
    row = vocabulary + context

    def take(rows: int, decays: bool) -> Any:
        nonlocal row
        row += rows
        return read(row - rows, row, decays)

    for _ in range(params["layers"]):
        norm, qkv, qkv_bias = take(2, False), take(3 * embedding, True), take(3, False).ravel()
        out, out_bias, mlp_norm = take(embedding, True), take(1, False), take(2, False)
        up, up_bias = take(4 * embedding, True), take(4, False).ravel()
        down, down_bias = take(4 * embedding, True).reshape(embedding, -1), take(1, False)
        for x in streams:
            x += _attention(numpy, _norm(numpy, x, norm) @ qkv.T + qkv_bias, params["heads"]) @ out.T + out_bias
            x += _gelu(numpy, _norm(numpy, x, mlp_norm) @ up.T + up_bias) @ down.T + down_bias
    norm = take(2, False)
    heads = [_Head(numpy, _norm(numpy, x, norm), group[:, 1:]) for x, group in zip(streams, groups)]
    step = max(1, BLOCK_BYTES // (8 * embedding))
    for start in range(0, vocabulary, step):
        block = read(start, min(vocabulary, start + step), True)
        for head in heads:
            head.add(start, block)
    return [(head.losses(), head.unit) for head in heads]


class _Head:
    """The losses of one group, summed up over blocks of the vocabulary."""

    def __init__(self, numpy: Any, x: Any, targets: Any) -> None:
        self._numpy, self._x, self._targets = numpy, x, targets
        self._largest = numpy.full(targets.shape, -math.inf)
        self._sum, self._target = numpy.zeros(targets.shape), numpy.zeros(targets.shape)
        self.unit = numpy.ones(targets.shape)

    def add(self, start: int, block: Any) -> None:
        """Take in the tokens `start` and following, whose embeddings are the block's rows."""
        numpy = self._numpy
        logits = self._x @ block.T
        largest = numpy.maximum(self._largest, logits.max(axis=-1))
        self._sum *= numpy.exp(self._largest - largest)
        self._sum += numpy.exp(logits - largest[..., None]).sum(axis=-1)
        self._largest = largest
        self.unit = numpy.maximum(self.unit, abs(logits).max(axis=-1))
        offset = self._targets - start
        inside = (offset >= 0) & (offset < len(block))
        picked = numpy.take_along_axis(logits, numpy.where(inside, offset, 0)[..., None], axis=-1)[..., 0]
        self._target = numpy.where(inside, picked, self._target)

    def losses(self) -> Any:
        return self._numpy.log(self._sum) + self._largest - self._target


def batch_of(numpy: Any, params: dict[str, Any], step: int) -> Any:
    """Return the tokens of a step, each sequence with the token after it: (batch, context + 1)."""
    batch, context = params["batch"], params["context"]
    starts = [(step * batch + row) * STRIDE % (TEXT_TOKENS - context) for row in range(batch)]
    return _text(numpy, params["seed"], params["vocabulary"])[numpy.add.outer(starts, numpy.arange(context + 1))]


@functools.lru_cache(maxsize=1)
def _text(numpy: Any, seed: int, vocabulary: int) -> Any:
    drawn = numpy.random.RandomState(seed)
    spread = drawn.random_sample((vocabulary, SUCCESSORS))
    table = (vocabulary * (spread * spread)).astype("int64").tolist()
    chances = drawn.random_sample(TEXT_TOKENS)
    token, text = 0, []
    for choice in (SUCCESSORS * (chances * chances)).astype("int64").tolist():
        token = table[token][choice]
        text.append(token)
    return numpy.array(text)


def _groups(params: dict[str, Any], drawn: random.Random, *, thorough: bool) -> list[tuple[Any, int]]:
    """Return what is recomputed: rows of the batch, and how many of their first tokens."""
    batch, context, layers, embedding = (params[name] for name in ("batch", "context", "layers", "embedding"))
    affordable = int(WORK / (2.0 * embedding * (params["vocabulary"] + 12 * layers * embedding)))
    if affordable >= batch * context:
        return [(slice(0, batch), context)]
    sequence = drawn.randrange(batch)
    long = context if thorough else min(context, max(1, affordable // 2))
    return [(slice(0, batch), max(1, affordable // (2 * batch))), (slice(sequence, sequence + 1), long)]


def _before(numpy: Any, packed: Sequence[Any], steps: int, start: int, stop: int, decays: bool) -> Any:
    """Return rows of the weights as they were before the last step."""
    after, *moments = (matrix(start, stop) for matrix in packed)
    return (after + _update(numpy, moments, steps)) / (1.0 - LEARNING_RATE * DECAY if decays else 1.0)


def _update(numpy: Any, moments: Sequence[Any], steps: int) -> Any:
    """Return what AdamW takes from the weights at a step, apart from their decay."""
    first, second = moments
    rate, root = LEARNING_RATE / (1.0 - BETA_1**steps), math.sqrt(1.0 - BETA_2**steps)
    return rate * first / (numpy.sqrt(second) / root + EPSILON)


def _first_mlp(params: dict[str, Any]) -> tuple[int, int]:
    """Return the rows of the first block's `up`: after both embeddings, two LayerNorms, qkv and out."""
    embedding = params["embedding"]
    start = params["vocabulary"] + params["context"] + 4 * embedding + 8
    return start, start + 4 * embedding


def _embedded(numpy: Any, read: Read, vocabulary: int, tokens: Any) -> Any:
    """Return the sum of both embeddings: (sequences, length, embedding)."""
    used, where = numpy.unique(tokens, return_inverse=True)
    rows = numpy.concatenate([read(token, token + 1, True) for token in used.tolist()])
    return rows[where.reshape(tokens.shape)] + read(vocabulary, vocabulary + tokens.shape[1], True)


def _norm(numpy: Any, x: Any, affine: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = numpy.sqrt((centred * centred).mean(axis=-1, keepdims=True) + NORM_EPSILON)
    return centred / deviation * affine[0] + affine[1]


def _attention(numpy: Any, qkv: Any, heads: int) -> Any:
    """Return causal self-attention, head by head: (sequences, length, embedding) from three times as wide."""
    length, width = qkv.shape[1], qkv.shape[2] // (3 * heads)
    future = numpy.triu(numpy.full((length, length), -math.inf), 1)
    mixed = []
    for head in range(heads):
        q, k, v = (qkv[..., (part * heads + head) * width :][..., :width] for part in range(3))
        scores = q @ k.swapaxes(1, 2) / math.sqrt(width) + future
        weights = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed.append(weights @ v / weights.sum(axis=-1, keepdims=True))
    return numpy.concatenate(mixed, axis=-1)


def _gelu(numpy: Any, x: Any) -> Any:
    return 0.5 * x * (1.0 + _erf(numpy, x / math.sqrt(2.0)))


def _erf(numpy: Any, x: Any) -> Any:
    values, slopes = _erf_table(numpy)
    position = (numpy.clip(x, -ERF_END, ERF_END) + ERF_END) / ERF_STEP
    index = numpy.minimum(numpy.nan_to_num(position).astype("int64"), len(values) - 2)
    t = position - index
    low, slope, rise = values[index], slopes[index], values[index + 1] - values[index]
    bend = slope + slopes[index + 1] - 2.0 * rise
    return low + t * (slope + t * (rise - slope - bend + t * bend))


@functools.lru_cache(maxsize=1)
def _erf_table(numpy: Any) -> tuple[Any, Any]:
    """Return erf and ERF_STEP times its derivative at the nodes."""
    nodes = numpy.linspace(-ERF_END, ERF_END, round(2 * ERF_END / ERF_STEP) + 1)
    values = numpy.array([math.erf(node) for node in nodes.tolist()])
    return values, ERF_STEP * 2.0 / math.sqrt(math.pi) * numpy.exp(-(nodes**2))


def _whole(numpy: Any, matrix: Any) -> Any:
    return numpy.concatenate([block for _, _, block in matrix.blocks()])


def _learnt(curve: Any, params: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    reference = references().get(tuple(params[name] for name in SHAPE), [])
    count = min(len(reference), len(curve))
    if count:
        yield "curve", float(abs(curve[:count] - reference[:count]).max()), CURVE_TOLERANCE[params["dtype"]]
    tokens = params["batch"] * params["context"]
    enough = tokens >= max(FALL_TOKENS, FALL_SHARE * params["vocabulary"]) and params["embedding"] >= FALL_EMBEDDING
    if enough and len(curve) >= TOLD_STEPS:
        yield "fall", float(curve[-FALL_STEPS:].mean() / curve[0]), FALL_TOLERANCE
