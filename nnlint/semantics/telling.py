"""Which code could be spoken about: told by the words in it, before it is interpreted."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from nnlint.semantics.library import Library, load_library
from nnlint.semantics.values import Class, Function
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import targets_of
from nnlint.syntax.walking import walk
from nnlint.syntax.words import Words

LocalNames = Callable[[ModuleSyntax, frozenset[str]], frozenset[str]]
"""What finds the names of a module that tell, given those it imports."""
TOLD_KINDS = frozenset({"loss", "scheduler", "dataset", "loader", "optimizer", "trainer"})
TOLD_FAMILIES = frozenset(
    "view reshape flatten dropout dropout_channel batch_norm compose softmax sigmoid "
    "log_softmax normalize rnn attention transformer grid sweep".split()
)

LAYERS = frozenset({"layer"})
DRAWN_FAMILIES = frozenset(
    "linear conv conv_transpose embedding rnn attention transformer graph_conv".split()
)
"""Families of layers whose weights are drawn at random when they are built."""
TOLD_NAMES = frozenset(
    "backward step fit lr rearrange manual_backward no_grad inference_mode with_transform "
    "set_transform eval zero_grad state_dict constant_ ones_ zeros_ zero_ fill_ fit_transform "
    "train_test_split random_split cross_val_score cross_validate fit_resample".split()
)
_DRAWN_IN_PLACE = frozenset({"normal_", "trunc_normal_", "uniform_"})
TRAINING_NAMES = frozenset(
    "backward step zero_grad manual_backward fit unscale_ clip_grad_norm_ clip_grad_norm "
    "clip_grad_value_ grad scaler optim optimizer optimizers scheduler set_grad_enabled".split()
)
MOVES = frozenset("to cuda float long int half double bool bfloat16 type type_as".split())
"""Methods of tensors that other objects, such as batches of a library, have in place."""
NEVER_IN_PLACE = MOVES | frozenset(
    """squeeze unsqueeze view reshape flatten permute transpose contiguous expand repeat
    clamp clip softmax log_softmax sigmoid tanh relu detach normalize masked_fill
    index_fill index_add index_copy scatter scatter_add add sub mul div abs exp log sqrt pow
    round floor neg""".split()
)
"""Names of operations that give a new tensor or view and leave what they are given alone."""
MEANT_AS_FLAG = re.compile(r"re?q\w*gr?a?r?d(?:ient)?s?_?", re.IGNORECASE)
"""Attributes that are `requires_grad`, or were meant to be."""


@lru_cache(maxsize=4)
def telling_names(library: Library, construction: bool) -> frozenset[str]:
    """Names without which no rule can have anything to say about a function or class.

    Parameters:
        construction: whether building a layer counts; in a function that only builds
            one, nothing flows through it yet.
    """
    told = library.names(kinds=TOLD_KINDS) | library.names(families=TOLD_FAMILIES)
    if not construction:
        told -= library.names(kinds=LAYERS)
    return library.last_names(told) | TOLD_NAMES


def matters(words: Words, construction: bool = True) -> bool:
    """Whether a function or class names anything that a rule could speak about."""
    told = telling_names(load_library(), construction)
    return (
        not (told.isdisjoint(words.names) and told.isdisjoint(words.attributes))
        or "lr" in words.strings
        or any(map(MEANT_AS_FLAG.fullmatch, words.attributes))
        or _draws_norms(words)
    )


def _draws_norms(words: Words) -> bool:
    """Whether code that names batch norms draws something in place."""
    named = words.names | words.attributes
    return not _DRAWN_IN_PLACE.isdisjoint(named) and any(
        "BatchNorm" in word for word in named | words.strings
    )


_CONTAINERS = frozenset({"ModuleList", "Sequential"})
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.DictComp)
_MAKES_CONTAINER = frozenset({"list", "tuple", "set", "dict"})


@lru_cache(maxsize=2)
def _layer_names(library: Library) -> frozenset[str]:
    """Names of layers, with and without weights."""
    return library.last_names(library.names(kinds=LAYERS))


@lru_cache(maxsize=2)
def _drawn_layer_names(library: Library) -> frozenset[str]:
    """Names of layers whose weights are drawn at random."""
    return library.last_names(library.names(kinds=LAYERS, families=DRAWN_FAMILIES))


@lru_cache(maxsize=2)
def _tensor_makers(library: Library) -> frozenset[str]:
    """Names of what makes tensors of anything else."""
    return library.last_names(
        library.names(families=frozenset({"create", "tensor", "parameter"}))
    ) - {"array"}


def may_not_register(cls: ast.ClassDef, words: Words) -> bool:
    """Whether a class may keep layers or tensors that it does not register: layers in a plain
    container, or a tensor that is no parameter."""
    if not words.set_attributes:
        return False
    named = words.names | words.attributes
    layers = not _layer_names(load_library()).isdisjoint(named)
    tensors = not _tensor_makers(load_library()).isdisjoint(named)
    if not layers and not tensors:
        return False
    made: set[str] = set()
    kept: set[str] = set()
    for node in walk(cls):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            on_self = any(isinstance(target, ast.Attribute) for target in targets_of(node))
            value = node.value
            if isinstance(value, ast.Name) and on_self:
                kept.add(value.id)
            elif (layers and _is_container(value)) or (tensors and _makes_tensor(value)):
                if on_self:
                    return True
                made.update(t.id for t in targets_of(node) if isinstance(t, ast.Name))
    # a local name may be given it first
    return not made.isdisjoint(kept)


def _makes_tensor(value: ast.expr | None) -> bool:
    makers = _tensor_makers(load_library())
    return value is not None and any(
        isinstance(node, ast.Call) and last_name(node.func) in makers for node in walk(value)
    )


def _is_container(value: ast.expr | None) -> bool:
    return isinstance(value, _DISPLAYS) or (
        isinstance(value, ast.Call) and last_name(value.func) in _MAKES_CONTAINER
    )


def builds_when_called(module: ModuleSyntax, cls: ast.ClassDef) -> bool:
    """Whether the `forward` of a class, or a method that it calls, builds what has weights: a
    layer, or something of its module that builds layers."""
    methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
    waiting = [methods.pop("forward")] if "forward" in methods else []
    if not waiting:
        return False
    drawn = _drawn_layer_names(load_library())
    local = module.once(local_names_that_draw, frozenset()) | drawn
    for method in waiting:
        for node in walk(method):
            if isinstance(node, ast.Call):
                called = last_name(node.func)
                own = isinstance(node.func, ast.Attribute) and last_name(node.func.value) == "self"
                if not own and called in (local if isinstance(node.func, ast.Name) else drawn):
                    return True
                if own and called in methods:
                    waiting.append(methods.pop(called))
    return False


def class_matters(module: ModuleSyntax, cls: ast.ClassDef) -> bool:
    """Whether a rule could speak about how a class keeps and builds what it is made of."""
    words = module.words(cls)
    return (
        may_not_register(cls, words)
        or builds_when_called(module, cls)
        or may_hold_unused(cls, words)
        or may_lack_set_up(cls)
        or may_drop_batch(cls, words)
        or may_keep_itself(cls, words)
        or function_matters(module, cls)
    )


def may_keep_itself(cls: ast.ClassDef, words: Words) -> bool:
    """Whether a class puts one of its attributes aside as its best: `self.best_net = self.net`."""
    if not any(word.startswith("best_") for word in words.attributes):
        return False
    for node in walk(cls):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr.startswith("best_"):
                    return True
    return False


def may_lack_set_up(cls: ast.ClassDef) -> bool:
    """Whether the constructor of a class that has a base builds what it keeps, before anything in
    it calls a constructor of that base."""
    names = [last_name(base) for base in cls.bases]
    if all(n in ("", "object") or n.endswith("Dataset") for n in names):
        return False
    for method in cls.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for statement in method.body:
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
                    return any(isinstance(t, ast.Attribute) for t in statement.targets)
                if any(getattr(node, "attr", "") == "__init__" for node in walk(statement)):
                    return False
    return False


def function_matters(module: ModuleSyntax, node: ast.AST) -> bool:
    """Whether a rule could speak about what code throws away, how it puts layers together, or what
    it puts into a random order."""
    words = module.words(node)
    return (
        discards(node, words)
        or may_repeat_layers(node, words)
        or may_stack_layers(node, words)
        or may_order_apart(node, words)
    )


ORDERS = frozenset("shuffle permutation permuted randperm sample resample".split())
"""Names of draws that put things into another order, or take some of them."""


def may_order_apart(node: ast.AST, words: Words) -> bool:
    """Whether code may put several things into an order of their own."""
    if ORDERS.isdisjoint(words.attributes) and ORDERS.isdisjoint(words.names):
        return False
    calls = (n for n in walk(node) if isinstance(n, ast.Call) and last_name(n.func) in ORDERS)
    return next(calls, None) is not None and next(calls, None) is not None


def may_repeat_layers(node: ast.AST, words: Words) -> bool:
    """Whether code may put the same layer into a container of layers several times."""
    if _CONTAINERS.isdisjoint(words.names) and _CONTAINERS.isdisjoint(words.attributes):
        return False
    return any(repeats_element(inner) for inner in walk(node))


def repeats_element(node: ast.AST) -> bool:
    """Whether an expression is a list that holds one and the same thing several times: `[x] * n`,
    or a comprehension over something else."""
    match node:
        case (
            ast.BinOp(op=ast.Mult(), left=ast.List(elts=[_]))
            | ast.BinOp(op=ast.Mult(), right=ast.List(elts=[_]))
        ):
            return True
        case (
            ast.ListComp(elt=ast.Name() | ast.Attribute())
            | ast.GeneratorExp(elt=ast.Name() | ast.Attribute())
        ):
            targets = {
                inner.id
                for generator in node.generators
                for inner in walk(generator.target)
                if isinstance(inner, ast.Name)
            }
            read = (inner.id for inner in walk(node.elt) if isinstance(inner, ast.Name))
            return targets.isdisjoint(read)
        case _:
            return False


def may_hold_unused(cls: ast.ClassDef, words: Words) -> bool:
    """Whether a class with a `forward` sets an attribute to what it builds, and reads it nowhere."""
    never_read = words.set_attributes - words.read_attributes - words.strings
    methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
    if not never_read or not {"__init__", "forward"} <= methods.keys():
        return False
    return any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and any(isinstance(t, ast.Attribute) and t.attr in never_read for t in node.targets)
        for node in walk(methods["__init__"])
    )


def _draws_weights(words: Words) -> bool:
    """Whether a function or class names a layer whose weights are drawn."""
    drawn = _drawn_layer_names(load_library())
    return not (drawn.isdisjoint(words.names) and drawn.isdisjoint(words.attributes))


def discards(node: ast.AST, words: Words) -> bool:
    """Whether the result of what may be an operation on a tensor is thrown away in some code."""
    if NEVER_IN_PLACE.isdisjoint(words.attributes) and NEVER_IN_PLACE.isdisjoint(words.names):
        return False
    statements = [inner.value for inner in walk(node) if isinstance(inner, ast.Expr)]
    rows = [inner.elts for inner in statements if isinstance(inner, ast.Tuple)]
    return any(
        isinstance(call, ast.Call) and last_name(call.func) in NEVER_IN_PLACE
        for row in (statements, *rows)
        for call in row
    )


STATISTICS = frozenset("mean std var std_mean var_mean amax amin max min median norm sum".split())
"""Names of what sums up the elements along axes."""


def may_drop_batch(cls: ast.ClassDef, words: Words) -> bool:
    """Whether the `forward` of a class may sum up or squeeze along the first axis, or along all."""
    if STATISTICS.isdisjoint(words.attributes) and "squeeze" not in words.attributes:
        return False
    return any(
        isinstance(method, ast.FunctionDef)
        and method.name == "forward"
        and any(isinstance(node, ast.Call) and _drops_first(node) for node in walk(method))
        for method in cls.body
    )


def _drops_first(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr == "squeeze":
        return not call.args and not call.keywords
    if call.func.attr not in STATISTICS:
        return False
    given = [*call.args, *(k.value for k in call.keywords if k.arg in ("dim", "axis"))]
    numbers = [n.value for n in given if isinstance(n, ast.Constant)]
    listed = [n for n in given if isinstance(n, ast.Tuple | ast.List)]
    numbers += [e.value for n in listed for e in n.elts if isinstance(e, ast.Constant)]
    on_function = bool(call.args) and not isinstance(
        call.args[0], ast.Constant | ast.Tuple | ast.List
    )
    return 0 in numbers or len(given) == int(on_function)


@lru_cache(maxsize=2)
def _training_names(library: Library) -> frozenset[str]:
    """Names without one of which code cannot train: it neither steps nor touches gradients."""
    told = library.names(kinds=frozenset({"optimizer", "scheduler", "trainer"}))
    return library.last_names(told) | TRAINING_NAMES


def may_train(words: Words) -> bool:
    """Whether a function or class names anything by which models are trained."""
    told = _training_names(load_library())
    return not (told.isdisjoint(words.names) and told.isdisjoint(words.attributes))


def names_any(
    module: ModuleSyntax, node: ast.AST, tells: Callable[[Words], bool], local: LocalNames
) -> bool:
    """Whether code names something that tells, or something of its module that does."""
    words = module.words(node)
    found = module.once(local, frozenset())
    return tells(words) or not found.isdisjoint(words.names | words.attributes)


def local_names_that_matter(module: ModuleSyntax, imported: frozenset[str]) -> frozenset[str]:
    """Names of a module that matter: by what they name, or through others that matter."""
    return local_names(module, matters, imported)


def local_names_that_may_train(module: ModuleSyntax, imported: frozenset[str]) -> frozenset[str]:
    """Names of a module that may train: by what they name, or through others that may."""
    return local_names(module, may_train, imported)


def local_names_that_draw(module: ModuleSyntax, imported: frozenset[str]) -> frozenset[str]:
    """Names of a module for what builds layers whose weights are drawn."""
    return local_names(module, _draws_weights, imported)


def local_names(
    module: ModuleSyntax, tells: Callable[[Words], bool], imported: frozenset[str]
) -> frozenset[str]:
    """Names of a module that tell: by what they name, or through others that do."""
    said = {
        n.name: module.words(n)
        for n in module.tree.body
        if isinstance(n, ast.ClassDef | ast.FunctionDef)
    }
    found = {name for name, words in said.items() if tells(words)} | imported
    while True:
        more = {n for n, words in said.items() if n not in found and words.names & found}
        if not more:
            return frozenset(found)
        found |= more


_STACKS = frozenset({"Linear", "Conv1d", "Conv2d", "Conv3d"})
"""Names of layers of which two in a row are one."""


def may_stack_layers(node: ast.AST, words: Words) -> bool:
    """Whether a class or function may put two layers of one kind after another with nothing
    between: side by side in a call, one in the call of the other, or in statements that follow
    one another."""
    if _STACKS.isdisjoint(words.names) and _STACKS.isdisjoint(words.attributes):
        return False
    kinds = {
        target.attr: last_name(inner.value.func)
        for inner in walk(node)
        if isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Call)
        for target in inner.targets
        if isinstance(target, ast.Attribute)
    }
    for inner in walk(node):
        match inner:
            case ast.Call(args=[ast.Call() as given]) if _stack(_kind(given, kinds), inner, kinds):
                return True
            case ast.Call(args=several) if _in_a_row([*several], {}):
                return True
            case ast.FunctionDef(body=body) if kinds and _in_a_row([*map(_called, body)], kinds):
                return True
    return False


def _called(statement: ast.stmt) -> ast.expr | None:
    return statement.value if isinstance(statement, ast.Assign | ast.Return) else None


def _in_a_row(calls: list[ast.expr | None], kinds: dict[str, str]) -> bool:
    """Whether two calls that follow one another are of, or build, layers of one kind."""
    found = [_kind(call, kinds) for call in calls]
    return any(left == right and left in _STACKS for left, right in pairwise(found))


def _stack(kind: str, call: ast.Call, kinds: dict[str, str]) -> bool:
    return kind in _STACKS and _kind(call, kinds) == kind


def _kind(call: ast.expr | None, kinds: dict[str, str]) -> str:
    """The layer that a call builds or, where it calls an attribute, applies."""
    name = last_name(call.func) if isinstance(call, ast.Call) else ""
    return kinds.get(name, name)


def methods_that_call(cls: Class, own: set[str]) -> list[Function]:
    """Inherited methods that call what a class defines, and so do in it what they do nowhere else.

    `self(...)` calls `forward`. Constructors run when the class is instantiated anyway.
    """
    found: dict[str, Function] = {}
    telling = {name for name in own if name == "forward" or _method_matters(cls, name)}
    for ancestor in cls.ancestry():
        if ancestor is cls or not isinstance(ancestor, Class):
            continue
        for method in ancestor.names.values():
            if not isinstance(method, Function) or isinstance(method.node, ast.Lambda):
                continue
            name = method.name
            if name in own or name in found or name.startswith("__"):
                continue
            words = ancestor.scope.module.words(method.node)
            called = own if matters(words) else telling
            if words.attributes & called or ("forward" in called and _calls_itself(method.node)):
                found[name] = method
    return list(found.values())


def _method_matters(cls: Class, name: str) -> bool:
    method = cls.names.get(name)
    return isinstance(method, Function) and matters(cls.scope.module.words(method.node))


def _calls_itself(method: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "self"
        for n in walk(method)
    )
