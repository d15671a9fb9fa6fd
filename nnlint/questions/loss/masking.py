"""Questions about losses that are masked or weighed: is there anything left to leave out?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.losses import averages_over_all_elements
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.dataflow import producers, tensor_of
from nnlint.semantics.sums import arithmetic
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import Constant, Operation, Site, Source, Tensor, Unknown, Value
from nnlint.syntax.walking import walk

_MASK = re.compile(r"(?:^|_)(?:masks?|pad(?:ding)?s?|valid|keep|ignore)(?:_|$)", re.IGNORECASE)
_WEIGHTS = re.compile(r"(?:^|_)(?:weights|importance|sample_weights?)(?:_|$)", re.IGNORECASE)
"""Names of what has a number for each element or example."""
_REDUCES = frozenset({"reduce"})


@dataclass(frozen=True, slots=True, eq=False)
class MaskedMean:
    """A product of a loss that is one number and of what has a number for each element."""

    product: Site
    factor: Site
    """What each element is multiplied by, as it is written."""
    masks: bool
    """Whether it is called a mask, and not weights."""
    loss: Operation


def masked_means(program: Program) -> Iterator[MaskedMean]:
    """Losses that are means already where they are multiplied by a mask or weights."""
    seen: set[object] = set()
    for product in program.operations:
        if product.entry.name != "torch.mul" or product.site.key in seen:
            continue
        operands, written = arithmetic(Tensor(product))[1], _written(product.site.node)
        if not len(operands) == len(written) == 2:
            continue
        losses = [_mean_loss(value) for value in operands]
        means = [loss for loss in losses if loss is not None]
        if len(means) != 1:
            continue
        other = losses.index(None)
        factor, place = operands[other], written[other]
        called = _called(place)
        if _has_elements(factor, called) and _is_reduced(program, product, place):
            seen.add(product.site.key)
            masks = bool(_MASK.search(called)) or not _WEIGHTS.search(called)
            yield MaskedMean(product.site, Site(product.site.module, place), masks, means[0])


def _written(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return [left, right]
        case ast.Call(func=ast.Attribute(value=owner, attr="mul"), args=[other]):
            return [owner, other]
        case ast.Call(args=[left, right]):
            return [left, right]
        case _:
            return []


def _mean_loss(value: Value) -> Operation | None:
    """The loss that a value is the mean of, on every path; None where it is anything else."""
    tensor = tensor_of(value) if isinstance(value, Tensor) else None
    made = producers(tensor) if tensor is not None else None
    if not made or not all(o.entry.kind == "loss" and averages_over_all_elements(o) for o in made):
        return None
    return made[0]


def _called(place: ast.expr) -> str:
    """What a factor is called; empty where it is one element of something, a sum or a number."""
    bare = place
    while isinstance(bare, ast.Call) and isinstance(bare.func, ast.Attribute):
        if bare.func.attr not in ("float", "to", "type_as", "view", "reshape", "unsqueeze", "cuda"):
            return ""
        bare = bare.func.value
    match bare:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.UnaryOp(op=ast.Invert(), operand=ast.Name(id=name)):
            return name
        case _:
            return ""


def _has_elements(value: Value, called: str) -> bool:
    """Whether a factor has several numbers, by its axes or, where these are not known, its name."""
    known = tensor_of(value)
    if known is not None and known.shape is not None:
        return bool(known.shape)
    if isinstance(value, Constant):
        return False
    unknown = isinstance(value, Unknown) or (
        known is not None and isinstance(known.producer, Source | Operation)
    )
    return unknown and bool(_MASK.search(called) or _WEIGHTS.search(called))


def _is_reduced(program: Program, product: Operation, place: ast.expr) -> bool:
    """Whether the product is summed up or averaged as if it had several elements."""
    uses = program.once(Uses)
    return any(use.entry.family in _REDUCES for use in uses.of(product)) or _divides(product, place)


def _divides(product: Operation, place: ast.expr) -> bool:
    """Whether the statement divides by the sum of the factor, as a mean of what is left does."""
    name = _called(place)
    return bool(name) and any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and product.site.node in walk(node.left)
        and {name, "sum"} <= set(words(node.right))
        for node in product.site.module.nodes
    )
