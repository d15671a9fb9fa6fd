"""Statements that are put in, taken out, moved and wrapped, with the comments that are theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

import libcst as cst

from nnlint.finding import Change
from nnlint.rewriting.tree import Block, Refused, SourceTree, Statement

LEAVES = cst.Return | cst.Raise | cst.Continue | cst.Break
"""Statements that nothing behind them is reached from."""
Lines = Sequence[cst.EmptyLine]
Row = TypeVar("Row", bound=Statement)
Update = Callable[[Any], cst.CSTNode | cst.RemovalSentinel]
"""Makes of a node, in which all changes are made already, what takes its place."""


class Plan:
    """What is to become of the statements and expressions of a tree."""

    def __init__(self, tree: SourceTree) -> None:
        self.tree = tree
        self.before: dict[Statement, list[Statement]] = defaultdict(list)
        self.after: dict[Statement, list[Statement]] = defaultdict(list)
        self.removed: dict[Statement, Lines] = {}
        """Statements that go, each with the lines above it that stay."""
        self.wrapped: dict[Statement, cst.With] = {}
        self.updates: dict[cst.CSTNode, list[Update]] = defaultdict(list)
        self.imports: set[str] = set()

    def statements(self) -> Iterator[Statement]:
        """The statements that something is planned for."""
        for planned in (self.before, self.after, self.removed, self.wrapped):
            yield from planned


def insert_before(plan: Plan, change: Change) -> None:
    """Statements before another."""
    statement = plan.tree.statement(change.places[0])
    plan.before[statement] += plan.tree.statements(change.texts)


def insert_after(plan: Plan, change: Change) -> None:
    """Statements behind another."""
    statement = plan.tree.statement(change.places[0])
    _refuse_behind_end(statement)
    plan.after[statement] += plan.tree.statements(change.texts)


def delete(plan: Plan, change: Change) -> None:
    """A statement less."""
    statement = plan.tree.statement(change.places[0])
    plan.removed[statement] = _leading(statement)


def move_before(plan: Plan, change: Change) -> None:
    """A statement before another one."""
    moved, other = (plan.tree.statement(place) for place in change.places)
    _move(plan, moved, other, plan.before)


def move_behind(plan: Plan, change: Change) -> None:
    """A statement behind another one."""
    moved, other = (plan.tree.statement(place) for place in change.places)
    _refuse_behind_end(other)
    _move(plan, moved, other, plan.after)


def _move(
    plan: Plan, moved: Statement, other: Statement, where: dict[Statement, list[Statement]]
) -> None:
    if moved is other or other in plan.removed or moved in plan.tree.enclosing(other):
        raise Refused("the statement would move into itself")
    if len(plan.tree.block(moved).body) == 1:
        raise Refused("nothing would be left of the block")
    apart, own = _own_comments(moved)
    plan.removed[moved] = apart
    if not _fits_in_line(moved):
        other = _row(plan, other, where is plan.after)
    where[other].append(_with_leading(moved, own) if own or apart else moved)


def _fits_in_line(statement: Statement) -> bool:
    """Whether a statement can stand between others of a line: no block, and no comments."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return isinstance(statement, cst.BaseSmallStatement)
    above = any(line.comment for line in statement.leading_lines)
    return not above and not statement.trailing_whitespace.comment


def _row(plan: Plan, statement: Statement, behind: bool) -> Statement:
    """The row that a statement begins, or ends; itself where it stands amid others."""
    row = plan.tree.block(statement)
    if isinstance(row, cst.SimpleStatementLine) and row.body[-int(behind)] is statement:
        return row
    return statement


def take_out_of(plan: Plan, change: Change) -> None:
    """The end of a block behind what the block belongs to."""
    first, outer = (plan.tree.statement(place) for place in change.places)
    block = plan.tree.block(first)
    around = plan.tree.block(outer)
    if isinstance(around, cst.SimpleStatementLine | cst.SimpleStatementSuite):
        raise Refused("the block stands on one line")
    number = list(block.body).index(first)
    if number == 0:
        raise Refused("nothing would be left of the block")
    tail = block.body[number:]
    plan.removed.update(dict.fromkeys(tail, ()))
    plan.after[outer] += tail


def wrap(plan: Plan, change: Change) -> None:
    """A statement as the body of a block."""
    statement = plan.tree.statement(change.places[0])
    (wrapper,) = plan.tree.statements([f"{change.texts[0]}:", "    pass"])
    if not isinstance(wrapper, cst.With) or isinstance(statement, cst.BaseSmallStatement):
        raise Refused("the statement shares its line")
    plan.wrapped[statement] = wrapper


def _refuse_behind_end(statement: Statement) -> None:
    inner = statement.body[-1] if isinstance(statement, cst.SimpleStatementLine) else statement
    if isinstance(inner, LEAVES):
        raise Refused("what stands behind it is never reached")


def rebuilt(plan: Plan, original: Block, updated: Block) -> Block:
    """A block after what is planned for its statements."""
    if not any(_is_touched(plan, statement) for statement in original.body):
        return updated
    # no visit changes how many there are
    pairs: list[tuple[Statement, Statement]] = list(zip(original.body, updated.body, strict=True))
    if isinstance(original, cst.SimpleStatementLine | cst.SimpleStatementSuite):
        return _line(plan, pairs, updated)
    return _rows(plan, pairs, updated)


def _is_touched(plan: Plan, statement: Statement) -> bool:
    planned = (plan.before, plan.after, plan.removed, plan.wrapped)
    return any(statement in statements for statements in planned)


def _rows(
    plan: Plan, pairs: Iterable[tuple[Statement, Statement]], updated: Block
) -> cst.Module | cst.IndentedBlock:
    assert isinstance(updated, cst.Module | cst.IndentedBlock)
    body: list[cst.BaseStatement] = []
    left: Lines = ()
    for original, statement in pairs:
        assert isinstance(statement, cst.BaseStatement)
        if original in plan.removed:
            left = [*left, *plan.removed[original]]
            body += _placed(plan.before.get(original, ()))
            body += _placed(plan.after.get(original, ()))
            continue
        if left:
            statement = _with_leading(statement, _joined(left, _leading(statement)))
            left = ()
        new = _placed(plan.before.get(original, ()))
        if new:
            above, own = _own_comments(statement)
            new[0] = _with_leading(new[0], [*above, *_leading(new[0])])
            statement = _with_leading(statement, own)
        body += new
        wrapper = plan.wrapped.get(original)
        if wrapper is not None:
            statement = wrapper.with_changes(
                body=cst.IndentedBlock([_with_leading(statement, ())]),
                leading_lines=_leading(statement),
            )
        body.append(statement)
        body += _placed(plan.after.get(original, ()))
    if not body:
        body.append(cst.SimpleStatementLine([cst.Pass()]))
    if not left or not any(line.comment for line in left):
        return updated.with_changes(body=body)
    return updated.with_changes(body=body, footer=[*left, *updated.footer])


def _line(
    plan: Plan, pairs: Iterable[tuple[Statement, Statement]], updated: Block
) -> cst.SimpleStatementLine | cst.SimpleStatementSuite:
    """What `;` divides, with more or fewer statements; only simple ones can stand there."""
    assert isinstance(updated, cst.SimpleStatementLine | cst.SimpleStatementSuite)
    body: list[cst.BaseSmallStatement] = []
    for original, statement in pairs:
        body += _small(plan.before.get(original, ()))
        if original not in plan.removed:
            assert isinstance(statement, cst.BaseSmallStatement)
            body.append(statement)
        body += _small(plan.after.get(original, ()))
    if not body:
        body.append(cst.Pass())
    space = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    body = [
        s if isinstance(s.semicolon, cst.Semicolon) else s.with_changes(semicolon=space)
        for s in body
    ]
    body[-1] = body[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    return updated.with_changes(body=body)


def _small(statements: Iterable[Statement]) -> list[cst.BaseSmallStatement]:
    parts: list[cst.BaseSmallStatement] = []
    for statement in statements:
        if not _fits_in_line(statement):
            raise Refused("a comment or block has no place between two statements of a line")
        if isinstance(statement, cst.SimpleStatementLine):
            parts += statement.body
        elif isinstance(statement, cst.BaseSmallStatement):
            parts.append(statement)
    return parts


def _placed(statements: Iterable[Statement]) -> list[cst.BaseStatement]:
    """Statements as rows of a block."""
    rows: list[cst.BaseStatement] = []
    for statement in statements:
        if isinstance(statement, cst.BaseSmallStatement):
            alone = statement.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
            rows.append(cst.SimpleStatementLine([alone]))
        else:
            rows.append(statement)
    return rows


def _leading(statement: Statement) -> Lines:
    lines: Lines = getattr(statement, "leading_lines", ())
    return lines


def _with_leading(statement: Row, lines: Lines) -> Row:
    return cast(Row, statement.with_changes(leading_lines=tuple(lines)))


def _own_comments(statement: Statement) -> tuple[Lines, Lines]:
    """The lines above a statement: those that stand apart, and the comments right above it."""
    lines = list(_leading(statement))
    start = len(lines)
    while start and lines[start - 1].comment:
        start -= 1
    return lines[:start], lines[start:]


def _joined(left: Lines, own: Lines) -> Lines:
    """The lines above a statement, with those that one before it left behind."""
    if any(line.comment for line in left) or not own or own[0].comment:
        return [*left, *own]
    return own
