"""Mutation operators: parts of the data that are held out, pairs, and ends of texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

_HELD_OUT = re.compile(r"validation|valid|val|dev")
_MOVES = re.compile(r"\b(?:hflip|vflip|rotate|crop|affine|flip|fliplr|flipud|rot90|transpose)\b")
_WINDOW = re.compile(r"\[\s*(\w+)\s*:\s*\1\s*\+|\[\s*(\w+)\s*-\s*\w+\s*:\s*\2\b")
_PAIR = 2


def augment_whole(program: Program) -> Iterator[list[Replacement]]:
    """Flip what a data set gives at random that is split into parts."""
    known: dict[str, ast.expr] = {}
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            known[program.source(node.targets[0])] = node.value
    changed = set[int]()
    for call in program.calls("random_split", "Subset"):
        whole = known.get(program.source(call.args[0])) if call.args else None
        given = [k.value for k in getattr(whole, "keywords", ()) if k.arg == "transform"]
        steps = known.get(program.source(given[0]), given[0]) if given else None
        if isinstance(steps, ast.Call) and last_name(steps.func) == "Compose" and steps.args:
            listed = steps.args[0]
            prefix = program.source(steps.func).rpartition(".")[0]
            if isinstance(listed, ast.List) and listed.elts and prefix:
                first = listed.elts[0]
                if id(first) not in changed and "Random" not in program.source(listed):
                    changed.add(id(first))
                    flip = f"{prefix}.RandomHorizontalFlip(), {program.source(first)}"
                    yield [(first, flip)]


def select_by_test(program: Program) -> Iterator[list[Replacement]]:
    """What goes over the loader for validation goes over the one for tests, in a function that has
    both, where the best weights are kept."""
    if "best" not in program.text or not program.calls("save", "deepcopy"):
        return
    uses: dict[tuple[ast.AST, str], list[ast.AST]] = {}
    bound: dict[ast.AST, set[str]] = {}
    for node in ast.walk(program.tree):
        scope = program.function(node)
        if isinstance(node, ast.arg):
            bound.setdefault(scope, set()).add(node.arg)
        elif isinstance(node, ast.Name | ast.Attribute):
            if isinstance(node.ctx, ast.Load):
                uses.setdefault((scope, program.source(node)), []).append(node)
            else:
                bound.setdefault(scope, set()).add(program.source(node))
    of_file = bound.get(program.tree, set())
    for (scope, name), found in uses.items():
        test = _HELD_OUT.sub("test", name, count=1)
        named = re.search("load|dl|iter|batches", name) and _HELD_OUT.search(name)
        own = test.startswith("self.") and f"{test} =" in program.text
        if named and test != name and (own or test in bound.get(scope, set()) | of_file):
            yield [(use, test) for use in found]


def transform_apart(program: Program) -> Iterator[list[Replacement]]:
    """An image and its mask go through one transform separately."""
    for call in (n for n in ast.walk(program.tree) if isinstance(n, ast.Call)):
        named = {k.arg: program.source(k.value) for k in call.keywords}
        if named.keys() == {"image", "mask"} and not call.args:
            owner = program.source(call.func)
            parts = (f'"{n}": {owner}(image={named[n]})["image"]' for n in ("image", "mask"))
            yield [(call, f"{{{', '.join(parts)}}}")]


def draw_apart(program: Program) -> Iterator[list[Replacement]]:
    """What is moved if a number that is drawn says so is moved by a draw each."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.If) or node.orelse or len(node.body) != _PAIR:
            continue
        test, (first, second) = program.source(node.test), node.body
        moves = all(
            isinstance(s, ast.Assign)
            and isinstance(s.value, ast.Call)
            and _MOVES.search(program.source(s.value.func))
            for s in (first, second)
        )
        if moves and re.search(r"rand\w*\(", test):
            outer, inner = (" " * c for c in (node.col_offset, first.col_offset))
            text = f"if {test}:\n{inner}{program.source(first)}\n"
            text += f"{outer}if {test}:\n{inner}{program.source(second)}"
            yield [(node, text)]


def split_windows(program: Program) -> Iterator[list[Replacement]]:
    """Windows that are split in their order are split at random."""
    if not _WINDOW.search(program.text):
        return
    for call in program.calls("train_test_split"):
        ordered = [k for k in call.keywords if k.arg == "shuffle"]
        if ordered and program.source(ordered[0].value) == "False":
            yield [(ordered[0].value, "True")]
    for block in program.blocks():
        for one, other in pairwise(block):
            first, rest = _cut(program, one), _cut(program, other)
            if first and rest and first[1] == rest[1] and first[2] and not rest[2]:
                indent = "\n" + " " * one.col_offset
                lines = [
                    "from sklearn.model_selection import train_test_split",
                    f"{first[0]}, {rest[0]} = train_test_split({first[1]}, random_state=0)",
                ]
                yield [(one, indent.join(lines)), (other, "pass")]


def _cut(program: Program, statement: ast.stmt) -> tuple[str, str, bool] | None:
    """What is assigned, of what, and whether it is the first part: `a = x[:n]`, `b = x[n:]`."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.Subscript(value=whole, slice=ast.Slice(lower=low, upper=high, step=None)),
        ) if (low is None) != (high is None) and re.search("train|val|test", name):
            return name, program.source(whole), low is None
        case _:
            return None


def end_as_padding(program: Program) -> Iterator[list[Replacement]]:
    """The end token pads, where a collator or the labels leave padding out."""
    if "mlm=False" not in program.text and "ignore_index" not in program.text:
        if not re.search(r"labels\[.*pad_token_id.*\]\s*=\s*-100", program.text):
            return
    set_here = [
        n
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Assign) and program.source(n.targets[0]).endswith(".pad_token")
    ]
    for node in set_here:
        if "eos_token" not in program.source(node.value):
            owner = program.source(node.targets[0]).rpartition(".")[0]
            yield [(node.value, f"{owner}.eos_token")]
    for statement in program.statements("add_special_tokens"):
        if "pad_token" in program.source(statement):
            owner = program.source(statement).partition(".add_special_tokens")[0]
            yield [(statement, f"{owner}.pad_token = {owner}.eos_token")]
    if "pad_token" in program.text:
        return
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            name = program.source(node.targets[0])
            if last_name(node.value.func) == "from_pretrained" and "token" in name.lower():
                indent = "\n" + " " * node.col_offset
                yield [(node, f"{program.source(node)}{indent}{name}.pad_token = {name}.eos_token")]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "augmented-split": (augment_whole,),
    "select-on-test": (select_by_test,),
    "unpaired-augmentation": (transform_apart, draw_apart),
    "temporal-split-leak": (split_windows,),
    "eos-masked-as-pad": (end_as_padding,),
}
