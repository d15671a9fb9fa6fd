"""A script of at most twenty lines that shows a leak.

It needs torch alone where the class and what it needs fit into it; else it imports the class
from its project, and says why.
"""

from __future__ import annotations

from typing import Any

from nnlint.verify.importing import import_of

LONGEST = 20
_DRAWS = "torch.randn_like({part}), 100 * torch.rand_like({part}), -100 * torch.rand_like({part})"
"""What takes the place of an example, one after the other: a leak through a threshold or a
branch shows for some values only."""


def reproducer(
    target: dict[str, Any], built: dict[str, Any], evidence: dict[str, Any]
) -> str | None:
    """The script, or None where it would need more than a constructor call and tensors, or
    where the class is neither short nor to be had by an import.

    Parameters:
        target: the job's target with its `file`.
        built: the worker's `built` event.
        evidence: the evidence of a confirmed batch dependency.
    """
    leak, recipe = evidence.get("leaks"), evidence.get("reproduce")
    call = built.get("constructor")
    if not leak or not recipe or call is None or not target.get("file"):
        return None
    name, column = target["name"], leak["input"]
    body = _body(name, call, column, recipe)
    title = f"Examples mix in {name}: changing example {column} changes the outputs of others."
    source = built.get("source")
    if source is not None:
        lines = [f'"""{title}"""', "import torch", *source.splitlines(), *body]
        if len(lines) <= LONGEST:
            return "\n".join(lines) + "\n"
    if not built.get("importable"):
        return None
    why = built.get("not_alone") or f"its source takes {len((source or '').splitlines())} lines"
    root, module = import_of(target["file"])
    lines = [
        f'"""{title}',
        f"{name} is imported from its project: {why}.",
        '"""',
        "import sys",
        "import torch",
        f"sys.path.insert(0, {root!r})",
        f"from {module} import {name}",
        *body,
    ]
    return "\n".join(lines) + "\n" if len(lines) <= LONGEST else None


def _body(name: str, constructor: str, column: int, recipe: dict[str, Any]) -> list[str]:
    mode = "train" if recipe["training"] else "eval"
    moved = f".movedim({recipe['output_axis']}, 0)" if recipe["output_axis"] else ""
    run = f"model({recipe['call']}){recipe['output']}.detach(){moved}"
    # the same random numbers in both runs: dropout must not look like a leak
    seed = "torch.manual_seed(0)"
    seeded = [seed] if recipe["training"] else []
    lines = [seed, f"model = {name}({constructor}).{mode}()"]
    lines += [f"{t['name']} = {t['making']}" for t in recipe["tensors"]]
    lines += [*seeded, f"before = {run}.clone()"]
    changed = f"[i for i, row in enumerate({run}) if not row.equal(before[i])]"
    told = [*seeded, f'print("changed example {column}; outputs that changed:", {changed})']
    changing = [t for t in recipe["tensors"] if t["axis"] is not None and t["high"] != 1]
    if len(changing) == 1 and _is_float(changing[0]):
        part = _part(changing[0], column)
        lines += [f"for new in ({_DRAWS.format(part=part)}):", f"    {part} = new"]
        return lines + [f"    {line}" for line in told]
    return [*lines, *(_change(tensor, column) for tensor in changing), *told]


def _change(tensor: dict[str, Any], column: int) -> str:
    part = _part(tensor, column)
    if tensor["high"]:
        return f"{part} = ({part} + 1) % {tensor['high']}"
    new = f"-10 * {part}" if _is_float(tensor) else f"~{part}"
    return f"{part} = {new}"


def _part(tensor: dict[str, Any], column: int) -> str:
    return f"{tensor['name']}[{', '.join([*':' * tensor['axis'], str(column)])}]"


def _is_float(tensor: dict[str, Any]) -> bool:
    return tensor["high"] is None and "torch.bool" not in tensor["making"]
