"""A script of at most twenty lines that shows a leak with torch alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from nnlint.verify.importing import import_of

_CHANGES = (
    "torch.randn_like(part)",
    "part * 10 + 0.01",
    "-part",
    "100 * torch.randn_like(part).abs()",
)


def reproducer(
    target: dict[str, Any], built: dict[str, Any], evidence: dict[str, Any]
) -> str | None:
    """The script, or None where it would need more than a constructor call and one tensor.

    Parameters:
        target: the job's target with its `file`.
        built: the worker's `built` event.
        evidence: the evidence of a confirmed batch dependency.
    """
    leak, recipe = evidence.get("leaks"), evidence.get("reproduce")
    arguments = _arguments(built.get("arguments", []))
    inside = str(built.get("origin", "")).startswith("inside")
    if not leak or not recipe or arguments is None or inside or not target.get("file"):
        return None
    inputs = [_tensor(text) for text in recipe["inputs"]]
    if any(i is None for i in inputs):
        return None
    root, module = import_of(target["file"])
    name, column = target["name"], leak["input"]
    names = [f"x{i}" for i in range(len(inputs))]
    call = ", ".join(names)
    lines = [
        f'"""Examples mix in {name}: changing example {column} changes the outputs of others."""',
        "import sys",
        "import torch",
        f"sys.path.insert(0, {root!r})",
        f"from {module} import {name}",
        "torch.manual_seed(0)",
        f"model = {name}({arguments}).{'train' if recipe['training'] else 'eval'}()",
    ]
    lines += [f"{n} = {i}" for n, i in zip(names, inputs, strict=True)]
    axis, change = recipe["axis"], _CHANGES[recipe["draw"]]
    parts = ", ".join(f"{n}.select({axis}, {column})" for n in names)
    lines += [
        f"def run({call}):",
        "    torch.manual_seed(0)",
        f"    return model({call}){recipe['output']}.detach().movedim({recipe['output_axis']}, 0)",
        f"before = run({', '.join(n + '.clone()' for n in names)})",
        f"for part in [{parts}]:",
        f"    part.copy_({change} if part.is_floating_point() else part.flip(-1))",
        f"after = run({call})",
        "changed = [i for i in range(len(before)) if not torch.equal(before[i], after[i])]",
        f'print("changed example {column}; outputs that changed:", changed)',
    ]
    return "\n".join(lines) + "\n" if len(lines) <= 20 else None


def _arguments(texts: list[str]) -> str | None:
    parts = []
    for text in texts:
        name, _, value = text.partition("=")
        try:
            literal = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return None
        if name == "args":
            parts += [repr(v) for v in literal]
        else:
            parts.append(f"{name}={value}")
    return ", ".join(parts)


def _tensor(text: str) -> str | None:
    """`argument 0: (5, 3) float32` as the expression that makes such a tensor."""
    match = re.fullmatch(r"argument \d+: (\(.*?\)) (\w+)(?: below (\d+))?", text)
    if match is None:
        return None
    shape, kind, high = match.groups()
    if kind.startswith("float") or kind == "bfloat16":
        return f"torch.randn({shape}, dtype=torch.{kind})"
    if kind == "bool":
        return f"torch.ones({shape}, dtype=torch.bool)"
    return f"torch.randint({high or 2}, {shape}, dtype=torch.{kind})"


def write_reproducer(path: Path, text: str) -> None:
    """Write the script."""
    path.write_text(text, encoding="utf-8")
