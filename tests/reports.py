"""What every report that a test makes is held against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = Path(__file__).parents[1] / "resources" / "report.schema.json"


def valid(text: str) -> dict[str, Any]:
    """A report's text, parsed and validated against the schema."""
    content: dict[str, Any] = json.loads(text)
    jsonschema.validate(content, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return content
