"""Statements: assignments, branches that are joined, loops, `with` and `try`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from nnlint.semantics.interpreter.contexts import Contexts
from nnlint.semantics.interpreter.elements import UNROLL, is_short, one_for_all
from nnlint.semantics.interpreter.failures import ends_program
from nnlint.semantics.interpreter.loops import Loops, index_of
from nnlint.semantics.interpreter.machine import Load
from nnlint.semantics.interpreter.model_parts import some_part
from nnlint.semantics.interpreter.narrowing import Narrowed, Narrowing
from nnlint.semantics.interpreter.preferring import grad_behind, note_preferred, only_there
from nnlint.semantics.interpreter.skipping import Skipping
from nnlint.semantics.library import Library
from nnlint.semantics.values import (
    MODEL_OF,
    NONE,
    OWNER,
    PART_OF,
    Arithmetic,
    Built,
    Choice,
    Condition,
    Constant,
    External,
    Instance,
    Items,
    Maybe,
    Parameters,
    Site,
    Table,
    Unknown,
    Value,
    bare,
    holds_state,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import only_sets_mode, targets_of_parts
from nnlint.syntax.walking import walk

ANY = object()
"""Key of the state of an unknown iterable under which its element is kept."""
_EXITS = frozenset({"builtins.exit", "builtins.quit", "sys.exit", "os._exit"})
_DEEPEST = 80
"""Conditions that one statement may stand under: a chain of hundreds of `elif` is not followed."""
_SECOND_MODEL = re.compile(
    r"best|target|tgt|ema(?:_|$)|teacher|momentum|online|slow|average|shadow|old|prev|frozen|"
    r"reference|ref_",
    re.IGNORECASE,
)
"""Names of models that are meant to be another than the one that is trained."""
_MODELS = (Instance, Built, Unknown)
_KEPT = (*_MODELS, Table, Items, Choice, Maybe)
"""Values that are a model or its state, or may hold one."""


_READ = (ast.Name, ast.Attribute, ast.Subscript)
"""What is only read, so that it may be looked at once more."""


class Statements(Narrowing):
    """Runs statements for their effect on the state and the timeline."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self.contexts = Contexts(self)
        self.loops = Loops(self)
        self.skipping = Skipping(self)

    def execute(self, statements: Sequence[ast.stmt]) -> str:
        """Run statements in order; stops at the first that ends the block."""
        last = statements[-1] if statements else None
        if type(last) is ast.Raise:
            statements = [*statements[: self.failures.start(statements, last)], last]
        for index, statement in enumerate(statements):
            self.tick()
            runner: Callable[[Statements, Any], str | None] | None = _RUNNERS.get(type(statement))
            end = runner(self, statement) if runner else None
            if end is None or end == "next":
                continue
            if end == "rest-conditional":
                return self._rest(statements[index + 1 :])
            if end:
                if end == "return" and isinstance(statement, ast.If):
                    self.skipping.note(statement.test, statements[index + 1 :])
                return end
        return "next"

    def _rest(self, statements: Sequence[ast.stmt]) -> str:
        outer = self.conditions
        conditions, told = self._after_exit
        self.conditions = (*outer, *conditions)
        try:
            with self.narrowed(told):
                return self.execute(statements)
        finally:
            self.conditions = outer

    _after_exit: tuple[tuple[Condition, ...], Narrowed] = ((), [])
    """What holds behind a branch of which only one arm goes on."""

    def _expression(self, node: ast.Expr) -> str | None:
        value = self.evaluate(node.value)
        if isinstance(node.value, ast.Attribute):
            self.note_uncalled(value, node.value)
        if isinstance(value, Built) and value.entry.family == "set_grad_enabled":
            # called as a function it holds from here on, also behind the function that calls it
            self.grad = bool(self.contexts.grad_mode(value))
        return "raise" if self._is_exit(node.value) else None

    def _is_exit(self, node: ast.expr) -> bool:
        """Whether an expression ends the program: `exit()`, `sys.exit(1)`."""
        called = node.func if isinstance(node, ast.Call) else None
        name = last_name(called)
        if called is None or name not in ("exit", "quit", "_exit"):
            return False
        function = self.evaluate(called)
        return isinstance(function, External) and function.name in _EXITS

    def note_uncalled(self, value: Value, node: ast.Attribute) -> None:
        """A statement that is only an attribute; overridden where methods have a meaning."""

    def _assign(self, node: ast.Assign) -> None:
        value = self._added_to(node) or self.evaluate(node.value)
        for target in node.targets:
            self.bind(target, value)
            self._note_kept(target, value)

    def _note_kept(self, target: ast.expr, value: Value) -> None:
        """Note that the state of a model is kept, or a model itself as the best one."""
        if not isinstance(value, _KEPT):
            return
        name = last_name(target)
        named = isinstance(value, _MODELS) and _means_second_model(name)
        if named or holds_state(value):
            self.emit("keep", self.site(target), value, name=name)

    def _annotated_assign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            value = self.evaluate(node.value)
            self.bind(node.target, value)
            self._note_kept(node.target, value)

    def _augmented_assign(self, node: ast.AugAssign) -> None:
        load: Any = ast.copy_location(_as_load(node.target), node.target)
        whole = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        self.bind(node.target, self.augmented(whole, in_place=True))

    def _added_to(self, node: ast.Assign) -> Value | None:
        """The new value of `x` in `x = x + y`; None where an assignment is no such sum."""
        whole, target = node.value, node.targets[0]
        if not isinstance(whole, ast.BinOp) or not isinstance(whole.op, ast.Add):
            return None
        if len(node.targets) > 1 or type(whole.left) is not type(target):
            return None
        if isinstance(whole.left, ast.Name) and isinstance(target, ast.Name):
            if whole.left.id != target.id:
                return None
        elif ast.unparse(whole.left) != ast.unparse(target):
            return None
        return self.augmented(ast.copy_location(ast.BinOp(whole.left, whole.op, whole.right), node))

    def augmented(self, whole: ast.BinOp, in_place: bool = False) -> Value:
        """The new value of a variable that something is added to; overridden where it is noted."""
        return self.evaluate(whole)

    def _return(self, node: ast.Return) -> str:
        value = self.evaluate(node.value) if node.value else NONE
        if holds_state(value):
            self.emit("returned", self.site(node), value)
        self.frame.returns.append(value)
        self.frame.reasons.append(self.conditions)
        return "return"

    def _assert(self, node: ast.Assert) -> None:
        test = node.test
        self.check(test)
        self.settle(self.told_by(test, True))
        self._note_sizes(test, ast.And, ast.Eq)

    def _note_sizes(self, test: ast.expr, joined: type[ast.boolop], order: type[ast.cmpop]) -> None:
        """Note the sizes that are 1, or equal, behind a test.

        Parameters:
            joined: what joins parts of the test that hold all.
            order: how a size is compared with another one.
        """
        joins = isinstance(test, ast.BoolOp) and isinstance(test.op, joined)
        for part in test.values if joins and isinstance(test, ast.BoolOp) else [test]:
            match part:
                case ast.Compare(left=left, ops=[op], comparators=[right]):
                    sides = (left, right)
                case _:
                    continue
            with_one = any(isinstance(s, ast.Constant) and s.value == 1 for s in sides)
            if isinstance(op, order) and (with_one or all(isinstance(s, _READ) for s in sides)):
                with self.untold():
                    self.note_equal(self.evaluate(left), self.evaluate(right))

    def check(self, test: ast.expr) -> None:
        """Interpret what an `assert` tests; overridden for whoever wants to know."""

    def note_equal(self, left: Value, right: Value) -> None:
        """A guard that two values are equal; overridden where they can be sizes."""

    def _raise(self, node: ast.Raise) -> str:
        if ends_program(node) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                self.evaluate(argument)
        return "raise"

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.define_function(node)

    def _global(self, node: ast.Global) -> None:
        self.frame.scope.declared_global.update(node.names)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in self.frame.scope.names:
                self.write(self.frame.scope.names, target.id, Unknown(target.id))

    def _if(self, node: ast.If) -> str:
        if only_sets_mode(node):
            # a later round of a loop comes by in another mode: what it leads to is the same
            return self.execute(node.body)
        if len(self.conditions) > _DEEPEST:
            return self.skipping.pass_over(node)
        test = self.evaluate(node.test)
        truth, soft = self.truth(test)
        site = self.site(node.test)
        if truth is not None and not soft:
            arm, other = (node.body, node.orelse) if truth else (node.orelse, node.body)
            self.skipping.note(node.test, other)
            with self.under(Condition(site, truth, False, test)):
                return self.execute(arm)
        option = soft or self.is_option(node.test)
        end = self._branch(
            site,
            [
                (Condition(site, True, option, test), partial(self.execute, node.body)),
                (Condition(site, False, option, test), partial(self.execute, node.orelse)),
            ],
            prefer=None if truth is None else (0 if truth else 1),
            told=(self.told_by(node.test, True), self.told_by(node.test, False)),
        )
        if not node.orelse and isinstance(node.body[-1], ast.Raise):
            # what raises with any other size leaves 1
            self._note_sizes(node.test, ast.Or, ast.NotEq)
        return end

    def is_option(self, test: ast.expr) -> bool:
        """Whether a test reads something a person can set: an option or a parameter."""
        words = self.frame.scope.module.words(test)
        return bool(words.names or words.attributes)

    def _branch(
        self,
        site: Site,
        arms: Sequence[tuple[Condition, Callable[[], str]]],
        prefer: int | None = None,
        told: tuple[Narrowed, Narrowed] = ([], []),
    ) -> str:
        """Run each of two arms, and go on with what is true behind either.

        Parameters:
            prefer: the arm that is taken as long as nobody sets an option.
            told: for each arm, what the test says of the variables in it.
        """
        results = []
        grad, grads = self.grad, list[bool]()
        with self.inside("branch", site):
            for number, ((condition, run), known) in enumerate(zip(arms, told, strict=True)):
                mark, built = len(self.journal), len(self.built_states)
                self.grad = grad
                with self.inside("arm", site) as arm, self.under(condition), self.narrowed(known):
                    arm.end = end = run()
                if end == "return":
                    # what it returns is as it was built
                    self.leave(mark)
                elif self.read_settings is not None or prefer not in (None, number):
                    # what is off by default may be switched on where its names are read
                    self.keep_new(mark, built)
                results.append((end, self.rollback(mark), condition))
                grads.append(self.grad)
        self.grad = grad_behind([end for end, _, _ in results], grads, prefer)
        live = [(writes, condition) for end, writes, condition in results if end == "next"]
        if self.jumps:
            self.jumps[-1] += [
                (writes, condition)
                for end, writes, condition in results
                if end in ("break", "continue") and writes
            ]
        if not live:
            ends = {end for end, _, _ in results}
            return "return" if "return" in ends else results[0][0]
        if prefer is not None and results[prefer][0] == "next":
            self.replay(results[prefer][1])
            note_preferred(*results[prefer][1:], *results[1 - prefer][1:])
            self.replay(only_there(self.frame.scope.names, *results[1 - prefer][:2]))
        elif len(live) == 1:
            self.replay(live[0][0])
        else:
            self.join_writes(live[0][0], live[1][0], ((live[0][1],), (live[1][1],)))
        if len(live) < len(results):
            goes_on = next(i for i, (end, _, _) in enumerate(results) if end == "next")
            self._after_exit = ((results[goes_on][2],), told[goes_on])
            return "rest-conditional"
        return "next"

    def elements(self, iterable: Value) -> list[Value] | None:
        """The known elements of a short iterable, in order, else None."""
        if isinstance(iterable, Items) and not iterable.open and is_short(iterable.items):
            if iterable.grown and not iterable.items:
                return None
            return [bare(v) for v in iterable.items]
        if isinstance(iterable, Built) and iterable.entry.kind == "container":
            members = iterable.members
            if iterable.entry.family == "dict":
                names = iterable.state.get("names", {})
                return [Constant(name) for name in names] if len(names) == len(members) else None
            if is_short(members) and not iterable.state.get("open"):
                return [bare(v) for v in members]
        if isinstance(iterable, Table) and ... not in iterable.state:
            return [Constant(k) for k in iterable.state] if len(iterable.state) <= UNROLL else None
        if isinstance(iterable, Constant) and isinstance(iterable.value, (range, tuple, list)):
            if len(iterable.value) <= 8 and not iterable.soft:
                return [Constant(v) for v in iterable.value]
        return None

    def any_element(self, iterable: Value, target: ast.expr) -> Value:
        """Some element of a long or unknown iterable."""
        name = target.id if isinstance(target, ast.Name) else ""
        if isinstance(iterable, Items) and iterable.items:
            return one_for_all(iterable.items, name)
        if isinstance(iterable, Built) and iterable.members:
            return one_for_all(iterable.members, name)
        if isinstance(iterable, Arithmetic) and iterable.operator in ("enumerate", "zip"):
            counted = iterable.operator == "enumerate"
            targets = targets_of_parts(target, len(iterable.operands) + counted)[counted:]
            parts = [self.any_element(*o) for o in zip(iterable.operands, targets, strict=True)]
            if counted:
                parts.insert(0, index_of(iterable))
            return Items("tuple", {"items": tuple(parts)})
        if isinstance(iterable, Parameters):
            return (
                iterable
                if len(iterable.models) != 1
                else Unknown(name, "parameter_tensor", {MODEL_OF: iterable.models[0]})
            )
        if isinstance(iterable, Unknown):
            # two loops over one thing meet the same elements
            element: Value | None = iterable.state.get(ANY)
            if element is None:
                if PART_OF in iterable.state:
                    element = some_part(iterable, target)
                elif iterable.origin == "param_groups":
                    element = Unknown(name, "group", {OWNER: iterable.state.get(OWNER)})
                else:
                    element = Unknown(name or f"{iterable.name}[i]", "loop")
                iterable.state[ANY] = element
            return element
        return Unknown(name, "loop")

    def context_manager(self, node: ast.expr) -> Callable[[Callable[[Value], None]], None] | None:
        """How to run a project's `@contextmanager` around a body; None for others."""
        return None

    def _try(self, node: ast.Try) -> str:
        end = self.execute(node.body)
        ends = []
        with self.inside("branch", self.site(node)):
            with self.inside("arm", self.site(node)) as arm:
                if end == "next" and node.orelse:
                    end = self.execute(node.orelse)
                arm.end = end
            for handler in node.handlers:
                ends.append(self._handler(handler, end))
        final = self.execute(node.finalbody)
        if final != "next":
            return final
        return "next" if "next" in ends else end

    def _handler(self, handler: ast.ExceptHandler, end: str) -> str:
        """One `except`: it may run, after what the body did."""
        if handler.name:
            self.write(self.frame.scope.names, handler.name, Unknown(handler.name))
        site = self.site(handler)
        mark = len(self.journal)
        with self.inside("arm", site) as arm, self.under(Condition(site, True, False)):
            arm.end = self.execute(handler.body)
        writes = self.rollback(mark)
        if end == "next":
            self.join_writes(writes, {})
        elif arm.end == "next":
            self.replay(writes)
        return arm.end

    def _match(self, node: ast.Match) -> str:
        return self._cases(node.subject, self.evaluate(node.subject), node.cases)

    def _cases(self, node: ast.expr, subject: Value, cases: Sequence[ast.match_case]) -> str:
        """The first case that fits runs; where that is not known, each may."""
        if not cases:
            return "next"
        case, rest = cases[0], cases[1:]
        site = Site(self.frame.scope.module, case.pattern)
        fits = self.fits(subject, case.pattern)
        if fits and case.guard is not None:
            test = self.evaluate(case.guard)
            truth, soft = self.truth(test)
            fits = None if soft else truth
        if fits is False:
            return self._cases(node, subject, rest)

        def run() -> str:
            plain = isinstance(node, (ast.Name, ast.Attribute))
            self._bind_captures(case.pattern, self.evaluate(node) if plain else subject)
            return self.execute(case.body)

        if fits:
            with self.under(Condition(site, True, False)):
                return run()
        return self._branch(
            site,
            [
                (Condition(site, True, True), run),
                (Condition(site, False, True), partial(self._cases, node, subject, rest)),
            ],
            told=(
                self.matched(node, case.pattern, True),
                [] if case.guard else self.matched(node, case.pattern, False),
            ),
        )

    def _bind_captures(self, pattern: ast.pattern, subject: Value) -> None:
        """Bind the names of a pattern: `case Plateau() as scheduler`."""
        for inner in walk(pattern):
            name = getattr(inner, "name", None) or getattr(inner, "rest", None)
            if isinstance(name, str):
                value = subject if inner is pattern else Unknown(name)
                self.bind(ast.copy_location(ast.Name(name, ast.Store()), pattern), value)


@lru_cache(1024)
def _means_second_model(name: str) -> bool:
    return _SECOND_MODEL.search(name) is not None


def _as_load(target: ast.expr) -> ast.expr:
    match target:
        case ast.Name():
            return ast.Name(target.id, ast.Load())
        case ast.Attribute():
            return ast.Attribute(target.value, target.attr, ast.Load())
        case ast.Subscript():
            return ast.Subscript(target.value, target.slice, ast.Load())
        case _:
            return target


_RUNNERS: dict[type[ast.stmt], Any] = {
    ast.Expr: Statements._expression,
    ast.Assign: Statements._assign,
    ast.AnnAssign: Statements._annotated_assign,
    ast.AugAssign: Statements._augmented_assign,
    ast.Return: Statements._return,
    ast.Raise: Statements._raise,
    ast.Break: lambda self, node: "break",
    ast.Continue: lambda self, node: "continue",
    ast.FunctionDef: Statements._function,
    ast.AsyncFunctionDef: Statements._function,
    ast.ClassDef: lambda self, node: self.define_class(node),
    ast.Import: lambda self, node: self.bind_import(node),
    ast.Assert: Statements._assert,
    ast.ImportFrom: lambda self, node: self.bind_import_from(node),
    ast.Global: Statements._global,
    ast.Delete: Statements._delete,
    ast.If: Statements._if,
    ast.For: lambda self, node: self.loops.go_through(node),
    ast.AsyncFor: lambda self, node: self.loops.go_through(node),
    ast.While: lambda self, node: self.loops.go_on_while(node),
    ast.With: lambda self, node: self.contexts.run(node),
    ast.AsyncWith: lambda self, node: self.contexts.run(node),
    ast.Try: Statements._try,
    ast.Match: Statements._match,
}
if hasattr(ast, "TryStar"):
    _RUNNERS[ast.TryStar] = Statements._try
