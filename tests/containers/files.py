"""The Containerfile and the definition for Apptainer, read and carried out."""

from __future__ import annotations

import io
import json
import re
import shlex
from dataclasses import replace
from string import Template

from dockerfile_parse import DockerfileParser

from containers.box import ROOT, Box, Image

CONTAINERFILE = ROOT / "containers" / "Containerfile"
DEFINITION = ROOT / "containers" / "mambench.def"


def instructions() -> list[tuple[str, str]]:
    """Of the Containerfile, in order."""
    parser = DockerfileParser(fileobj=io.BytesIO(CONTAINERFILE.read_bytes()))
    read = [(each["instruction"], each["value"]) for each in parser.structure]
    return [each for each in read if each[0] != "COMMENT"]


def built(box: Box) -> Image:
    """The image of the Containerfile. Raises AssertionError for an instruction that is not known here."""
    stages: dict[str, Image] = {}
    image = box.base
    for instruction, value in instructions():
        match instruction:
            case "FROM":
                image = stages[value.split()[-1]] = box.base
            case "WORKDIR":
                image = replace(image, workdir=value)
            case "ENV":
                name, _, text = value.partition("=")
                image = replace(image, environ={**image.environ, name: Template(text).substitute(image.environ)})
            case "USER":
                image = replace(image, user=value)
            case "VOLUME":
                image = replace(image, volumes=(*image.volumes, value))
            case "ENTRYPOINT":
                image = replace(image, entrypoint=tuple(json.loads(value)))
            case "RUN":
                image = box.build(image, ["sh", "-c", value], cwd=image.workdir)
            case "COPY":
                *sources, target = value.split()
                context = str(ROOT)
                if sources[0].startswith("--from="):
                    context = box.merged(stages[sources.pop(0).removeprefix("--from=")])
                whole = target.startswith("/") and len(sources) == 1
                copies = [(f"{context}/{each}", target if whole else f"{image.workdir}/{each}") for each in sources]
                image = box.build(image, [], cwd=image.workdir, copies=copies)
            case other:
                raise AssertionError(f"{other} is not carried out here")
        stages[next(reversed(stages))] = image
    return image


def sections() -> dict[str, str]:
    """Of the definition: its head under the empty name, and what stands below each %name."""
    text = re.sub(r"^\s*#.*\n", "", DEFINITION.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = re.split(r"^%(\w+)\n", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def files() -> list[tuple[str, str]]:
    """What %files copies, and where to."""
    return [
        (source, target) for source, target in map(shlex.split, filter(str.strip, sections()["files"].splitlines()))
    ]


def built_by_apptainer(box: Box) -> Image:
    """The image of the definition, whose entry point sets %environment and is %runscript."""
    parts = sections()
    copies = [(f"{ROOT}/{source}", target) for source, target in files()]
    image = box.build(box.base, ["sh", "-ec", parts["post"]], cwd="/", copies=copies)
    run = parts["environment"] + parts["runscript"]
    return replace(image, entrypoint=("sh", "-c", run, "mambench.sif"))
