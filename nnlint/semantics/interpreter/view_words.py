"""What the program calls sizes where a view stands, and how it writes the view that is meant."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

from nnlint.rewriting.changes import PLAIN
from nnlint.semantics.axes.naming import Names, first_name
from nnlint.semantics.axes.reorder import Reordering
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.interpreter.members import Members
from nnlint.semantics.values import (
    AS_SIZE,
    Arithmetic,
    Constant,
    Extent,
    Function,
    Site,
    Unknown,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.walking import walk


class ViewWords(Members):
    """The words of the place that is being interpreted."""

    def remedy(self, site: Site, meant: Reordering) -> str:
        """The source text that does what the author of a wrong view means, if it can be told."""
        call = site.node
        if not isinstance(call, ast.Call) or call.keywords or not call.args:
            return ""
        tensor, arguments = _receiver(call)
        receiver = Site(site.module, tensor).text
        if not isinstance(tensor, PLAIN):
            receiver = f"({receiver})"
        sizes = ", ".join(Site(site.module, a).text for a in arguments)
        written = self._written(site, arguments)
        return meant.repaired(receiver, sizes, written) or ""

    def _written(self, site: Site, arguments: Sequence[ast.expr]) -> Callable[[Size], str | None]:
        """How the program writes sizes where a view stands: as in its arguments, or by name."""
        names: dict[Size, str] = {}
        for leaf in (n for a in arguments for n in walk(a)):
            if isinstance(leaf, (ast.Name, ast.Attribute, ast.BinOp)) or _is_size(leaf):
                whole = self.sizes.of(self.evaluate(leaf))
                if whole is not None:
                    names.setdefault(whole, Site(site.module, leaf).text)

        def write(whole: Size) -> str | None:
            if whole.integer is not None:
                return str(whole.integer)
            name = names.get(whole) or (whole.symbol.name if whole.symbol else "")
            if whole in names or not name.isidentifier():
                return names.get(whole)
            value = self.lookup(self.frame.scope, name)
            return name if value is not None and self.sizes.of(value) == whole else None

        return write

    def names_here(self, site: Site) -> Names:
        """What a view's sizes are called around it: in its arguments, then by local names."""
        local = dict(self._local_sizes())
        pairs = [*self._given_sizes(site), *((whole, name) for name, whole in local.items())]
        pairs += self._own_sizes()
        numbers: dict[Size, set[str]] = {}
        for whole, name in pairs:
            if whole.integer is not None:
                numbers.setdefault(whole, set()).add(name)
        symbols = [pair for pair in (*pairs, *self._read_sizes(site)) if pair[0].symbols]
        shared = self._shared_words()
        return Names(
            first_name(symbols),
            lambda name: name.rpartition(".")[2] in shared.difference(local),
            {whole: name for whole, (name, *more) in numbers.items() if not more},
        )

    def _local_sizes(self) -> Iterator[tuple[str, Size]]:
        """The local names of sizes."""
        for name, value in list(self.frame.scope.names.items()):
            if isinstance(value, (Extent, Constant, Arithmetic)) or (
                isinstance(value, Unknown) and AS_SIZE in value.state
            ):
                whole = self.sizes.of(value)
                if whole is not None and name != "_":
                    yield name, whole

    def _own_sizes(self) -> Iterator[tuple[Size, str]]:
        """The numbers among the attributes of `self` that the function reads."""
        function, owner = self.frame.function, self.frame.owner
        if function is None or owner is None:
            return
        words = self.frame.scope.module.words(function.node)
        for name in sorted(words.attributes.intersection(owner.state)):
            value = owner.state[name]
            whole = self.sizes.of(value) if isinstance(value, Constant) else None
            if whole is not None:
                yield whole, name

    def _given_sizes(self, site: Site) -> Iterator[tuple[Size, str]]:
        """Names and attributes in a view's arguments."""
        call = site.node
        for leaf in (n for a in _arguments(call) for n in walk(a)):
            plain = isinstance(leaf, ast.Attribute) and isinstance(leaf.value, ast.Name)
            if isinstance(leaf, ast.Name) or plain:
                assert isinstance(leaf, (ast.Name, ast.Attribute))
                whole = self.sizes.of(self.evaluate(leaf))
                if whole is not None:
                    yield whole, last_name(leaf)

    def _read_sizes(self, site: Site) -> Iterator[tuple[Size, str]]:
        """Sizes that a view's arguments read themselves, `x.size(2)`, and nobody has named."""
        for leaf in (n for a in _arguments(site.node) for n in walk(a)):
            if _is_size(leaf):
                whole = self.sizes.of(self.evaluate(leaf))
                symbol = whole.symbol if whole else None
                if whole is not None and symbol and not symbol.role and not symbol.parts:
                    yield whole, Site(site.module, leaf).text

    def _shared_words(self) -> frozenset[str]:
        """Names that a function shares with its surroundings: its own, those of `self`, and
        those that the constructor is given."""
        function, module = self.frame.function, self.frame.scope.module
        if function is None:
            return module.words(module.tree).names
        own = module.words(function.node)
        shared = own.names | own.attributes
        if function.owner is not None:
            shared |= module.words(function.owner.node).set_attributes
            constructor = function.owner.names.get("__init__")
            if isinstance(constructor, Function):
                arguments = constructor.node.args
                shared |= {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}
                shared |= module.words(constructor.node).assigned
        return frozenset(shared)


def _is_size(node: ast.AST) -> TypeGuard[ast.Subscript | ast.Call]:
    """Whether an expression reads a size: `x.shape[2]`, `x.size(2)`."""
    called = node.func if isinstance(node, ast.Call) else None
    reads = isinstance(called, ast.Attribute) and called.attr == "size"
    return reads or isinstance(node, ast.Subscript)


def _receiver(call: ast.Call) -> tuple[ast.expr, list[ast.expr]]:
    """The tensor that is viewed, without `.contiguous()`, and the sizes that are given."""
    method = isinstance(call.func, ast.Attribute) and call.func.attr in ("view", "reshape")
    tensor = call.func.value if method and isinstance(call.func, ast.Attribute) else None
    arguments = call.args
    if tensor is None or (isinstance(tensor, ast.Name) and tensor.id == "torch"):
        tensor, arguments = call.args[0], call.args[1:]
    if (
        isinstance(tensor, ast.Call)
        and isinstance(tensor.func, ast.Attribute)
        and tensor.func.attr == "contiguous"
    ):
        tensor = tensor.func.value
    return tensor, arguments


def _arguments(node: ast.AST) -> list[ast.expr]:
    if not isinstance(node, ast.Call):
        return []
    return [*node.args, *(k.value for k in node.keywords)]
