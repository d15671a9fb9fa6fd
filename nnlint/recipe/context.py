"""What a detector of evidence may ask: one file, as it runs."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from nnlint.context import place
from nnlint.finding import Stage
from nnlint.project.configurations import Configurations
from nnlint.questions.participants import held_models, steps_optimizer
from nnlint.recipe.model import Evidence, Status
from nnlint.recipe.tracing import Tracing
from nnlint.recipe.watching import ASSERTED, ASSIGNED, CALLED, Call, MadeOf
from nnlint.semantics.analysis import Analysis, Program
from nnlint.semantics.conditions import off_by_default, parts_of, taken_by_default
from nnlint.semantics.holding import distinct
from nnlint.semantics.timeline import Block, Event, entered
from nnlint.semantics.values import (
    TEST,
    Arithmetic,
    Condition,
    Constant,
    Settings,
    Site,
    Unknown,
    Value,
)
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.test_cases import is_test

_LONGEST = 100
"""Characters of a line that are shown whole."""
_MEASURING = ("forward", "validate", "test", "predict")
"""Kinds of what an evaluation does."""
HOOKS_OF = ("LightningModule", "LightningDataModule", "Trainer", "TrainerCallback", "Callback")
"""Bases of classes whose methods a trainer calls."""


@dataclass(frozen=True, eq=False)
class Run:
    """A program that really runs: somebody starts it, a test runner or a trainer calls it."""

    program: Program
    kind: str
    """script, test, notebook or hooks (of a class that a trainer calls)."""

    @property
    def trains(self) -> bool:
        """Whether a model is trained in it."""
        return self.program.trains

    def walk(self) -> Sequence[tuple[Event, tuple[Block, ...]]]:
        """What happens by default, in order, with the blocks it stands in, outermost first."""
        return self._walk

    @cached_property
    def _walk(self) -> tuple[tuple[Event, tuple[Block, ...]], ...]:
        return tuple(
            (event, blocks)
            for event, blocks in self.program.walk()
            if not self.is_off(event.conditions) and (self.kind != "test" or _of_test(blocks))
        )

    def is_off(self, conditions: Iterable[Condition]) -> bool:
        """Whether something does not happen as long as nobody sets an option.

        Where an option chooses between training and something else, such as evaluation, a run
        that trains is meant, whichever is the default.
        """
        assumed = self.program.once(_ways_to_training)
        left = [c for c in _single(conditions) if not _follows(c, assumed)]
        return _is_off(left) or any((_asked(c), not c.taken) in assumed for c in left)

    def events(self, *kinds: str) -> list[Event]:
        """The events of some kinds that happen by default."""
        return [event for event, _ in self.walk() if event.kind in kinds]

    def is_before_training(self, call: Call, models: Sequence[Value] = ()) -> bool:
        """Whether a call happens before any optimizer steps, in the function that is entered.

        Parameters:
            models: those that matter: what is done to others does not.
        """
        entry = entered(call.blocks)
        for event, _ in entry.walk():
            if event is call.event:
                return True
            trained = event.kind == "step" and steps_optimizer(event)
            if trained or event.kind in ("fit", "load"):
                held = held_models(event.subject) if trained else None
                if not models or not held or not _are_distinct(held, models):
                    return False
        return False


@dataclass(frozen=True, eq=False)
class Context:
    """One file of the project, as it runs, and what lies around it."""

    module: ModuleSyntax
    analysis: Analysis
    noted: dict[int, Call]
    """Calls and assertions, by the identity of their events."""
    made_of: MadeOf
    """What values that are not known are computed from; see `watching.Onlooker`."""
    values: Mapping[ast.AST, Value] = field(default_factory=dict)
    """What expressions have come to last, tests among them."""
    configurations: Configurations | None = None
    """Reads configuration files of the project."""
    stage: Stage | None = None
    files: Sequence[str] = ()
    """All Python files of the project that take part, as the user knows them."""
    tops: Sequence[str] = field(default=())
    """The folders that the walk began in, absolute."""
    handed: Sequence[Program] = ()
    """What a trainer does with the objects that scripts of the file hand it; see `handing`."""

    @property
    def folder(self) -> str:
        """The folder that the file lies in, absolute."""
        return os.path.dirname(os.path.abspath(self.module.source.path))

    @property
    def is_notebook(self) -> bool:
        """Whether the file is a notebook."""
        return str(self.module.source.path).endswith(".ipynb")

    @property
    def is_test(self) -> bool:
        """Whether the file holds tests."""
        return is_test(self.module)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The programs of the file that really run; a helper that nobody calls is none."""
        found: list[Run] = []
        for program in self.analysis.programs:
            if self.is_test:
                if _is_test_name(program.name):
                    found.append(Run(program, "test"))
            elif self.is_notebook and program.name == "__main__":
                found.append(Run(program, "notebook"))
            elif program.is_entry or program.name == "__main__":
                # what stands at the top of a module runs, whoever starts or imports it
                found.append(Run(program, "script"))
            elif self._is_called_by_trainer(program):
                found.append(Run(program, "hooks"))
        found += [Run(program, "hooks") for program in self.handed]
        return tuple(found)

    @property
    def training_runs(self) -> list[Run]:
        """The runs that train a model, but for tests."""
        return [run for run in self.runs if run.kind != "test" and run.trains]

    def calls(self, *runs: Run) -> Iterator[Call]:
        """The calls that happen by default, in the given runs or all of them."""
        return (call for call in self._noted(runs) if call.event.kind == CALLED)

    def assertions(self, *runs: Run) -> Iterator[Call]:
        """The `assert` statements that are reached, each with its test as the argument."""
        return (call for call in self._noted(runs) if call.event.kind == ASSERTED)

    def assignments(self, *runs: Run) -> Iterator[Call]:
        """What is assigned to parameters of layers and models."""
        return (call for call in self._noted(runs) if call.event.kind == ASSIGNED)

    def _noted(self, runs: Sequence[Run]) -> Iterator[Call]:
        for run in runs or self.runs:
            if run not in self._calls:
                self._calls[run] = [
                    replace(self.noted[id(event)], blocks=blocks)
                    for event, blocks in run.walk()
                    if id(event) in self.noted
                ]
            yield from self._calls[run]

    @cached_property
    def _calls(self) -> dict[Run, list[Call]]:
        """The calls and assertions of the runs that were asked for."""
        return {}

    def sweeps(self) -> Iterator[Settings]:
        """What the files hold that may describe a search and lie in the file's project."""
        if self.configurations is not None:
            yield from self.configurations.sweeps(self.module, self.tops)

    @cached_property
    def tracing(self) -> Tracing:
        """Follows values back to what they are computed from."""
        return Tracing(self.made_of)

    def done(self, site: Site, text: str) -> Evidence:
        """Evidence that a bullet is done.

        Parameters:
            text: what the code does, in a few words that follow the place: `seeds torch`.
        """
        return _evidence(site, text, Status.DONE)

    def against(self, site: Site, text: str) -> Evidence:
        """Evidence that the code does the opposite of a bullet."""
        return _evidence(site, text, Status.CONTRADICTED)

    def lacking(self, site: Site, text: str) -> Evidence:
        """Evidence that a bullet is not done, at the place where it should be."""
        return _evidence(site, text, Status.MISSING)

    def _is_called_by_trainer(self, program: Program) -> bool:
        for block in program.timeline.children:
            if isinstance(block, Block) and block.kind == "entry":
                return any(_has_base(program, name) for name in HOOKS_OF)
        return False


def _are_distinct(some: Sequence[Value], others: Sequence[Value]) -> bool:
    return all(distinct(one, other) for one in some for other in others)


def _is_off(conditions: Sequence[Condition]) -> bool:
    """Whether something is passed over as long as nobody sets an option."""
    return off_by_default(conditions) or any(
        _is_none(part) or (_decides(condition) and taken_by_default(part) is False)
        for condition in conditions
        for part in parts_of(condition)
    )


def _single(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """Conditions, and in the place of several that must all hold each of them."""
    for condition in conditions:
        yield from parts_of(condition) if _decides(condition) else (condition,)


def _asked(condition: Condition) -> object:
    """What tells what a test asks: an option, wherever it is asked for, or its place."""
    test = condition.test
    return id(test) if isinstance(test, Constant) and test.soft else condition.site.key


def _follows(condition: Condition, assumed: Set[tuple[object, bool]]) -> bool:
    """Whether a condition holds by what is assumed; of several one is enough."""
    return any((_asked(part), condition.taken) in assumed for part in parts_of(condition))


def _decides(condition: Condition) -> bool:
    """Whether one operand alone makes a test turn out the other way."""
    node = condition.site.node
    return isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) is condition.taken


def _is_none(condition: Condition) -> bool:
    """Whether something is done only for an option that has been given: without a default it is
    None, and nothing else."""
    told = condition.test.state.get(TEST) if isinstance(condition.test, Unknown) else None
    match told:
        case Arithmetic(
            operator="is not" | "is" as symbol, operands=(option, Constant(value=None))
        ):
            return _is_optional(option) and (symbol == "is not") is condition.taken
        case _:
            return isinstance(condition.test, Unknown) and (
                condition.taken and _is_optional(condition.test)
            )


def _is_optional(value: Value) -> bool:
    """Whether a value is an option of the command line that has no default."""
    return isinstance(value, Unknown) and value.origin == "option" and "." not in value.name


def _ways_to_training(program: Program) -> frozenset[tuple[object, bool]]:
    """What is asked on the way to all training of a program, with the answers."""
    training = _way_to(program.events("step", "fit"))
    if training:
        # what does nothing without being asked to may be asked to measure, too
        measuring = _way_to(e for e in program.events(*_MEASURING) if not e.grad)
        return training | {(asked, b) for asked, b in measuring if (asked, not b) not in training}
    return training


def _way_to(events: Iterable[Event]) -> frozenset[tuple[object, bool]]:
    """What is asked on the way to all of some events, where all of them are off by default; on
    the first of several ways that have nothing in common."""
    found: frozenset[tuple[object, bool]] | None = None
    for event in events:
        if not _is_off(event.conditions):
            return frozenset()
        own = frozenset((_asked(c), c.taken) for c in _single(event.conditions))
        found = own if found is None else (found & own) or found
    return found or frozenset()


def _evidence(site: Site, text: str, status: Status) -> Evidence:
    cell, start, _ = place(site)
    return Evidence(site.module.source.display, start.row, _code(site), text, status, cell)


def _code(site: Site) -> str:
    """What is written at a place: of a loop or function its head, of an assignment all of it."""
    line = site.module.lines[row_of(site) - 1].strip()
    if not isinstance(site.node, ast.expr):
        return line
    whole = line.startswith(("assert ", "if ")) or " = " in line
    return line if whole and len(line) <= _LONGEST else site.text


def row_of(site: Site) -> int:
    """The line on which a place begins, from 1."""
    return site.module.span(site.node)[0][0]


def _of_test(blocks: Sequence[Block]) -> bool:
    """Whether what is entered around a place is a test function, and no helper of its class."""
    entries = [block for block in blocks if block.kind == "entry"]
    return not entries or entries[0].name.startswith("test") or entries[0].name in ("setUp",)


def _is_test_name(name: str) -> bool:
    return name.lower().startswith("test") or name.endswith(("Test", "Tests", "TestCase"))


def _has_base(program: Program, name: str) -> bool:
    """Whether the class that a program enters is derived from a trainer's class of a name."""
    return any(
        isinstance(node, ast.ClassDef)
        and node.name == program.name
        and any(ast.unparse(base).rpartition(".")[2].startswith(name) for base in node.bases)
        for node in program.module.tree.body
    )
