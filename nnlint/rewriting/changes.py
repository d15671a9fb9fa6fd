"""What a fix does to a program, in words that `nnlint.rewriting` carries out.

Each function takes places of the linted source and returns the changes, or None when they
do not go together. Nothing is parsed or rewritten here: whether the source leaves room for a
change is found out when the fix is wanted, and a fix without room is not offered.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Protocol

from nnlint.finding import Change, ChangeKind, Position, Span
from nnlint.source.file import SourceFile

Changes = tuple[Change, ...] | None
PLAIN = ast.Name | ast.Attribute | ast.Call | ast.Subscript
"""Expressions that a method can be called on as they are."""


class Module(Protocol):
    """A parsed module, as far as changes need it."""

    @property
    def source(self) -> SourceFile:
        """The file."""

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""

    def span(self, node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
        """Start and end of a node as (row, column), both from 1, in characters."""

    def text(self, node: ast.AST) -> str:
        """The source text of a node."""


class Site(Protocol):
    """A node of a module."""

    @property
    def module(self) -> Module:
        """The module."""

    @property
    def node(self) -> ast.AST:
        """The node."""


def source_text(site: Site) -> str:
    """The text of a node as it is written, on as many lines as it has."""
    return site.module.text(site.node)


def replace(site: Site, text: str) -> Changes:
    """Put an expression or statement in the place of another."""
    return _change(ChangeKind.REPLACE, [site], text)


def unwrap(call: Site, argument: Site) -> Changes:
    """Put an argument in the place of the call that takes it."""
    if call.module is not argument.module or isinstance(argument.node, ast.Starred):
        return None
    return _change(ChangeKind.UNWRAP, [call, argument])


def call_method(site: Site, call: str) -> Changes:
    """Call a method on an expression: `detach()` makes `x` into `x.detach()`."""
    text = source_text(site)
    return replace(site, f"{text}.{call}" if isinstance(site.node, PLAIN) else f"({text}).{call}")


def insert_before(site: Site, *lines: str) -> Changes:
    """Put statements before the statement that a node is in, below what stands above both.

    A comment right above the statement stays with it.
    """
    return _change(ChangeKind.INSERT_BEFORE, [site], *lines)


def insert_after(site: Site, *lines: str) -> Changes:
    """Put statements behind the statement that a node is in."""
    return _change(ChangeKind.INSERT_AFTER, [site], *lines)


def delete_statement(site: Site) -> Changes:
    """Remove the statement that a node is in; comments above it stay."""
    return _change(ChangeKind.DELETE, [site])


def move_before(site: Site, other: Site) -> Changes:
    """Move the statement that a node is in to right before the one that another node is in.

    Its comments go with it: the one behind it and those right above it.
    """
    return _change(ChangeKind.MOVE_BEFORE, [site, other])


def move_behind(site: Site, other: Site) -> Changes:
    """Move the statement that a node is in to right behind the one that another node is in.

    Its comments go with it: the one behind it and those right above it.
    """
    return _change(ChangeKind.MOVE_BEHIND, [site, other])


def take_out_of(site: Site, outer: Site) -> Changes:
    """Let a block end before the statement that a node is in: it and those behind it follow it."""
    return _change(ChangeKind.TAKE_OUT_OF, [site, outer])


def wrap(site: Site, header: str) -> Changes:
    """Make the statement that a node is in the body of a block of its own: `header` and a colon."""
    return _change(ChangeKind.WRAP, [site], header)


def set_keyword(call: Site, name: str, value: str) -> Changes:
    """Give a call a keyword argument, or another value where it has it already."""
    if not isinstance(call.node, ast.Call):
        return None
    return _change(ChangeKind.SET_KEYWORD, [call], name, value)


def remove_keyword(call: Site, name: str) -> Changes:
    """Take a keyword argument from a call; no change when it has none of that name."""
    if not isinstance(call.node, ast.Call):
        return None
    found = next((k for k in call.node.keywords if k.arg == name), None)
    return () if found is None else _change(ChangeKind.REMOVE_KEYWORD, [call], name)


def remove_items(container: Site, *items: Site) -> Changes:
    """Take elements from a list, tuple or set that is written out, or arguments from a call."""
    if not isinstance(container.node, ast.List | ast.Set | ast.Tuple | ast.Call):
        return None
    return _change(ChangeKind.REMOVE_ITEMS, [container, *items])


def add_import(site: Site, module: str) -> Changes:
    """Import a module at the top of the file that a place is in, unless the file does."""
    return _change(ChangeKind.ADD_IMPORT, [site], module)


def together(*changes: Changes) -> Changes:
    """All of several changes, or none when one of them cannot be made."""
    parts: list[Change] = []
    for part in changes:
        if part is None:
            return None
        parts += part
    return tuple(dict.fromkeys(parts))


def _change(kind: ChangeKind, sites: Sequence[Site], *texts: str) -> Changes:
    module = sites[0].module
    if any(site.module is not module for site in sites):
        return None
    places = tuple(span_of(module, site.node) for site in sites)
    return (Change(kind, module.source.display, places, texts),)


def span_of(module: Module, node: ast.AST) -> Span:
    """Where a node of a module stands."""
    start, end = module.span(node)
    return Position(*start), Position(*end)
