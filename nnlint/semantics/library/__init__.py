"""Library knowledge: what each API means, as data.

The TOML files beside this module hold one table per canonical qualified name
(`["torch.nn.functional.softmax"]`). Their fields are the fields of `Entry`; `[aliases]`
maps other spellings, whole names or prefixes ending in a dot, to canonical ones. `packages`
lists further packages that programs import, of which no function needs an entry. `[classes]`
gives the direct bases of classes.

Rule packs and local folders bring further files of the same form: `rows.py` checks them.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nnlint.packs import row_files
from nnlint.semantics.library.rows import CLOSED, Rows, merged_rows, read_rows
from nnlint.semantics.library.signatures import LibraryDataError, Parameter, read_signature
from nnlint.semantics.library.tables import read_tables
from nnlint.semantics.records import record

ANY: Set[str] = frozenset()
"""No restriction."""
BUILT_KINDS = frozenset(
    "layer optimizer scheduler transform dataset loader sampler container model generator trainer "
    "context base".split()
)
"""Kinds of what is built first and used later, whether or not an entry says so."""


@record(frozen=True)
class Entry:
    """What one API means. Empty strings and False say "nothing known"."""

    name: str
    kind: str = ""
    """layer, operation, loss, optimizer, scheduler, transform, dataset, loader, sampler,
    split, seed, draw, generator, trainer, model, context, event, container, wrapper (gives
    back what it is given), base, constant, estimator (learns from data: a scaler, PCA),
    metric, search (over hyper-parameters), clock and listing (differ from run to run), frame (a table),
    arrays (a data set: features and targets), launcher
    (runs the function given as `options.function` with the arguments given as
    `options.arguments` and `options.keywords`, after `options.prepend` of its own)."""
    family: str = ""
    """What sort of its kind: linear, conv, batch_norm, dropout, softmax, compose …"""
    signature: tuple[Parameter, ...] = ()
    axes: str = ""
    """Name of the transfer function from input to output axes."""
    activation: str = ""
    """What the output has gone through: softmax, log_softmax, sigmoid, relu …"""
    transparent: bool = False
    """The output is the input's values, moved or scaled, so its activation stands."""
    method: bool = False
    """Tensor has a method of the same last name with the same meaning."""
    dimensions: int = 0
    """Number of spatial dimensions of a conv, pool or channel-dropout layer."""
    random: bool = False
    """A transform or draw whose outcome differs from call to call."""
    random_unless: str = ""
    """A random transform is deterministic when this parameter is 0 (`p`, `sigma`)."""
    expects: str = ""
    """What a loss wants as input: logits, probabilities, log_probabilities, values."""
    call: str = ""
    """`class` when the value is built first and called later, else `function`."""
    split_parameter: str = ""
    """Parameter of a dataset that says which split it is (`train`, `split`)."""
    transform_parameters: tuple[str, ...] = ()
    """Parameters of a dataset that take input transforms."""
    seeds: tuple[str, ...] = ()
    """Generators that the call seeds: torch, numpy, random."""
    schedule: str = ""
    """Shape of a scheduler: step, multistep, exponential, cosine, plateau, lambda …"""
    event: str = ""
    """What the call does to the training run: backward, step, zero_grad, fit …"""
    event_methods: Mapping[str, str] = field(default_factory=dict)
    """Methods of instances that are events: `{step = "step"}`."""
    bases: tuple[str, ...] = ()
    """Classes whose methods and meaning it inherits."""
    returns: str = ""
    """Qualified name of the class of the returned value, when it is a known one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further facts, most needed by one transfer function or rule only. `call`: the
    parameters of calling a layer or loss, where they are not `input` or `input, target`."""

    @property
    def builds(self) -> bool:
        """Whether a call makes an object that is used later, rather than a result."""
        return self.call == "class" or bool(self.options.get("factory"))

    def parameter(self, name: str) -> Parameter | None:
        """The formal parameter called `name`, if any."""
        return next((p for p in self.signature if p.name == name), None)


class Library:
    """All entries, found by qualified name; read from their tables when first asked for."""

    def __init__(
        self,
        tables: Mapping[str, Mapping[str, Any]],
        aliases: Mapping[str, str],
        packages: Iterable[str] = (),
        classes: Mapping[str, Sequence[str]] = MappingProxyType({}),
        added: Set[str] = frozenset(),
    ) -> None:
        self._classes = classes
        self._added = added
        self._packages = frozenset(packages) | sys.stdlib_module_names
        self._packages |= {name.partition(".")[0] for name in tables if name not in added}
        self._tables = tables
        self._aliases = aliases
        self._prefixes = tuple(
            sorted((a for a in aliases if a.endswith(".")), key=len, reverse=True)
        )
        self._methods = {
            name.rpartition(".")[2]: name for name, table in tables.items() if table.get("method")
        }
        self._canonical: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}
        self._members: dict[str, set[str]] = {}
        for name in tables:
            module, _, member = name.rpartition(".")
            self._members.setdefault(module, set()).add(member)

    def canonical(self, name: str) -> str:
        """The one name under which `name` is known: `torch.nn.modules.Linear` is
        `torch.nn.Linear`."""
        known = self._canonical.get(name)
        if known is None:
            known = self._canonical[name] = self._resolve_alias(name)
        return known

    def _resolve_alias(self, name: str) -> str:
        for _ in range(4):
            if name in self._tables:
                return name
            if name in self._aliases:
                name = self._aliases[name]
                continue
            prefix = next((p for p in self._prefixes if name.startswith(p)), None)
            if prefix is None or f"{name}." in self._aliases:
                return name
            name = self._aliases[prefix] + name[len(prefix) :]
        return name

    def get(self, name: str) -> Entry | None:
        """The entry of a qualified name, or None when nothing is known about it."""
        name = self.canonical(name)
        entry = self._entries.get(name)
        if entry is None and name in self._tables:
            entry = self._entries[name] = _entry(name, self._tables[name])
        return entry

    def extended(self, rows: Rows) -> Library:
        """This library with rows of others added."""
        return Library(
            {**self._tables, **rows.tables},
            {**self._aliases, **rows.aliases},
            (*self._packages, *rows.packages),
            {**self._classes, **rows.classes},
            rows.tables.keys() | rows.aliases.keys(),
        )

    def is_added(self, name: str) -> bool:
        """Whether what is known of a name comes from others than nnlint."""
        return name in self._added

    def last_names(self, names: Set[str]) -> frozenset[str]:
        """What code writes last for names that there are rows for, in their own spelling or in
        one that others than nnlint bring."""
        other = (alias for alias in self._added if self.canonical(alias) in names)
        return frozenset(name.rpartition(".")[2] for name in (*names, *other))

    def words(self, field: str, names: Iterable[str]) -> Set[str]:
        """What the rows of some canonical names say in one of their fields."""
        found: set[str] = set()
        for name in names:
            value = self._tables[name].get(field, "")
            found |= {value} if isinstance(value, str) else set(value)
        return found

    def is_foreign(self, name: str) -> bool:
        """Whether a qualified name is known to be of a package, and not of the project."""
        package, _, member = name.partition(".")
        if package == "builtins":
            # a name that nothing binds is looked for here, and often is no builtin
            return hasattr(builtins, member)
        return package in self._packages

    def tensor_method(self, name: str) -> Entry | None:
        """The operation behind `tensor.name(...)`; its first parameter is the tensor.

        A method in place, `tensor.name_(...)`, means what `tensor.name(...)` means.
        """
        for candidate in (name, name.removesuffix("_")):
            full = f"torch.Tensor.{candidate}"
            if full in self._tables:
                return self.get(full)
            if candidate in self._methods:
                return self.get(self._methods[candidate])
        return None

    def is_subclass(self, name: str, base: str) -> bool:
        """Whether the known class `name` is `base` or derives from it."""
        name, base = self.canonical(name), self.canonical(base)
        if name == base:
            return True
        entry = self.get(name)
        return entry is not None and any(self.is_subclass(b, base) for b in entry.bases)

    def derives(self, name: str, base: str) -> bool | None:
        """Whether the class `name` is `base` or derives from it; None when the data cannot tell.

        Where `is_subclass` asks whose methods a class shares, this one is sure of both answers.
        """
        name, base = self.canonical(name), self.canonical(base)
        if name == base:
            return True
        if name not in self._classes:
            return None
        answers: set[bool | None] = {False} if self.is_class(base) else {None}
        for parent in self._classes[name]:
            certain = parent.removesuffix("?")
            above = self.derives(certain, base)
            answers.add(None if above and certain == base != parent else above)
        return True if True in answers else None if None in answers else False

    def is_class(self, name: str) -> bool:
        """Whether a name is known to be that of a class, whose kin is known."""
        package, _, member = name.partition(".")
        if package == "builtins":
            return isinstance(getattr(builtins, member, None), type)
        return self.canonical(name) in self._classes

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other spellings, whole or prefixes ending in a dot, and what they stand for."""
        return self._aliases

    def names(
        self, *, kinds: Set[str] = ANY, families: Set[str] = ANY, calls: Set[str] = ANY
    ) -> frozenset[str]:
        """Every canonical qualified name, or those of some kinds, families or sorts of call."""
        return frozenset(
            name
            for name, table in self._tables.items()
            if (not kinds or table.get("kind", "") in kinds)
            and (not families or table.get("family", "") in families)
            and (not calls or table.get("call", "") in calls)
        )

    def members(self, module: str) -> Set[str]:
        """The known public names of a library module, for star imports."""
        return self._members.get(module, frozenset())


def load_library() -> Library:
    """All that is known: nnlint's own rows, and those of rule packs and local folders.

    Raises:
        LibraryDataError: a row of nnlint's own has an unknown field, or is there twice.
        RulePackError: a row of a pack is none, or contradicts another.
    """
    return _with_rows(row_files())


@lru_cache(maxsize=8)
def _with_rows(files: tuple[Path, ...]) -> Library:
    own = _own_library()
    if not files:
        return own
    words = {key: own.words(key, own.names()) for key in CLOSED}
    rows = [read_rows(file, _FIELD_TYPES, words.__getitem__) for file in files]
    return own.extended(merged_rows(own, rows))


@lru_cache(maxsize=1)
def _own_library() -> Library:
    """What the TOML files beside this module say."""
    library: dict[str, dict[str, Any]] = {}
    aliases: dict[str, str] = {}
    packages: list[str] = []
    classes: dict[str, list[str]] = {}
    for file, tables in read_tables().items():
        aliases.update(tables.pop("aliases", {}))
        packages += tables.pop("packages", [])
        classes.update(tables.pop("classes", {}))
        for name, table in tables.items():
            if name in library:
                raise LibraryDataError(f"{file}: {name} is defined twice")
            if unknown := table.keys() - _FIELD_TYPES.keys():
                raise LibraryDataError(f"{file}: {name} has unknown field {min(unknown)!r}")
            library[name] = table
    return Library(library, aliases, packages, classes)


_FIELD_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("kind", "family", "axes", "activation", "random_unless", "expects"), "str"),
    **dict.fromkeys(("call", "split_parameter", "schedule", "event", "returns"), "str"),
    **dict.fromkeys(("transparent", "method", "random"), "bool"),
    "dimensions": "int",
    **dict.fromkeys(("transform_parameters", "seeds", "bases"), "tuple[str, ...]"),
    "event_methods": "Mapping[str, str]",
    "options": "Mapping[str, Any]",
    "parameters": "str",
}
"""The fields that a row may have, and the type of each."""


def _entry(name: str, table: Mapping[str, Any]) -> Entry:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    signature = read_signature(values.pop("parameters", ""))
    return Entry(name=name, signature=signature, **values)
