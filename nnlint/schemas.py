"""JSON schemas of what nnlint reads and writes, made from what reads and writes it.

`python docs/generate.py` writes them into `docs/schemas/`; the tests see that they are current.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from nnlint.config import FAIL_ON, FORMATS, KEYS
from nnlint.finding import Applicability, Level, Stage

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def _words(kind: type[Enum] | Iterable[str], about: str = "") -> Schema:
    values = [word.value if isinstance(word, Enum) else word for word in kind]
    return {"enum": values} | ({"description": about} if about else {})


def _strings(about: str) -> Schema:
    return {"type": "array", "items": {"type": "string"}, "description": about}


def _string(about: str) -> Schema:
    return {"type": "string", "description": about}


_SETTINGS: dict[str, Schema] = {
    "select": _strings("Rules to report: codes, prefixes, names, levels or ALL."),
    "extend-select": _strings("Rules to report, too."),
    "ignore": _strings("Rules not to report."),
    "fixable": _strings("Rules whose fixes are offered and made."),
    "unfixable": _strings("Rules whose fixes are neither offered nor made."),
    "levels": {
        "type": "object",
        "additionalProperties": _words(Level),
        "description": "Rules, and the level that their findings have instead of their own.",
    },
    "options": {
        "type": "object",
        "additionalProperties": {"type": "object"},
        "description": "What rules are told that have options, by code or name of the rule.",
    },
    "per-file-ignores": {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
        "description": "Patterns of files, and the rules not to report in them.",
    },
    "exclude": _strings("Files to leave out, in the syntax of .gitignore."),
    "extend-exclude": _strings("Files to leave out, besides those of `exclude`."),
    "respect-gitignore": {
        "type": "boolean",
        "default": True,
        "description": "Whether files that .gitignore names are left out.",
    },
    "src": _strings("Globs of folders that imports start from, besides those that are found."),
    "stage": _words(Stage, "Where the project is in A Recipe for Training Neural Networks."),
    "fail-on": _words(FAIL_ON, "The lowest level that makes the exit status 1."),
    "output-format": _words(FORMATS, "How to report."),
    "baseline": _string("A file of findings that are not to be reported again."),
    "verify": {
        "type": "object",
        "additionalProperties": {"type": "object"},
        "description": "Constructor arguments and inputs of models, by `module:Class`.",
    },
}


def configuration_schema() -> Schema:
    """What nnlint.toml may hold, and `tool.nnlint` in pyproject.toml."""
    return {
        "$schema": DIALECT,
        "title": "Configuration of nnlint",
        "type": "object",
        "properties": {
            "extend": _string("A file whose settings these come on top of."),
            **{key: _SETTINGS[key] for key in KEYS},
        },
        "additionalProperties": False,
    }


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _listed(schema: Schema, about: str = "") -> Schema:
    listed: Schema = {"type": "array", "items": schema}
    return listed | ({"description": about} if about else {})


def findings_schema() -> Schema:
    """What `--output-format json` writes; `json-lines` writes its items, one a line."""
    text, number = {"type": "string"}, {"type": "integer", "minimum": 1}
    place = {"$ref": "#/$defs/place"}
    edit = _object(content=text, location=place, end_location=place)
    fix = _object(applicability=_words(Applicability), message=text, edits=_listed(edit))
    related = _object(filename=text, location=place, message=text)
    verdict = _object(
        status=_words(("CONFIRMED", "REFUTED", "INCONCLUSIVE")),
        summary=text,
        evidence={"type": "object"},
    )
    finding = _object(
        code=_string("The rule's code, such as NN301."),
        name=_string("The rule's name in kebab case."),
        message=_string("What is wrong, what it does to the run, and what to write instead."),
        filename=_string("The file, as it was given."),
        location=place,
        end_location=place,
        cell=_maybe(number | {"description": "The notebook's cell that the places are in."}),
        fix=_maybe(fix),
        noqa_row=_maybe(number | {"description": "The row on which a `# noqa` counts."}),
        url=_maybe(_string("The rule's page.")),
        level=_words(Level),
        stage=_listed(_words(Stage), "The stages of the recipe that the rule serves."),
        recipe=_string("The section of the recipe that the rule serves."),
        explanation=_string("Why it hurts training."),
        related=_listed(related, "Other places that explain the finding."),
        verdict=_maybe(verdict),
    )
    return {
        "$schema": DIALECT,
        "title": "Findings of nnlint",
        "type": "array",
        "items": {"$ref": "#/$defs/finding"},
        "$defs": {"finding": finding, "place": _object(row=number, column=number)},
    }


SCHEMAS = {"configuration": configuration_schema, "findings": findings_schema}
"""Names of the published schemas, and what makes each."""
