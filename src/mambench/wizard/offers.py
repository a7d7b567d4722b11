"""What there is to choose, as data: benchmarks, stacks, presets, the advanced settings. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from mambench.analysis.words import counted, plural
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.sizes import parameters_of
from mambench.catalogue.tested import evidence
from mambench.errors import UsageError
from mambench.model import (
    DEFAULT_BENCHMARK,
    DTYPES,
    BenchmarkSpec,
    Catalogue,
    Choices,
    CondaRecipe,
    EnvironmentSpec,
    Machine,
    Plan,
    PypiRecipe,
    Stack,
)
from mambench.system import addresses
from mambench.wizard.estimate import Speeds, duration, plan_seconds
from mambench.wizard.pages import Option

GROUPS = {"numpy": "NumPy", "torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}
OTHERS = "Others"

TICKED_MEGABYTES = 250
"""A tested stack of one of the groups that downloads no more than this is ticked the first time."""

LARGEST_SIZE = 2**40
LARGEST_THREADS = 4096

BENCHMARKS = "/benchmarks"
"""The row that opens their list; no stack has a slash in its name."""


def benchmarks_row(catalogue: Catalogue, chosen: Collection[str]) -> tuple[Option, ...]:
    """The row above the stacks that says what is measured and opens the list; none where there is one benchmark."""
    others = len(catalogue.benchmarks) - len(chosen)
    words = f"{listed(chosen)}; {others} more to choose from" if others else listed(chosen)
    row = Option(BENCHMARKS, "benchmarks", words, opens=True)
    return (row,) if len(catalogue.benchmarks) > 1 else ()


def benchmarks(catalogue: Catalogue, machine: Machine, chosen: Collection[str]) -> tuple[Option, ...]:
    """Every benchmark: the one that is measured unless others are named, then the others of ours, then the user's."""
    ours_first = sorted(
        catalogue.benchmarks.values(), key=lambda spec: (spec.name != DEFAULT_BENCHMARK, spec.origin == "home")
    )
    return tuple(_benchmark(spec, catalogue, machine, chosen) for spec in ours_first)


def _benchmark(spec: BenchmarkSpec, catalogue: Catalogue, machine: Machine, chosen: Collection[str]) -> Option:
    title = ", ".join([spec.about.title, spec.unit, *(["your own"] if spec.origin == "home" else [])])
    first = re.split(r"[.;:](?:\s|$)", spec.about.description or spec.about.limit)[0]
    detail = f"{title}: {first}" if first else title
    if all(refusal(stack, machine) for stack in _every_stack(catalogue, machine, (spec.name,)).stacks):
        return Option(spec.name, spec.name, title, disabled="no stack that can run on this machine has a kernel for it")
    return Option(spec.name, spec.name, detail, ticked=spec.name in chosen)


def _every_stack(catalogue: Catalogue, machine: Machine, chosen: Iterable[str]) -> Plan:
    return planning.build(Choices(tuple(catalogue.environments), benchmarks=tuple(chosen)), catalogue, machine)


def refusal(stack: Stack, machine: Machine) -> str:
    """Why a stack can run none of its plan's benchmarks here; empty when it can run one."""
    failure = feasibility.impossible(stack.spec, machine) or stack.failure
    return failure.message if failure else ""


def without(stack: Stack, benchmarks: Iterable[str]) -> str:
    """`; without gpt`: those of the chosen benchmarks that a stack leaves out, for it has no kernel for them."""
    done = {trial.benchmark for trial in stack.trials}
    left = [name for name in benchmarks if name not in done]
    return f"; without {' and '.join(left)}" if left else ""


def with_benchmarks(choices: Choices, names: tuple[str, ...], catalogue: Catalogue) -> Choices:
    """Other benchmarks: sizes were meant for those of before, and an element type that none of them has goes too."""
    if names == choices.benchmarks:
        return choices
    return replace(choices, benchmarks=names, sizes=(), dtypes=_able(choices.dtypes, names, catalogue))


def fitting(choices: Choices, catalogue: Catalogue) -> Choices:
    """Choices of another day, whose benchmarks may have changed since: sizes and element types that are still taken."""
    try:
        sizes = read_sizes(listed(choices.sizes), choices.benchmarks, catalogue)
    except UsageError:
        sizes = ()
    return replace(choices, sizes=sizes, dtypes=_able(choices.dtypes, choices.benchmarks, catalogue))


def _able(dtypes: Iterable[str], benchmarks: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    able = {dtype for name in benchmarks for dtype in catalogue.benchmarks[name].dtypes}
    return tuple(dtype for dtype in dtypes if dtype in able)


def offers(
    catalogue: Catalogue,
    machine: Machine,
    ready: Mapping[str, str],
    last: Collection[str] = (),
    benchmarks: Collection[str] = (DEFAULT_BENCHMARK,),
) -> tuple[Option, ...]:
    """Every stack by group, fitting ones first; ticked are the last chosen that can run, else the ready ones.

    Where fewer than two are ready there is nothing to compare: then the light ones are ticked as well. `ready` holds,
    for each stack that is ready, the words that say how.
    """
    stacks = _every_stack(catalogue, machine, benchmarks).stacks
    able = [stack.spec.name for stack in stacks if not refusal(stack, machine)]
    made = [name for name in ready if name in able]
    light = [name for name in able if _light(catalogue.environments[name], machine.platform)]
    ticked = [name for name in last if name in able] or [*made, *(light if len(made) < 2 else [])]
    return tuple(
        _offer(stack, machine, ready, ticked, benchmarks)
        for stack in sorted(stacks, key=lambda stack: _rank(stack.spec, machine, ready, able))
    )


def _rank(
    spec: EnvironmentSpec, machine: Machine, ready: Mapping[str, str], able: Collection[str]
) -> tuple[object, ...]:
    group = list(GROUPS).index(spec.kernel) if spec.kernel in GROUPS else len(GROUPS)
    return (
        group,
        spec.name not in able,
        spec.name not in ready,
        not _run(spec, machine.platform),
        spec.name,
    )


def _run(spec: EnvironmentSpec, platform: str) -> bool:
    """By us, be it under wine."""
    return evidence(spec, platform).state != "never"


def _offer(
    stack: Stack, machine: Machine, ready: Mapping[str, str], ticked: Collection[str], benchmarks: Collection[str]
) -> Option:
    spec = stack.spec
    group = GROUPS.get(spec.kernel, OTHERS)
    proof = evidence(spec, machine.platform)
    marks = [] if proof.state == "run" else [proof.words]
    if spec.origin == "home":
        marks.append("your own")
    title = ", ".join([spec.title, *marks])
    if words := refusal(stack, machine):
        return Option(spec.name, spec.name, "", group, disabled=words)
    cost = f"ready ({ready[spec.name]})" if spec.name in ready else download_words(spec, machine.platform)
    detail = f"{title}; {cost}{without(stack, benchmarks)}"
    return Option(spec.name, spec.name, detail, group, ticked=spec.name in ticked)


def megabytes_of(spec: EnvironmentSpec, platform: str) -> int | None:
    """About how much a stack downloads, from the first of its sources for which that is known."""
    recipes: Mapping[str, CondaRecipe | PypiRecipe | None] = {"conda": spec.conda, "pypi": spec.pypi}
    weights = [recipe.megabytes for name in feasibility.sources_on(spec, platform) if (recipe := recipes.get(name))]
    return next((megabytes for megabytes in weights if megabytes), None)


def download_words(spec: EnvironmentSpec, platform: str) -> str:
    """`about 141 MB`; where nobody measured it, the plan tells before anything is downloaded."""
    megabytes = megabytes_of(spec, platform)
    return f"about {megabytes} MB" if megabytes else "size not known yet"


def _light(spec: EnvironmentSpec, platform: str) -> bool:
    megabytes = megabytes_of(spec, platform)
    return spec.kernel in GROUPS and _run(spec, platform) and megabytes is not None and megabytes <= TICKED_MEGABYTES


def ticked_words(names: Iterable[str], catalogue: Catalogue, platform: str, ready: Collection[str], free: str) -> str:
    """`3 stacks, about 158 MB to download and the size of numpy-mkl; 73 GB are free`."""
    chosen = [catalogue.environments[name] for name in names]
    if not chosen:
        return "nothing is ticked yet"
    missing = [spec for spec in chosen if spec.name not in ready]
    known = {spec.name: megabytes_of(spec, platform) for spec in missing}
    total = sum(megabytes or 0 for megabytes in known.values())
    unknown = [name for name, megabytes in known.items() if not megabytes]
    parts = [f"about {total} MB"] if total else []
    parts += [f"what {' and '.join(unknown)} need{'s' if len(unknown) == 1 else ''}"] if unknown else []
    words = f"{' and '.join(parts)} to download; {free} are free" if parts else "nothing to download"
    return f"{counted(len(chosen), 'stack')} ticked, {words}"


def preset_rows(choices: Choices, catalogue: Catalogue, machine: Machine, speeds: Speeds) -> tuple[Option, ...]:
    """Each preset with the time that it would take here, then the way to everything else."""
    rows = []
    for preset in PRESETS.values():
        plan = planning.build(replace(choices, preset=preset.name), catalogue, machine)
        rows.append(
            Option(preset.name, preset.name, f"{duration(plan_seconds(plan, machine, speeds))}: {preset.title}")
        )
    changed = settings_words(choices)
    detail = "sizes, dtypes, threads, source, channel" + (f" (now {changed})" if changed else "")
    return (*rows, Option("advanced", "advanced", detail))


def settings_words(choices: Choices) -> str:
    """What differs from the presets, in words."""
    parts = [
        _sizes_words(choices) if choices.sizes else "",
        listed(choices.dtypes),
        f"{listed(choices.threads)} {plural(max(choices.threads), 'thread')}" if choices.threads else "",
        f"from {choices.source}" if choices.source != "auto" else "",
        f"channel {addresses.without_credentials(listed(choices.channels))}" if choices.channels else "",
    ]
    return "; ".join(part for part in parts if part)


def _sizes_words(choices: Choices) -> str:
    """`n = 512` of the matrix product; others may call it otherwise."""
    name = "n =" if choices.benchmarks == (DEFAULT_BENCHMARK,) else plural(len(choices.sizes), "size")
    return f"{name} {listed(choices.sizes)}"


def settings(choices: Choices) -> tuple[Option, ...]:
    """The advanced settings as they stand."""
    channels = addresses.without_credentials(listed(choices.channels))
    return (
        Option("sizes", "sizes", listed(choices.sizes) or "the preset's"),
        Option("dtypes", "dtypes", listed(choices.dtypes) or "the preset's"),
        Option("threads", "threads", listed(choices.threads) or "as each library chooses"),
        Option("source", "source", SOURCE_WORDS[choices.source]),
        Option("channel", "channel", channels or "the recipe's, conda-forge as a rule"),
        Option("done", "done", "back to the presets"),
    )


SOURCE_WORDS = {
    "auto": "conda where it can be reached, else PyPI",
    "conda": "conda packages only, through micromamba",
    "pypi": "PyPI only, through uv",
}


def sources() -> tuple[Option, ...]:
    """Where packages may come from."""
    return tuple(Option(name, name, words) for name, words in SOURCE_WORDS.items())


def dtypes(choices: Choices, catalogue: Catalogue) -> tuple[Option, ...]:
    """Every element type; none ticked leaves it to the preset."""
    able = _able(DTYPES, choices.benchmarks, catalogue)
    refused = f"{' and '.join(choices.benchmarks)} cannot run in it"
    words = {"tf32": "float32 operands, products in TF32: NVIDIA GPUs only"}
    return tuple(
        Option(name, name, words.get(name, f"{size} bytes each"), ticked=name in choices.dtypes)
        if name in able
        else Option(name, name, disabled=refused)
        for name, size in DTYPES.items()
    )


def sizes_meaning(benchmarks: Iterable[str], catalogue: Catalogue) -> str:
    """What a size is, in a sentence: of the matrix product, else of each benchmark by its parameters."""
    if tuple(benchmarks) == (DEFAULT_BENCHMARK,):
        return "Rows and columns of the matrices, such as 1024, 4096. Empty: the preset's."
    told = [_size_meaning(catalogue.benchmarks[name]) for name in benchmarks]
    return f"Each number sets {', '.join(told)}. Empty: the preset's."


def _size_meaning(spec: BenchmarkSpec) -> str:
    multiple = max(spec.parameters[name].multiple for name in spec.size)
    words = f"{' and '.join(spec.size)} of {spec.name}"
    return words if multiple == 1 else f"{words} (a multiple of {multiple})"


def read_sizes(text: str, benchmarks: Iterable[str], catalogue: Catalogue) -> tuple[int, ...]:
    """`512, 1024` where every benchmark takes them. Raises UsageError."""
    sizes = numbers(text, largest=LARGEST_SIZE)
    for spec in (catalogue.benchmarks[name] for name in benchmarks):
        for size in sizes:
            parameters_of(spec, dict.fromkeys(spec.size, size))
    return sizes


def numbers(text: str, *, largest: int) -> tuple[int, ...]:
    """`512, 1024 2048`; empty is none. Raises UsageError."""
    values: list[int] = []
    for word in text.replace(",", " ").split():
        if not word.isascii() or not word.isdigit() or not 1 <= int(word) <= largest:
            raise UsageError(f"{word}: whole numbers from 1 to {largest}, with commas or spaces between them")
        values.append(int(word))
    return tuple(dict.fromkeys(values))


def problem_of(read: Callable[[str], object]) -> Callable[[str], str]:
    """What is wrong with a text that `read` refuses; empty when nothing is."""

    def problem(text: str) -> str:
        try:
            read(text)
        except UsageError as error:
            return str(error)
        return ""

    return problem


def listed(values: Iterable[object]) -> str:
    """`512, 1024`."""
    return ", ".join(str(value) for value in values)
