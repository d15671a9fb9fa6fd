"""Arguments and elements that are put in, changed and taken out, in the layout of the others."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from nnlint.finding import Change, Span
from nnlint.rewriting.blocks import Plan
from nnlint.rewriting.expressions import in_brackets_of
from nnlint.rewriting.tree import Refused

Item = cst.Arg | cst.BaseElement
Container = cst.Call | cst.List | cst.Set | cst.Tuple


def set_keyword(plan: Plan, change: Change) -> None:
    """A keyword argument of a call."""
    call = plan.tree.call_at(change.places[0])
    name, text = change.texts
    value = plan.tree.expression(text)
    named = any(a.keyword is not None and a.keyword.value == name for a in call.args)
    if not named and any(argument.star == "**" for argument in call.args):
        raise Refused(f"`**` can hold `{name}` already")
    if any(isinstance(a.value, cst.GeneratorExp) and not a.value.lpar for a in call.args):
        raise Refused("the argument needs brackets of its own first")
    plan.updates[call].append(lambda updated: _with_keyword(updated, name, value))


def _with_keyword(call: cst.Call, name: str, value: cst.BaseExpression) -> cst.Call:
    args = list(call.args)
    for i, argument in enumerate(args):
        if argument.keyword is not None and argument.keyword.value == name:
            args[i] = argument.with_changes(value=in_brackets_of(argument.value, value))
            return call.with_changes(args=args)
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return _appended(call, cst.Arg(value, keyword=cst.Name(name), equal=equal))


def _appended(call: cst.Call, new: cst.Arg) -> cst.Call:
    if not call.args:
        inside = call.whitespace_before_args
        new = new.with_changes(whitespace_after_arg=inside)
        return call.with_changes(args=[new], whitespace_before_args=cst.SimpleWhitespace(""))
    last = call.args[-1]
    between = _between(call)
    if isinstance(last.comma, cst.Comma):
        # the new one ends as the last one did
        ending = last.comma.whitespace_after
        own = cst.Comma(whitespace_after=_closing(ending))
        last = last.with_changes(comma=cst.Comma(whitespace_after=_opening(ending, between)))
        return call.with_changes(args=[*call.args[:-1], last, new.with_changes(comma=own)])
    ending = last.whitespace_after_arg
    last = last.with_changes(
        comma=cst.Comma(whitespace_after=_opening(ending, between)),
        whitespace_after_arg=cst.SimpleWhitespace(""),
    )
    new = new.with_changes(whitespace_after_arg=_closing(ending))
    return call.with_changes(args=[*call.args[:-1], last, new])


def _between(call: cst.Call) -> cst.BaseParenthesizableWhitespace:
    """What stands between two arguments of a call."""
    given = [a.comma.whitespace_after for a in call.args[:-1] if isinstance(a.comma, cst.Comma)]
    if given:
        return given[-1]
    before = call.whitespace_before_args
    # an only argument on a row of its own
    return before if isinstance(before, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace(" ")


def _opening(
    ending: cst.BaseParenthesizableWhitespace, between: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    """What leads from the last argument, before whose end something stood, to one more."""
    if not isinstance(between, cst.ParenthesizedWhitespace):
        if _has_comment(ending):
            raise Refused("a comment stands where the argument would go")
        return cst.SimpleWhitespace(" ")
    if isinstance(ending, cst.ParenthesizedWhitespace):
        return between.with_changes(first_line=ending.first_line, empty_lines=ending.empty_lines)
    return between.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=())


def _closing(ending: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    if isinstance(ending, cst.ParenthesizedWhitespace):
        return ending.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=())
    return ending


def _has_comment(space: cst.BaseParenthesizableWhitespace) -> bool:
    return "#" in _code(space)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def remove_keyword(plan: Plan, change: Change) -> None:
    """A keyword argument less."""
    call = plan.tree.call_at(change.places[0])
    (name,) = change.texts
    named = [a.keyword is not None and a.keyword.value == name for a in call.args]
    plan.updates[call].append(lambda updated: _less(updated, named))


def remove_items(plan: Plan, change: Change) -> None:
    """Elements of a container, or arguments of a call, less."""
    place, *places = change.places
    container = plan.tree.expression_at(place)
    if not isinstance(container, Container):
        raise Refused("no items are written out there")
    gone = [_stands_at(plan, item, places) for item in _items(container)]
    if sum(gone) != len(places):
        raise Refused("what is to go stands elsewhere")
    if isinstance(container, cst.Tuple) and len(gone) - sum(gone) < 2:
        raise Refused("what is left may need a comma of its own")
    if isinstance(container, cst.Set) and all(gone):
        raise Refused("what is left would be a dictionary")
    plan.updates[container].append(lambda updated: _less(updated, gone))


def _items(container: Container) -> Sequence[Item]:
    return container.args if isinstance(container, cst.Call) else container.elements


def _stands_at(plan: Plan, item: Item, places: Sequence[Span]) -> bool:
    return any(plan.tree.stands_at(node, place) for place in places for node in (item, item.value))


def _less(container: Container, gone: Sequence[bool]) -> Container:
    """A container without some of its items, of which the last ends as the last one did."""
    items = _items(container)
    left: list[Item] = []
    for number, (item, goes) in enumerate(zip(items, gone, strict=True)):
        if not goes:
            left.append(item)
            continue
        behind = _behind(item)
        if behind is not None and behind.first_line.comment is not None:
            raise Refused("a comment speaks of what would go")
        above = _behind(items[number - 1]) if number else None
        if above is not None and _has_rows_of_comments(above):
            raise Refused("a comment speaks of what would go")
        if behind is not None and left and _has_rows_of_comments(behind):
            left[-1] = _with_rows(left[-1], behind)
    if left and gone[-1]:
        left[-1] = _ended(left[-1], items[-1], _closes_on_own_row(container))
    if not left and isinstance(container, cst.Call):
        empty = cst.SimpleWhitespace("")
        space = container.whitespace_before_args
        return container.with_changes(
            args=[], whitespace_before_args=space if _has_comment(space) else empty
        )
    field = "args" if isinstance(container, cst.Call) else "elements"
    return container.with_changes(**{field: left})


def _behind(item: Item) -> cst.ParenthesizedWhitespace | None:
    """The rows between an item and what follows it."""
    space = item.comma.whitespace_after if isinstance(item.comma, cst.Comma) else None
    if space is None and isinstance(item, cst.Arg):
        space = item.whitespace_after_arg
    return space if isinstance(space, cst.ParenthesizedWhitespace) else None


def _has_rows_of_comments(space: cst.ParenthesizedWhitespace) -> bool:
    return any(line.comment is not None for line in space.empty_lines)


def _with_rows(item: Item, rows: cst.ParenthesizedWhitespace) -> Item:
    """An item in front of the comments that stood behind another one."""
    space = _behind(item)
    if space is None or not isinstance(item.comma, cst.Comma):
        raise Refused("a comment has no place to stay")
    lines = [*space.empty_lines, *rows.empty_lines]
    behind = space.with_changes(empty_lines=lines)
    return item.with_changes(comma=item.comma.with_changes(whitespace_after=behind))


def _closes_on_own_row(container: Container) -> bool:
    if isinstance(container, cst.List):
        return "\n" in _code(container.rbracket.whitespace_before)
    last = _items(container)[-1]
    closing = last.whitespace_after_arg if isinstance(last, cst.Arg) else None
    if isinstance(last.comma, cst.Comma):
        closing = last.comma.whitespace_after
    return closing is not None and "\n" in _code(closing)


def _ended(item: Item, last: Item, on_rows: bool) -> Item:
    """An item that ends a container as its last item did.

    Parameters:
        on_rows: whether items stand on rows of their own, where each keeps its comma.
    """
    ending = last.whitespace_after_arg if isinstance(last, cst.Arg) else cst.SimpleWhitespace("")
    comma = last.comma
    if isinstance(comma, cst.Comma):
        ending = comma.whitespace_after
    if _has_comment(ending):
        raise Refused("a comment speaks of what would go")
    if on_rows:
        return item.with_changes(comma=cst.Comma(whitespace_after=ending))
    if isinstance(item, cst.Arg) and isinstance(last, cst.Arg):
        item = item.with_changes(whitespace_after_arg=last.whitespace_after_arg)
    return item.with_changes(comma=comma)
