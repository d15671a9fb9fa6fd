"""Loaders of held-out data that a program makes and never goes over."""

from __future__ import annotations

import ast

from nnlint.questions.data.loaders import loaders_in
from nnlint.questions.data.told import speaks_of_held_out, speaks_of_training
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Built, names_of
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement, function_around
from nnlint.syntax.walking import walk


def idle_held_out_loader(program: Program) -> Built | None:
    """A loader that is called one of held-out data and that certainly nothing gets hold of: no event
    has it, and its names are read nowhere but to hand it back or to ask how long it is."""
    if not (program.is_entry and program.complete):
        return None
    used = {
        id(loader)
        for event in program.events()
        if event.kind != "build"
        for value in (event.subject, *event.operands)
        for loader, _ in loaders_in(value)
    }
    for loader in program.builds:
        names = names_of(loader)
        if loader.entry.kind != "loader" or id(loader) in used or not names:
            continue
        if not any(map(speaks_of_held_out, names)) or any(map(speaks_of_training, names)):
            continue
        own = {program.module, loader.site.module}
        read = any(_is_read(module, name) for module in own for name in names)
        if not read and not any(
            _is_imported(module, name)
            for name in names
            if not all(_is_local(module, name) for module in own)
            for module in program.naming(name)
        ):
            return loader
    return None


def _is_read(module: ModuleSyntax, name: str) -> bool:
    """Whether a name is read for more than to hand back what it stands for, or for its length."""
    for node in module.nodes:
        match node:
            case ast.Name(id=read, ctx=ast.Load()) | ast.Attribute(attr=read, ctx=ast.Load()):
                if read == name and not _is_handed_back(module, node):
                    return True
            case ast.Constant(value=str() as text) if text == name:
                # `globals()["test_loader"]`, `getattr(self, "test_loader")`
                return True
            case _:
                pass
    return False


def _is_local(module: ModuleSyntax, name: str) -> bool:
    """Whether a name is bound in functions alone, where other files cannot get hold of it."""
    return all(
        function_around(module, node) is not None
        for node in module.nodes
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    ) and not any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
        for node in module.nodes
    )


def _is_imported(module: ModuleSyntax, name: str) -> bool:
    """Whether another file imports a name, or reads it of an object."""
    return any(
        (isinstance(node, ast.alias) and node.name in (name, "*"))
        or (
            isinstance(node, ast.Attribute)
            and node.attr == name
            and last_name(node.value) != "self"
        )
        for node in module.nodes
    )


def _is_handed_back(module: ModuleSyntax, node: ast.AST) -> bool:
    placed = enclosing_statement(module, node)
    statement = placed.node if placed is not None else None
    if isinstance(statement, ast.Return):
        given = statement.value
        parts = given.elts if isinstance(given, ast.Tuple | ast.List) else [given]
        return any(part is node for part in parts)
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "len"
        and any(inner is node for argument in call.args for inner in walk(argument))
        for call in (walk(statement) if statement is not None else ())
    )
