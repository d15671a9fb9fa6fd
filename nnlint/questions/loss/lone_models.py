"""Questions about models that a function is only given: which one can it be?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from nnlint.questions.loss.losses import call_parameters
from nnlint.questions.loss.raw_outputs import is_raw
from nnlint.questions.participants import is_model
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import CALLEE, MADE, Operation, Site, Source, Unknown, Value
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.walking import walk

_WITHOUT_MODELS = frozenset(
    "__future__ argparse collections csv dataclasses functools itertools json logging math "
    "matplotlib numpy os pandas pathlib random sklearn sys time torch tqdm typing wandb".split()
)
"""Packages from which no finished model comes, but for what `_FROM_ELSEWHERE` names."""
_FROM_ELSEWHERE = frozenset({"hub", "jit", "models", "export", "import_module", "__import__"})
"""Words of files that load models which are defined elsewhere."""


def lone_raw_output(loss: Operation, programs: Iterable[Program]) -> tuple[Site, str] | None:
    """The last layer of the only model that a function can be given, and the model's name, if it
    gives its raw output and the loss takes the whole of what the given model makes.

    The function stands beside the model, no other file of the project mentions it, and the file
    neither defines, imports nor builds another.
    """
    programs = list(programs)
    home = next((p for p in programs if any(o is loss for o in p.operations)), None)
    called = _model_call(loss, home)
    if home is None or called is None or off_by_default(loss.conditions):
        return None
    own = home.module.once(_lone_model, None)
    if own is None or loss.site.module is not home.module:
        return None
    around = {
        node.name
        for node in home.module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and stands_in(loss.site.node, node)
    }
    if own.name in around or any(_is_used(home, n) for n in around | {home.name}):
        return None
    forward = next(_forwards(own))
    if not _fits(called, forward.args):
        return None
    ends = _ends(forward)
    made = [o for p in programs for o in p.operations if o.site.node in ends]
    if not ends or {o.site.node for o in made} != ends or not all(map(is_raw, made)):
        return None
    return made[0].site, own.name


def _is_used(home: Program, name: str) -> bool:
    """Whether another file of the project imports a file's function or class, or the file."""
    file = home.module.name.rpartition(".")[2]
    return any(
        isinstance(node, ast.Import | ast.ImportFrom) and _imports(node, file)
        for module in home.naming(name)
        for node in module.nodes
    )


def _imports(node: ast.Import | ast.ImportFrom, file: str) -> bool:
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names.append(node.module or "")
        if node.level or "*" in names:
            # a package hands on what its files define
            return True
    return any(name.rpartition(".")[2] == file for name in names)


def _model_call(loss: Operation, program: Program | None) -> ast.Call | None:
    """The call of an unknown model whose whole output a loss is given."""
    given: Value | None = loss.arguments.get(call_parameters(loss)[0])
    tensor = tensor_of(given)
    if tensor is not None:
        given = tensor.producer.of if isinstance(tensor.producer, Source) else None
    if not isinstance(given, Unknown) or program is None:
        return None
    model, places = given.state.get(CALLEE), given.state.get(MADE, ())
    if not isinstance(model, Unknown) or model.origin not in ("parameter", "attribute"):
        return None
    call = places[-1].node if places else None
    if not isinstance(call, ast.Call) or not is_model(model, program.events()):
        return None
    return call


def _lone_model(module: ModuleSyntax, _: None) -> ast.ClassDef | None:
    """The only model that a file knows, which it does not build itself."""
    own = [n for n in module.nodes if isinstance(n, ast.ClassDef) and any(_forwards(n))]
    if len(own) != 1 or [last_name(base) for base in own[0].bases] != ["Module"]:
        return None
    inside = {id(node) for node in walk(own[0])}
    for node in module.nodes:
        match node:
            case ast.Import(names=names):
                if any(_is_foreign(alias.name) for alias in names):
                    return None
            case ast.ImportFrom(module=source, names=names, level=level):
                if level or _is_foreign(f"{source}.{names[0].name}"):
                    return None
            case ast.Name(id=name) if name == own[0].name or name in _FROM_ELSEWHERE:
                # where it is built, the program says what it is given
                return None
            case ast.Attribute(attr=name) if name in _FROM_ELSEWHERE:
                return None
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if id(node) not in inside:
                # a layer or a container
                if name[:1].isupper() and last_name(owner) == "nn" and not name.endswith("Loss"):
                    return None
            case _:
                pass
    return own[0]


def _is_foreign(name: str) -> bool:
    parts = name.split(".")
    return parts[0] not in _WITHOUT_MODELS or not _FROM_ELSEWHERE.isdisjoint(parts)


def _forwards(cls: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    return (n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "forward")


def _fits(call: ast.Call, taken: ast.arguments) -> bool:
    """Whether a call gives a `forward` what it takes, by position alone."""
    if call.keywords or taken.vararg or taken.kwarg or taken.kwonlyargs:
        return False
    most = len(taken.posonlyargs) + len(taken.args) - 1
    return most - len(taken.defaults) <= len(call.args) <= most


def _ends(forward: ast.FunctionDef) -> set[ast.AST]:
    """What a `forward` returns, as calls; none where one of them is something else."""
    ends: set[ast.AST] = set()
    bound: dict[str, list[ast.expr]] = {}
    for node in walk(forward):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                bound.setdefault(name, []).append(value)
            case ast.FunctionDef() | ast.Lambda() if node is not forward:
                return set()
            case _:
                pass
    for node in walk(forward):
        if isinstance(node, ast.Return):
            end = node.value
            if isinstance(end, ast.Name):
                # the last binding, straight in the body of the function
                last = bound.get(end.id, [None])[-1]
                straight = [getattr(s, "value", None) for s in forward.body[-2:-1]]
                end = last if last in straight else None
            if not isinstance(end, ast.Call):
                return set()
            ends.add(end)
    return ends
