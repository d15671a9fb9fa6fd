"""One abstract interpretation of a file, from every place where it can be entered."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

from nnlint.semantics.definitions import is_defined_in, users_first
from nnlint.semantics.holding import forget_parts
from nnlint.semantics.importing import acting_statements, imported_modules, may_set_up
from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.interpreter.builtin_calls import Interpreter
from nnlint.semantics.interpreter.machine import Frame
from nnlint.semantics.interpreter.scopes import absolute
from nnlint.semantics.library import load_library
from nnlint.semantics.telling import (
    class_matters,
    function_matters,
    local_names_that_matter,
    matters,
    methods_that_call,
)
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.trainer_hooks import (
    ENDS,
    PREPARING,
    collected,
    configures_optimizers,
    is_part_of_evaluation,
    mode_of_step,
)
from nnlint.semantics.values import (
    Built,
    Class,
    Constant,
    Function,
    Instance,
    Operation,
    Scope,
    Settings,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.bindings import is_main_guard
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.test_cases import is_test
from nnlint.syntax.words import Words

Answer = TypeVar("Answer")
Load = Callable[[str, ModuleSyntax], ModuleSyntax | None]
Users = Callable[[ModuleSyntax, str], Iterable[ModuleSyntax]]
Sweeps = Callable[[ModuleSyntax], Iterable[Settings]]

MAIN_STEPS = 200_000
ROOT_STEPS = 10_000
"""Steps of interpretation after which a root is given up: it bounds the time per file."""
IMPORT_STEPS = 2_000
"""Steps of interpretation for what one module does when it is imported."""
COMMANDS = frozenset({"command", "hydra_main", "main", "callback"})
NOT_TENSORS = frozenset(
    {
        "int",
        "float",
        "bool",
        "str",
        "list",
        "dict",
        "tuple",
        "List",
        "Dict",
        "Tuple",
        "Callable",
        "Sequence",
    }
)


@dataclass(slots=True, eq=False)
class Program:
    """What happens, in order, when a file is entered at one place."""

    module: ModuleSyntax
    timeline: Block
    name: str
    """`__main__`, or the function or class that is entered."""
    is_entry: bool
    """Whether a person starts it: a script, a `__main__` block, a command."""
    complete: bool
    """Whether it was interpreted to its end; absence proves nothing otherwise."""
    operations: list[Operation]
    builds: list[Built] = field(default_factory=list)
    """The objects of library classes that are built."""
    imports: Block = field(default_factory=lambda: Block("root"))
    """What the modules that it imports do at their top level: looked for where it trains and
    may not seed all that it draws from."""
    users: Callable[[], tuple[Program, ...]] = tuple
    """The programs of the project's other files that mention what is entered here: they may
    call it with what they know. Looked for when it is asked for."""
    sweeps: Callable[[], tuple[Settings, ...]] = tuple
    """What files of the project hold that may describe a search over hyper-parameters. Looked for
    when it is asked for."""
    naming: Callable[[str], tuple[ModuleSyntax, ...]] = lambda name: ()
    """The project's other files that mention a name, the nearest ones where there are many."""
    _walk: list[tuple[Event, tuple[Block, ...]]] | None = None
    _places: dict[str, list[int]] | None = None
    """Where the events of each kind are in the walk."""
    _answers: dict[Callable[[Program], Any], Any] = field(default_factory=dict)

    def walk(self) -> list[tuple[Event, tuple[Block, ...]]]:
        """Every event in source order, with the blocks it stands in, outermost first."""
        if self._walk is None:
            self._walk = list(self.timeline.walk())
        return self._walk

    def once(self, question: Callable[[Program], Answer]) -> Answer:
        """The answer to a question that several rules ask, looked for once."""
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: Answer = self._answers[question]
        return answer

    def events(self, *kinds: str) -> list[Event]:
        """The events of the given kinds, or all of them, in source order."""
        if self._places is None:
            self._places = {}
            for place, (event, _) in enumerate(self.walk()):
                self._places.setdefault(event.kind, []).append(place)
        wanted = [self._places.get(kind, ()) for kind in set(kinds or self._places)]
        places = wanted[0] if len(wanted) == 1 else sorted(chain.from_iterable(wanted))
        walk = self.walk()
        return [walk[place][0] for place in places]

    def elsewhere(self, event: Event, depth: int = 2) -> list[tuple[Program, Event]]:
        """The same event where the project's other files get to it, through what is entered here:
        their programs may know what it is given. Tests are left out.

        Parameters:
            depth: how many files call one another before it.
        """
        found: list[tuple[Program, Event]] = []
        for program in self.once(_users_of) if depth else ():
            same = [
                (program, other)
                for other in program.events(event.kind)
                if other.site.key == event.site.key
            ]
            found += same
            if same and not program.is_entry:
                found += program.elsewhere(event, depth - 1)
        return found

    @property
    def trains(self) -> bool:
        """Whether a model is trained in it."""
        return bool(self.events("fit")) or bool(self.events("step") and self.events("backward"))


def _may_lack_seed(program: Program) -> bool:
    """Whether a program seeds torch nowhere, or draws from other states and does not seed them."""
    if not program.events("seed"):
        return True
    return bool(program.events("draw", "split")) and not program.events("other_seed")


def _users_of(program: Program) -> tuple[Program, ...]:
    return program.users()


@dataclass(slots=True, eq=False)
class Analysis:
    """All that was found out about a file."""

    module: ModuleSyntax
    programs: list[Program]

    @property
    def operations(self) -> Iterator[Operation]:
        """Every interpreted call of a library operation, program by program."""
        for program in self.programs:
            yield from program.operations

    @property
    def builds(self) -> Iterator[Built]:
        """Every object of a library class that is built, program by program."""
        for program in self.programs:
            yield from program.builds


def analyse(
    module: ModuleSyntax,
    load: Load,
    machine: Interpreter | None = None,
    wanted: frozenset[str] = frozenset(),
    users: Users | None = None,
    words: frozenset[str] = frozenset(),
    sweeps: Sweeps | None = None,
) -> Analysis:
    """Interpret `module` as a script, then every class and function not reached so.

    Parameters:
        load: finds another module of the project by its absolute dotted name.
        machine: an interpreter that looks on.
        wanted: names of classes that matter besides what rules speak about; what uses them
            has the steps of a script.
        users: finds other modules of the project that mention a name of `module`.
        words: names that make a class or function matter besides those that nnlint's own rules
            speak about.
        sweeps: finds what files beside a module hold that may describe a search.
    """
    machine = machine or Interpreter(load_library(), load)
    return _Roots(module, load, machine, wanted, users, words, {}, sweeps).run()


class _Roots:
    def __init__(
        self,
        module: ModuleSyntax,
        load: Load,
        machine: Interpreter,
        wanted: frozenset[str],
        users: Users | None,
        words: frozenset[str],
        used: dict[str, Analysis],
        sweeps: Sweeps | None = None,
    ) -> None:
        self.sweeps = sweeps
        self.words = words
        self.module = module
        self.load = load
        self.machine = machine
        self.machine.home = module
        self.wanted = wanted
        self.users = users
        self.used = used
        """By its path, what was found out about this file and others that use it."""
        self.programs: list[Program] = []
        self.told: frozenset[str] = frozenset()

    def run(self) -> Analysis:
        forget_parts()
        analysis = self.used[str(self.module.source.path)] = Analysis(self.module, self.programs)
        scope = self.machine.scope_of(self.module)
        scope.names["__name__"] = Constant("__main__")
        guarded = any(
            isinstance(s, ast.If) and is_main_guard(s.test) for s in self.module.tree.body
        )
        main = self._root("__main__", scope, lambda: self._body(scope), is_entry=True)
        main.is_entry = (guarded or main.trains) and not is_test(self.module)
        self.told = self._names_that_matter(self.module) | self.wanted
        own = [v for v in scope.names.values() if is_defined_in(self.module, v)]
        for cls in users_first([v for v in own if isinstance(v, Class)]):
            self._class(cls, scope)
        functions = [v for v in own if isinstance(v, Function)]
        for function in users_first([f for f in functions if not isinstance(f.node, ast.Lambda)]):
            self._function(function, scope)
        return analysis

    def _root(
        self, name: str, scope: Scope, run: Callable[[], object], is_entry: bool = False
    ) -> Program:
        machine = self.machine
        machine.reset()
        machine.is_script = is_entry
        machine.limit = MAIN_STEPS if is_entry or self.wanted else ROOT_STEPS
        machine.operations, machine.builds = [], []
        machine.frames.append(Frame(scope))
        # a cell that does not parse may do anything
        complete = not self.module.broken
        try:
            run()
            machine.run_waiting(self.module)
        except (OutOfBudget, RecursionError):
            complete = False
            if self.module.tree.body:
                machine.emit("given_up", Site(self.module, self.module.tree.body[-1]))
        complete = complete and machine.complete
        timeline = machine.block
        machine.frames.clear()
        timeline.finish()
        program = Program(
            self.module, timeline, name, is_entry, complete, machine.operations, machine.builds
        )
        splits = program.trains or bool(program.events("split"))
        if is_entry and splits and _may_lack_seed(program):
            program.imports = self._import_all()
        if (sweeps := self.sweeps) is not None and is_entry:
            program.sweeps = lambda: tuple(sweeps(self.module))
        if self.users is not None and not is_entry:
            program.users = lambda: self._users(name)
        if (users := self.users) is not None:
            program.naming = lambda mentioned: tuple(users(self.module, mentioned))
        self.programs.append(program)
        return program

    def _import_all(self) -> Block:
        """Run what the modules that the file imports do beyond binding names."""
        machine = self.machine
        block = machine.block = Block("root")
        machine.operations, machine.builds = [], []
        for module in imported_modules(self.module, self.load):
            machine.frames.append(Frame(machine.scope_of(module)))
            machine.limit = machine.steps + IMPORT_STEPS
            try:
                for statement, called in acting_statements(module):
                    if called is None or may_set_up(machine.evaluate(called)):
                        machine.execute([statement])
            except (OutOfBudget, RecursionError):
                machine.emit("given_up", Site(module, module.tree.body[0]))
            finally:
                machine.frames.clear()
        block.finish()
        return block

    def _users(self, name: str) -> tuple[Program, ...]:
        """The programs of other files that mention a name."""
        assert self.users is not None
        found: list[Program] = []
        for module in self.users(self.module, name):
            if is_test(module):
                continue
            path = str(module.source.path)
            known = self.used.get(path)
            if known is None:
                machine = Interpreter(load_library(), self.load)
                machine.read_settings = self.machine.read_settings
                roots = _Roots(
                    module, self.load, machine, frozenset(), self.users, self.words, self.used
                )
                known = roots.run()
            found += known.programs
        return tuple(found)

    def _names_that_matter(self, module: ModuleSyntax, depth: int = 2) -> frozenset[str]:
        """Names at the top of a module for classes and functions that matter.

        Imports are followed from the module itself and through packages only, since every
        module that is looked at has to be parsed.
        """
        imported: set[str] = set()
        if depth and (module is self.module or module.is_package):
            for node in module.tree.body:
                if isinstance(node, ast.ImportFrom):
                    imported |= self._imported_names(node, module, depth - 1)
        return module.once(local_names_that_matter, frozenset(imported))

    def _imported_names(self, node: ast.ImportFrom, module: ModuleSyntax, depth: int) -> set[str]:
        base = absolute(node, module)
        source = self.load(base, module) if base else None
        if source is None:
            return set()
        telling = self._names_that_matter(source, depth)
        if any(alias.name == "*" for alias in node.names):
            return set(telling)
        return {alias.asname or alias.name for alias in node.names if alias.name in telling}

    def _body(self, scope: Scope) -> None:
        body = self.module.tree.body
        self.machine.execute([s for s in body if not self.machine.is_read_later(s)])

    def _class(self, cls: Class, scope: Scope) -> None:
        methods = [v for v in cls.names.values() if isinstance(v, Function)]
        inherited = methods_that_call(cls, {m.name for m in methods})
        if not inherited and all(id(m.node) in self.machine.interpreted for m in methods):
            return
        words = self.module.words(cls.node)
        told = matters(words) or cls.node.name in self.wanted or self._asks_for(words, cls.node)
        told = told or class_matters(self.module, cls.node)
        if not told and words.names.isdisjoint(self.told - {cls.node.name}):
            return
        self._root(cls.node.name, scope, lambda: self._methods(cls, methods, inherited))

    def _asks_for(self, words: Words, node: ast.AST) -> bool:
        """Whether somebody else than nnlint's own rules may speak about a class or function."""
        named = not (self.words.isdisjoint(words.names) and self.words.isdisjoint(words.attributes))
        return named or self.machine.looks_into(node)

    def _methods(self, cls: Class, methods: list[Function], inherited: list[Function]) -> None:
        machine = self.machine
        site = Site(self.module, cls.node)
        instance = machine.objects.instantiate(cls, (), {}, site)
        if not isinstance(instance, Instance):
            return
        is_module = machine.objects.is_module(instance)
        instance.state.pop("training", None)
        for name in PREPARING:
            if isinstance(method := cls.names.get(name), Function):
                # later methods go on from what these set
                self._enter(method, instance, False, undo=False)
        ends = {m.name: m for m in methods}
        later = {end for m in methods for end in ENDS.get(m.name, ())}
        for method in methods:
            if id(method.node) in machine.interpreted or isinstance(method.node, ast.Lambda):
                continue
            if method.name in later:
                continue
            symbolic = is_module and method.name == "forward"
            mark = len(machine.journal)
            returned = self._enter(method, instance, symbolic, undo=False)
            for name in ENDS.get(method.name, ()):
                if name in ends:
                    # what ends an evaluation goes on from what its step has left
                    given = collected(name, returned, Site(self.module, method.node))
                    self._enter(ends[name], instance, False, given, undo=False)
            machine.leave(mark)
        for method in inherited:
            self._enter(method, instance, False)

    def _function(self, function: Function, scope: Scope) -> None:
        if id(function.node) in self.machine.interpreted or isinstance(function.node, ast.Lambda):
            return
        words = self.module.words(function.node)
        told = matters(words, construction=False) or self._asks_for(words, function.node)
        told = told or function_matters(self.module, function.node)
        if not told and words.names.isdisjoint(self.told):
            return
        self._root(
            function.name,
            scope,
            lambda: self._enter(function, None, False),
            is_entry=is_command(function.node),
        )

    def _enter(
        self,
        function: Function,
        owner: Value | None,
        symbolic: bool,
        given: Sequence[Value] = (),
        undo: bool = True,
    ) -> Value:
        machine = self.machine
        names = machine.parameters.bind(function, owner, given, {})
        if symbolic and not isinstance(function.node, ast.Lambda):
            for parameter in [*function.node.args.args[1:], *function.node.args.kwonlyargs]:
                if isinstance(names.get(parameter.arg), Unknown) and _may_be_tensor(parameter):
                    names[parameter.arg] = Tensor(
                        Source(parameter.arg, Site(self.module, parameter))
                    )
        mark = len(machine.journal)
        with self._entered(function, owner, symbolic):
            returned = machine.run_function(function, names, owner, None)
            if mode_of_step(machine.objects, function, owner) == "train":
                # Lightning's automatic optimisation goes on from it
                machine.emit("returned_loss", Site(self.module, function.node), returned)
            if configures_optimizers(machine.objects, function, owner):
                machine.emit("configured", Site(self.module, function.node), owner, (returned,))
        if undo:
            machine.leave(mark)
        return returned

    @contextmanager
    def _entered(self, function: Function, owner: Value | None, symbolic: bool) -> Iterator[None]:
        """What surrounds a function that is entered on its own: trainers call their hooks in a
        loop and in a mode, and calls of a module its `forward`."""
        machine = self.machine
        site = Site(self.module, function.node)
        hook = mode_of_step(machine.objects, function, owner)
        with ExitStack() as stack:
            stack.enter_context(machine.inside("entry", site, function.name))
            evaluates = is_part_of_evaluation(machine.objects, function, owner)
            recorded = hook == "train" if hook else machine.grad and not evaluates
            stack.enter_context(machine.gradients(recorded))
            if hook:
                stack.enter_context(machine.inside("loop", site))
                machine.emit(hook, site, owner)
            elif evaluates:
                machine.emit("eval", site, owner)
            if symbolic and owner:
                stack.enter_context(machine.calling(owner))
            yield


def is_command(node: ast.AST) -> bool:
    """Whether a function is decorated as a command of click, typer or hydra."""
    for decorator in getattr(node, "decorator_list", ()):
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, ast.Attribute) and target.attr in COMMANDS:
            return True
    return False


def _may_be_tensor(parameter: ast.arg) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return last_name(annotation) not in NOT_TENSORS
