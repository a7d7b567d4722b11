"""The catalogue's TOML files: every mistake is told with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.catalogue.benchmarks import load_benchmark
from mambench.catalogue.fields import nearest
from mambench.catalogue.manifest import load_catalogue, load_environment
from mambench.errors import ManifestError
from mambench.model import Catalogue
from mambench.system import resources

STACK = """\
title = "NumPy"
kernel = "numpy"
devices = ["cpu"]
platforms = [
    "linux-64",
]
tested = true
expect = { blas = "openblas" }

[conda]
channels = ["conda-forge"]
packages = ["python=3.12", "numpy=2.4.6"]
variables = { MKL_INTERFACE_LAYER = "LP64,GNU" }

[pypi]
python = ">=3.10,<3.14"
packages = ["numpy==2.4.6"]
platforms = ["linux-64"]

[cuda]
version = "12.8"
compute_capability = "7.5"
"""

BENCHMARK = """\
title = "Matrix multiplication"
unit = "GFLOPS"
memory = "3 * itemsize * n**2"
dtypes = ["float64", "float32"]
size = ["n"]

[parameters]
n = { default = 64, multiple = 2 }
batch = 1

[work]
flops = "2 * n**3"

[operands]
A = { rows = "n", columns = "n", changes = 64 }

[result]
C = { rows = "n", columns = "n" }

[check]
stock = "exact"
formula = "A"

[presets.quick]
cpu = { sizes = [2048, { n = 64, batch = 4 }], dtypes = ["float64"] }

[kernels]
numpy = { file = "kernel_numpy.py", devices = ["cpu"] }

[kernels.torch]
file = "kernel_torch.py"
module = "torch"
devices = ["cpu", "cuda"]
"""


def a_file(folder: Path, text: str = STACK, name: str = "mine.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def a_benchmark_file(folder: Path, text: str = BENCHMARK, name: str = "matmul") -> Path:
    for kernel in ("kernel_numpy.py", "kernel_torch.py"):
        a_file(folder / name, "", kernel)
    return a_file(folder / name, text, "benchmark.toml")


def message_of(file: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        (load_benchmark if file.name == "benchmark.toml" else load_environment)(file)
    assert caught.value.remedy
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_whole_stack_is_read(tmp_path: Path) -> None:
    spec = load_environment(a_file(tmp_path), "home")
    assert (spec.name, spec.title, spec.kernel, spec.origin, spec.tested) == ("mine", "NumPy", "numpy", "home", True)
    assert (spec.devices, spec.platforms, spec.expect) == (("cpu",), ("linux-64",), {"blas": "openblas"})
    assert spec.conda is not None
    assert spec.conda.variables.on("win-64") == {"MKL_INTERFACE_LAYER": "LP64,GNU"}
    assert spec.pypi is not None
    assert (spec.pypi.python, spec.pypi.packages) == (">=3.10,<3.14", ("numpy==2.4.6",))
    assert spec.cuda is not None
    assert spec.cuda.compute_capability == "7.5"
    assert spec.sources == ("conda", "pypi")


def test_a_variable_may_be_for_one_platform_only(tmp_path: Path) -> None:
    own = '{ TWO = "", linux-64 = { MKL_INTERFACE_LAYER = "LP64,GNU" } }'
    spec = load_environment(a_file(tmp_path, STACK.replace('{ MKL_INTERFACE_LAYER = "LP64,GNU" }', own)))
    assert spec.conda is not None
    assert spec.conda.variables.on("linux-64") == {"TWO": "", "MKL_INTERFACE_LAYER": "LP64,GNU"}
    assert spec.conda.variables.on("win-64") == {"TWO": ""}


def test_settings_are_read_as_they_are(tmp_path: Path) -> None:
    own = '[settings]\nlibrary = ["lib/a.so", "bin/a.dll"]\nsymbol = "{type}gemm"\nintegers = 64\n'
    spec = load_environment(a_file(tmp_path, STACK + own))
    assert spec.settings == {"library": ["lib/a.so", "bin/a.dll"], "symbol": "{type}gemm", "integers": 64}


@pytest.mark.parametrize("value", ["1979-05-27", "[[1]]", "{ a = [1] }"])
def test_a_setting_is_a_text_a_number_or_some_of_them(tmp_path: Path, value: str) -> None:
    assert "settings.own" in message_of(a_file(tmp_path, STACK + f"[settings]\nown = {value}\n"))


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ('title = "NumPy"', "title = 7", 1, "title", "7 is not a text"),
        ('title = "NumPy"', 'title = ""', 1, "title", "empty"),
        ('title = "NumPy"\n', "", 1, "title", "missing"),
        ('devices = ["cpu"]', 'devices = "cpu"', 3, "devices", "list"),
        ('devices = ["cpu"]', "devices = []", 3, "devices", "empty"),
        ('devices = ["cpu"]', 'devices = ["cuba"]', 3, "devices", "did you mean cuda"),
        ('    "linux-64",', '    "linux-46",', 4, "platforms", "did you mean linux-64"),
        ("tested = true", "tested = 1", 7, "tested", "true or false"),
        ("tested = true", 'tested = { win-46 = "2026-11-21" }', 7, "tested.win-46", "did you mean win-64"),
        ("tested = true", 'tested = { win-64 = "soon" }', 7, "tested.win-64", "'soon' is neither a date"),
        ("tested = true", "testet = true", 7, "testet", "did you mean tested"),
        ('blas = "openblas"', "blas = 1", 8, "expect.blas", "1 is not a text"),
        ('"python=3.12", ', "3.12, ", 12, "conda.packages", "3.12 is not a text"),
        ("[conda]\nchannels", "[conda]\nchanels", 10, "conda.channels", "missing"),
        ('">=3.10,<3.14"', '"3.10 or later"', 16, "pypi.python", "no version specifier"),
        ('= "LP64,GNU"', "= 1", 13, "conda.variables.MKL_INTERFACE_LAYER", "1 is not a text"),
        ('{ MKL_INTERFACE_LAYER = "LP64,GNU" }', "{ win-46 = {} }", 13, "conda.variables.win-46", "mean win-64"),
        ('{ MKL_INTERFACE_LAYER = "LP64,GNU" }', "{ win-64 = { A = 1 } }", 13, "conda.variables.win-64.A", "1 is not"),
        ('packages = ["numpy==2.4.6"]\n', "", 15, "pypi.packages", "missing"),
        ('platforms = ["linux-64"]\n\n[cuda]', 'platforms = [1]\n\n[cuda]', 18, "pypi.platforms", "1 is not"),
        ('version = "12.8"', "version = 12.8", 21, "cuda.version", "12.8 is not a text"),
        ("[cuda]", "[cdua]", 20, "cdua", "did you mean cuda"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    assert old in STACK
    message = message_of(file := a_file(tmp_path, STACK.replace(old, new, 1)))
    if "missing" not in words or line > 1:
        assert message.startswith(f"{file}, line {line}, field {field}: ")
    assert str(file) in message
    assert f"field {field}: " in message
    assert words in message


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ('numpy = { file = "kernel_numpy.py", ', "numpy = { ", 28, "kernels.numpy.file"),
        ('devices = ["cpu"] }', "devices = 1 }", 28, "kernels.numpy.devices"),
        ('module = "torch"', "module = 3", 32, "kernels.torch.module"),
        ('"kernel_torch.py"', '"kernel_touch.py"', 30, "kernels.torch"),
        ('"kernel_numpy.py"', '"kernel_dumpy.py"', 28, "kernels.numpy"),
        ('title = "M', 'tilte = "M', 1, "title"),
        ('unit = "GFLOPS"', 'unit = "furlongs"', 2, "unit"),
        ("[parameters]\n", "[parameters]\nitemsize = 3\n", 8, "parameters.itemsize"),
        ('size = ["n"]', 'size = ["m"]', 5, "size"),
        ('"2 * n**3"', '"2 * n**"', 12, "work.flops"),
        ('"2 * n**3"', '"2 * m**3"', 12, "work.flops"),
        ('"2 * n**3"', '"n - n"', 12, "work.flops"),
        ('flops = "2', 'flopses = "2', 12, "work.flopses"),
        ('flops = "2', 'bytes = "2', 11, "work"),
        ('"3 * itemsize * n**2"', "\"__import__('os')\"", 3, "memory"),
        ('A = { rows = "n"', 'A = { rows = "k"', 15, "operands.A.rows"),
        ('C = { rows = "n"', 'C = { rows = "k"', 18, "result.C.rows"),
        ('stock = "exact"', 'stock = "exactly"', 21, "check.stock"),
        ('stock = "exact"', 'file = "check.py"', 21, "check.file"),
        ("sizes = [2048,", "sizes = [-1,", 25, "presets.quick.cpu.sizes"),
        ("sizes = [2048,", "sizes = [2047,", 25, "presets.quick.cpu.sizes"),
        ("{ n = 64,", "{ k = 64,", 25, "presets.quick.cpu.sizes"),
        ('dtypes = ["float64"] }', 'dtypes = ["bfloat16"] }', 25, "presets.quick.cpu.dtypes"),
    ],
)
def test_a_mistake_in_a_benchmark_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, field: str
) -> None:
    assert old in BENCHMARK
    file = a_benchmark_file(tmp_path, BENCHMARK.replace(old, new, 1))
    assert message_of(file).startswith(f"{file}, line {line}, field {field}: ")


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    message = message_of(file := a_file(tmp_path, 'title = "x"\nkernel = numpy\n'))
    assert message.startswith(str(file))
    assert "line 2" in message


def test_a_file_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.write_bytes(b'title = "\xff"')
    assert str(file) in message_of(file)


def test_a_stack_without_a_source_is_refused(tmp_path: Path) -> None:
    text = STACK[: STACK.index("[conda]")]
    assert "neither [conda] nor [pypi]" in message_of(a_file(tmp_path, text))


@pytest.mark.parametrize("name", ["My Stack.toml", "Größe.toml", "UPPER.toml"])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    assert "cannot be a name" in message_of(a_file(tmp_path, name=name))


def test_the_nearest_names_are_offered_else_all() -> None:
    assert nearest("numpy-opneblas", ["numpy-openblas", "torch-cpu"]) == "did you mean numpy-openblas?"
    assert nearest("zzz", ["b", "a"]) == "there is a, b"


# --------------------------------------------------------------------------------------------- catalogue


class Folders:
    """Ours with one benchmark and one stack, and the user's, still empty."""

    def __init__(self, root: Path) -> None:
        self.ours = (root / "ours/benchmarks", root / "ours/environments")
        self.users = (root / "home/benchmarks", root / "home/environments")
        a_benchmark_file(self.ours[0])
        a_file(self.ours[1], name="numpy-openblas.toml")

    def load(self) -> Catalogue:
        return load_catalogue(self.ours, self.users)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_without_a_user_folder_all_is_builtin(folders: Folders) -> None:
    catalogue = folders.load()
    assert {spec.origin for spec in catalogue.environments.values()} == {"builtin"}
    assert catalogue.benchmarks["matmul"].origin == "builtin"
    assert catalogue.broken == ()


def test_a_users_file_of_the_same_name_replaces_ours(folders: Folders) -> None:
    file = a_file(folders.users[1], STACK.replace('"NumPy"', '"Mine"'), "numpy-openblas.toml")
    a_benchmark_file(folders.users[0])
    catalogue = folders.load()
    spec = catalogue.environments["numpy-openblas"]
    assert (spec.title, spec.origin, spec.file) == ("Mine", "home", file)
    assert catalogue.benchmarks["matmul"].folder == folders.users[0] / "matmul"


def test_names_that_differ_in_capitals_only_are_one_stack_on_any_disk(folders: Folders) -> None:
    small, large = (a_file(folders.users[1], name=name) for name in ("mine.toml", "Mine.toml"))
    catalogue = folders.load()
    assert {name for name in catalogue.environments if name.lower() == "mine"} == {"mine"}
    assert (len(catalogue.broken) == 0) is small.samefile(large)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = x", "line 1"),
        (STACK.replace('kernel = "numpy"', 'kernel = "nunpy"'), "line 2, field kernel: there is no 'nunpy'"),
        (STACK.replace('devices = ["cpu"]', 'devices = ["metal"]'), "line 3, field devices: the kernel numpy runs on"),
    ],
)
def test_a_users_broken_file_disables_itself_only(folders: Folders, text: str, words: str) -> None:
    broken = a_file(folders.users[1], text, "numpy-openblas.toml")
    a_file(folders.users[1], name="good.toml")
    catalogue = folders.load()
    assert catalogue.environments["numpy-openblas"].origin == "builtin"
    assert catalogue.environments["good"].origin == "home"
    (left_out,) = catalogue.broken
    assert left_out.name == "numpy-openblas"
    assert left_out.message.startswith(f"broken: {broken}")
    assert words in left_out.message


def test_a_users_broken_benchmark_leaves_ours(folders: Folders) -> None:
    a_benchmark_file(folders.users[0], "[kernels]\n")
    catalogue = folders.load()
    assert catalogue.benchmarks["matmul"].origin == "builtin"
    assert [each.name for each in catalogue.broken] == ["matmul"]


def test_a_users_benchmark_of_our_name_needs_to_say_only_what_is_different(folders: Folders) -> None:
    a_benchmark_file(
        folders.users[0], 'title = "Mine"\n[kernels]\nmine = { file = "kernel_numpy.py", devices = ["cpu"] }\n'
    )
    mine, ours = folders.load().benchmarks["matmul"], load_benchmark(folders.ours[0] / "matmul" / "benchmark.toml")
    assert (mine.about.title, mine.origin, list(mine.kernels)) == ("Mine", "home", ["mine"])
    assert (mine.work, mine.operands, mine.check, mine.presets) == (ours.work, ours.operands, ours.check, ours.presets)


def test_a_users_benchmark_brings_kernels_for_the_users_stacks(folders: Folders) -> None:
    a_benchmark_file(folders.users[0], BENCHMARK.replace("numpy =", "mine ="), "own")
    a_file(folders.users[1], STACK.replace('"numpy"', '"mine"'))
    catalogue = folders.load()
    assert catalogue.environments["mine"].kernel == "mine"
    assert catalogue.broken == ()


@pytest.mark.parametrize("kernels", ["", 'torch = { file = "kernel_torch.py", devices = ["cuda"] }\n'])
def test_a_stack_of_ours_without_a_kernel_in_the_users_benchmark_is_left_out(folders: Folders, kernels: str) -> None:
    torch = STACK.replace('"numpy"', '"torch"')
    a_file(folders.ours[1], torch, "torch-cpu.toml")
    assert "torch-cpu" in folders.load().environments
    a_benchmark_file(folders.users[0], BENCHMARK[: BENCHMARK.index("[kernels.torch]")].rstrip() + f"\n{kernels}")
    a_file(folders.users[1], torch, "mine.toml")
    catalogue = folders.load()
    assert list(catalogue.environments) == ["numpy-openblas"]
    assert [each.name for each in catalogue.broken] == ["mine"]


def test_a_broken_file_of_ours_is_our_fault(folders: Folders) -> None:
    a_file(folders.ours[1], "title = 1", "numpy-openblas.toml")
    with pytest.raises(ManifestError):
        folders.load()


def test_the_catalogue_that_comes_with_mambench_is_whole() -> None:
    catalogue = load_catalogue((resources.benchmarks(), resources.environments()), (Path("nowhere"), Path("nowhere")))
    files = sorted(file.stem for file in resources.environments().glob("*.toml"))
    assert files
    assert sorted(catalogue.environments) == files
    assert catalogue.broken == ()
    for spec in catalogue.environments.values():
        assert any(spec.kernel in benchmark.kernels for benchmark in catalogue.benchmarks.values())
        other = catalogue.environments.get(spec.instead, spec)
        assert not spec.instead or (other != spec and set(spec.platforms) <= set(other.platforms))


@pytest.mark.parametrize("file", sorted(resources.environments().glob("*.toml")), ids=lambda file: file.stem)
def test_top_packages_of_ours_are_pinned(file: Path) -> None:
    spec = load_environment(file)
    for recipe in (spec.conda, spec.pypi):
        if recipe is not None:
            tops = [package for package in recipe.packages if not package.startswith(("python", "libblas"))]
            assert tops
            assert all("=" in package for package in tops)


def test_every_stack_of_ours_says_what_must_have_run() -> None:
    shipped = load_catalogue((resources.benchmarks(), resources.environments()), (Path("none"), Path("none")))
    assert shipped.environments and all(spec.expect for spec in shipped.environments.values())
