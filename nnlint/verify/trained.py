"""Which models a project trains, as jobs for the worker: with their losses, data and schedules."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlint.context import place
from nnlint.project.mentions import Users
from nnlint.project.modules import ProjectModules
from nnlint.questions.training.trained import Training, lightning_step, trainings
from nnlint.semantics.analysis import Program, analyse
from nnlint.semantics.interpreter.builtin_calls import Interpreter
from nnlint.semantics.library import load_library
from nnlint.semantics.values import (
    Built,
    Function,
    Instance,
    Operation,
    Site,
    names_of,
)
from nnlint.source.file import SourceError
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.test_cases import is_test
from nnlint.verify.knowledge import as_data
from nnlint.verify.schedules import Place, plan_of
from nnlint.verify.targets import Target

_TRAINS = (b"train", b"backward", b"fit", b"optim", b"learn", b"run", b"main")
"""Words of which a file that trains, or calls what does, has one."""
_FAMILIES = {"smooth_l1": "huber"}
_KNOWN = ("cross_entropy", "nll", "bce_with_logits", "bce", "mse", "l1", "huber")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A learning-rate schedule that a program steps."""

    filename: str
    row: int
    plan: dict[str, Any]


@dataclass(slots=True)
class Trained:
    """A model that a project trains, and how."""

    name: str
    filename: str
    """Where it is made or defined, as the user gave it."""
    row: int
    target: Target | None
    """None where it cannot be named; `why_not` says why."""
    why_not: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    """Constructor arguments of a library's model."""
    at: str = ""
    """`file:row` of its backward pass, or of the call of its trainer."""
    loss: str = ""
    """The family of the one loss of a library that it has; empty where it has another."""
    told: str = ""
    """What is known of its loss, in words."""
    criterion: dict[str, Any] | None = None
    """What the worker makes the criterion of; see `criterion_of` there."""
    by_itself: bool = False
    """The model computes its loss itself."""
    prepared: str = ""
    """Where the program changes a batch before the model or the loss takes it."""
    loader: dict[str, Any] | None = None
    """Where its batches come from, as the worker takes it."""

    def learn(self, other: Trained) -> None:
        """Take over what another place says of how the same model is trained."""
        self.loader = self.loader or other.loader
        if not self.told:
            self.told, self.loss, self.criterion = other.told, other.loss, other.criterion


@dataclass(slots=True)
class Found:
    """What a project trains."""

    models: list[Trained] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)


def find_trained(files: Sequence[str], modules: ProjectModules) -> Found:
    """The models that the programs of some files train, entered ones first, each once."""
    found = Found()
    entered: list[Trained] = []
    others: list[Trained] = []
    seen: set[tuple[str, int]] = set()
    for name in files:
        program_list = _programs(name, modules)
        for program in program_list:
            for model in _of_program(program):
                (entered if program.is_entry else others).append(model)
            for schedule in _schedules(program):
                if (schedule.filename, schedule.row) not in seen:
                    seen.add((schedule.filename, schedule.row))
                    found.schedules.append(schedule)
    known: dict[tuple[str, str], Trained] = {}
    for model in (*entered, *others):
        key = (os.path.abspath(model.filename), model.name)
        if key in known:
            known[key].learn(model)
        else:
            known[key] = model
            found.models.append(model)
    return found


def _programs(name: str, modules: ProjectModules) -> Sequence[Program]:
    path = os.path.abspath(name)
    with contextlib.suppress(OSError):
        if not any(word in Path(path).read_bytes() for word in _TRAINS):
            return ()
    modules.start()
    try:
        module = modules.parse(path)
    except (SourceError, FileNotFoundError):
        return ()
    if is_test(module):
        return ()
    machine = Interpreter(load_library(), modules.load)
    # a defect of the analysis costs what it would have told, not the report
    with contextlib.suppress(Exception):
        return analyse(module, modules.load, machine, users=Users(modules)).programs
    return ()


def _of_program(program: Program) -> Iterator[Trained]:
    """The models that a program trains; what is in the cells of a notebook is not run."""
    for model in _found_in(program):
        if model.filename.endswith(".ipynb"):
            model.target, model.why_not = None, "the cells of a notebook are not run"
        if model.loader is not None and str(model.loader["file"]).endswith(".ipynb"):
            model.loader = None
        yield model


def _found_in(program: Program) -> Iterator[Trained]:
    for training in trainings(program):
        model = _model(program, training.model)
        model.at = _at(training.site)
        model.by_itself = training.by_itself
        _note_loss(model, training.losses, training.criterion)
        model.loader = _loader(program, training)
        if training.prepares is not None:
            model.prepared = _at(training.prepares)
        if training.converts is not None:
            # the probes compare what the model itself returns
            model.loss, model.criterion = "", None
            model.told += f", of its output as it is changed at {_at(training.converts)}"
        yield model
    step = lightning_step(program)
    if step is not None:
        cls = _class_named(program.module, program.name)
        if cls is not None:
            event, losses = step
            display = program.module.source.display
            target = Target(cls.name, file=display)
            model = Trained(cls.name, display, cls.lineno, target, at=_at(event.site))
            model.by_itself = True
            _note_loss(model, losses, None)
            if any(_is_method(n, "train_dataloader") for n in cls.body):
                path = str(program.module.source.path)
                model.loader = {"file": path, "name": f"{cls.name}.train_dataloader"}
            yield model


def _model(program: Program, value: Instance | Built) -> Trained:
    if isinstance(value, Instance):
        module, node = value.cls.scope.module, value.cls.node
        display = module.source.display
        if any(node is statement for statement in module.tree.body):
            target = Target(node.name, file=display)
            return Trained(node.name, display, node.lineno, target)
        why = "its class is defined inside a function"
        return Trained(node.name, display, node.lineno, None, why)
    name = value.entry.name.rpartition(".")[2]
    module, row = value.site.module, getattr(value.site.node, "lineno", 1)
    display = module.source.display
    variable = _variable(program, value)
    if variable is not None:
        called, within = variable
        file = program.module.source.display
        return Trained(called, display, row, Target(called, file=file, within=within))
    return Trained(name, display, row, None, "no variable of a function or module holds it")


def _note_loss(model: Trained, losses: Sequence[Operation], criterion: Any) -> None:
    names = {o.entry.name.rpartition(".")[2]: _at(o.site) for o in losses}
    model.told = " and ".join(f"{name} at {at}" for name, at in names.items())
    if len(losses) == 1 and criterion is None and model.by_itself:
        model.loss = _family(losses[0])
    match criterion:
        case Operation():
            model.loss = _family(criterion)
            model.criterion = _library_criterion(criterion, model.loss)
        case Instance():
            call = {"file": _path(criterion.cls.scope.module), "name": criterion.cls.node.name}
            model.criterion = {"call": call, "args": as_data(criterion.named)}
            model.criterion["title"] = model.told = criterion.cls.node.name
        case Function() if criterion.name != "<lambda>" and criterion.owner is None:
            call = {"file": _path(criterion.scope.module), "name": criterion.name}
            model.criterion = {"call": call, "function": True, "title": criterion.name}
            model.told = criterion.name
        case _:
            pass


def _family(loss: Operation) -> str:
    family = _FAMILIES.get(loss.entry.family, loss.entry.family)
    plain = loss.entry.name.startswith("torch.")
    return family if plain and family in _KNOWN else ""


def _library_criterion(loss: Operation, family: str) -> dict[str, Any]:
    built = loss.layer
    told = loss.arguments if built is None else built.arguments
    explicit = loss.explicit if built is None else built.explicit
    given = {k: v for k, v in told.items() if k in explicit and k not in ("input", "target")}
    return {
        "call": {"name": loss.entry.name},
        "args": as_data(given),
        "function": built is None,
        "family": family,
        "title": loss.entry.name.rpartition(".")[2],
    }


def _loader(program: Program, training: Training) -> dict[str, Any] | None:
    """Where the batches of a training come from, where a variable holds it."""
    if not isinstance(training.data, Instance | Built):
        return None
    variable = _variable(program, training.data, training.site)
    if variable is None:
        return None
    name, within = variable
    title = f"`{name}` in {within}()" if within else f"`{name}`"
    file = _path(program.module)
    where = f"{title} of {os.path.basename(file)}"
    return {"file": file, "name": name, "within": within, "title": where}


def _variable(
    program: Program, value: Instance | Built, near: Site | None = None
) -> tuple[str, str] | None:
    """A name that the program's own file gives an object, and the function that it is in.

    The statement makes the object, or calls what does; one that only has the name counts for
    data alone, and where there is no other of that name.

    Parameters:
        near: for data, the place whose function is looked at before others.

    Returns:
        the name and the function, empty at the top of the module; None where there is none.
    """
    candidates = list(_candidates(program.module, set(names_of(value)), near))
    maker = _maker_of(value.site)
    for statement, name, within in candidates:
        if value.site is not None and value.site.module is program.module:
            if stands_in(value.site.node, statement):
                return name, within
        calls = (n.func for n in ast.walk(statement) if isinstance(n, ast.Call))
        if maker and any(last_name(called) == maker for called in calls):
            return name, within
    places = {(name, within) for _, name, within in candidates}
    return places.pop() if near is not None and len(places) == 1 else None


def _candidates(
    module: ModuleSyntax, wanted: set[str], near: Site | None
) -> Iterator[tuple[ast.stmt, str, str]]:
    """The statements of a module that set one of some names, and the function they are in."""
    body = list(module.tree.body)
    if near is not None and near.module is module:
        body.sort(key=lambda node: not stands_in(near.node, node))
    for node in body:
        within, inner = "", [node]
        if isinstance(node, ast.If):
            inner = list(node.body)
        elif isinstance(node, ast.FunctionDef):
            within, inner = node.name, list(_before_loops(node.body))
        for statement in inner:
            name = _assigned(statement, wanted)
            if name:
                yield statement, name, within


def _maker_of(site: Site | None) -> str:
    """The name of the function or class at the top of its module in which something is made."""
    definitions = (ast.FunctionDef, ast.ClassDef)
    for node in site.module.tree.body if site is not None else ():
        if isinstance(node, definitions) and site is not None and stands_in(site.node, node):
            return node.name
    return ""


def _before_loops(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.With):
            yield from _before_loops(statement.body)
        elif isinstance(statement, ast.For | ast.While):
            return
        else:
            yield statement


def _assigned(statement: ast.stmt, wanted: set[str]) -> str:
    if not isinstance(statement, ast.Assign):
        return ""
    for target in statement.targets:
        elements = target.elts if isinstance(target, ast.Tuple) else [target]
        for node in elements:
            if isinstance(node, ast.Name) and node.id in wanted:
                return node.id
    return ""


def _schedules(program: Program) -> Iterator[Schedule]:
    """The schedules that a program steps, as far as they can be stepped elsewhere."""
    if not program.trains:
        return
    for event in program.events("scheduler_step"):
        built = event.subject
        if isinstance(built, Built) and built.entry.kind == "scheduler":
            _, start, end = place(built.site)
            plan = plan_of(Place(str(built.site.module.source.path), start, end))
            if plan is not None:
                row = getattr(built.site.node, "lineno", 1)
                yield Schedule(built.site.module.source.display, row, plan)


def _at(site: Site) -> str:
    return f"{site.module.source.display}:{getattr(site.node, 'lineno', 0)}"


def _path(module: ModuleSyntax) -> str:
    return os.path.abspath(str(module.source.path))


def _class_named(module: ModuleSyntax, name: str) -> ast.ClassDef | None:
    classes = (n for n in module.tree.body if isinstance(n, ast.ClassDef))
    return next((c for c in classes if c.name == name), None)


def _is_method(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == name
