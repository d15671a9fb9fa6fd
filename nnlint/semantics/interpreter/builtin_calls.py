"""Calls of Python's builtins and of the standard library, where they carry meaning."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from nnlint.semantics.folding import NotFolded, folded
from nnlint.semantics.interpreter.batches import batch_of
from nnlint.semantics.interpreter.classes import TYPE_HANDLERS
from nnlint.semantics.interpreter.machine import Frame
from nnlint.semantics.interpreter.numbers import numeric_handlers
from nnlint.semantics.interpreter.options import METHODS, OPTION_HANDLERS, Options, option_method
from nnlint.semantics.interpreter.rows import RowKeeping
from nnlint.semantics.interpreter.settings import SETTINGS_HANDLERS, setting
from nnlint.semantics.interpreter.texts import TEXT_HANDLERS
from nnlint.semantics.values import (
    ARGUMENTS,
    BOUNDS,
    COPY,
    MADE_OF,
    NONE,
    ORIGINAL,
    STATE_OF,
    Arithmetic,
    BoundMethod,
    Built,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Parameters,
    Partial,
    Scope,
    Settings,
    ShapeOf,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
    constant,
    holds_state,
    options,
    softened,
    text_of,
)

MOST_REPEATED = 64
Handler = Callable[["Interpreter", Sequence[Value], dict[str, Value], Site], Value]


class Interpreter(RowKeeping):
    """The whole interpreter."""

    def external_call(
        self, name: str, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """A call of a library name that has no entry."""
        handler = SETTINGS_HANDLERS.get(name) if self.read_settings is not None else None
        handler = handler or _HANDLERS.get(name)
        if handler is not None:
            found = handler(self, positional, keywords, site)
            self.keep_shape(name, positional, found, site)
            return found
        return self.opaque_call(name, positional, keywords, site)

    def declare_options(self, scope: Scope, name: str, parser: Value) -> None:
        """Do what the top of an imported module does to a parser of options beyond making it."""
        if not isinstance(parser, Options) or parser.state:
            return
        self.frames.append(Frame(scope))
        try:
            with self.untold():
                for node in scope.module.tree.body:
                    match node:
                        case ast.Expr(ast.Call(func=ast.Attribute(ast.Name(id=owner)))):
                            if owner == name:
                                self.execute([node])
        finally:
            self.frames.pop()

    def opaque_call(
        self, name: str, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """A call of a library name about which nothing is known."""
        operands = (*positional, *keywords.values())
        self.emit_opaque(site, None, positional, keywords, name)
        result = Unknown(name, "call", {ARGUMENTS: operands})
        self.sample_unknown(result, keywords, site)
        self.keep_shape(name, positional, result, site)
        return result

    def attribute(self, value: Value, name: str, site: Site) -> Value:
        """The value of `value.name`."""
        if isinstance(value, Options):
            if name in METHODS and name not in value.state:
                return BoundMethod(value, name)
            # it may be declared where that cannot be read
            return value.state.setdefault(name, Unknown(name, "option"))
        if isinstance(value, Settings):
            return setting(value, name)
        return super().attribute(value, name, site)

    def set_attribute(self, receiver: Value, name: str, value: Value, node: ast.AST) -> None:
        """`receiver.name = value`, also for the options of a program."""
        if isinstance(receiver, Options):
            # after an arm that sets it, it may still be what the program was given
            receiver.state.setdefault(name, Unknown(name, "option"))
            self.write(receiver.state, name, value)
        super().set_attribute(receiver, name, value, node)

    def method(
        self,
        bound: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """The value of calling a method that no project function defines."""
        if isinstance(bound.receiver, Options):
            return option_method(bound.receiver, bound.name, positional, keywords)
        return super().method(bound, positional, keywords, site)


def _range(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    numbers = [v.value for v in positional if isinstance(v, Constant) and isinstance(v.value, int)]
    if len(numbers) != len(positional) or not numbers:
        return Unknown("range", "range", {BOUNDS: tuple(positional)})
    soft = any(isinstance(v, Constant) and v.soft for v in positional)
    made = Arithmetic("range", tuple(positional), site) if soft else None
    try:
        return Constant(folded(range, *numbers), soft, made=made)
    except NotFolded:
        return Unknown("range", "range")


def _len(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    value = positional[0] if positional else NONE
    if isinstance(value, Items) and not (value.open or (value.grown and value.items)):
        return Constant(len(value.items), value.grown)
    if isinstance(value, Tensor):
        return machine.extent(ShapeOf(value), 0)
    if isinstance(value, Built) and value.entry.kind == "container" and not value.state.get("open"):
        return Constant(len(value.members))
    if isinstance(value, Constant) and isinstance(value.value, (str, list, tuple, range)):
        return Constant(len(value.value), value.soft)
    return Unknown("len", "length", {MADE_OF: value})


def _list(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if not positional:
        return Items("list", {"items": (), "grown": True}, site)
    source = positional[0]
    if isinstance(source, (Unknown, Choice, Parameters)):
        return source
    spread = machine.spread(source)
    if isinstance(source, Items) and (source.alike or source.open):
        return Items("list", dict(source.state), site)
    if isinstance(source, Constant) and isinstance(source.value, int | float | None):
        # only reached with what a setting is instead of a number
        return Unknown("", "option")
    if spread is None:
        members = source.members if isinstance(source, Built) else ()
        return Items("list", {"items": members, "open": True}, site)
    return Items("list", {"items": spread, "grown": _is_grown(source)}, site)


def _dict(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    state: dict[Any, Any] = {}
    for source in positional:
        state.update(source.state if isinstance(source, Table) else {...: Unknown()})
    state.update({k if k != "**" else ...: v for k, v in keywords.items()})
    return Table(state, site)


def _enumerate(
    machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site
) -> Value:
    elements = machine.elements(positional[0]) if positional else None
    if elements is not None:
        pairs = tuple(Items("tuple", {"items": (Constant(i), v)}) for i, v in enumerate(elements))
        return Items("list", {"items": pairs})
    return Arithmetic("enumerate", tuple(positional[:1]), site)


def _zip(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    columns = [machine.elements(v) for v in positional]
    if columns and all(c is not None for c in columns):
        rows = zip(*(c for c in columns if c is not None), strict=False)
        # the columns of `zip(*rows)` are as long as there are rows
        given = getattr(site.node, "args", ())
        state = {"grown": any(isinstance(a, ast.Starred) for a in given)}
        tuples = tuple(Items("tuple", {"items": tuple(r), **state}) for r in rows)
        return Items("list", {"items": tuples, "grown": any(map(_is_grown, positional))})
    return Arithmetic("zip", tuple(positional), site)


def _repeat(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    """`itertools.repeat(x, 2)`: as many of one as are wanted."""
    times = constant(positional[1]) if len(positional) == 2 else None
    if type(times) is not int or not 0 <= times <= MOST_REPEATED:
        return _quiet(machine, positional, keywords, site)
    return Items("list", {"items": (positional[0],) * times}, site)


def _first(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    return positional[0] if positional else Unknown()


def _reversed(
    machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site
) -> Value:
    elements = machine.elements(positional[0]) if positional else None
    if positional and isinstance(positional[0], Items) and positional[0].alike:
        return Items("list", dict(positional[0].state))
    if not elements:
        return Unknown()
    grown = _is_grown(positional[0])
    return Items("list", {"items": tuple(reversed(elements)), "grown": grown})


def _is_grown(value: Value) -> bool:
    """Whether how much a list holds depends on the run."""
    return isinstance(value, Items) and value.grown


def _next(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if positional and isinstance(positional[0], (Items, Unknown)):
        return machine.any_element(positional[0], ast.Name("batch", ast.Load()))
    loader = positional[0] if positional else None
    if not isinstance(loader, Built):
        return Unknown("next", "loop")
    if loader.entry.kind == "loader":
        machine.emit("next", site, loader)
    return batch_of(loader) or Unknown("next", "loop")


def _getattr(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if len(positional) > 1 and text_of(positional[1]):
        return machine.attribute(positional[0], text_of(positional[1]), site)
    return Unknown("getattr", "call")


def _setattr(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if len(positional) == 3 and text_of(positional[1]):
        machine.set_attribute(positional[0], text_of(positional[1]), positional[2], site.node)
    return NONE


def _named_tuple(
    machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site
) -> Value:
    """A class with the fields of `namedtuple("Point", ["x", "y"])`, as if it were written so."""
    fields = positional[1] if len(positional) > 1 else keywords.get("field_names")
    names = fields.value.replace(",", " ").split() if isinstance(fields, Constant) else []
    if isinstance(fields, Items):
        names = [text_of(item) for item in fields.items]
    if not all(name.isidentifier() for name in names):
        return Unknown("namedtuple")
    lines = "".join(f"    {name}: object\n" for name in names)
    node = ast.parse(f"class Record:\n{lines or '    pass'}").body[0]
    assert isinstance(node, ast.ClassDef)
    return Class(node, machine.frame.scope, (machine.external("typing.NamedTuple"),), {})


def _field(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if "default" in keywords:
        return softened(keywords["default"])
    if "default_factory" in keywords:
        return machine.call(keywords["default_factory"], (), {}, site)
    return Unknown("field", "option")


def _partial(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    return Partial(positional[0], tuple(positional[1:]), keywords) if positional else Unknown()


def _quiet(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    return Unknown(origin="call")


def _number(kind: type) -> Handler:
    def convert(
        machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site
    ) -> Value:
        value = positional[0] if positional else NONE
        if isinstance(value, Constant):
            try:
                return Constant(folded(kind, value.value), value.soft, value.site)
            except NotFolded:
                return Unknown()
        return Unknown()

    return convert


def _map(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if len(positional) == 2:
        elements = machine.elements(positional[1])
        if elements is not None:
            items = tuple(machine.call(positional[0], (e,), {}, site) for e in elements)
            return Items("list", {"items": items})
        if isinstance(positional[0], (Function, BoundMethod)):
            machine.call(positional[0], (Unknown(origin="loop"),), {}, site)
    return Unknown("map", "call")


def _filter(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    kept = positional[1] if len(positional) == 2 else NONE
    return kept if isinstance(kept, Parameters) else Unknown(origin="call")


def _chain(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if positional and all(isinstance(v, Parameters) for v in positional):
        return Parameters(
            tuple(m for v in positional if isinstance(v, Parameters) for m in v.models)
        )
    return Unknown("chain", "call")


def _copy(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if positional and holds_state(positional[0]):
        # the tables are two, their tensors the same
        return positional[0]
    return copied(positional[0], {}, depth=1) if positional else Unknown()


def _deepcopy(
    machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site
) -> Value:
    if not positional:
        return Unknown()
    twin = copied(positional[0], {})
    for original, alone in zip(options(positional[0]), options(twin), strict=True):
        if isinstance(alone, Unknown):
            alone.state[COPY] = original
    machine.emit("copy", site, twin, positional)
    return twin


def copied(value: Value, known: dict[int, Value], depth: int = 12) -> Value:
    """A copy of an object and of its parts, each with a state of its own."""
    if id(value) in known or depth == 0:
        return known.get(id(value), value)
    twin: Value
    match value:
        case Instance():
            twin = Instance(value.cls, {}, value.site, value.arguments, value.conditions)
        case Built():
            given = {k: copied(v, known, depth - 1) for k, v in value.arguments.items()}
            twin = Built(value.entry, given, value.explicit, value.site, value.conditions, {})
        case Unknown():
            twin = Unknown(value.name, value.origin, {ORIGINAL: value})
        case Items():
            twin = Items(value.kind, {}, value.site)
        case Settings():
            twin = Settings({}, value.site)
        case Table():
            twin = Table({}, value.site)
        case Choice():
            twins = tuple(copied(option, known, depth - 1) for option in value.options)
            return known.setdefault(id(value), Choice(twins, value.reasons))
        case Maybe():
            return Maybe(copied(value.value, known, depth - 1), value.reasons)
        case _:
            return value
    known[id(value)] = twin
    for key, part in value.state.items():
        if key in (ORIGINAL, STATE_OF, COPY):
            # a copy of a state is no model's any more
            continue
        if isinstance(part, Value):
            twin.state[key] = copied(part, known, depth - 1)
        elif key in ("items", "names"):
            twin.state[key] = _copied_parts(part, known, depth - 1)
        else:
            twin.state[key] = list(part) if isinstance(part, list) else part
    return twin


def _copied_parts(parts: Any, known: dict[int, Value], depth: int) -> Any:
    if isinstance(parts, dict):
        return {name: copied(part, known, depth) for name, part in parts.items()}
    return tuple(copied(part, known, depth) for part in parts)


def _cast(machine: Interpreter, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    return positional[1] if len(positional) > 1 else Unknown()


_HANDLERS: dict[str, Handler] = {
    **numeric_handlers(),
    **TEXT_HANDLERS,
    **OPTION_HANDLERS,
    **TYPE_HANDLERS,
    "builtins.range": _range,
    "builtins.len": _len,
    "builtins.list": _list,
    "builtins.tuple": _list,
    "builtins.set": _list,
    "builtins.dict": _dict,
    "collections.OrderedDict": lambda m, p, k, s: p[0] if p and not k else _dict(m, p, k, s),
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.reversed": _reversed,
    "builtins.sorted": _first,
    "builtins.iter": _first,
    "builtins.next": _next,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.bool": _number(bool),
    "builtins.str": _number(str),
    "builtins.map": _map,
    "builtins.filter": _filter,
    "functools.partial": _partial,
    "copy.copy": _copy,
    "copy.deepcopy": _deepcopy,
    "itertools.chain": _chain,
    "dataclasses.field": _field,
    "collections.namedtuple": _named_tuple,
    "typing.cast": _cast,
    "tqdm.tqdm": _first,
    "tqdm.auto.tqdm": _first,
    "tqdm.notebook.tqdm": _first,
    "tqdm.trange": _range,
    "itertools.cycle": _first,
    "itertools.repeat": _repeat,
    "itertools.islice": _first,
    "rich.progress.track": _first,
}
for _name in (
    "print repr id any all open super "
    "hash callable format input sorted object property slice divmod ord chr dir "
    "ValueError TypeError RuntimeError NotImplementedError KeyError Exception AssertionError"
).split():
    _HANDLERS.setdefault(f"builtins.{_name}", _quiet)
for _name in (
    "time.time",
    "time.perf_counter",
    "os.makedirs",
    "math.prod",
    "os.path.exists",
    "logging.getLogger",
    "logging.basicConfig",
    "warnings.warn",
):
    _HANDLERS[_name] = _quiet

__all__ = ["External", "Interpreter", "Maybe", "Options"]
