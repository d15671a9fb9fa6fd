"""What modules that can be compiled must keep to, so that both builds do the same."""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnlint.semantics.records import record

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["hooks"]["custom"]


def files(option: str) -> set[Path]:
    """The files that an option of the build hook names, none of its patterns being idle."""
    found = {pattern: set(ROOT.glob(pattern)) for pattern in HOOK[option]}
    assert all(found.values()), found
    return set().union(*found.values())


COMPILED = sorted(files("compiled") - files("interpreted"))
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in COMPILED
}


@pytest.mark.parametrize("file", COMPILED, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_classes_are_decorated_with_what_the_compiler_knows(file: Path) -> None:
    # it takes `==` between objects of any other decorated class for `is`
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef):
            named = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
            assert {ast.unparse(name) for name in named} <= {"dataclass", "record"}, node.name


@pytest.mark.parametrize("file", COMPILED, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_what_stops_the_compiler_is_written_otherwise(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Compare):
            shown = [part for part in node.comparators if isinstance(part, ast.Tuple | ast.List)]
            assert not any(isinstance(e, ast.Starred) for part in shown for e in part.elts), node
        elif isinstance(node, ast.MatchAs):
            # compiled, the name of such a pattern is never bound
            assert not isinstance(node.pattern, ast.MatchSequence), node.name


def all_below(cls: type) -> Iterator[type]:
    """The classes that are derived from a class."""
    for derived in cls.__subclasses__():
        yield derived
        yield from all_below(derived)


def test_only_compiled_classes_are_derived_from_compiled_ones() -> None:
    for top in ("nnlint", "rules/nnlint_rules"):
        package = ROOT / top
        for file in package.rglob("*.py"):
            parts = file.relative_to(package.parent).with_suffix("").parts
            if parts[-1] != "__main__" and "runtime" not in parts:
                # what works together with a library may need it
                with contextlib.suppress(ModuleNotFoundError):
                    importlib.import_module(".".join(parts).removesuffix(".__init__"))
    for name in sorted(MODULES):
        own = [c for c in vars(sys.modules[name]).values() if isinstance(c, type)]
        for cls in (c for c in own if c.__module__ == name):
            outside = [c for c in all_below(cls) if c.__module__ not in MODULES]
            assert not outside, (cls, outside)


@record(frozen=True)
class Pair:
    left: int
    right: int = 0


@record(frozen=True, eq=False)
class Thing:
    name: str


def test_records_are_compared_by_what_they_hold() -> None:
    assert Pair(1) == Pair(1, 0) != Pair(0, 1)
    assert {Pair(1), Pair(1, 0)} == {Pair(1)}
    assert not hasattr(Pair(1), "__dict__")


def test_entities_are_equal_to_themselves_alone() -> None:
    one = Thing("a")
    assert one == one
    assert one != Thing("a")
    assert len({one, Thing("a")}) == 2
