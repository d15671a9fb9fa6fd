"""Names: what a module's top level binds, read on demand and across modules."""

from __future__ import annotations

import ast
import builtins
from typing import Any

from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.interpreter.machine import Frame, Load, Machine
from nnlint.semantics.library import Library
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import (
    Class,
    External,
    Function,
    Pending,
    ProjectModule,
    Scope,
    Unknown,
    Value,
    is_dataset,
    softened,
)
from nnlint.syntax.module import ModuleSyntax


class Stars:
    """The modules whose names a scope imports with a star, each with its scope if it has one.

    They are read name by name, since to bind all of them interprets most of a package.
    """

    __slots__ = ("modules",)

    def __init__(self, modules: tuple[tuple[str, Scope | None], ...] = ()) -> None:
        self.modules = modules


class Scopes(Machine):
    """Looks names up in functions, modules and libraries."""

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self._externals: dict[str, External] = {}
        self._builtins: dict[str, External] = {}
        self._unbound: dict[tuple[Scope, str], Unknown] = {}
        self._starred: dict[str, set[Scope]] = {}
        """The scopes whose star imports have been asked for a name that is being looked for."""

    def scope_of(self, module: ModuleSyntax) -> Scope:
        """The scope of a module, with its top-level names pending."""
        scope = self.scopes.get(module.name)
        if scope is None or scope.module is not module:
            names = {name: Pending(nodes) for name, nodes in module.bindings.items()}
            scope = self.scopes[module.name] = Scope(module, names)
        return scope

    def module_scope(self, name: str, importer: Any) -> Scope | None:
        """The scope of a project module, or None when `name` is no project module."""
        module = self.load(name, importer)
        return None if module is None else self.scope_of(module)

    def lookup(self, scope: Scope, name: str) -> Value | None:
        """What `name` means in `scope`, or None when nothing binds it."""
        at: Scope | None = scope
        while at is not None:
            names = at.names
            if name in names and name not in at.declared_global:
                found = names[name]
                return self._settle(at, name, found) if type(found) is Pending else found
            if "*" in names and (starred := self._through_star(at, name)) is not None:
                names[name] = starred
                return starred
            at = at.parent
        return None

    def _through_star(self, scope: Scope, name: str) -> Value | None:
        """What a star import of a scope binds a name to."""
        asked = self._starred.get(name, set())
        if name.startswith("_") or scope in asked:
            # modules that bring in one another are asked once, on however many ways
            return None
        stars = scope.names["*"]
        if isinstance(stars, Pending):
            imports = [node for node in stars.nodes if isinstance(node, ast.ImportFrom)]
            bases = [base for node in imports if (base := absolute(node, scope.module))]
            modules = tuple((base, self.module_scope(base, scope.module)) for base in bases)
            stars = scope.names["*"] = Stars(modules)
        outermost = not asked
        self._starred[name] = asked
        asked.add(scope)
        try:
            for base, source in stars.modules[::-1]:
                found = self._starred_member(base, source, name)
                if found is not None:
                    return found
            return None
        finally:
            if outermost:
                del self._starred[name]

    def _starred_member(self, base: str, source: Scope | None, name: str) -> Value | None:
        if source is None:
            known = name in self.library.members(self.library.canonical(base))
            return self.external(f"{base}.{name}") if known else None
        found = self.lookup(source, name)
        return softened(found) if found is not None and source.is_configuration else found

    def _settle(self, scope: Scope, name: str, pending: Pending) -> Value:
        scope.names[name] = Unknown(name)
        self.frames.append(Frame(scope))
        block, conditions, grad, call = self.block, self.conditions, self.grad, self.model_call
        self.block, self.conditions, self.grad, self.model_call = Block("root"), (), True, None
        mark = len(self.journal)
        try:
            for node in pending.nodes:
                if isinstance(node, ast.AugAssign):
                    continue
                if isinstance(node, ast.ImportFrom):
                    # its other names are read when they are asked for
                    self.bind_import_from(node, name)
                else:
                    self.execute([node])
        except OutOfBudget:
            # whoever asks next starts again
            self.rollback(mark)
            scope.names[name] = pending
            raise
        finally:
            self.frames.pop()
            made = [e for e in self.block.events("build") if is_dataset(e.subject)]
            self.block, self.conditions, self.grad, self.model_call = block, conditions, grad, call
            block.children += made
            # what a module binds is bound for good, whichever branch asks for it first
            del self.journal[mark:]
        found = scope.names[name]
        if self.read_settings is not None and isinstance(found, Value):
            self.declare_options(scope, name, found)
        return found if isinstance(found, Value) else Unknown(name)

    def declare_options(self, scope: Scope, name: str, parser: Value) -> None:
        """Do what the top of an imported module does to a parser of options beyond making it;
        overridden where options are known."""

    def bind_import(self, node: ast.Import) -> None:
        """`import a.b`, `import a.b as c`."""
        scope = self.frame.scope
        for alias in node.names:
            if alias.asname:
                self.write(scope.names, alias.asname, self.import_module(alias.name))
            else:
                top = alias.name.split(".")[0]
                self.write(scope.names, top, self.import_module(top))

    def is_read_later(self, statement: ast.stmt) -> bool:
        """Whether a statement at the top of a module only imports names that wait for whoever
        asks for them."""
        if not isinstance(statement, ast.ImportFrom):
            return False
        bound = (self.frame.scope.names.get(a.asname or a.name) for a in statement.names)
        return all(type(name) is Pending and name.nodes == [statement] for name in bound)

    def import_module(self, name: str) -> Value:
        """A project module or, failing that, a library name."""
        scope = self.module_scope(name, self.frame.scope.module)
        if scope is not None:
            return ProjectModule(scope)
        return self.external(name)

    def bind_import_from(self, node: ast.ImportFrom, wanted: str | None = None) -> None:
        """`from a import b as c`, relative imports and stars included.

        Parameters:
            wanted: the only name to bind.
        """
        scope = self.frame.scope
        base = absolute(node, scope.module)
        names = [a for a in node.names if wanted is None or (a.asname or a.name) == wanted]
        if base is None:
            for alias in names:
                # from a package outside of the project a star brings names that nobody knows
                if alias.name != "*":
                    bound = alias.asname or alias.name
                    self.write(scope.names, bound, Unknown(alias.name, "import"))
            return
        source = self.module_scope(base, scope.module)
        for alias in names:
            if alias.name == "*":
                self._bind_star(scope, base, source)
                continue
            value = self.member_of_module(base, source, alias.name)
            self.write(scope.names, alias.asname or alias.name, value)

    def member_of_module(self, base: str, source: Scope | None, name: str) -> Value:
        """`base.name`: a name the module binds, else a submodule, else a library name."""
        if self.is_described(f"{base}.{name}"):
            return self.external(f"{base}.{name}")
        if source is None:
            # a folder without `__init__.py` is a package, too
            inside = self.module_scope(f"{base}.{name}", self.frame.scope.module)
            return ProjectModule(inside) if inside else self.external(f"{base}.{name}")
        found = self.lookup(source, name)
        if found is not None:
            return softened(found) if source.is_configuration else found
        submodule = self.module_scope(f"{base}.{name}", source.module)
        return ProjectModule(submodule) if submodule else Unknown(name, "import")

    def is_described(self, name: str) -> bool:
        """Whether the library data says what a name means, to who is not of its package.

        The examples of a library's own repository use it as everyone does. What a rule pack
        says about a name is meant for the code of its package, too.
        """
        package = self.frame.scope.module.name.partition(".")[0]
        foreign = package != name.partition(".")[0] or self.library.is_added(name)
        return foreign and self.library.get(name) is not None

    def _bind_star(self, scope: Scope, base: str, source: Scope | None) -> None:
        stars = scope.names.get("*")
        if isinstance(stars, Pending):
            # whoever looks a name up first finds this import among the others
            return
        modules = stars.modules if isinstance(stars, Stars) else ()
        if (base, source) not in modules:
            scope.names["*"] = Stars((*modules, (base, source)))

    def external(self, name: str) -> External:
        """A library name, under its canonical spelling."""
        found = self._externals.get(name)
        if found is None:
            canonical = self.library.canonical(name)
            found = self._externals[name] = External(canonical, self.library.get(canonical))
        return found

    def unbound(self, scope: Scope, name: str) -> Value:
        """A name of Python itself, or one that nothing defines: the same value each time."""
        if not hasattr(builtins, name):
            while scope.parent is not None:
                scope = scope.parent
            return self._unbound.setdefault((scope, name), Unknown(name))
        found = self._builtins.get(name)
        if found is None:
            found = self._builtins[name] = External(f"builtins.{name}")
        return found

    def define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """`def`: decorators that change how it is called are read at the call."""
        if self.frame.cls is not None and any(map(_is_of_property, node.decorator_list)):
            # the name stays the property, which is read as before
            return
        owner = self.frame.cls
        self.write(self.frame.scope.names, node.name, Function(node, self._closure(), owner))

    def _closure(self) -> Scope:
        # a class body is no scope for the functions in it
        scope = self.frame.scope
        return scope.parent if self.frame.cls and scope.parent else scope

    def define_class(self, node: ast.ClassDef) -> None:
        """`class`: bases now, the body in a scope of its own."""
        scope = self.frame.scope
        bases = tuple(self.evaluate(base) for base in node.bases)
        names: dict[str, Any] = {}
        cls = Class(node, scope, bases, names)
        self.frames.append(Frame(Scope(scope.module, names, scope), cls=cls))
        try:
            self.execute(node.body)
        finally:
            self.frames.pop()
        self.write(scope.names, node.name, cls)
        for decorator in node.decorator_list[::-1]:
            # a registry keeps the class; whatever else a decorator makes of it is not followed
            function = self.evaluate(decorator)
            if isinstance(function, Function):
                self.call(function, (cls,), {}, self.site(decorator))


def absolute(node: ast.ImportFrom, module: ModuleSyntax) -> str | None:
    """The absolute name of the module that `from ... import` in `module` names."""
    if not node.level:
        return node.module
    parts = module.name.split(".")
    up = node.level - (1 if module.is_package else 0)
    if up > len(parts):
        return None
    parts = parts[: len(parts) - up]
    name = ".".join([*parts, *([node.module] if node.module else [])])
    return name or node.module


def _is_of_property(decorator: ast.expr) -> bool:
    """Whether a decorator makes a method what is run when a property is set or deleted."""
    return isinstance(decorator, ast.Attribute) and decorator.attr in ("setter", "deleter")
