"""All changes of a fix carried out in one pass over the tree of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import libcst as cst

from nnlint.finding import Change, ChangeKind
from nnlint.rewriting import arguments, blocks, comments, expressions
from nnlint.rewriting.blocks import Plan
from nnlint.rewriting.tree import Block, SourceTree


def _add_import(plan: Plan, change: Change) -> None:
    plan.imports.update(change.texts)


CARRIED_OUT: dict[ChangeKind, Callable[[Plan, Change], None]] = {
    ChangeKind.ADD_IMPORT: _add_import,
    ChangeKind.DELETE: blocks.delete,
    ChangeKind.INSERT_AFTER: blocks.insert_after,
    ChangeKind.INSERT_BEFORE: blocks.insert_before,
    ChangeKind.MOVE_BEFORE: blocks.move_before,
    ChangeKind.MOVE_BEHIND: blocks.move_behind,
    ChangeKind.REMOVE_ITEMS: arguments.remove_items,
    ChangeKind.REMOVE_KEYWORD: arguments.remove_keyword,
    ChangeKind.REPLACE: expressions.replace,
    ChangeKind.REWRITE_COMMENT: comments.rewrite_comment,
    ChangeKind.SET_KEYWORD: arguments.set_keyword,
    ChangeKind.TAKE_OUT_OF: blocks.take_out_of,
    ChangeKind.UNWRAP: expressions.unwrap,
    ChangeKind.WRAP: blocks.wrap,
}


def transformed(tree: SourceTree, changes: Iterable[Change]) -> str:
    """The text of a module after changes.

    Raises:
        Refused: there is no room for one of them.
    """
    plan = Plan(tree)
    for change in changes:
        CARRIED_OUT[change.kind](plan, change)
    module = tree.module.visit(_Carrier(plan))
    if plan.imports:
        # loading them takes as long as working out several fixes
        from libcst.codemod import CodemodContext
        from libcst.codemod.visitors import AddImportsVisitor, ImportItem

        items = [ImportItem(name) for name in sorted(plan.imports)]
        module = AddImportsVisitor(CodemodContext(), items).transform_module(module)
    return module.code


class _Carrier(cst.CSTTransformer):
    """Puts what is planned into a tree."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        touched = [*plan.updates, *plan.statements()]
        self._around = {n for node in touched for n in (node, *plan.tree.enclosing(node))}

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Whether anything is planned within a node."""
        return node in self._around

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        """A node after what is planned for it."""
        new: cst.CSTNode | cst.RemovalSentinel = updated_node
        for update in self._plan.updates.get(original_node, ()):
            new = update(new)
        if isinstance(original_node, Block) and isinstance(new, Block):
            new = blocks.rebuilt(self._plan, original_node, new)
        return cast(cst.CSTNodeT, new)
