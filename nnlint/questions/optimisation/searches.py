"""Searches over hyper-parameters: which of them go through a grid?"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    ARGUMENTS,
    NONE,
    Arithmetic,
    Built,
    Constant,
    Items,
    Settings,
    Site,
    Table,
    Unknown,
    Value,
    text_of,
)
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_REPEATS = re.compile(
    r"(?:^|_)(?:seeds?|folds?|splits?|runs?|trials?|repeats?|rep|reps|data|datasets?|tasks?|subjects?|"
    r"domains?|lang\w*|patients?|devices?|gpus?|epochs?|snr|corrupt\w*|severity|dir|paths?|files?|"
    r"names?|modes?|models?|arch\w*|backbones?|methods?|metrics?|classes|targets?|horizons?)(?:_|\d|$)",
    re.IGNORECASE,
)
"""What a program is repeated for, rather than tuned by."""
_TUNED = re.compile(
    r"(?:^|_)(?:lr|lrs|learning|rates?|eta|wd|decay|batch|bs|hidden|dims?|sizes?|units?|width|depth|"
    r"layers?|dropout|drop|momentum|alpha|beta|beta1|beta2|gamma|lambda|lam|lmbda|reg|l1|l2|weights?|"
    r"temp\w*|tau|kernel|heads?|embed\w*|emb|filters?|channels?|patience|warm\w*|clip|eps|margin|"
    r"rank|C|sigma|nodes?|neurons?|latent|features?)(?:_|s?\d?$)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"optim|activ|sched|(?:^|_)act(?:_|$)|(?:^|_)init", re.IGNORECASE)
"""Hyper-parameters whose values are names."""
_TRAINS = re.compile(r"(?:^|_)(?:train|fit|finetune)", re.IGNORECASE)
_BUILDS = frozenset({"optimizer", "layer", "loader", "scheduler"})


@dataclass(frozen=True, slots=True)
class Axis:
    """One hyper-parameter of a grid."""

    name: str
    count: int
    """How many values it has."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A search over all combinations of the values of several hyper-parameters."""

    site: Site
    axes: tuple[Axis, ...]
    told: Site | None = None
    """Where a file beside the program says so, if one does."""


def grids(program: Program) -> Iterator[Grid]:
    """The searches of a program that go through a grid of at least two hyper-parameters."""
    found = (
        *_built_grids(program),
        *_declared_grids(program),
        *_grids_of_marks(program),
        *_loops(program),
        *_sweep_files(program),
    )
    for grid in found:
        if len(grid.axes) > 1:
            yield grid


def _built_grids(program: Program) -> Iterator[Grid]:
    """Grids that are given to a class: `GridSearchCV`, `ParameterGrid`, `GridSampler`."""
    for built in program.builds:
        is_grid = built.entry.kind == "search" and built.entry.family == "grid"
        if is_grid and not off_by_default(built.conditions):
            for name in ("param_grid", "search_space"):
                axes = _most(built.arguments.get(name))
                if axes:
                    yield Grid(built.site, axes)


def _most(given: Value | None) -> tuple[Axis, ...]:
    """The axes of a grid, or of the largest of several."""
    several = given.items if isinstance(given, Items) else (given,)
    tables = [_axes(value.state.items()) for value in several if isinstance(value, Table)]
    return max(tables, key=len, default=())


def _axes(pairs: Iterable[tuple[object, object]]) -> tuple[Axis, ...]:
    axes = (_axis(str(name), value) for name, value in pairs if isinstance(name, str))
    return tuple(axis for axis in axes if axis is not None)


def _axis(name: str, value: object) -> Axis | None:
    """A hyper-parameter with the values that are tried, where it is one."""
    elements = _elements(value) if isinstance(value, Value) else None
    own = name.rpartition("__")[2] or name
    if elements is None or len(elements) < 2:
        return None
    if _REPEATS.search(own) and not _TUNED.search(own.rpartition("_")[2]):
        return None
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in elements)
    return Axis(own, len(elements)) if numbers or _NAMED.search(own) else None


def _elements(value: Value) -> list[object] | None:
    """The values that are listed."""
    if isinstance(value, Constant) and isinstance(value.value, list | tuple | range):
        return list(value.value)
    if not isinstance(value, Items) or value.open:
        return None
    constants = [v for v in value.items if isinstance(v, Constant)]
    return [c.value for c in constants] if len(constants) == len(value.items) else None


def _declared_grids(program: Program) -> Iterator[Grid]:
    """Sweeps whose method is a grid, with the parameters that have several values."""
    for event in program.events("search"):
        sweep = event.operands[0] if event.operands else None
        if event.name != "wandb.sweep" or not isinstance(sweep, Table):
            continue
        method, parameters = sweep.state.get("method"), sweep.state.get("parameters")
        if isinstance(method, Constant) and method.value == "grid":
            if not off_by_default(event.conditions) and isinstance(parameters, Table):
                yield Grid(event.site, _swept(parameters))


def _swept(parameters: Table) -> tuple[Axis, ...]:
    """The parameters of a sweep that are given several values."""
    tables = [(name, told) for name, told in parameters.state.items() if isinstance(told, Table)]
    return _axes((name, told.state.get("values")) for name, told in tables)


def _sweep_files(program: Program) -> Iterator[Grid]:
    """Grids in files that say that they are for this program: of Weights & Biases by its path,
    of Hydra by the name of its configuration."""
    if not (program.is_entry and program.trains):
        return
    starts = [e for e in program.events("opaque") if e.name == "wandb.init"]
    mains = list(_hydra_mains(program.module))
    if not starts and not mains:
        return
    for settings in program.sweeps():
        method, parameters = settings.state.get("method"), settings.state.get("parameters")
        if starts and isinstance(method, Constant) and method.value == "grid":
            if is_for(settings, program.module) and isinstance(parameters, Table):
                yield Grid(starts[0].site, _swept(parameters), method.site)
        for name, decorator in mains:
            choices = _multirun(settings, name)
            if choices is not None:
                yield Grid(Site(program.module, decorator), _choices(choices), choices.site)


def is_for(sweep: Settings, module: ModuleSyntax) -> bool:
    """Whether a sweep's file names a module as its program, from its own folder or one above."""
    named = text_of(sweep.state.get("program", NONE))
    if sweep.site is None or not named.endswith(".py"):
        return False
    own = str(module.source.path)
    folders = Path(sweep.site.module.source.path).parents
    return any(os.path.normpath(folder / named) == own for folder in folders)


def _hydra_mains(module: ModuleSyntax) -> Iterator[tuple[str, ast.expr]]:
    """The names of the configurations that functions of a module get from Hydra."""
    for node in module.tree.body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            match decorator:
                case ast.Call(func=ast.Attribute(ast.Name("hydra"), "main")):
                    for keyword in decorator.keywords:
                        if keyword.arg == "config_name" and isinstance(keyword.value, ast.Constant):
                            yield str(keyword.value.value), decorator


def _multirun(settings: Settings, name: str) -> Table | None:
    """What Hydra's own sweeper goes through by default, by the file of a configuration."""
    site, hydra = settings.site, settings.state.get("hydra")
    if site is None or not isinstance(hydra, Table):
        return None
    if site.module.source.path.stem != name.removesuffix(".yaml"):
        return None
    sweeper = hydra.state.get("sweeper")
    defaults = settings.state.get("defaults")
    others = defaults.items if isinstance(defaults, Items) else ()
    chosen = [str(key) for e in others if isinstance(e, Table) for key in e.state]
    if text_of(hydra.state.get("mode", NONE)) != "MULTIRUN" or not isinstance(sweeper, Table):
        return None
    if "_target_" in sweeper.state or any(key.endswith("hydra/sweeper") for key in chosen):
        return None
    params = sweeper.state.get("params")
    return params if isinstance(params, Table) else None


def _choices(params: Table) -> tuple[Axis, ...]:
    """The parameters that Hydra is given several values of: `1e-3,1e-4`."""
    listed = []
    for name, value in params.state.items():
        texts = text_of(value).split(",") if isinstance(value, Constant) else []
        numbers = [_number(text.strip()) for text in texts]
        if len(numbers) > 1 and None not in numbers:
            items = tuple(Constant(number) for number in numbers)
            listed.append((str(name).rpartition(".")[2], Items("list", {"items": items})))
    return _axes(listed)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _grids_of_marks(program: Program) -> Iterator[Grid]:
    """Values that are marked as a grid's one by one, together in one statement."""
    together: dict[int, list[Event]] = {}
    for event in program.events("search"):
        if event.name == "ray.tune.grid_search" and event.operands:
            placed = enclosing_statement(event.site.module, event.site.node)
            # one that a test chooses may be alone
            if placed is not None and not _is_chosen(event, placed.node):
                together.setdefault(id(placed.node), []).append(event)
    for events in together.values():
        named = [(_key_of(event.site), event.operands[0]) for event in events]
        yield Grid(events[0].site, _axes(dict(named).items()))


def _is_chosen(event: Event, statement: ast.AST) -> bool:
    """Whether a test inside a statement lets an event in it happen."""
    inside = {id(node) for node in walk(statement)}
    return any(id(c.site.node) in inside or off_by_default([c]) for c in event.conditions)


def _key_of(site: Site) -> str:
    """What a dict or call names an expression in it."""
    for node in site.module.nodes:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if value is site.node and isinstance(key, ast.Constant):
                    return str(key.value)
        elif isinstance(node, ast.keyword) and node.value is site.node:
            return node.arg or ""
    return site.text


def _loops(program: Program) -> Iterator[Grid]:
    """Loops over the values of hyper-parameters around a training, the outermost of each."""
    seen: set[int] = set()
    for event, blocks in program.walk():
        if not _is_training(event):
            continue
        loops = [block for block in blocks if block.kind == "loop"]
        around = [loop for loop in loops if _builds_in(loop)]
        axes = [(loop, axis) for loop in around for axis in _axes_of_loop(loop)]
        if len(axes) < 2 or id(axes[0][0]) in seen:
            continue
        seen.add(id(axes[0][0]))
        site = axes[0][0].site
        if site is not None and isinstance(site.node, ast.For):
            yield Grid(Site(site.module, site.node.iter), tuple(axis for _, axis in axes))


def _is_training(event: Event) -> bool:
    if event.kind in ("backward", "fit"):
        return True
    return event.kind == "opaque" and bool(_TRAINS.search(event.name.rpartition(".")[2]))


def _builds_in(loop: Block) -> bool:
    """Whether each round of a loop makes what it trains, as far as that is in sight."""
    built = (e.subject for e in loop.events("build"))
    kinds = {b.entry.kind for b in built if isinstance(b, Built)}
    return "optimizer" in kinds or not loop.events("backward")


def _axes_of_loop(loop: Block) -> list[Axis]:
    """The hyper-parameters whose values a loop goes through."""
    node = loop.site.node if loop.site else None
    if not isinstance(node, ast.For) or loop.site is None:
        return []
    subject, target = loop.subject, node.target
    while isinstance(subject, Arithmetic) and subject.operator == "enumerate":
        subject = subject.operands[0]
        target = target.elts[-1] if isinstance(target, ast.Tuple) else target
    pairs: list[tuple[str, Value]] = []
    given = _product_of(subject)
    if given is not None:
        targets = target.elts if isinstance(target, ast.Tuple) else []
        names = [_name(each) for each in targets] or _keys(loop.site.module, node.iter)
        pairs = list(zip(names, given, strict=False)) if len(names) == len(given) else []
    elif subject is not None:
        pairs = [(_name(target), subject)]
    return [
        axis
        for name, value in pairs
        if (axis := _axis(name, value)) is not None
        and (
            _TUNED.search(name)
            or _NAMED.search(name)
            or _goes_into_what_is_built(name, value, loop)
        )
    ]


def _product_of(subject: Value | None) -> Sequence[Value] | None:
    """What a loop goes through all combinations of."""
    if isinstance(subject, Unknown) and subject.name == "itertools.product":
        given: Sequence[Value] = subject.state.get(ARGUMENTS) or ()
        return given
    return None


def _keys(module: ModuleSyntax, product: ast.expr) -> list[str]:
    """The keys of a dict written in the module whose values are combined: `product(*d.values())`."""
    match product:
        case ast.Call(
            args=[ast.Starred(ast.Call(func=ast.Attribute(ast.Name(id=name), "values"), args=[]))]
        ):
            for node in module.nodes:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                    if name in map(_name, node.targets):
                        return [str(getattr(key, "value", "")) for key in node.value.keys]
    return []


def _name(target: ast.expr) -> str:
    return target.id if isinstance(target, ast.Name) else ""


def _goes_into_what_is_built(name: str, values: Value, loop: Block) -> bool:
    """Whether the values that a loop goes through are arguments of what is built in it."""
    if not isinstance(values, Items):
        return False
    places = {v.site.key for v in values.items if isinstance(v, Constant) and v.site is not None}

    def is_one(operand: Value) -> bool:
        if isinstance(operand, Unknown):
            return operand.origin == "loop" and operand.name == name
        site = operand.site if isinstance(operand, Constant) else None
        return site is not None and site.key in places

    return any(
        is_one(operand)
        for event in loop.events("build")
        if isinstance(event.subject, Built) and event.subject.entry.kind in _BUILDS
        for operand in event.operands
    )
