"""Questions about models that a function is only given: which one can it be?"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nnlint.questions.loss.losses import call_parameters
from nnlint.questions.loss.raw_outputs import is_raw
from nnlint.questions.model.lone import forwards_of, is_used_elsewhere, lone_model
from nnlint.questions.participants import is_model
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import CALLEE, MADE, Operation, Site, Source, Unknown, Value
from nnlint.syntax.module import stands_in
from nnlint.syntax.walking import walk


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
    own = home.module.once(lone_model, False)
    if own is None or loss.site.module is not home.module:
        return None
    if stands_in(loss.site.node, own) or is_used_elsewhere(home, loss.site):
        return None
    forward = next(forwards_of(own))
    if not _fits(called, forward.args):
        return None
    ends = _ends(forward)
    made = [o for p in programs for o in p.operations if o.site.node in ends]
    if not ends or {o.site.node for o in made} != ends or not all(map(is_raw, made)):
        return None
    return made[0].site, own.name


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
