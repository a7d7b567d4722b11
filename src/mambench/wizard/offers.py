"""What there is to choose, as data: stacks, presets, the advanced settings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from mambench.analysis.words import counted, plural
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.tested import evidence
from mambench.errors import UsageError
from mambench.model import DTYPES, Catalogue, Choices, CondaRecipe, EnvironmentSpec, Machine, PypiRecipe
from mambench.system import addresses
from mambench.wizard.estimate import Speeds, duration, plan_seconds
from mambench.wizard.pages import Option

GROUPS = {"numpy": "NumPy", "torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}
OTHERS = "Others"

TICKED_MEGABYTES = 250
"""A tested stack of one of the groups that downloads no more than this is ticked the first time."""

LARGEST_SIZE = 2**40
LARGEST_THREADS = 4096


def offers(
    catalogue: Catalogue, machine: Machine, ready: Mapping[str, str], last: Collection[str] = ()
) -> tuple[Option, ...]:
    """Every stack by group, fitting ones first; ticked are the last chosen, else the ready ones.

    Where fewer than two are ready there is nothing to compare: then the light ones are ticked as well. `ready` holds,
    for each stack that is ready, the words that say how.
    """
    light = [spec.name for spec in catalogue.environments.values() if _light(spec, machine.platform)]
    ticked = last or [*ready, *(light if len(ready) < 2 else [])]
    return tuple(
        _offer(spec, machine, ready, ticked)
        for spec in sorted(catalogue.environments.values(), key=lambda spec: _rank(spec, machine, ready))
    )


def _rank(spec: EnvironmentSpec, machine: Machine, ready: Mapping[str, str]) -> tuple[object, ...]:
    group = list(GROUPS).index(spec.kernel) if spec.kernel in GROUPS else len(GROUPS)
    return (
        group,
        feasibility.impossible(spec, machine) is not None,
        spec.name not in ready,
        not _run(spec, machine.platform),
        spec.name,
    )


def _run(spec: EnvironmentSpec, platform: str) -> bool:
    """By us, be it under wine."""
    return evidence(spec, platform).state != "never"


def _offer(spec: EnvironmentSpec, machine: Machine, ready: Mapping[str, str], ticked: Collection[str]) -> Option:
    group = GROUPS.get(spec.kernel, OTHERS)
    failure = feasibility.impossible(spec, machine)
    proof = evidence(spec, machine.platform)
    marks = [] if proof.state == "run" else [proof.words]
    if spec.origin == "home":
        marks.append("your own")
    title = ", ".join([spec.title, *marks])
    if failure is not None:
        return Option(spec.name, spec.name, "", group, disabled=failure.message)
    cost = f"ready ({ready[spec.name]})" if spec.name in ready else download_words(spec, machine.platform)
    return Option(spec.name, spec.name, f"{title}; {cost}", group, ticked=spec.name in ticked)


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
        f"n = {listed(choices.sizes)}" if choices.sizes else "",
        listed(choices.dtypes),
        f"{listed(choices.threads)} {plural(max(choices.threads), 'thread')}" if choices.threads else "",
        f"from {choices.source}" if choices.source != "auto" else "",
        f"channel {addresses.without_credentials(listed(choices.channels))}" if choices.channels else "",
    ]
    return "; ".join(part for part in parts if part)


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


def dtypes(choices: Choices) -> tuple[Option, ...]:
    """Every element type; none ticked leaves it to the preset."""
    words = {"tf32": "float32 operands, products in TF32: NVIDIA GPUs only"}
    return tuple(
        Option(name, name, words.get(name, f"{size} bytes each"), ticked=name in choices.dtypes)
        for name, size in DTYPES.items()
    )


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
