"""Configuration files beside programs: YAML, JSON and TOML, as values with their places.

They are read as data: no tag of YAML makes an object, and what is large, deep or written in a way
that is not known gives nothing. What stands in such a file is a default that a person may set
otherwise, as that of an option is.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlint.project.modules import SETTINGS, ProjectModules
from nnlint.semantics.folding import fits
from nnlint.semantics.interpreter.settings import ANY_FILE
from nnlint.semantics.values import Constant, Items, Settings, Site, Table, Unknown, Value
from nnlint.source.discovery import ALWAYS_EXCLUDED
from nnlint.source.file import SourceError, SourceFile
from nnlint.source.reading import content_hash
from nnlint.source.toml import TomlError, parse_toml
from nnlint.syntax.module import ModuleSyntax

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

LARGEST = 64_000
"""Bytes beyond which a file is data rather than settings."""
_DEEPEST, _MOST_FILES = 6, 200
"""Folders below one another, and files, that are looked at where no program names them."""
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.[\d_]+)(?:[eE][-+]?\d+)?\Z")
"""What OmegaConf takes for a number; PyYAML takes `1e-4` for text."""
_TABLE = re.compile(r"\[+([^\[\]]+)\]+")
_CONFIGURES = re.compile(
    r"(?:^|[/_.-])(?:conf(?:ig)?s?|cfgs?|settings?|h?params?|hparams|options?|experiments?)(?=[/_.-])",
    re.IGNORECASE,
)
"""What configuration files, or the folders they lie in, are called."""
_ENDINGS = {"json": (".json",), "toml": (".toml",), "yaml": (".yaml", ".yml")}
_SWEEPS = re.compile(rb"^[ \t]*(?:method|sweeper)[ \t]*:", re.MULTILINE)
_KNOWN_PART = re.compile(r"(?:(?:\.\w+)+(?=/))?/*")
"""What stands before the part of a path that is known: `.parent/` of a file's."""


class Configurations:
    """Finds, reads and remembers configuration files.

    Parameters:
        modules: the project that they belong to.
    """

    def __init__(self, modules: ProjectModules) -> None:
        self.modules = modules
        self._known: dict[tuple[str, bool], Value | None] = {}

    def read(self, name: str, how: str, importer: ModuleSyntax) -> Value | None:
        """What a configuration file holds, for `Machine.read_settings`.

        Parameters:
            name: its path as the program names it, with `{}` for what is not known of it.
            how: what reads it: `yaml`, `json`, `toml`, `omegaconf` or `hydra`, which composes.
        """
        if how == "hydra":
            from nnlint.project.composing import compose

            return compose(self, name, importer)
        if name == ANY_FILE:
            found = self._common(how, importer)
        else:
            path = self.find(name, importer)
            found = None if path is None else self.content(path, how == "omegaconf")
        if how == "omegaconf" and isinstance(found, Settings):
            from nnlint.project.composing import resolved

            return resolved(found)
        return found

    def _common(self, how: str, importer: ModuleSyntax) -> Value | None:
        """What all configuration files beside a program that it could be given say alike: those in
        the nearest folder above it that has any."""
        endings = _ENDINGS.get(how, _ENDINGS["yaml"])
        for folder in self.modules.folders_above(str(importer.source.path)):
            files = self.modules.once(_named_settings, folder)
            found = [self.content(f, how == "omegaconf") for f in files if f.endswith(endings)]
            known = [settings for settings in found if isinstance(settings, Settings)]
            if known:
                return _agreed(known)
        return None

    def find(self, name: str, importer: ModuleSyntax) -> str | None:
        """The absolute path of a file of the project, by its path as a program names it."""
        known = _KNOWN_PART.sub("", name.replace("\\", "/").rpartition("{}")[2], count=1)
        if not known.strip("./") or name.startswith(("/", "~")):
            return None
        folders = self.modules.folders_above(str(importer.source.path))
        top = folders[-1]
        for folder in folders:
            path = os.path.normpath(os.path.join(folder, known))
            inside = path.startswith(top.rstrip(os.sep) + os.sep)
            if inside and os.path.isfile(path):
                return path
        return None

    def sweeps(self, importer: ModuleSyntax, tops: Sequence[str] = ()) -> list[Settings]:
        """What the YAML files of a module's project hold that may describe a search over
        hyper-parameters, though no program names them.

        Parameters:
            tops: folders beyond which nothing is looked for.
        """
        above = self.modules.folders_above(str(importer.source.path))
        top = next((folder for folder in above if folder in tops), above[-1])
        files = self.modules.once(_settings_files, top)
        self.modules.consulted[top + SETTINGS] = _identity(files)
        found = (self.content(path) for path in files if self._may_sweep(path))
        return [settings for settings in found if isinstance(settings, Settings)]

    def _may_sweep(self, path: str) -> bool:
        try:
            raw = self.modules.read(path)
        except (FileNotFoundError, SourceError):
            return False
        self.modules.consulted[path] = content_hash(raw)
        return len(raw) <= LARGEST and bool(_SWEEPS.search(raw))

    def content(self, path: str, numbers: bool = False) -> Value | None:
        """What a file holds; None where it cannot be read, or holds no settings.

        Parameters:
            numbers: whether `1e-4` is a number, as for OmegaConf.
        """
        key = path, numbers
        if key not in self._known:
            self._known[key] = self._read(path, numbers)
        return self._known[key]

    def _read(self, path: str, numbers: bool) -> Value | None:
        try:
            raw = self.modules.read(path)
        except (FileNotFoundError, SourceError):
            return None
        self.modules.consulted[path] = content_hash(raw)
        if len(raw) > LARGEST:
            return None
        try:
            text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            return None
        source = SourceFile(Path(path), self.modules.display(path), text, raw, None)
        module = ModuleSyntax(source.display, False, source, ast.Module([], []))
        if path.endswith(".toml"):
            return _of_toml(raw, module)
        return _of_yaml(text, module, path.endswith(".json"), numbers)


def _named_settings(modules: ProjectModules, top: str) -> list[str]:
    """The files of a folder that are called configurations, or lie in a folder called so."""
    files = _files_in(modules, top, (".yaml", ".yml", ".json", ".toml"))
    return [path for path in files if _CONFIGURES.search(os.path.relpath(path, top))]


def _agreed(several: Sequence[Settings]) -> Settings:
    """What settings say alike; what only some of them say is not known."""
    first, *others = several
    state: dict[Any, Value] = {}
    for key, value in first.state.items():
        there = [other.state[key] for other in others if key in other.state]
        if len(there) < len(others):
            continue
        if isinstance(value, Settings) and all(isinstance(one, Settings) for one in there):
            state[key] = _agreed([value, *(one for one in there if isinstance(one, Settings))])
        elif all(_same(value, one) for one in there):
            state[key] = value
        else:
            state[key] = Unknown(str(key), "option")
    return Settings(state, first.site)


def _same(one: Value, other: Value) -> bool:
    match one, other:
        case Constant(value=a), Constant(value=b):
            return type(a) is type(b) and bool(a == b)
        case Items(), Items():
            return len(one.items) == len(other.items) and all(map(_same, one.items, other.items))
        case Table(), Table():
            return one.state.keys() == other.state.keys() and all(
                _same(value, other.state[key]) for key, value in one.state.items()
            )
        case _:
            return False


def settings_identity(top: str) -> str:
    """The identity of which YAML files there are in a folder, as results rest on it."""
    return _identity(_settings_files(ProjectModules(), top))


def _identity(files: Sequence[str]) -> str:
    return content_hash("\n".join(files).encode("utf-8", "surrogateescape"))


def _settings_files(modules: ProjectModules, top: str) -> list[str]:
    """The YAML files in a folder and those in it, as far as they are not hidden."""
    return _files_in(modules, top, (".yaml", ".yml"))


def _files_in(modules: ProjectModules, top: str, endings: tuple[str, ...]) -> list[str]:
    """The files with some endings in a folder and those in it, as far as they are not hidden and
    the project's own."""
    found: list[str] = []
    level = [top]
    for _ in range(_DEEPEST):
        inner: list[str] = []
        for folder in level:
            for name in sorted(modules.names(folder)):
                path = os.path.join(folder, name)
                if name.endswith(endings) and os.path.isfile(path):
                    found.append(path)
                elif name[0] in "._" or name in ALWAYS_EXCLUDED or os.path.islink(path):
                    continue
                elif os.path.isdir(path):
                    inner.append(path)
            if len(found) >= _MOST_FILES:
                return found[:_MOST_FILES]
        level = inner[:_MOST_FILES]
    return found


def _of_yaml(text: str, module: ModuleSyntax, is_json: bool, numbers: bool) -> Value | None:
    # imported where a program reads such a file
    import yaml

    try:
        # JSON may be indented with tabs, which YAML may not
        loader = yaml.SafeLoader(text.replace("\t", " ") if is_json else text)
        node = loader.get_single_node()
        return _Reading(loader, module, is_json, numbers).value(node) if node else None
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


class _Reading:
    """Makes values of the nodes of one document, each once: aliases are no copies."""

    def __init__(
        self, loader: SafeLoader, module: ModuleSyntax, is_json: bool, numbers: bool
    ) -> None:
        self.loader = loader
        self.module = module
        self.is_json = is_json
        self.numbers = numbers
        self.made: dict[int, Value] = {}

    def value(self, node: Node) -> Value:
        """The value of a node; one that holds itself is unknown where it does."""
        known = self.made.get(id(node))
        if known is None:
            self.made[id(node)] = Unknown(origin="option")
            known = self.made[id(node)] = self._value(node)
        return known

    def _value(self, node: Node) -> Value:
        import yaml

        site = self._site(node)
        if isinstance(node, yaml.ScalarNode):
            plain = self._plain(node)
            known = not isinstance(plain, int) or fits(plain)
            if known and isinstance(plain, (str, int, float, bool, type(None))):
                return Constant(plain, True, site)
            return Unknown(origin="option")
        if isinstance(node, yaml.SequenceNode):
            parts = tuple(self.value(part) for part in node.value)
            return Items("list", {"items": parts}, site)
        if isinstance(node, yaml.MappingNode):
            return Settings(self._mapping(node), site)
        return Unknown(origin="option")

    def _mapping(self, node: Any) -> dict[Any, Value]:
        state: dict[Any, Value] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = self.value(value_node)
                for base in merged.items if isinstance(merged, Items) else (merged,):
                    if isinstance(base, Settings):
                        # what the mapping itself says, or an earlier base, stands
                        state = {**base.state, **state}
                continue
            key = self._plain(key_node) if not hasattr(key_node.value, "append") else None
            if isinstance(key, (str, int, float, bool)):
                state[key] = self.value(value_node)
        return state

    def _plain(self, node: Any) -> object:
        """What a scalar is in Python; Ellipsis where that is not known."""
        text = node.value
        if node.style is None and self.is_json:
            try:
                return json.loads(text)
            except ValueError:
                return ...
        if node.style is None and self.numbers and _NUMBER.match(text):
            plain = text.replace("_", "")
            return float(plain) if re.search(r"[.eE]", plain) else int(plain)
        if not node.tag.startswith("tag:yaml.org,2002:"):
            # a tag of the program's own
            return ...
        return self.loader.construct_object(node)

    def _site(self, node: Node) -> Site:
        start, end = node.start_mark, node.end_mark
        return _site(
            self.module, (start.line + 1, start.column), (end.line + 1, end.column), node.value
        )


def _site(module: ModuleSyntax, start: tuple[int, int], end: tuple[int, int], value: Any) -> Site:
    """A place in a file; rows count from 1, columns from 0 and in characters."""
    node = ast.Constant(value if isinstance(value, (str, int, float, bool)) else None)
    node.lineno, node.col_offset = start[0], _bytes_before(module, *start)
    node.end_lineno, node.end_col_offset = end[0], _bytes_before(module, *end)
    return Site(module, node)


def _bytes_before(module: ModuleSyntax, row: int, column: int) -> int:
    line = module.lines[row - 1] if row <= len(module.lines) else ""
    return len(line[:column].encode("utf-8"))


def _of_toml(raw: bytes, module: ModuleSyntax) -> Value | None:
    try:
        table = parse_toml(raw)
    except TomlError:
        return None
    return _of_table(table, (), module, dict(_rows_of_keys(module.lines)))


def _rows_of_keys(lines: list[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The rows on which keys of TOML are given values, by the names on the way to them."""
    table: tuple[str, ...] = ()
    for row, line in enumerate(lines, 1):
        header = _TABLE.match(line.lstrip())
        if header:
            table = tuple(part.strip(" \"'") for part in header[1].split("."))
            yield table, row
            continue
        key, equals, _ = line.partition("=")
        if equals and not key.lstrip().startswith("#"):
            yield (*table, *(part.strip(" \"'") for part in key.split("."))), row


def _of_table(
    plain: object, way: tuple[str, ...], module: ModuleSyntax, rows: dict[tuple[str, ...], int]
) -> Value:
    row = rows.get(way) or rows.get(way[:-1]) or 1
    line = module.lines[row - 1]
    start = len(line) - len(line.lstrip())
    site = _site(module, (row, start), (row, len(line.rstrip())), None)
    if isinstance(plain, dict):
        return Settings(
            {key: _of_table(part, (*way, key), module, rows) for key, part in plain.items()}, site
        )
    if isinstance(plain, list):
        return Items(
            "list", {"items": tuple(_of_table(part, way, module, rows) for part in plain)}, site
        )
    if isinstance(plain, (str, int, float, bool)) and (not isinstance(plain, int) or fits(plain)):
        return Constant(plain, True, site)
    return Unknown(origin="option")
