"""Library rows that rule packs and local folders bring: read, and checked before they count.

nnlint's own rows are checked by its tests; those of others may hold any mistake, and each is
told with the file and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path
from typing import Any, Protocol

from nnlint.packs import RulePackError, is_local
from nnlint.semantics.library.signatures import LibraryDataError, read_signature
from nnlint.semantics.library.tables import parse
from nnlint.semantics.records import record
from nnlint.text import hint, hint_or_choice

CLOSED = ("kind", "axes", "expects", "call", "event", "schedule", "seeds")
"""Fields whose words nnlint itself must know; families and activations may be new ones."""
_SECTIONS = ("aliases", "packages", "classes")


@record(frozen=True)
class Rows:
    """What one file adds to the library."""

    file: Path
    tables: Mapping[str, dict[str, Any]]
    aliases: Mapping[str, str]
    packages: tuple[str, ...]
    classes: Mapping[str, list[str]]


def read_rows(file: Path, field_types: Mapping[str, str], words: Callable[[str], Set[str]]) -> Rows:
    """The rows of a file.

    Parameters:
        field_types: the fields that a row may have, and what type each has.
        words: the words that a field of `CLOSED` may hold.

    Raises:
        RulePackError: it is no TOML, or a row has an unknown field or a wrong value.
    """
    document = _document(file)
    rows = {name: table for name, table in document.items() if name not in _SECTIONS}
    for name, table in rows.items():
        if not isinstance(table, dict) or "." not in name:
            raise RulePackError(f"{file}: `{name}` {_no_row(table)}")
        for key, value in table.items():
            if key not in field_types:
                raise RulePackError(
                    f"{file}: `{name}`: unknown field `{key}`{hint(key, field_types)}"
                )
            if (wrong := _wrong(key, value, field_types[key], words)) is not None:
                raise RulePackError(f"{file}: `{name}`: `{key}` {wrong}")
    aliases = document.get("aliases", {})
    packages = document.get("packages", [])
    classes = document.get("classes", {})
    for section, value, kind in (
        ("aliases", aliases, "Mapping[str, str]"),
        ("packages", packages, "tuple[str, ...]"),
        ("classes", classes, "Mapping[str, tuple[str, ...]]"),
    ):
        if (wrong := _mistyped(value, kind)) is not None:
            raise RulePackError(f"{file}: `{section}` {wrong}")
    return Rows(file, rows, aliases, tuple(packages), classes)


class Known(Protocol):
    """What rows of others are added to."""

    def canonical(self, name: str) -> str:
        """The one name under which a name is known."""

    def is_class(self, name: str) -> bool:
        """Whether a name is known to be that of a class."""

    def names(self) -> frozenset[str]:
        """The names that there are rows for."""


def merged_rows(own: Known, added: Iterable[Rows]) -> Rows:
    """The rows of all files as those of one.

    Raises:
        RulePackError: two files, or one and nnlint itself, say different things about one name,
            or another spelling is one of nothing.
    """
    names = own.names()
    tables = _Merged(lambda name: own.canonical(name) in names)
    aliases = _Merged(lambda name: own.canonical(name) != name or name in names)
    classes = _Merged(own.is_class)
    packages: list[str] = []
    for rows in added:
        packages += rows.packages
        tables.add(rows.file, rows.tables)
        aliases.add(rows.file, rows.aliases)
        classes.add(rows.file, rows.classes)
    known = names.union(tables.values)
    for name, target in aliases.values.items():
        if not target.endswith(".") and own.canonical(target) not in known:
            raise RulePackError(
                f"{aliases.files[name]}: `{name}` stands for `{target}`, of which nothing is known"
                f"{hint(target, known)}"
            )
    return Rows(Path(), tables.values, aliases.values, tuple(packages), classes.values)


class _Merged:
    """What several files say about names, none twice and none that is known without them."""

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self.values: dict[str, Any] = {}
        self.files: dict[str, Path] = {}

    def add(self, file: Path, values: Mapping[str, Any]) -> None:
        """Take in what a file says.

        Raises:
            RulePackError: it is said already.
        """
        for name, value in values.items():
            if self._is_known(name):
                raise RulePackError(f"{file}: `{name}` is known to nnlint already")
            other = self.files.get(name)
            # what is being written takes the place of what was installed before
            if other is None or (is_local(file) and not is_local(other)):
                self.values[name], self.files[name] = value, file
            elif self.values[name] != value:
                raise RulePackError(f"{file}: `{name}` is something else in {other}")


def _document(file: Path) -> dict[str, Any]:
    try:
        return parse(file)
    except OSError as error:
        raise RulePackError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RulePackError(f"{file}: is no valid TOML: {error}") from error


def _no_row(table: Any) -> str:
    if isinstance(table, dict) and any(isinstance(value, dict) for value in table.values()):
        return "is the beginning of a name: a name with dots in it stands in quotes"
    return "is no row: a row is a table under the qualified name of an API"


def _wrong(key: str, value: Any, kind: str, words: Callable[[str], Set[str]]) -> str | None:
    """What is wrong with the value of a field; None when it is right."""
    mistyped = _mistyped(value, kind)
    if mistyped is not None:
        return mistyped
    if key == "parameters" or (key == "options" and "call" in value):
        parameters = value if key == "parameters" else value["call"]
        try:
            read_signature(str(parameters))
        except LibraryDataError:
            return f"has a bad parameter list: {parameters!r}"
    if key in CLOSED:
        known = words(key)
        for word in value if isinstance(value, list) else (value,):
            if word not in known:
                return f"cannot be {word!r}{hint_or_choice(word, known)}"
    return None


def _mistyped(value: Any, kind: str) -> str | None:
    """How a value differs from the type that it should have; None when it has it."""
    match kind:
        case "str":
            return None if isinstance(value, str) else "must be a string"
        case "bool":
            return None if isinstance(value, bool) else "must be true or false"
        case "int":
            right = isinstance(value, int) and not isinstance(value, bool)
            return None if right else "must be a whole number"
        case "tuple[str, ...]":
            right = isinstance(value, list) and all(isinstance(v, str) for v in value)
            return None if right else "must be a list of strings"
    if not isinstance(value, dict):
        return "must be a table"
    inner = kind.removeprefix("Mapping[str, ").removesuffix("]")
    if inner == "Any":
        return None
    wrong = next((k for k, v in value.items() if _mistyped(v, inner) is not None), None)
    return None if wrong is None else f"has a `{wrong}` that {_mistyped(value[wrong], inner)}"
