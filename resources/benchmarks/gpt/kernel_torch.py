"""One training step of a small GPT with PyTorch, eager, on the CPU, a CUDA device or Apple's Metal.

setup(params) -> state   weights and text from numpy.random.RandomState(seed), the same in every framework
run(state)               one more step; CUDA: the seconds between two events on the device; else None when it is done
result(state)            weights, first and second moments, tokens, losses: see benchmark.toml for their rows
flip(state, *rows)       nothing: each run changes the weights and the data itself
facts(state) -> dict     device, library, threads, attention, and the switches that decide the precision

The model is nanoGPT's (https://github.com/karpathy/nanoGPT) with its defaults: biases, pre-LayerNorm, exact GELU, tied
head, initial weights, decay of matrices only, AdamW fused on CUDA; no dropout, clipping or schedule. float32 means
IEEE: TF32 and bfloat16 shortcuts are off. tf32 is float32 with TF32 on; bfloat16 is autocast, with weights and moments
in float32. The CUDA and Metal paths have not run on such a device yet.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch import nn
from torch.nn import functional

DTYPES = {"float64": torch.float64, "float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.float32}
# TF32 and bfloat16 units exist from Ampere on.
AMPERE = (8, 0)
# nanoGPT's defaults.
LEARNING_RATE, BETAS, EPSILON, DECAY = 6e-4, (0.9, 0.95), 1e-8, 0.1
INITIAL_DEVIATION = 0.02
# The text: each token is followed by one of so many that are drawn for it.
TEXT_TOKENS, SUCCESSORS = 2**18, 8
# A prime, so that the starts of sequences scatter over the text.
STRIDE = 7919
TOLD_STEPS = 20
# Sums in half precision, on CUDA: cuBLAS may use them for speed unless told otherwise.
REDUCED_SUMS = ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


class Block(nn.Module):  # type: ignore[misc]  # of a framework that mypy cannot see
    """Causal self-attention and an MLP, each after a LayerNorm; (batch, context, embedding) in and out."""

    def __init__(self, heads: int, embedding: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(embedding)
        self.qkv = nn.Linear(embedding, 3 * embedding)
        self.out = nn.Linear(embedding, embedding)
        self.mlp_norm = nn.LayerNorm(embedding)
        self.up = nn.Linear(embedding, 4 * embedding)
        self.down = nn.Linear(4 * embedding, embedding)

    def forward(self, x: Any) -> Any:
        x = x + self.out(self._attention(self.attention_norm(x)))
        return x + self.down(functional.gelu(self.up(self.mlp_norm(x))))

    def _attention(self, x: Any) -> Any:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


class GPT(nn.Module):  # type: ignore[misc]  # of a framework that mypy cannot see
    """Tokens (batch, context) in, logits (batch, context, vocabulary) out."""

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__()
        embedding = params["embedding"]
        self.tokens = nn.Embedding(params["vocabulary"], embedding)
        self.positions = nn.Embedding(params["context"], embedding)
        self.blocks = nn.Sequential(*(Block(params["heads"], embedding) for _ in range(params["layers"])))
        self.norm = nn.LayerNorm(embedding)

    def forward(self, tokens: Any) -> Any:
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        return functional.linear(self.norm(self.blocks(x)), self.tokens.weight)


@dataclass
class State:
    """Model and optimizer, the text, what the steps told, and the events that time a run on CUDA."""

    params: dict[str, Any]
    device: Any
    model: GPT
    optimizer: Any
    text: Any
    tokens: Any
    losses: Any
    events: tuple[Any, Any] | None
    steps: int = 0
    curve: list[Any] = field(default_factory=list)
    logits_dtype: Any = None


def setup(params: dict[str, Any]) -> State:
    """Make the model; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    _refuse(dtype, device)
    if params["embedding"] % params["heads"]:
        raise ValueError("embedding has to be a multiple of heads")
    if params["threads"] is not None:
        torch.set_num_threads(params["threads"])
    _set_precision(dtype)
    model = GPT(params).to(device, DTYPES[dtype])
    _initialise(model, params)
    text = torch.from_numpy(_text(params["seed"], params["vocabulary"])).to(device)
    tokens = torch.zeros((params["batch"], params["context"] + 1), dtype=torch.int64)
    losses = torch.full((params["batch"] * params["context"],), math.nan)
    return State(params, device, model, _optimizer(model, device), text, tokens, losses, _events(device))


def run(state: State) -> float | None:
    """Train one step and wait for it."""
    if state.events is not None:
        return _run_cuda(state, *state.events)
    _step(state)
    if state.device.type == "mps":
        torch.mps.synchronize()
    return None


def result(state: State) -> tuple[Rows, ...]:
    """Return weights, first moments, second moments, tokens and losses as readers of float64 rows."""
    weights = list(state.model.parameters())
    moments = [
        [state.optimizer.state[weight].get(name, torch.zeros_like(weight)) for weight in weights]
        for name in ("exp_avg", "exp_avg_sq")
    ]
    columns = state.params["embedding"]
    packed = [_rows([each.detach().reshape(-1, columns) for each in leaves]) for leaves in (weights, *moments)]
    curve = torch.full((1 + TOLD_STEPS, 1), math.nan, dtype=torch.float64)
    curve[0] = state.steps
    for step, loss in enumerate(state.curve):
        curve[1 + step] = loss.cpu()
    return (*packed, _rows([state.tokens]), _rows([curve, state.losses.reshape(-1, 1)]))


def flip(state: State, *rows: list[int]) -> None:
    """Change nothing: no operand has rows that change sign."""


def facts(state: State) -> dict[str, Any]:
    """Say which PyTorch trained, where and how; the type is that of the logits, the last matrix product."""
    common = {
        "framework": "torch",
        "framework_version": torch.__version__,
        "result_dtype": None if state.logits_dtype is None else str(state.logits_dtype).replace("torch.", ""),
        "result_device": _device_of(state.losses) if state.steps else None,
        "threads": torch.get_num_threads(),
        "float32_precision": _float32_precision(state.device),
        "attention": _attention(state),
        "optimizer": "AdamW, fused" if state.optimizer.defaults["fused"] else "AdamW",
    }
    if state.device.type == "cuda":
        return {**common, **_cuda_facts(state.device)}
    if state.device.type == "mps":
        return {**common, "device_kind": "metal", "device_name": "Apple GPU", "blas": "metal performance shaders"}
    return {**common, **_cpu_facts()}


def _step(state: State) -> None:
    state.tokens = _batch(state)
    with _autocast(state):
        logits = state.model(state.tokens[:, :-1])
    targets = state.tokens[:, 1:].flatten()
    wide = torch.promote_types(logits.dtype, torch.float32)
    losses = functional.cross_entropy(logits.flatten(0, 1).to(wide), targets, reduction="none")
    loss = losses.mean()
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    state.optimizer.step()
    if state.steps < TOLD_STEPS:
        state.curve.append(loss.detach())
    state.losses, state.logits_dtype, state.steps = losses.detach(), logits.dtype, state.steps + 1


def _run_cuda(state: State, begin: Any, end: Any) -> float:
    begin.record()
    _step(state)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * MILLISECONDS


def _autocast(state: State) -> Any:
    if state.params["dtype"] != "bfloat16":
        return contextlib.nullcontext()
    return torch.autocast(state.device.type, dtype=torch.bfloat16)


def _batch(state: State) -> Any:
    """Cut this step's sequences, and the token after each, out of the text."""
    batch, context = state.params["batch"], state.params["context"]
    first = state.steps * batch
    starts = [(first + row) * STRIDE % (TEXT_TOKENS - context) for row in range(batch)]
    offsets = torch.tensor(starts).unsqueeze(1) + torch.arange(context + 1)
    return state.text[offsets.to(state.device)]


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
    return numpy.array(text, dtype="int64")


def _initialise(model: GPT, params: dict[str, Any]) -> None:
    """Draw the matrices in order; biases are 0 and the LayerNorms 1 and 0."""
    random = numpy.random.RandomState(params["seed"])
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(weight)
        elif weight.ndim == 2:
            ends_in_residual = name.endswith(("out.weight", "down.weight"))
            deviation = INITIAL_DEVIATION / (math.sqrt(2 * params["layers"]) if ends_in_residual else 1.0)
            with torch.no_grad():
                weight.copy_(torch.from_numpy(deviation * random.standard_normal(tuple(weight.shape))))


def _optimizer(model: GPT, device: Any) -> Any:
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    fused = device.type == "cuda"
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, fused=fused)


def _attention(state: State) -> str:
    """Name what scaled_dot_product_attention takes for such heads, where this PyTorch tells."""
    shape = (state.params["batch"], state.params["heads"], state.params["context"], -1)
    dtype = torch.bfloat16 if state.params["dtype"] == "bfloat16" else DTYPES[state.params["dtype"]]
    head = state.params["embedding"] // state.params["heads"]
    try:
        q = torch.empty((*shape[:3], head), dtype=dtype, device=state.device, requires_grad=True)
        chosen = torch.nn.attention.SDPBackend(torch._fused_sdp_choice(q, q, q, is_causal=True))
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return "scaled_dot_product_attention"
    return f"scaled_dot_product_attention ({chosen.name.lower()})"


def _device(text: str) -> Any:
    kind, index = text.split(":")
    if kind == "metal":
        if not torch.backends.mps.is_available():
            raise LookupError("this PyTorch sees no Metal device")
        return torch.device("mps")
    if kind == "cuda":
        if not torch.cuda.is_available():
            lacks = "is built without CUDA" if torch.version.cuda is None else "sees no usable CUDA device"
            raise LookupError(f"this PyTorch {lacks}")
        if int(index) >= torch.cuda.device_count():
            raise LookupError(f"there is no {text}: PyTorch sees {torch.cuda.device_count()} CUDA devices")
        torch.cuda.set_device(int(index))
        return torch.device("cuda", int(index))
    return torch.device("cpu")


def _device_of(tensor: Any) -> str:
    """Return where a tensor lies, in the words of a trial."""
    kind = {"mps": "metal"}.get(tensor.device.type, tensor.device.type)
    return f"{kind}:{tensor.device.index or 0}"


def _refuse(dtype: str, device: Any) -> None:
    if dtype not in DTYPES:
        raise NotImplementedError(f"a GPT is not trained in {dtype} here")
    if device.type == "mps" and dtype != "float32":
        raise NotImplementedError(f"{dtype} is not trained on Metal here; use float32")
    if dtype == "tf32" and device.type != "cuda":
        raise NotImplementedError("tf32 exists on CUDA devices only")
    nvidia = device.type == "cuda" and getattr(torch.version, "hip", None) is None
    if nvidia and dtype in ("tf32", "bfloat16") and torch.cuda.get_device_capability(device) < AMPERE:
        raise NotImplementedError(f"{dtype} needs a CUDA device of compute capability 8.0 or later")


def _set_precision(dtype: str) -> None:
    """Turn every shortcut off but the one asked for, by the interface of 2.9 or the older one, never both."""
    matmul = torch.backends.cuda.matmul
    for name in REDUCED_SUMS:
        if hasattr(matmul, name):
            setattr(matmul, name, False)
    if _has_fp32_precision():
        matmul.fp32_precision = "tf32" if dtype == "tf32" else "ieee"
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"
        return
    torch.set_float32_matmul_precision("highest")
    matmul.allow_tf32 = dtype == "tf32"


def _has_fp32_precision() -> bool:
    try:
        return bool(torch.backends.cuda.matmul.fp32_precision and torch.backends.mkldnn.matmul.fp32_precision)
    except AttributeError:
        return False


def _float32_precision(device: Any) -> str:
    """Say how float32 is multiplied there: ieee, tf32, or a shortcut by PyTorch's own name."""
    matmul = torch.backends.cuda.matmul
    if _has_fp32_precision():
        backend = torch.backends.mkldnn.matmul if device.type == "cpu" else matmul
        return str(backend.fp32_precision)
    if device.type == "cuda":
        return "tf32" if matmul.allow_tf32 else "ieee"
    setting = torch.get_float32_matmul_precision()
    return "ieee" if setting == "highest" else str(setting)


def _events(device: Any) -> tuple[Any, Any] | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)


def _rows(leaves: Iterable[Any]) -> Rows:
    """Read matrices of one width as if they lay below each other."""

    def read(start: int, stop: int) -> Any:
        blocks, top = [], 0
        for leaf in leaves:
            part = leaf[max(0, start - top) : max(0, stop - top)]
            top += len(leaf)
            if len(part):
                # To the CPU first: Metal has no float64.
                blocks.append(part.cpu().to(torch.float64).numpy())
        return numpy.concatenate(blocks)

    return read


def _cuda_facts(device: Any) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(device)
    hip = getattr(torch.version, "hip", None)
    return {
        "device_kind": "cuda",
        "device_name": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda or f"rocm {hip}",
        "blas": "cublas" if hip is None else "hipblas",
    }


def _cpu_facts() -> dict[str, Any]:
    """Name the library of float32's products, from PyTorch's own description of its build."""
    built = torch.__config__.show()
    info = re.search(r"BLAS_INFO=(\w+)", built)
    name = {"open": "openblas"}.get(info.group(1), info.group(1)) if info else "unknown"
    version = re.search(r"Math Kernel Library Version (\S+?)-", built) if name == "mkl" else None
    return {
        "device_kind": "cpu",
        "blas": name,
        "blas_version": version.group(1) if version else None,
        "threading_layer": "openmp",
    }
