"""The GPT's check takes honest training steps and refuses every other, with a trainer in numpy for both.

The trainer is a third implementation beside those of the kernels: its curve is held against reference.json too.
"""

from __future__ import annotations

import importlib.util
import json
import math
import random
import subprocess
import tomllib
from pathlib import Path

import pytest
from interpreters import python_with

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "benchmarks" / "gpt"
TINY = {"layers": 2, "heads": 2, "embedding": 32, "context": 16, "vocabulary": 64, "batch": 8, "seed": 1}
DTYPES = ("float64", "float32", "tf32", "bfloat16")
# Mantissa bits of the operands of products, where they are fewer than those of what is stored.
OPERAND_BITS = {"tf32": 11, "bfloat16": 8}
STEPS = 20

_spec = importlib.util.spec_from_file_location("gpt_check", FOLDER / "check.py")
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)


def rounded(x, bits):
    """Round to so many bits of mantissa, to nearest; nothing where bits is None."""
    if bits is None:
        return x
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent).astype(x.dtype)


class Trainer:
    """A GPT of nanoGPT's shape with its backward pass and AdamW written out; `lie` is what it does wrong."""

    def __init__(self, params, dtype, lie="", lie_bits=None):
        self.params, self.lie = params, lie
        self.stored = np.float64 if dtype == "float64" else np.float32
        self.bits = OPERAND_BITS.get(dtype) if lie != "products" else lie_bits
        self.weight_bits = lie_bits if lie == "weights" else None
        drawn = np.random.RandomState(params["seed"])
        c, layers = params["embedding"], params["layers"]
        deep = 0.02 / math.sqrt(2 * layers)

        def matrix(rows, columns, deviation=0.02):
            return self.kept(deviation * drawn.standard_normal((rows, columns)))

        def norm():
            return [np.ones(c, self.stored), np.zeros(c, self.stored)]

        self.weights = [matrix(params["vocabulary"], c), matrix(params["context"], c)]
        for _ in range(layers):
            self.weights += [*norm(), matrix(3 * c, c), np.zeros(3 * c, self.stored)]
            self.weights += [matrix(c, c, deep), np.zeros(c, self.stored), *norm()]
            self.weights += [matrix(4 * c, c), np.zeros(4 * c, self.stored)]
            self.weights += [matrix(c, 4 * c, deep), np.zeros(c, self.stored)]
        self.weights += norm()
        self.first = [np.zeros_like(w) for w in self.weights]
        self.second = [np.zeros_like(w) for w in self.weights]
        self.steps, self.curve = 0, []

    def kept(self, values):
        return rounded(values.astype(self.stored), self.weight_bits)

    def run(self):
        self.tokens = check.batch_of(np, self.params, 0 if self.lie == "same data" else self.steps)
        rows = len(self.tokens) // (2 if self.lie in ("half batch", "half backward") else 1)
        losses, gradients = self.losses_and_gradients(self.tokens[:rows])
        if self.lie == "half batch":
            losses = np.concatenate([losses, losses])
        if self.lie == "half backward":
            losses = np.concatenate([losses, self.losses_and_gradients(self.tokens[rows:])[0]])
        self.losses, self.steps = losses, self.steps + 1
        self.curve.append(losses.mean())
        if self.lie != "no optimizer":
            self.weights = [self.updated(i, g) for i, g in enumerate(gradients)]

    def updated(self, i, gradient):
        w, lr = self.weights[i], check.LEARNING_RATE
        if self.lie == "sgd":
            return w - lr * gradient
        self.first[i] = (0.9 * self.first[i] + 0.1 * gradient).astype(self.stored)
        self.second[i] = (0.95 * self.second[i] + 0.05 * gradient**2).astype(self.stored)
        first, second = self.first[i] / (1 - 0.9**self.steps), self.second[i] / (1 - 0.95**self.steps)
        decay = lr * 0.1 if w.ndim == 2 and self.lie != "no decay" else 0.0
        return self.kept(w * (1 - decay) - lr * first / (np.sqrt(second) + 1e-8))

    def losses_and_gradients(self, tokens):
        params, w = self.params, self.weights
        heads, c = params["heads"], params["embedding"]
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        batch, length = inputs.shape
        gradients, back = [np.zeros_like(each) for each in w], []

        def mm(a, b):
            return rounded(a, self.bits) @ rounded(b, self.bits)

        def linear(x, i):
            def backward(dy):
                gradients[i] += mm(dy.reshape(-1, dy.shape[-1]).T, x.reshape(-1, x.shape[-1]))
                gradients[i + 1] += dy.sum(axis=(0, 1))
                return mm(dy, w[i])

            return mm(x, w[i].T) + w[i + 1], backward

        def norm(x, i):
            x = x - x.mean(-1, keepdims=True)
            inverse = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + self.stored(1e-5))
            x = x * inverse

            def backward(dy):
                gradients[i] += (dy * x).sum(axis=(0, 1))
                gradients[i + 1] += dy.sum(axis=(0, 1))
                dx = dy * w[i]
                return inverse * (dx - dx.mean(-1, keepdims=True) - x * (dx * x).mean(-1, keepdims=True))

            return x * w[i] + w[i + 1], backward

        def attention(qkv):
            q, k, v = qkv.reshape(batch, length, 3, heads, -1).transpose(2, 0, 3, 1, 4)
            scale = self.stored(1 / math.sqrt(c // heads))
            scores = mm(q, k.swapaxes(-1, -2)) * scale
            if self.lie != "no mask":
                scores = np.where(np.tri(length, dtype=bool), scores, self.stored(-math.inf))
            chances = np.exp(scores - scores.max(-1, keepdims=True))
            chances = chances / chances.sum(-1, keepdims=True)

            def backward(dy):
                dy = dy.reshape(batch, length, heads, -1).transpose(0, 2, 1, 3)
                dp = mm(dy, v.swapaxes(-1, -2))
                ds = chances * (dp - (dp * chances).sum(-1, keepdims=True)) * scale
                parts = np.stack([mm(ds, k), mm(ds.swapaxes(-1, -2), q), mm(chances.swapaxes(-1, -2), dy)])
                return parts.transpose(1, 3, 0, 2, 4).reshape(batch, length, 3 * c)

            return mm(chances, v).transpose(0, 2, 1, 3).reshape(batch, length, c), backward

        def gelu(x):
            cumulated = (0.5 * (1 + check._erf(np, x / math.sqrt(2)))).astype(self.stored)
            density = np.exp(-x * x / 2) / self.stored(math.sqrt(2 * math.pi))
            return x * cumulated, lambda dy: dy * (cumulated + x * density)

        x = w[0][inputs] + w[1][:length]
        for layer in range(params["layers"] // (2 if self.lie == "half of the layers" else 1)):
            i = 2 + 12 * layer
            h, back_norm = norm(x, i)
            h, back_qkv = linear(h, i + 2)
            h, back_attention = attention(h)
            h, back_out = linear(h, i + 4)
            x = x + h
            h, back_norm_2 = norm(x, i + 6)
            h, back_up = linear(h, i + 8)
            h, back_gelu = gelu(h)
            h, back_down = linear(h, i + 10)
            x = x + h
            back += [(back_out, back_attention, back_qkv, back_norm), (back_down, back_gelu, back_up, back_norm_2)]
        x, back_last = norm(x, len(w) - 2)
        logits = mm(x, w[0].T)
        top = logits.max(-1, keepdims=True)
        chances = np.exp(logits - top)
        sums = chances.sum(-1, keepdims=True)
        told = np.take_along_axis(logits, targets[..., None], -1)
        losses = (np.log(sums) + top - told)[..., 0]

        dlogits = chances / sums
        np.put_along_axis(dlogits, targets[..., None], np.take_along_axis(dlogits, targets[..., None], -1) - 1, -1)
        dlogits /= self.stored(losses.size)
        gradients[0] += mm(dlogits.reshape(-1, logits.shape[-1]).T, x.reshape(-1, c))
        dx = back_last(mm(dlogits, w[0]))
        for branch in reversed(back):
            dh = dx
            for backward in branch:
                dh = backward(dh)
            dx = dx + dh
        np.add.at(gradients[0], inputs, dx)
        gradients[1][:length] += dx.sum(axis=0)
        return losses, gradients

    def matrices(self):
        """Return operands and result as the worker shows them to a check."""
        c = self.params["embedding"]
        packed = [np.concatenate([leaf.reshape(-1, c) for leaf in each]) for each in self.told_weights()]
        curve = np.full(STEPS, math.nan)
        curve[: len(self.curve)] = self.curve[:STEPS]
        losses = np.concatenate([[self.steps], curve, self.losses.ravel()]).reshape(-1, 1)
        return tuple(map(Matrix, (*packed, self.tokens))), Matrix(losses)

    def told_weights(self):
        return self.weights, self.first, self.second


class Matrix:
    name = "a matrix"

    def __init__(self, values):
        self.values, self.shape = values.astype(np.float64), values.shape

    def __call__(self, start, stop):
        return self.values[start:stop]

    def blocks(self):
        step = max(1, self.shape[0] // 3)
        for start in range(0, self.shape[0], step):
            stop = min(start + step, self.shape[0])
            yield start, stop, self(start, stop)


def trained(params, dtype, steps, *, lie="", lie_bits=None):
    trainer = Trainer(params, dtype, lie, lie_bits)
    for _ in range(steps):
        trainer.run()
    return trainer


def outcomes(trainer, dtype, *, seed=1, thorough=True, **more):
    operands, result = trainer.matrices()
    params = {**trainer.params, "dtype": dtype, "runs": trainer.steps, **more}
    found = check.verify(operands, result, params, seed=seed, thorough=thorough)
    return {name: (error, tolerance) for name, error, tolerance in found}


def refused_by(found):
    return {name for name, (error, tolerance) in found.items() if not error <= tolerance}


def key(params):
    return tuple(params[name] for name in check.SHAPE)


@pytest.fixture(scope="module")
def curves():
    """The curves of TINY in float64, for some seeds."""
    return {key(p): trained(p, "float64", STEPS).curve for p in ({**TINY, "seed": seed} for seed in (1, 2, 3))}


@pytest.fixture
def with_curves(monkeypatch, curves):
    monkeypatch.setattr(check, "references", lambda: curves)


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))]


@pytest.mark.usefixtures("with_curves")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_honest_steps_pass_every_proof_with_room(dtype, seed):
    trainer = Trainer({**TINY, "seed": seed}, dtype)
    for step in range(1, 26):
        trainer.run()
        found = outcomes(trainer, dtype, seed=step)
        assert set(found) == {"steps", "data", "loss", "update", "curve"}
        for name, (error, tolerance) in found.items():
            assert error <= tolerance / 2, (name, step, error, tolerance)


SHAPES = [
    {"layers": 1, "heads": 1, "embedding": 4, "context": 1, "vocabulary": 300, "batch": 1},
    {"layers": 3, "heads": 3, "embedding": 12, "context": 7, "vocabulary": 5, "batch": 3},
    {"layers": 6, "heads": 2, "embedding": 64, "context": 40, "vocabulary": 100, "batch": 2},
    {"layers": 1, "heads": 4, "embedding": 128, "context": 9, "vocabulary": 2000, "batch": 5},
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_honest_steps_of_other_shapes_pass(dtype, shape):
    trainer = Trainer({**shape, "seed": 5}, dtype)
    for _ in range(5):
        trainer.run()
        assert not refused_by(outcomes(trainer, dtype, seed=trainer.steps))


# What it does wrong, the bits of it, the types that it is passed off as, and the steps after which it is seen.
LIES = [
    ("no optimizer", None, DTYPES, 2),
    ("half of the layers", None, DTYPES, 3),
    ("half batch", None, DTYPES, 1),
    ("half backward", None, DTYPES, 20),
    ("no mask", None, DTYPES, 2),
    ("sgd", None, DTYPES, 2),
    ("same data", None, DTYPES, 2),
    ("no decay", None, ("float64",), 2),
    ("weights", 8, ("float64", "float32"), 2),
    ("weights", 11, ("float64", "float32"), 2),
    ("weights", 24, ("float64",), 2),
    ("products", 8, ("float64", "float32"), 1),
    ("products", 11, ("float64", "float32"), 1),
    ("products", 24, ("float64",), 1),
]


@pytest.mark.usefixtures("with_curves")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("lie", "bits", "dtypes", "steps"), LIES)
def test_a_lie_is_refused(lie, bits, dtypes, steps, seed):
    for dtype in dtypes:
        trainer = trained({**TINY, "seed": seed}, dtype, steps, lie=lie, lie_bits=bits)
        assert refused_by(outcomes(trainer, dtype, seed=seed, thorough=False)) - {"steps"}, dtype


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("lie", "bits", "dtypes", "steps"), [each for each in LIES if each[0] != "half backward"])
def test_a_lie_is_refused_without_a_reference_too(lie, bits, dtypes, steps, seed):
    for dtype in dtypes:
        trainer = trained({**TINY, "seed": seed, "batch": 6}, dtype, steps, lie=lie, lie_bits=bits)
        found = outcomes(trainer, dtype, seed=seed, thorough=False)
        assert "curve" not in found
        assert refused_by(found), dtype


@pytest.mark.usefixtures("with_curves")
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_that_are_told_beforehand_are_refused(dtype):
    """The right curve and even the right losses of the tokens, over weights that were left alone."""
    honest, lazy = trained(TINY, dtype, 3), trained(TINY, dtype, 3, lie="no optimizer")
    lazy.curve, lazy.losses = honest.curve, honest.losses
    assert {"loss", "update"} <= refused_by(outcomes(lazy, dtype))


@pytest.mark.usefixtures("with_curves")
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_of_the_step_before_are_refused(dtype):
    trainer = trained(TINY, dtype, 3)
    before = trainer.losses
    trainer.run()
    trainer.losses = before
    assert "loss" in refused_by(outcomes(trainer, dtype))


def test_other_tokens_than_those_of_the_text_are_refused():
    trainer = trained(TINY, "float32", 2)
    trainer.tokens[7, 16] ^= 1
    assert refused_by(outcomes(trainer, "float32")) == {"data"}


def test_a_run_without_a_step_is_refused():
    trainer = trained(TINY, "float32", 3)
    assert refused_by(outcomes(trainer, "float32", runs=4)) == {"steps"}


@pytest.mark.parametrize("told", [0.0, -1.0, 2.5, math.nan, math.inf])
def test_no_step_is_said_in_words(told):
    trainer = trained(TINY, "float32", 1)
    trainer.steps = told
    with pytest.raises(ValueError, match="training steps"):
        outcomes(trainer, "float32", runs=1)


@pytest.mark.usefixtures("with_curves")
@pytest.mark.parametrize("where", ["weights", "first", "second", "losses", "curve"])
def test_nan_is_refused(where):
    trainer = trained(TINY, "float32", 2)
    if where == "curve":
        trainer.curve[1] = math.nan
    elif where == "losses":
        trainer.losses[5, 3] = math.nan
    else:
        getattr(trainer, where)[2 + 8][1, 1] = math.nan
    assert refused_by(outcomes(trainer, "float32"))


def test_a_step_that_learns_nothing_is_refused_at_any_shape():
    """It updates at random: moments and losses are right, and the loss does not fall."""

    class Astray(Trainer):
        def losses_and_gradients(self, tokens):
            losses, gradients = super().losses_and_gradients(tokens)
            return losses, [g * np.random.RandomState(self.steps).choice([-1.0, 1.0], g.shape) for g in gradients]

    shape = {**TINY, "embedding": 64, "context": 32}
    trainer = Astray(shape, "float64")
    for _ in range(STEPS):
        trainer.run()
    assert refused_by(outcomes(trainer, "float64")) == {"fall"}
    found = outcomes(trained(shape, "float64", STEPS), "float64")
    assert not refused_by(found)
    assert found["fall"][0] < 0.97


def test_a_large_model_is_looked_at_in_part_and_one_sequence_to_its_end_once(monkeypatch):
    params = {**TINY, "seed": 2}
    monkeypatch.setattr(check, "WORK", 16 * 2.0 * 32 * (64 + 12 * 2 * 32))
    trainer = trained(params, "float64", 2)
    looked = [check._groups(params, random.Random(seed), thorough=False) for seed in range(40)]
    assert {tuple(length for _, length in groups) for groups in looked} == {(1, 8)}
    assert {rows.start for _, (rows, _) in looked} == set(range(8))
    assert [length for _, length in check._groups(params, random.Random(1), thorough=True)] == [1, 16]
    assert not refused_by(outcomes(trainer, "float64"))
    trainer.losses[:, 0] += 1e-6
    assert refused_by(outcomes(trainer, "float64", thorough=False)) == {"loss"}
    trainer.losses[:, 0] -= 1e-6
    trainer.losses[:, 15] += 1e-6
    assert not refused_by(outcomes(trainer, "float64", thorough=False))
    assert refused_by(outcomes(trainer, "float64", thorough=True)) == {"loss"}


def test_erf_is_that_of_the_standard_library():
    x = np.concatenate([np.linspace(-7, 7, 30_001), [-40.0, 40.0]])
    exact = np.array([math.erf(value) for value in x.tolist()])
    assert abs(check._erf(np, x) - exact).max() < check.ERF_ERROR / 20


def test_the_trainer_follows_the_reference():
    """A third implementation, in float64."""
    small = next(k for k in check.references() if k[5] == 8)
    params = dict(zip(check.SHAPE, small, strict=True))
    trainer = trained(params, "float64", 3)
    found = outcomes(trainer, "float64")
    assert not refused_by(found)
    assert found["curve"][0] < 1e-10


def test_the_reference_has_every_shape_of_the_presets_but_the_largest():
    spec = tomllib.loads((FOLDER / "benchmark.toml").read_text(encoding="utf-8"))
    defaults = {n: v["default"] if isinstance(v, dict) else v for n, v in spec["parameters"].items()}
    shapes = set()
    for preset in spec["presets"].values():
        for size in (size for device in preset.values() for size in device["sizes"]):
            shapes.add(key({**defaults, "seed": 1, **(size if isinstance(size, dict) else {"batch": size})}))
    missing = shapes - set(check.references())
    assert {shape[0] for shape in missing} == {12}
    assert all(all(map(math.isfinite, curve)) for curve in check.references().values())


DRIVER = """
import importlib.util, json, sys
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
kernel, check = load("kernel", sys.argv[1]), load("check", sys.argv[2])
params = json.loads(sys.argv[3])
class Matrix:
    name = "a matrix"
    def __init__(self, read, shape): self.read, self.shape = read, shape
    def __call__(self, start, stop): return self.read(start, stop)
    def blocks(self):
        step = max(1, self.shape[0] // 3)
        for start in range(0, self.shape[0], step):
            stop = min(start + step, self.shape[0])
            yield start, stop, self.read(start, stop)
try:
    state = kernel.setup(params)
except NotImplementedError as error:
    print(json.dumps({"refused": str(error)}))
    raise SystemExit
rows = params["vocabulary"] + params["context"] + params["layers"] * (12 * params["embedding"] + 13) + 2
shapes = 3 * [(rows, params["embedding"])] + [(params["batch"], params["context"] + 1)]
told = []
[reader.read(0, 2) if hasattr(reader, "read") else reader(0, 2) for reader in kernel.result(state)]
for run in range(1, 22):
    kernel.run(state)
    if run in (1, 2, 21):
        *operands, result = kernel.result(state)
        operands = tuple(Matrix(*each) for each in zip(operands, shapes))
        result = Matrix(result, (21 + params["batch"] * params["context"], 1))
        told += list(check.verify(operands, result, {**params, "runs": run}, seed=run, thorough=True))
print(json.dumps({"told": told, "facts": kernel.facts(state)}))
"""


def kernel_run(framework, dtype):
    python = python_with(framework)
    shape = {"layers": 4, "heads": 4, "embedding": 128, "context": 64, "vocabulary": 256, "batch": 8, "seed": 1}
    params = {**shape, "dtype": dtype, "device": "cpu:0", "threads": 1, "settings": {}}
    command = [python, "-c", DRIVER, str(FOLDER / f"kernel_{framework}.py"), str(FOLDER / "check.py")]
    done = subprocess.run([*command, json.dumps(params)], stdout=subprocess.PIPE, check=True, timeout=280)
    return json.loads(done.stdout)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_kernel_trains_on_the_cpu_and_is_verified(framework, dtype):
    if (framework, dtype) == ("jax", "float64"):
        assert "float32" in kernel_run(framework, dtype)["refused"]
        return
    done = kernel_run(framework, dtype)
    assert {name for name, _, _ in done["told"]} == {"steps", "data", "loss", "update", "curve", "fall"}
    assert [each for each in done["told"] if not each[1] <= each[2]] == []
    facts = done["facts"]
    assert (facts["framework"], facts["device_kind"], facts["result_device"]) == (framework, "cpu", "cpu:0")
    assert (facts["result_dtype"], facts["float32_precision"]) == (dtype, "ieee")


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_tf32_on_a_cpu_is_refused(framework):
    assert "CUDA" in kernel_run(framework, "tf32")["refused"]
