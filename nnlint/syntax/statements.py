"""Statements: which one a node stands in, and what one amounts to."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax, stands_in


class Placed(NamedTuple):
    """A statement, and the block that it is part of."""

    node: ast.stmt
    block: list[ast.stmt]


def enclosing_statement(module: ModuleSyntax, node: ast.AST) -> Placed | None:
    """The innermost statement that holds a node, or is it; None for the module itself."""
    chain = enclosing_statements(module, node)
    return chain[-1] if chain else None


def enclosing_statements(module: ModuleSyntax, node: ast.AST) -> list[Placed]:
    """The statements that hold a node, or are it, outermost first."""
    chain: list[Placed] = []
    block: list[ast.stmt] | None = module.tree.body
    while block is not None:
        inner = _holder(block, node)
        if inner is None:
            break
        chain.append(Placed(inner, block))
        if inner is node:
            break
        block = next((b for b in blocks(inner) if _holder(b, node) is not None), None)
    return chain


def class_around(module: ModuleSyntax, node: ast.AST) -> ast.ClassDef | None:
    """The innermost class that a node stands in."""
    chain = [placed.node for placed in enclosing_statements(module, node)]
    return next((n for n in chain[::-1] if isinstance(n, ast.ClassDef) and n is not node), None)


def comments_beside(module: ModuleSyntax, statement: ast.stmt, above: int = 0) -> list[str]:
    """What the comments on the rows of a statement say, and on so many rows above it; empty texts
    for rows without one."""
    rows = module.lines[max(statement.lineno - 1 - above, 0) : statement.end_lineno]
    return [row.partition("#")[2] for row in rows]


def function_around(module: ModuleSyntax, node: ast.AST) -> ast.FunctionDef | None:
    """The innermost function that a node stands in."""
    around = functions_around(module, node)
    return around[-1] if around else None


def functions_around(module: ModuleSyntax, node: ast.AST) -> list[ast.FunctionDef]:
    """The functions that a node stands in, or is, outermost first."""
    around = module.once(_functions_by_row, None).get(getattr(node, "lineno", -1), [])
    return [function for function in around if stands_in(node, function)]


def _functions_by_row(module: ModuleSyntax, _: None) -> dict[int, list[ast.FunctionDef]]:
    """The functions that each row stands in, so that no place asks all of them."""
    found: dict[int, list[ast.FunctionDef]] = {}
    for function in module.once(_functions, None):
        for row in range(function.lineno, (function.end_lineno or function.lineno) + 1):
            found.setdefault(row, []).append(function)
    return found


def is_statement(module: ModuleSyntax, node: ast.AST) -> bool:
    """Whether an expression is a statement of its own, alone or in a row of several: nothing is
    done with what it gives."""
    return id(node) in module.once(_expressions, None)


def _expressions(module: ModuleSyntax, _: None) -> frozenset[int]:
    """The identities of the expressions that are statements."""
    alone = [node.value for node in module.nodes if isinstance(node, ast.Expr)]
    rows = [node.elts for node in alone if isinstance(node, ast.Tuple)]
    return frozenset(id(node) for row in (alone, *rows) for node in row)


def _functions(module: ModuleSyntax, _: None) -> list[ast.FunctionDef]:
    """The functions of a module, each before those inside of it."""
    return [node for node in module.nodes if isinstance(node, ast.FunctionDef)]


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement, in order."""
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        inner = getattr(statement, name, None)
        if name in ("handlers", "cases"):
            yield from (part.body for part in inner or ())
        elif inner:
            yield inner


def targets_of(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    """What an assignment assigns to."""
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def statement_rows(module: ModuleSyntax, node: ast.AST) -> tuple[int, int]:
    """First and last row of the statement around a node; of a compound one, of its header."""
    placed = enclosing_statement(module, node)
    if placed is None:
        return (getattr(node, "lineno", 1), getattr(node, "end_lineno", 1))
    statement = placed.node
    inner = next(blocks(statement), None)
    last = statement.end_lineno or statement.lineno
    if inner is not None:
        # a header ends before its block, which may begin with a decorator or a comment
        last = max(statement.lineno, min(last, header_end(module, statement, inner)))
    return first_row(statement), last


def first_row(statement: ast.stmt) -> int:
    """The row a statement begins on, with its decorators."""
    rows: list[int] = [d.lineno for d in getattr(statement, "decorator_list", ())]
    return min([statement.lineno, *rows])


def header_end(module: ModuleSyntax, statement: ast.stmt, block: list[ast.stmt]) -> int:
    """The row on which the colon of a compound statement stands."""
    row = first_row(block[0])
    if row == statement.lineno:
        return row
    lines = module.lines
    row -= 1
    while row > statement.lineno and lines[row - 1].strip()[:1] in ("", "#"):
        row -= 1
    return row


def _holder(block: list[ast.stmt], node: ast.AST) -> ast.stmt | None:
    """The statement of a block that holds a node; a block may have thousands."""
    start = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    end = (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
    at = bisect_right(block, start, key=_start) - 1
    if at < 0 or end > (block[at].end_lineno or 0, block[at].end_col_offset or 0):
        return None
    return block[at]


def _start(statement: ast.stmt) -> tuple[int, int]:
    row = first_row(statement)
    return row, statement.col_offset if row == statement.lineno else 0


def runs_once(loop: ast.AST) -> bool:
    """Whether a loop ends in its first round: somebody looks at one batch."""
    body: Sequence[ast.AST] = getattr(loop, "body", ())
    return bool(body) and isinstance(body[-1], ast.Break)


def is_placeholder(function: ast.AST) -> bool:
    """Whether a method stands for those of derived classes: it is abstract, or does nothing but
    say what it is for, or that it is not implemented."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    if any(last_name(decorator) == "abstractmethod" for decorator in function.decorator_list):
        return True
    return all(map(_does_nothing, function.body))


def _does_nothing(statement: ast.stmt) -> bool:
    """Whether a statement is `pass`, a text, `...` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Raise):
        raised = statement.exc
        made = raised.func if isinstance(raised, ast.Call) else raised
        return last_name(made) == "NotImplementedError"
    plain = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return plain or isinstance(statement, ast.Pass)


def only_sets_mode(node: ast.If) -> bool:
    """Whether a statement puts a model into a mode unless it is in it: `if not net.training:
    net.train()`."""
    match node:
        case (
            ast.If(
                test=ast.UnaryOp(
                    op=ast.Not(), operand=ast.Attribute(value=tested, attr="training")
                ),
                body=[
                    ast.Expr(value=ast.Call(func=ast.Attribute(value=model, attr="train"), args=[]))
                ],
                orelse=[],
            )
            | ast.If(
                test=ast.Attribute(value=tested, attr="training"),
                body=[ast.Expr(value=ast.Call(func=ast.Attribute(value=model, attr="eval")))],
                orelse=[],
            )
        ):
            return ast.dump(tested) == ast.dump(model)
        case _:
            return False


def targets_of_parts(target: ast.expr, count: int) -> list[ast.expr]:
    """What each of several values is assigned to that are given together; nameless if not known.

    Names are left out: a part that is named here would be another one where it is met again.
    """
    nameless: ast.expr = ast.Name("", ast.Load())
    if isinstance(target, ast.Tuple | ast.List) and len(target.elts) == count:
        return [nameless if isinstance(t, ast.Name) else t for t in target.elts]
    return [nameless] * count
