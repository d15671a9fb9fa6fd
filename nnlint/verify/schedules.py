"""A plan to step a learning-rate schedule, read off the source around a finding."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlint.finding import Finding, Position
from nnlint.project.mentions import mentioning
from nnlint.project.modules import ProjectModules
from nnlint.questions.optimisation.schedule_runs import ScheduleRun, schedule_runs
from nnlint.semantics.analysis import Program, analyse

ASSUMED_ROUNDS, ASSUMED_RATE = 100, 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scheduler is built, or stepped."""

    filename: str
    start: Position
    end: Position


def plan_of(finding: Finding | Place) -> dict[str, Any] | None:
    """The plan for the probe, or None if the place holds no expression to step."""
    try:
        tree = ast.parse(Path(finding.filename).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    run = _run(finding, tree)
    node = _expression(tree, finding)
    if run is not None and isinstance(run.site.node, ast.Call):
        # built elsewhere than it is reported, at its step
        tree, node = run.site.module.tree, run.site.node
    if node is None:
        return None
    names = _Names(tree, node)
    rate = (run.rate if run else None) or names.rate()
    plan: dict[str, Any] = {
        "names": names.read_by(node),
        "imports": names.imports,
        "lr": ASSUMED_RATE if rate is None else rate,
        "epochs": ASSUMED_ROUNDS,
        "assumed": f"initial rate {ASSUMED_RATE} assumed" if rate is None else "",
        "unknown": "the loop that runs it was not found",
    }
    if run is not None:
        plan["unknown"] = "" if run.rounds else run.unknown
        plan["epochs"] = run.rounds or ASSUMED_ROUNDS
    if isinstance(node, ast.Call) and _is_scheduler(node):
        return {**plan, "optimizer": "optimizer", "expression": _call(node, run)}
    variable = _variable(node, plan["names"])
    if variable is None:
        return None
    plan["variable"], plan["expression"] = variable, ast.unparse(node)
    if not any(
        isinstance(n, (ast.Name, ast.Attribute)) and "lr" in ast.unparse(n) for n in ast.walk(node)
    ):
        plan["expression"] = f"{plan['lr']!r} * ({plan['expression']})"
    return plan


def _call(node: ast.Call, run: ScheduleRun | None) -> str:
    """The scheduler's call, with `optimizer` and what is known of its arguments filled in."""
    known = run.arguments if run else {}
    args: list[ast.expr] = [ast.Name("optimizer", ast.Load()), *node.args[1:]]
    keywords = [
        ast.keyword(k.arg, _written(known[k.arg]) if k.arg in known else k.value)
        for k in node.keywords
        if k.arg != "optimizer"
    ]
    for index, name in enumerate(run.positional if run else ()):
        if 0 < index < len(args) and name in known:
            args[index] = _written(known[name])
    return ast.unparse(ast.fix_missing_locations(ast.Call(node.func, args, keywords)))


def _written(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _run(finding: Finding | Place, tree: ast.Module) -> ScheduleRun | None:
    """How the schedule of a finding is run; where several runs differ, none of their numbers."""
    place = (os.path.abspath(finding.filename), finding.start.row, finding.start.column)
    found: list[ScheduleRun] = []
    for programs in _analysed(place[0], _functions_around(tree, finding.start.row)):
        runs = [(p.is_entry, r) for p in programs for r in schedule_runs(p, *place)]
        entered = [r for is_entry, r in runs if is_entry and r.rounds]
        found += entered or [r for _, r in runs]
        if any(r.rounds for r in found):
            break
    known = [r for r in found if r.rounds] or found
    if not known:
        return None
    if len({(r.rounds, r.rate, repr(sorted(r.arguments.items()))) for r in known}) > 1:
        return ScheduleRun(known[0].site, unknown="it is run in several ways")
    return known[0]


def _analysed(path: str, functions: list[str]) -> Iterator[list[Program]]:
    """The programs of a file, then of those that mention the functions around the place."""
    modules = ProjectModules()
    files = [path, *(f for name in functions for f in mentioning(modules, path, name))]
    for file in dict.fromkeys(files):
        # a defect of the analysis costs what it would have told, not the verdict
        with contextlib.suppress(Exception):
            yield analyse(modules.parse(file), modules.load).programs


def _functions_around(tree: ast.Module, row: int) -> list[str]:
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and node.lineno <= row <= (node.end_lineno or node.lineno)
    ]


def _expression(tree: ast.Module, finding: Finding | Place) -> ast.expr | None:
    """The expression that the finding spans."""
    start, end = finding.start, finding.end
    best: ast.expr | None = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr):
            continue
        at = (node.lineno, node.col_offset + 1)
        until = (node.end_lineno or node.lineno, (node.end_col_offset or 0) + 1)
        if at == tuple(start) and until <= (end.row, end.column + 1):
            if best is None or until > (best.end_lineno or 0, (best.end_col_offset or 0) + 1):
                best = node
    return best


def _is_scheduler(node: ast.Call) -> bool:
    name = ast.unparse(node.func).rpartition(".")[2]
    return name[:1].isupper() or "schedule" in name


def _variable(node: ast.expr, known: dict[str, Any]) -> str | None:
    """The name that counts epochs: the one that has no value of its own."""
    unknown = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in known]
    named = [n for n in unknown if "epoch" in n or n in ("step", "it", "i", "e", "t")]
    return named[0] if named else None


class _Names:
    """Values of the names that an expression can see.

    Constants assigned once at the top level or in the functions around it, the defaults of
    their parameters, options of argparse.
    """

    def __init__(self, tree: ast.Module, node: ast.AST) -> None:
        self.values: dict[str, Any] = {}
        self.rates: set[float] = set()
        self.imports: dict[str, str] = {}
        self._several: set[str] = set()
        self._row = row = getattr(node, "lineno", 0)
        for child in ast.walk(tree):
            if isinstance(child, ast.Call):
                self._option(child)
        for child in _visible(tree, row):
            self._visit(child)
        for name in self._several & self.values.keys():
            del self.values[name]

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assign(node.targets[0], node.value)
        elif isinstance(node, (ast.AugAssign, ast.For)) and isinstance(node.target, ast.Name):
            self._several.add(node.target.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not node.lineno <= self._row <= (node.end_lineno or 0):
                return
            arguments = [*node.args.posonlyargs, *node.args.args]
            defaults = node.args.defaults
            for argument, default in zip(
                arguments[len(arguments) - len(defaults) :], defaults, strict=True
            ):
                self._constant(argument.arg, default)
        elif isinstance(node, ast.Call):
            given = next((k.value for k in node.keywords if k.arg == "lr"), None)
            value = self.value(given) if given is not None else None
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
                self.rates.add(float(value))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            for alias in node.names:
                self.imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("torch") and alias.asname:
                    self.imports[alias.asname] = alias.name

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Name, ast.Attribute)):
            self._constant(ast.unparse(target), value)

    def _constant(self, name: str, value: ast.expr) -> None:
        try:
            found = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            self._several.add(name)
            return
        if self.values.setdefault(name, found) != found:
            self._several.add(name)

    def _option(self, call: ast.Call) -> None:
        """`parser.add_argument("--lr", default=0.1)` is `args.lr`."""
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"):
            return
        default = next((k.value for k in call.keywords if k.arg == "default"), None)
        names = [
            a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
        ]
        if default is None or not names:
            return
        for name in names:
            plain = name.lstrip("-").replace("-", "_")
            for owner in ("args", "opt", "config", "cfg", "flags", "hparams"):
                self._constant(f"{owner}.{plain}", default)

    def value(self, node: ast.expr) -> Any:
        """The value of an expression of constants and known names, or None."""
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            return self.values.get(ast.unparse(node))

    def read_by(self, node: ast.expr) -> dict[str, Any]:
        """The known names that an expression reads."""
        found = {}
        for child in ast.walk(node):
            if isinstance(child, (ast.Name, ast.Attribute)):
                name = ast.unparse(child)
                if name in self.values:
                    found[name] = self.values[name]
        return found

    def rate(self) -> float | None:
        """The initial rate, where all optimizers in sight are built with one."""
        return next(iter(self.rates)) if len(self.rates) == 1 else None


def _visible(tree: ast.AST, row: int) -> Iterator[ast.AST]:
    """Nodes outside functions, and inside those that a row lies in."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            if not child.lineno <= row <= (child.end_lineno or child.lineno):
                continue
        yield from _visible(child, row)
