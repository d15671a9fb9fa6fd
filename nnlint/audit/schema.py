"""The JSON schema of an audit, made from what writes it."""

from __future__ import annotations

from typing import Any

from nnlint.audit.checks import kinds
from nnlint.audit.parts import Kind
from nnlint.finding import Level
from nnlint.schemas import DIALECT

Schema = dict[str, Any]


def audit_schema() -> Schema:
    """What `nnlint audit --output-format json` writes."""
    text, number = {"type": "string"}, {"type": "integer", "minimum": 0}
    place = {"type": "integer"}
    maybe_number = {"type": ["number", "null"]}
    finding = {
        "type": "object",
        "properties": {
            "kind": {"enum": kinds(), "description": "The check; docs/audit.md describes each."},
            "split": text | {"description": "The split that it is about."},
            "level": {"enum": [level.value for level in Level if level is not Level.PEDANTIC]},
            "message": text | {"description": "What is wrong, in a sentence."},
            "examples": {
                "type": "array",
                "items": place,
                "description": "Samples by their places in the split; the first thousand.",
            },
            "pairs": {
                "type": "array",
                "items": {"type": "array", "items": place, "minItems": 2, "maxItems": 2},
                "description": "Two samples each, the second of `other_split` where that is set.",
            },
            "other_split": {"type": ["string", "null"]},
            "count": number | {"description": "How many examples or pairs there are."},
            "names": {
                "type": "array",
                "items": text,
                "description": "Files of the examples, or both of each pair, in the same order.",
            },
            "column": text | {"description": "The feature or channel that it is about."},
        },
        "required": ["kind", "split", "level", "message", "count"],
        "oneOf": [{"required": ["examples"]}, {"required": ["pairs", "other_split"]}],
        "additionalProperties": False,
    }
    numbers = ("mean", "deviation", "lowest", "highest")
    channel = {"type": "object", "properties": dict.fromkeys(numbers, maybe_number)}
    split = {
        "type": "object",
        "properties": {
            "split": text,
            "samples": number | {"description": "How many were read."},
            "total": {"type": ["integer", "null"], "description": "How many there are."},
            "labels": {
                "type": ["object", "null"],
                "additionalProperties": number,
                "description": "Samples of each class.",
            },
            "channels": {"type": "array", "items": channel},
        },
        "required": ["split", "samples", "total", "labels", "channels"],
    }
    return {
        "$schema": DIALECT,
        "title": "Audit of a data set by nnlint",
        "type": "object",
        "properties": {
            "target": text,
            "input": {"enum": [*(kind.value for kind in Kind), None]},
            "splits": {"type": "array", "items": split},
            "findings": {"type": "array", "items": finding},
            "notes": {"type": "array", "items": text},
        },
        "required": ["target", "input", "splits", "findings", "notes"],
        "additionalProperties": False,
    }
