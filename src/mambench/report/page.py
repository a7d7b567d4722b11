"""One self-contained HTML page: a template of ours, charts by Vega-Lite, nothing from a network.

    render(materials, "run.html", charts=[Chart("ranking", ...)], report=...)

A template extends `base.html` and places a chart with `{{ figure(chart) }}`. Its content security policy allows the
page's own scripts and style by their hashes and nothing else; every text is escaped.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from mambench.analysis.colours import colour

MAX_PLAIN_BYTES = 150_000
"""A larger file in the page is compressed first."""

MAX_PACKED_BYTES = 225_000
"""A file that is larger even so is not carried: a page stays one that can be sent by mail."""


@dataclass(frozen=True)
class Materials:
    """What pages are made of, by file name; without `scripts` they have tables only and say so."""

    templates: Mapping[str, str]
    charts: Mapping[str, Mapping[str, Any]]
    style: str
    code: str
    scripts: tuple[str, ...]
    notices: str = ""
    """Licences of the scripts."""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification of ours with its data; `words` says what it shows to who cannot see it."""

    specification: str
    title: str
    words: str
    data: Sequence[Mapping[str, Any]]
    unit: str = ""
    """Of its rates; stands in the specification's titles."""
    note: str = ""
    stacks: tuple[str, ...] = field(default=())
    """The values of `stack` in the data, from which colours follow."""


def render(materials: Materials, template: str, *, charts: Sequence[Chart] = (), **values: Any) -> str:
    """The page's text."""
    drawn = charts if materials.scripts else ()
    scripts = (*materials.scripts, materials.code) if drawn else ()
    environment = Environment(
        loader=DictLoader(dict(materials.templates)), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template(template)
    return page.render(
        policy=policy(scripts, materials.style),
        style=Markup(materials.style),
        scripts=[Markup(script) for script in scripts],
        charts_missing=bool(charts) and not materials.scripts,
        payload=[_payload(materials, chart) for chart in drawn],
        number=lambda chart: next((number for number, other in enumerate(drawn) if other is chart), None),
        notices=materials.notices if drawn else "",
        **values,
    )


def policy(scripts: Iterable[str], style: str) -> str:
    """The content security policy: nothing from anywhere, our scripts and our style by their hashes."""
    allowed = " ".join(_hash(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _payload(materials: Materials, chart: Chart) -> dict[str, Any]:
    """What the page's code hands to vega-embed."""
    stacks = sorted(chart.stacks)
    specification = json.loads(json.dumps(materials.charts[chart.specification]).replace("UNIT", chart.unit))
    return {
        "specification": {
            **specification,
            "description": chart.words,
            "datasets": {specification["data"]["name"]: chart.data},
        },
        "colours": [colour(stack.partition(" ")[0].partition("@")[0]) for stack in stacks],
        "name": "".join(letter if letter.isalnum() else "-" for letter in chart.title)[:60],
    }


@dataclass(frozen=True)
class Attachment:
    """A file inside the page: its name, and the address that holds all of it; without one it was too large."""

    name: str
    href: str
    size_bytes: int


def attached(name: str, text: str) -> Attachment:
    """A JSON text to be saved from the page, compressed where it is long."""
    compact = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(compact) <= MAX_PLAIN_BYTES:
        return Attachment(name, f"data:application/json;base64,{_base64(compact)}", len(compact))
    packed = gzip.compress(compact, 9, mtime=0)
    if len(packed) <= MAX_PACKED_BYTES:
        return Attachment(f"{name}.gz", f"data:application/gzip;base64,{_base64(packed)}", len(packed))
    return Attachment(name, "", len(compact))


_LARGEST_BYTES = 400_000_000
"""Of a report, unpacked."""


def report_in(page: str) -> str:
    """The report that a page holds, as text. Raises ValueError where it holds none, or one that is damaged."""
    match = re.search(r'href="data:application/(json|gzip);base64,([A-Za-z0-9+/=]+)"', page)
    if match is None:
        raise ValueError("the page holds no report; name the .json that it was made of")
    content = base64.b64decode(match[2])
    if match[1] == "gzip":
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_LARGEST_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"the report in the page is damaged: {error}") from error
    return content.decode("utf-8")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
