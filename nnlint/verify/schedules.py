"""A plan to step a learning-rate schedule, read off the source around a finding."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from nnlint.finding import Finding

ASSUMED_EPOCHS, ASSUMED_RATE = 100, 0.1


def plan_of(finding: Finding) -> dict[str, Any] | None:
    """The plan for the probe, or None if the place holds no expression to step."""
    try:
        text = Path(finding.filename).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None
    node = _expression(tree, finding)
    if node is None:
        return None
    names = _Names(tree)
    assumed = []
    epochs = names.epochs()
    if epochs is None:
        epochs = ASSUMED_EPOCHS
        assumed.append(f"{ASSUMED_EPOCHS} epochs assumed")
    rate = names.rate()
    if rate is None:
        rate = ASSUMED_RATE
        assumed.append(f"initial rate {ASSUMED_RATE} assumed")
    plan: dict[str, Any] = {
        "expression": ast.unparse(node),
        "names": names.read_by(node),
        "imports": names.imports,
        "lr": rate,
        "epochs": epochs,
        "assumed": ", ".join(assumed),
    }
    if isinstance(node, ast.Call) and _is_scheduler(node):
        optimizer = node.args[0] if node.args else None
        plan["optimizer"] = optimizer.id if isinstance(optimizer, ast.Name) else "optimizer"
        if optimizer is not None and not isinstance(optimizer, ast.Name):
            node.args[0] = ast.Name("optimizer", ast.Load())
            plan["expression"] = ast.unparse(ast.fix_missing_locations(node))
        return plan
    variable = _variable(node, plan["names"])
    if variable is None:
        return None
    if not any(
        isinstance(n, (ast.Name, ast.Attribute)) and "lr" in ast.unparse(n) for n in ast.walk(node)
    ):
        plan["expression"] = f"{rate!r} * ({plan['expression']})"
    plan["variable"] = variable
    return plan


def _expression(tree: ast.Module, finding: Finding) -> ast.expr | None:
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
    """Values of names: assigned constants, parameters' defaults, options of argparse."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.values: dict[str, Any] = {}
        self.imports: dict[str, str] = {}
        for node in ast.walk(tree):
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assign(node.targets[0], node.value)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = [*node.args.posonlyargs, *node.args.args]
            defaults = node.args.defaults
            for argument, default in zip(
                arguments[len(arguments) - len(defaults) :], defaults, strict=True
            ):
                self._constant(argument.arg, default)
        elif isinstance(node, ast.Call):
            self._option(node)
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
            self.values.setdefault(name, ast.literal_eval(value))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return

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

    def epochs(self) -> int | None:
        """The bound of the loop over epochs."""
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.For) or "epoch" not in ast.unparse(node.target):
                continue
            call = node.iter
            while isinstance(call, ast.Call) and ast.unparse(call.func) != "range" and call.args:
                call = call.args[0]
            if isinstance(call, ast.Call) and call.args:
                bound = self.value(call.args[1] if len(call.args) > 1 else call.args[0])
                if isinstance(bound, int) and bound > 1:
                    return bound
        return None

    def rate(self) -> float | None:
        """The initial rate that an optimizer is built with."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                given = next((k.value for k in node.keywords if k.arg == "lr"), None)
                value = self.value(given) if given is not None else None
                if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
                    return float(value)
        return None
