"""Whether a program trains on ImageNet, as far as its own words say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from nnlint.semantics.analysis import Program
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.walking import walk

_NAMED = re.compile(
    r"(?<!tiny)(?<!tiny[-_ ])(?<!mini)(?<!mini[-_ ])image[-_ ]?net(?!te)|ilsvrc", re.IGNORECASE
)
_NOT_DATA = re.compile(
    r"mean|std|stat|norm|weight|pretrain|pre_train|class|label|default|preproc|checkpoint|ckpt"
    r"|backbone|encoder|init|resume",
    re.IGNORECASE,
)
"""Names under which ImageNet is only where weights or constants come from."""
_WEIGHTS = re.compile(r"imagenet1k_v\d|pretrained|weights|https?://", re.IGNORECASE)
_TALKING = frozenset({"print", "info", "warning", "warn", "debug", "load_state_dict", "load_url"})


def trains_imagenet(program: Program) -> bool:
    """Whether a program names ImageNet as data: in a dataset, a path, an option or its file.

    Weights trained on ImageNet, its normalisation constants, comments and documentation
    do not count, nor do its small relatives such as Tiny ImageNet and Imagenette.
    """
    modules = {program.module, *(e.site.module for e, _ in program.walk())}
    return any(_names_imagenet(module) for module in modules)


@lru_cache(maxsize=64)
def _names_imagenet(module: ModuleSyntax) -> bool:
    where = "/".join(module.source.path.parts[-3:])
    if _NAMED.search(where) or _NAMED.search(module.name):
        return True
    return any(_NAMED.search(text) for text in _telling_texts(module.tree))


def _telling_texts(tree: ast.Module) -> Iterator[str]:
    """Names and strings of a module, but for those that tell of weights and constants."""
    skipped = {s for node in walk(tree) for part in _aside(node) for s in _strings(part)}
    for node in walk(tree):
        if isinstance(node, ast.Constant):
            is_text = isinstance(node.value, str) and node not in skipped
            if is_text and not _WEIGHTS.search(str(node.value)):
                yield str(node.value)
        else:
            name = _identifier(node)
            if name and not _NOT_DATA.search(name):
                yield name


def _aside(node: ast.AST) -> Iterator[ast.AST | None]:
    """Parts of a syntax node whose strings say nothing about the data."""
    match node:
        case ast.Expr(value=ast.Constant()):
            yield node
        case ast.Call():
            if _identifier(node.func) in _TALKING or _NOT_DATA.search(_identifier(node.func)):
                yield node
            if _identifier(node.func) == "add_argument" and _NOT_DATA.search(_flags(node)):
                yield node
            yield from (k.value for k in node.keywords if k.arg != "default" and _tells_not(k.arg))
        case ast.Assign() if any(_tells_not(_identifier(t)) for t in node.targets):
            yield node.value
        case ast.AnnAssign() if _tells_not(_identifier(node.target)):
            yield node.value
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and _tells_not(str(key.value)):
                    yield value
        case ast.Compare() if _tells_not(_identifier(node.left)):
            yield node
        case ast.arguments():
            formal = [*node.posonlyargs, *node.args][::-1]
            pairs = [*zip(formal, node.defaults[::-1], strict=False)]
            pairs += [(a, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d]
            yield from (default for a, default in pairs if _tells_not(a.arg))


def _tells_not(name: str | None) -> bool:
    return bool(name and _NOT_DATA.search(name))


def _identifier(node: ast.AST | None) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.ClassDef() | ast.FunctionDef():
            return node.name
        case ast.arg():
            return node.arg
        case ast.alias():
            return node.asname or node.name
        case _:
            return ""


def _flags(call: ast.Call) -> str:
    return " ".join(
        str(a.value) for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
    )


def _strings(node: ast.AST | None) -> Iterator[ast.AST]:
    if node is None:
        return iter(())
    return (n for n in walk(node) if isinstance(n, ast.Constant))
