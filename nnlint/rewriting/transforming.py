"""All changes of a fix carried out in one pass over the tree of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor, ImportItem

from nnlint.finding import Change
from nnlint.rewriting import arguments, blocks, comments, expressions
from nnlint.rewriting.blocks import Plan
from nnlint.rewriting.tree import Block, Refused, SourceTree


def _add_import(plan: Plan, change: Change) -> None:
    plan.imports.update(change.texts)


OPERATIONS: dict[str, Callable[[Plan, Change], None]] = {
    "add_import": _add_import,
    "delete": blocks.delete,
    "insert_after": blocks.insert_after,
    "insert_before": blocks.insert_before,
    "move_before": blocks.move_before,
    "move_behind": blocks.move_behind,
    "remove_items": arguments.remove_items,
    "remove_keyword": arguments.remove_keyword,
    "replace": expressions.replace,
    "rewrite_comment": comments.rewrite_comment,
    "set_keyword": arguments.set_keyword,
    "take_out_of": blocks.take_out_of,
    "unwrap": expressions.unwrap,
    "wrap": blocks.wrap,
}


def transformed(tree: SourceTree, changes: Iterable[Change]) -> str:
    """The text of a module after changes.

    Raises:
        Refused: there is no room for one of them.
    """
    plan = Plan(tree)
    for change in changes:
        if change.operation not in OPERATIONS:
            raise Refused(f"nnlint knows no change `{change.operation}`")
        OPERATIONS[change.operation](plan, change)
    module = tree.module.visit(_Carrier(plan))
    if plan.imports:
        items = [ImportItem(name) for name in sorted(plan.imports)]
        module = AddImportsVisitor(CodemodContext(), items).transform_module(module)
    return module.code


class _Carrier(cst.CSTTransformer):
    """Puts what is planned into a tree."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        """A node after what is planned for it."""
        new: cst.CSTNode | cst.RemovalSentinel = updated_node
        for update in self._plan.updates.get(original_node, ()):
            new = update(new)
        if isinstance(original_node, Block) and isinstance(new, Block):
            new = blocks.rebuilt(self._plan, original_node, new)
        return new  # type: ignore[return-value]
