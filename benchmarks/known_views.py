"""How many views nnlint knows: the axes that go in, and those that come out.

`python -m benchmarks.known_views` interprets the pinned packages as a check does, and counts the
calls of `view`, `reshape` and `flatten` that are written in them, as methods or functions. Of a
call the axes are known when somewhere it is reached with a tensor whose shape is known, and with
sizes that are numbers, settings of the program, sizes of tensors, or what is left over. A call
that nothing leads to counts as unknown. `--folder` counts in another folder, `--missing` lists what is unknown.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.packages import FOLDER, fetch, packages, python_files
from nnlint.project.mentions import Users
from nnlint.project.modules import ProjectModules
from nnlint.semantics.analysis import Load, analyse
from nnlint.semantics.axes import Shape
from nnlint.semantics.axes.defaults import INFERRED
from nnlint.semantics.axes.regroup import Kind, ViewResult
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.interpreter.builtin_calls import Interpreter
from nnlint.semantics.library import load_library
from nnlint.semantics.values import Operation, Tensor, Value
from nnlint.source.discovery import Roots
from nnlint.source.file import SourceError
from nnlint.syntax.module import ModuleSyntax

NAMES = frozenset({"view", "reshape", "flatten"})
RECURSION = 10_000


@dataclass(slots=True)
class Count:
    """The calls of a package."""

    written: int = 0
    reached: int = 0
    source: int = 0
    """Those whose tensor has a known shape."""
    known: int = 0
    """Those whose target is known, too."""

    def add(self, other: Count) -> None:
        """Count the calls of another package, too."""
        self.written += other.written
        self.reached += other.reached
        self.source += other.source
        self.known += other.known


def calls(module: ModuleSyntax) -> Iterator[ast.Call]:
    """The calls that are counted: a view as another type of numbers is none."""
    for node in module.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            first = node.args[0] if node.args else None
            typed = isinstance(first, ast.Attribute) and ast.unparse(first).startswith("torch.")
            if node.func.attr in NAMES and not typed:
                yield node


class Onlooker(Interpreter):
    """Notes of each counted call what is known of it while it is interpreted."""

    def __init__(self, load: Load, written: Collection[int]) -> None:
        super().__init__(load_library(), load)
        self.written = written
        self.reached: set[int] = set()
        self.with_source: set[int] = set()
        self.known: set[int] = set()

    def output(self, operation: Operation, given: tuple[Value, ...]) -> Value:
        """The value of an operation."""
        result = super().output(operation, given)
        place = id(operation.site.node)
        if place in self.written and operation.inputs:
            self.reached.add(place)
            view = operation.view
            judged = isinstance(view, ViewResult) and view.kind is not Kind.UNKNOWN
            source = operation.inputs[0].shape
            if judged or source is not None:
                self.with_source.add(place)
                if judged or self._is_told(operation, given, result, source or ()):
                    self.known.add(place)
        return result

    def _is_told(
        self, operation: Operation, given: tuple[Value, ...], result: Value, source: Shape
    ) -> bool:
        """Whether each size of a target is a number, a name, or made of what its source has."""
        if operation.entry.axes != "view":
            return isinstance(result, Tensor) and result.shape is not None
        target = self.sizes.targets(given[1:])
        held = {s for dimension in source for axis in dimension for s in axis.size.symbols}
        return bool(target) and all(
            size == INFERRED
            or (isinstance(size, Size) and all(s in held or not s.vague for s in size.symbols))
            for size in target or ()
        )


def count(folder: Path, missing: list[str] | None = None) -> Count:
    """Interpret the files of a folder, each on its own, and count."""
    found = Count()
    modules = ProjectModules(Roots.of([str(folder)]))
    for file in python_files(folder):
        try:
            module = modules.parse(str(file))
        except SourceError:
            continue
        written = {id(node): node for node in calls(module)}
        if not written:
            continue
        onlooker = Onlooker(modules.load, written.keys())
        analyse(module, modules.load, onlooker, users=Users(modules))
        found.written += len(written)
        found.reached += len(onlooker.reached)
        found.source += len(onlooker.with_source)
        found.known += len(onlooker.known)
        if missing is not None:
            for key, node in written.items():
                if key not in onlooker.known:
                    state = "unreached" if key not in onlooker.reached else "unknown"
                    state = "target" if key in onlooker.with_source else state
                    missing.append(f"{file}:{node.lineno}: {state}: {ast.unparse(node)[:100]}")
    return found


def row(name: str, found: Count) -> str:
    """A row of the table."""
    share = found.known / found.written if found.written else 0.0
    cells = (name, found.written, found.reached, found.source, found.known, f"{share:.0%}")
    return "| " + " | ".join(map(str, cells)) + " |"


@click.command()
@click.option("--package", "names", multiple=True, help="Only these of the pinned packages.")
@click.option("--folder", "folders", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--missing", type=click.Path(path_type=Path), help="Write what is unknown there.")
def main(names: Sequence[str], folders: Sequence[Path], missing: Path | None) -> None:
    """Print a Markdown table of how many views are known, package by package."""
    sys.setrecursionlimit(RECURSION)
    places = [(folder.name, folder) for folder in folders]
    if not folders:
        places = [(p.name, fetch(p, FOLDER)) for p in packages(names)]
    print("| | written | reached | source known | both known | share |")
    print("|---|--:|--:|--:|--:|--:|")
    whole, listed = Count(), []
    for name, folder in places:
        found = count(folder, listed)
        whole.add(found)
        print(row(name, found), flush=True)
    print(row("in all", whole))
    if missing is not None:
        missing.write_text("\n".join(listed) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
