"""Whether the end of a text is left out of the loss with the padding that is called as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Constant, Site, Unknown
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_PADDING = frozenset({"pad_token", "pad_token_id"})
_END = frozenset({"eos_token", "eos_token_id"})
_COLLATORS = ("DataCollatorForLanguageModeling", "DataCollatorForCompletionOnlyLM")
"""Collators that put -100 in the place of padding tokens in the labels."""
_WRITTEN_ENDS = frozenset({"<|endoftext|>", "</s>"})
_LEFT_OUT = -100


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A place where padding is left out of the loss, and the end token with it."""

    site: Site
    same: Site
    """Where the padding token is set to the end token."""
    tokenizer: str


def ends_left_out(program: Program) -> Iterator[LeftOut]:
    """Collators, masks of labels and losses that leave out padding which is the end token."""
    sites = [operation.site for operation in program.operations]
    modules = {id(m): m for m in (program.module, *(s.module for s in sites))}
    same = program.module.once(_padding_is_end, None) or next(_set_elsewhere(program), None)
    if same is None or any(m.once(_has_own_padding, None) for m in modules.values()):
        return
    place, tokenizer = same
    if any(m.once(_keeps_full_rows, None) for m in modules.values()):
        if not any(m.once(_writes_ends, None) for m in modules.values()):
            # nothing is padded, and no text has an end
            return
    for operation in program.operations:
        name = operation.entry.name.rpartition(".")[2]
        if name in _COLLATORS and _keeps_labels(operation.arguments.get("mlm"), name):
            yield LeftOut(operation.site, place, tokenizer)
    for module in modules.values():
        for node in module.once(_masks, None):
            yield LeftOut(Site(module, node), place, tokenizer)


def _keeps_full_rows(module: ModuleSyntax, _: None) -> bool:
    """Whether a module keeps rows of one length only: those that are as long as it asks for, or
    cuts a long text into as many as fit."""
    for node in module.nodes:
        match node:
            case ast.If(
                test=ast.Compare(left=length, ops=[ast.Eq()]), body=[ast.Expr() as kept], orelse=[]
            ) if called_name(kept.value) == "append":
                if "len" in ast.unparse(length).lower():
                    return True
            case ast.BinOp(
                left=ast.BinOp(op=ast.FloorDiv(), right=size), op=ast.Mult(), right=again
            ) if ast.dump(size) == ast.dump(again):
                return True
            case _:
                pass
    return False


def _writes_ends(module: ModuleSyntax, _: None) -> bool:
    """Whether a module puts the end token behind texts."""
    for node in module.nodes:
        match node:
            case ast.BinOp(op=ast.Add()) | ast.JoinedStr() | ast.List():
                parts: list[ast.AST] = [node]
            case ast.Call(args=[*given]) if called_name(node) in ("append", "extend", "format"):
                parts = [*given]
            case _:
                continue
        if any(last_name(n) in _END or _is_written_end(n) for part in parts for n in walk(part)):
            return True
    return False


def _is_written_end(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in _WRITTEN_ENDS


def _set_elsewhere(program: Program) -> Iterator[tuple[Site, str]]:
    """Where what the program calls lets the padding token be the end token."""
    for event in program.events("set_padding"):
        value = event.operands[0]
        end = value.name.rpartition(".")[2] in _END if isinstance(value, Unknown) else False
        if end or (isinstance(value, Constant) and value.value in _WRITTEN_ENDS):
            yield event.site, last_name(getattr(event.site.node, "value", None)) or "the tokenizer"


def _keeps_labels(mlm: object, name: str) -> bool:
    """Whether a collator takes the inputs for labels: masked language models have others."""
    return name != _COLLATORS[0] or (isinstance(mlm, Constant) and mlm.value is False)


def _padding_is_end(module: ModuleSyntax, _: None) -> tuple[Site, str] | None:
    """Where a module lets the padding token be the end token, and what it calls the tokenizer."""
    for node in module.nodes:
        match node:
            case ast.Assign(targets=[ast.Attribute(value=owner, attr=set_), *_], value=value):
                if set_ in _PADDING and _is_end(value):
                    return Site(module, node), ast.unparse(owner)
            case ast.Call(func=ast.Attribute(value=owner, attr="add_special_tokens")):
                given = [v for d in node.args if isinstance(d, ast.Dict) for v in _padding_in(d)]
                if any(map(_is_end, given)):
                    return Site(module, node), ast.unparse(owner)
            case ast.Call(keywords=[*keywords]) if called_name(node) == "from_pretrained":
                tokens = {k.arg: ast.unparse(k.value) for k in keywords if k.arg}
                if "pad_token" in tokens and tokens["pad_token"] == tokens.get("eos_token"):
                    return Site(module, node), "the tokenizer"
            case _:
                pass
    return None


def _is_end(value: ast.expr) -> bool:
    """Whether a value is the tokenizer's end token, also where it is written out."""
    if isinstance(value, ast.Constant):
        return value.value in _WRITTEN_ENDS
    return last_name(value) in _END


def _padding_in(tokens: ast.Dict) -> Iterator[ast.expr]:
    for key, value in zip(tokens.keys, tokens.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "pad_token":
            yield value


def _has_own_padding(module: ModuleSyntax, _: None) -> bool:
    """Whether a module also gives a tokenizer a padding token of its own."""
    for node in module.nodes:
        match node:
            case ast.Assign(
                targets=[ast.Attribute(attr="pad_token" | "pad_token_id")], value=value
            ):
                if not _is_end(value):
                    return True
            case ast.Call(args=[ast.Dict() as tokens, *_]) if (
                called_name(node) == "add_special_tokens"
            ):
                if not all(map(_is_end, _padding_in(tokens))):
                    return True
            case _:
                pass
    return False


def _masks(module: ModuleSyntax, _: None) -> list[ast.AST]:
    """Where a module leaves tokens out of the loss that are the padding token."""
    return [node for node in module.nodes if _leaves_padding_out(module, node)]


def _leaves_padding_out(module: ModuleSyntax, node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Subscript(slice=ast.Compare() as test)], value=value):
            return _is_left_out(value) and _asks_for_padding(module, test, ast.Eq)
        case ast.Call(args=[*given]) if called_name(node) in (
            "masked_fill",
            "masked_fill_",
            "where",
        ):
            return _chooses(module, given)
        case ast.IfExp(test=ast.Compare() as test, body=body, orelse=other):
            return (_is_left_out(body) and _asks_for_padding(module, test, ast.Eq)) or (
                _is_left_out(other) and _asks_for_padding(module, test, ast.NotEq)
            )
        case ast.Call(keywords=[*keywords]) if "ross" in called_name(node):
            return any(k.arg == "ignore_index" and _is_padding(module, k.value) for k in keywords)
        case _:
            return False


def _chooses(module: ModuleSyntax, given: list[ast.expr]) -> bool:
    """Whether `where` or `masked_fill` puts the number in for padding."""
    for position, test in enumerate(given):
        if not isinstance(test, ast.Compare):
            continue
        values = given[position + 1 :]
        if values and _is_left_out(values[0]):
            return _asks_for_padding(module, test, ast.Eq)
        if len(values) > 1 and _is_left_out(values[1]):
            return _asks_for_padding(module, test, ast.NotEq)
    return False


def _is_left_out(value: ast.expr) -> bool:
    """Whether a value is the number that losses leave out."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        return isinstance(value.operand, ast.Constant) and value.operand.value == -_LEFT_OUT
    if isinstance(value, ast.Call) and called_name(value) in ("tensor", "full_like", "int"):
        return any(map(_is_left_out, value.args))
    return "ignore" in last_name(value).lower()


def _asks_for_padding(module: ModuleSyntax, test: ast.Compare, how: type[ast.cmpop]) -> bool:
    sides = (test.left, *test.comparators)
    return isinstance(test.ops[0], how) and any(_is_padding(module, side) for side in sides)


def _is_padding(module: ModuleSyntax, node: ast.expr) -> bool:
    """Whether an expression is the tokenizer's padding token, or a variable that holds it."""
    if isinstance(node, ast.Attribute):
        return node.attr == "pad_token_id"
    if not isinstance(node, ast.Name):
        return False
    around = function_around(module, node) or module.tree
    return any(
        isinstance(n, ast.Assign)
        and any(last_name(t) == node.id for t in n.targets)
        and last_name(n.value) == "pad_token_id"
        for n in walk(around)
    )
