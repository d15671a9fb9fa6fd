"""Orders that follow from Python's hashes of strings, which differ from process to process."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import functions_around, targets_of
from nnlint.syntax.walking import walk

_DRAWS = frozenset({"shuffle", "permutation", "permuted", "sample", "train_test_split"})
_FOLDS = re.compile(r"fold|split|shuffle|^cv$|^[kgs]kf$|^gss$|^sss$", re.IGNORECASE)
_ORDERS = frozenset({"list", "tuple", "array", "asarray"})
"""What gives the elements of a set an order."""
_SETS = frozenset({"set", "frozenset"})
_OF_SETS = frozenset({"union", "difference", "intersection", "symmetric_difference", "copy"})
_TEXTS = frozenset(
    "split rsplit strip lstrip rstrip lower upper title replace join format decode readlines "
    "splitlines partition rpartition removesuffix removeprefix basename dirname splitext listdir "
    "glob rglob iglob iterdir str sub group read_text findall scandir walk".split()
)
"""Functions and methods that give strings, or paths, whose hashes are those of strings."""
_TEXT_ATTRIBUTES = frozenset({"stem", "name", "parent", "suffix", "parts", "filename"})
_LONGEST_WAY = 12
"""Steps from an expression to what it is made of that are followed."""


@dataclass(frozen=True, slots=True, eq=False)
class HashOrder:
    """Strings of a set in the order of their hashes, which a split or shuffle goes on from."""

    ordered: Site
    """The set as it is put in order: `list(names)`."""
    used: Site
    """What splits or shuffles it."""

    @property
    def cuts(self) -> bool:
        """Whether parts are cut off it without any draw."""
        return isinstance(self.used.node, ast.Subscript)

    @property
    def seeded(self) -> bool:
        """Whether what splits it has a seed of its own."""
        call = self.used.node
        if not isinstance(call, ast.Call):
            return False
        if any(k.arg in ("random_state", "seed") for k in call.keywords):
            return True
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        return isinstance(owner, ast.Call) and bool(owner.args or owner.keywords)


def hash_orders(module: ModuleSyntax) -> Sequence[HashOrder]:
    """The sets of strings of a file that are split or shuffled in the order of their hashes."""
    return module.once(_hash_orders, None)


def _hash_orders(module: ModuleSyntax, _: None) -> list[HashOrder]:
    found: list[HashOrder] = []
    rest = {
        last_name(node.value)
        for node in module.nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Slice)
        and node.slice.lower is not None
    }
    for node in module.nodes:
        for given in _divided(node, rest):
            ordered = _Names(module, node).ordered_set(given)
            if ordered is not None:
                found.append(HashOrder(Site(module, ordered), Site(module, node)))
    return found


def _divided(node: ast.AST, rest: Set[str]) -> Iterator[ast.expr]:
    """What a call or slice shuffles, splits, or takes the first part of.

    Parameters:
        rest: the variables of which a part behind something is taken, too.
    """
    match node:
        case ast.Call(func=func, args=[first, *others]):
            name = last_name(func)
            if name in _DRAWS:
                yield first
                yield from others if name == "train_test_split" else ()
            elif name == "split" and isinstance(func, ast.Attribute):
                if _FOLDS.search(last_name(func.value) or called_name(func.value)):
                    yield first
        case ast.Subscript(value=ast.Name() as value, slice=ast.Slice(lower=None, upper=end)):
            if end is not None and value.id in rest:
                yield value
        case _:
            pass


def _dotted(node: ast.expr) -> str:
    """A variable or attribute as it is written; empty for anything else."""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


class _Names:
    """What variables mean at a place, as far as one assignment before it says so."""

    def __init__(self, module: ModuleSyntax, node: ast.AST) -> None:
        functions = functions_around(module, node)
        self._scopes = [*map(walk, functions[::-1]), module.nodes]
        self._row = getattr(node, "lineno", 0)

    def assigned(self, name: str) -> ast.expr | None:
        """The value of the last assignment to a variable before the place."""
        for nodes in self._scopes:
            given = [
                node
                for node in nodes
                if isinstance(node, ast.Assign | ast.AnnAssign)
                and node.value is not None
                and node.lineno < self._row
                and any(_dotted(t) == name for t in targets_of(node))
            ]
            if given:
                return max(given, key=lambda node: node.lineno).value
        return None

    def added(self, name: str) -> Iterator[ast.expr]:
        """What is added to a set before the place."""
        for nodes in self._scopes[:1]:
            for node in nodes:
                match node:
                    case ast.Call(func=ast.Attribute(value=owner, attr="add"), args=[element]):
                        if _dotted(owner) == name and node.lineno < self._row:
                            yield element
                    case _:
                        pass

    def gone_over(self, name: str) -> ast.expr | None:
        """What the loop goes over that gives a variable its values."""
        for nodes in self._scopes:
            for node in nodes:
                if isinstance(node, ast.For) and _dotted(node.target) == name:
                    return node.iter
        return None

    def is_sorted(self, name: str) -> bool:
        """Whether a variable is put in order in place before the place."""
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "sort"
            and _dotted(node.func.value) == name
            and node.lineno <= self._row
            for nodes in self._scopes[:1]
            for node in nodes
        )

    def ordered_set(self, node: ast.expr, way: int = _LONGEST_WAY) -> ast.expr | None:
        """The expression that puts a set of strings into the order of its hashes, if that is
        where a value comes from."""
        match node:
            case _ if way == 0:
                return None
            case ast.Name() | ast.Attribute():
                name = _dotted(node)
                value = self.assigned(name)
                if value is None or self.is_sorted(name):
                    return None
                return self.ordered_set(value, way - 1)
            case ast.Call(args=[inner, *_]) if called_name(node) in _ORDERS:
                if self.is_set_of_texts(inner, way - 1):
                    return node
                return self.ordered_set(inner, way - 1)
            case ast.List(elts=[ast.Starred(value=inner)]):
                return node if self.is_set_of_texts(inner, way - 1) else None
            case ast.ListComp(generators=[ast.comprehension(iter=inner)]):
                return node if self.is_set_of_texts(inner, way - 1) else None
            case _:
                return None

    def is_set_of_texts(self, node: ast.expr, way: int) -> bool:
        """Whether an expression is a set whose elements are strings."""
        match node:
            case _ if way <= 0:
                return False
            case ast.Name() | ast.Attribute():
                name = _dotted(node)
                value = self.assigned(name)
                if isinstance(value, ast.Call) and called_name(value) == "set" and not value.args:
                    return any(self.is_text(e, {}, way - 1) for e in self.added(name))
                return value is not None and self.is_set_of_texts(value, way - 1)
            case ast.Set(elts=elements):
                return any(self.is_text(e, {}, way - 1) for e in elements)
            case ast.SetComp(elt=element, generators=loops):
                return self.is_text(element, self.elements(loops, way - 1), way - 1)
            case ast.Call(func=ast.Name(id=called), args=[inner]) if called in _SETS:
                return self.holds_texts(inner, way - 1)
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _OF_SETS:
                return self.is_set_of_texts(owner, way - 1)
            case ast.BinOp(left=left, op=ast.Sub() | ast.BitOr() | ast.BitAnd(), right=right):
                return self.is_set_of_texts(left, way - 1) or self.is_set_of_texts(right, way - 1)
            case _:
                return False

    def elements(self, loops: list[ast.comprehension], way: int) -> dict[str, bool]:
        """For the variables of a comprehension whether they stand for strings."""
        known: dict[str, bool] = {}
        for loop in loops:
            if isinstance(loop.target, ast.Name):
                known[loop.target.id] = self.holds_texts(loop.iter, way)
        return known

    def holds_texts(self, node: ast.expr, way: int) -> bool:
        """Whether the elements of something are strings."""
        match node:
            case _ if way <= 0:
                return False
            case ast.Name(id=name):
                value = self.assigned(name)
                return value is not None and self.holds_texts(value, way - 1)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return bool(elements) and any(self.is_text(e, {}, way - 1) for e in elements)
            case (
                ast.ListComp(elt=element, generators=loops)
                | ast.GeneratorExp(elt=element, generators=loops)
                | ast.SetComp(elt=element, generators=loops)
            ):
                return self.is_text(element, self.elements(loops, way - 1), way - 1)
            case ast.Call(func=ast.Name(id="map"), args=[function, _]):
                return last_name(function) in _TEXTS
            case ast.Call(func=ast.Name(id="open")):
                return True
            case ast.Call(args=[inner, *_]) if called_name(node) in (*_ORDERS, *_SETS, "sorted"):
                return self.holds_texts(inner, way - 1)
            case ast.Call():
                # `os.listdir(…)`, `text.split()`
                return called_name(node) in _TEXTS - {"str", "strip", "lower", "upper", "replace"}
            case _:
                return False

    def is_text(self, node: ast.expr, known: dict[str, bool], way: int) -> bool:
        """Whether an expression is a string or a path."""
        match node:
            case _ if way <= 0:
                return False
            case ast.JoinedStr() | ast.Constant(value=str()):
                return True
            case ast.Name(id=name):
                if name in known:
                    return known[name]
                over = self.gone_over(name)
                if over is not None:
                    return self.holds_texts(over, way - 1)
                value = self.assigned(name)
                return value is not None and self.is_text(value, known, way - 1)
            case ast.Call():
                return called_name(node) in _TEXTS
            case ast.Attribute(attr=name):
                return name in _TEXT_ATTRIBUTES
            case ast.Subscript(value=value, slice=index):
                if isinstance(index, ast.Slice):
                    return self.is_text(value, known, way - 1)
                # `name.split("_")[0]`
                return self.is_text(value, known, way - 1) or self.holds_texts(value, way - 1)
            case ast.BinOp(op=ast.Add() | ast.Div(), left=left, right=right):
                return self.is_text(left, known, way - 1) or self.is_text(right, known, way - 1)
            case _:
                return False
