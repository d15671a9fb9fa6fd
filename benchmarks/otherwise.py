"""Programs that are written otherwise and do the same: `python -m benchmarks.otherwise [FOLDER…]`.

Each fixture of one file is written anew in ways that change nothing of what it does: its script
stands in a function, its parts in another file, values go through a function of the project, lie
in a dict or on an object, arguments go through `**`. A finding that comes by that is a false one,
and one that goes is missed. Every finding that comes is printed; the table counts both. Exit
status 1 where one comes.
"""

from __future__ import annotations

import argparse
import ast
import copy
import itertools
import multiprocessing
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from nnlint.testing import cases, findings_of

FIXTURES = Path(__file__).parent.parent / "fixtures"
Way = Callable[[ast.Module], "ast.Module | dict[str, ast.Module] | None"]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BUILDERS = re.compile(r"[A-Z]\w*|\w*(?:loader|split|from_pretrained|compose)\w*", re.IGNORECASE)


def _parts(tree: ast.Module) -> tuple[list[ast.stmt], list[ast.stmt], list[ast.stmt]]:
    """Imports (with the docstring), definitions, and the statements of the script."""
    imports: list[ast.stmt] = []
    definitions: list[ast.stmt] = []
    script: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_text(statement):
            imports.append(statement)
        elif isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            definitions.append(statement)
        else:
            script.append(statement)
    return imports, definitions, script


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _stored(nodes: Iterable[ast.AST]) -> set[str]:
    return {n.id for s in nodes for n in ast.walk(s) if isinstance(n, ast.Name) and not _loads(n)}


def _loaded(nodes: Iterable[ast.AST]) -> set[str]:
    return {n.id for s in nodes for n in ast.walk(s) if isinstance(n, ast.Name) and _loads(n)}


def _loads(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a program that is written in another way."""

    way: str
    came: list[str]
    gone: list[str]
    files: dict[str, str]


def as_is(tree: ast.Module) -> ast.Module:
    """Without comments and blank rows only."""
    return tree


def in_a_function(tree: ast.Module) -> ast.Module | None:
    """The script stands in `main`."""
    imports, definitions, script = _parts(tree)
    shared = sorted(_stored(script) & _loaded(definitions))
    if not script or any(map(_is_guard, script)) or any(map(_defines, script)):
        return None
    body = [ast.Global(shared)] if shared else []
    main = _function("main", "", [*body, *script])
    guard = ast.parse("if __name__ == '__main__':\n    main()").body
    return _module([*imports, *definitions, main, *guard])


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def _defines(statement: ast.stmt) -> bool:
    stars = (ast.Yield, ast.Await, ast.Global, ast.Nonlocal)
    return any(isinstance(n, (*_SCOPES, *stars)) for n in ast.walk(statement))


def in_two_files(tree: ast.Module) -> dict[str, ast.Module] | None:
    """Functions and classes stand in a file beside the script, which imports them; the script's
    own file has no name here."""
    imports, definitions, script = _parts(tree)
    if not definitions or not script or _stored(script) & _loaded(definitions):
        return None
    names = [ast.alias(d.name) for d in definitions if isinstance(d, (*_FUNCTIONS, ast.ClassDef))]
    importing = ast.ImportFrom("parts", names, 0)
    return {
        "parts.py": _module([*copy.deepcopy(imports), *definitions]),
        "": _module([*imports, importing, *script]),
    }


def on_self(tree: ast.Module) -> ast.Module | None:
    """What the script binds are attributes of an object."""
    imports, definitions, script = _parts(tree)
    bound = _stored(script)
    if not script or any(map(_defines, script)) or bound & _loaded(definitions):
        return None
    if any(map(_is_guard, script)) or any(
        isinstance(n, _COMPREHENSIONS) for s in script for n in ast.walk(s)
    ):
        return None
    body = [_ToAttributes(bound, "self").visit(s) for s in script]
    run = _function("run", "self", body)
    owner = ast.parse("class Experiment:\n    pass").body[0]
    assert isinstance(owner, ast.ClassDef)
    owner.body = [run]
    return _module([*imports, *definitions, owner, *ast.parse("Experiment().run()").body])


class _ToAttributes(ast.NodeTransformer):
    """Names become attributes of an object, or entries of a dict."""

    def __init__(self, names: set[str], owner: str, entries: bool = False) -> None:
        self.names, self.owner, self.entries = names, owner, entries

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A name that is one of them is not a name any more."""
        if node.id not in self.names:
            return node
        owner = ast.Name(self.owner, ast.Load())
        if self.entries:
            return ast.Subscript(owner, ast.Constant(node.id), node.ctx)
        return ast.Attribute(owner, node.id, node.ctx)


def in_a_dict(tree: ast.Module) -> ast.Module | None:
    """What functions build and keep in a variable lies in a dict."""
    return _held(tree, "{}", entries=True)


def in_a_namespace(tree: ast.Module) -> ast.Module | None:
    """What functions build and keep in a variable lies on a namespace."""
    tree = _held(tree, "types.SimpleNamespace()", entries=False) or tree
    return _with_import(tree, "import types")


def _held(tree: ast.Module, holder: str, entries: bool) -> ast.Module | None:
    changed = False
    for owner in ast.walk(tree):
        if not isinstance(owner, _FUNCTIONS):
            continue
        if any(
            isinstance(n, (*_SCOPES, *_COMPREHENSIONS)) for s in owner.body for n in ast.walk(s)
        ):
            continue
        names = {
            s.targets[0].id
            for s in owner.body
            if isinstance(s, ast.Assign) and _builds(s.value) and isinstance(s.targets[0], ast.Name)
        }
        if not names or _declared(owner) & names:
            continue
        changed = True
        visitor = _ToAttributes(names, "held", entries)
        start = 1 if _is_text(owner.body[0]) else 0
        owner.body[start:] = [
            *ast.parse(f"held = {holder}").body,
            *(visitor.visit(s) for s in owner.body[start:]),
        ]
    return tree if changed else None


def _declared(owner: ast.AST) -> set[str]:
    return {
        name
        for n in ast.walk(owner)
        if isinstance(n, (ast.Global, ast.Nonlocal))
        for name in n.names
    } | {n.arg for n in ast.walk(owner) if isinstance(n, ast.arg)}


def _builds(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    called = value.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return bool(_BUILDERS.fullmatch(name))


def through_a_function(tree: ast.Module) -> ast.Module | None:
    """What is built goes through a function of the project that gives it back."""

    class Through(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.Assign:
            if _builds(node.value):
                node.value = _call("given_back", node.value)
            return node

    return _with_definition(Through().visit(tree), "def given_back(value):\n    return value")


def by_a_factory(tree: ast.Module) -> ast.Module | None:
    """What is built is built by a function that is given the class and its arguments."""

    class Factory(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.Assign:
            call = node.value
            if _builds(call) and isinstance(call, ast.Call):
                node.value = ast.Call(
                    ast.Name("build", ast.Load()), [call.func, *call.args], call.keywords
                )
            return node

    text = "def build(what, *args, **kwargs):\n    return what(*args, **kwargs)"
    return _with_definition(Factory().visit(tree), text)


def keywords_in_a_dict(tree: ast.Module) -> ast.Module:
    """Keywords of what is built go through `**`."""

    class Spread(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.Assign:
            call = node.value
            if _builds(call) and isinstance(call, ast.Call) and call.keywords:
                named = [k for k in call.keywords if k.arg is not None]
                others = [k for k in call.keywords if k.arg is None]
                table = ast.Dict([ast.Constant(k.arg) for k in named], [k.value for k in named])
                call.keywords = [ast.keyword(None, table), *others]
            return node

    return cast(ast.Module, Spread().visit(tree))


def by_partial(tree: ast.Module) -> ast.Module:
    """What is built is built by `functools.partial` of its keywords."""

    class Partial(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.Assign:
            call = node.value
            if _builds(call) and isinstance(call, ast.Call) and call.keywords:
                maker = ast.parse("functools.partial()", mode="eval").body
                assert isinstance(maker, ast.Call)
                maker.args, maker.keywords = [call.func], call.keywords
                node.value = ast.Call(maker, call.args, [])
            return node

    return _with_import(Partial().visit(tree), "import functools")


def counted_loops(tree: ast.Module) -> ast.Module | None:
    """Loops count their rounds, though nothing reads the number."""
    return _loops(tree, "enumerate({})", "(_round, {})")


def loops_with_progress(tree: ast.Module) -> ast.Module | None:
    """Loops show their progress."""
    made = _loops(tree, "tqdm({})", "{}")
    return None if made is None else _with_import(made, "from tqdm import tqdm")


def _loops(tree: ast.Module, over: str, into: str) -> ast.Module | None:
    changed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            changed = True
            node.iter = ast.parse(over.format(f"({ast.unparse(node.iter)})"), mode="eval").body
            text = ast.unparse(node.target)
            target = f"({text})" if isinstance(node.target, ast.Tuple) else text
            made = ast.parse(f"for {into.format(target)} in (): pass").body[0]
            assert isinstance(made, ast.For)
            node.target = made.target
    return tree if changed else None


def loops_by_hand(tree: ast.Module) -> ast.Module | None:
    """Loops draw each element with `next`."""

    numbers = itertools.count()
    changed = False

    class ByHand(ast.NodeTransformer):
        def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
            nonlocal changed
            self.generic_visit(node)
            if node.orelse:
                return node
            changed = True
            name = f"elements{next(numbers)}"
            first = ast.parse(f"{name} = iter({ast.unparse(node.iter)})").body
            drawing = (
                f"while True:\n    try:\n        {ast.unparse(node.target)} = next({name})\n"
                "    except StopIteration:\n        break"
            )
            loop = ast.parse(drawing).body[0]
            assert isinstance(loop, ast.While)
            loop.body += node.body
            return [*first, loop]

    made = ByHand().visit(tree)
    return made if changed else None


def in_a_context(tree: ast.Module) -> ast.Module:
    """Bodies of loops and functions stand in `with contextlib.nullcontext():`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            block = ast.parse("with contextlib.nullcontext():\n    pass").body[0]
            assert isinstance(block, ast.With)
            block.body, node.body = node.body, [block]
    return _with_import(tree, "import contextlib")


def in_a_try(tree: ast.Module) -> ast.Module:
    """Bodies of loops stand in `try:` with a `finally:` that does nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            node.body = [ast.Try(node.body, [], [], [ast.Pass()])]
    return tree


def annotated(tree: ast.Module) -> ast.Module:
    """Assignments to one name say a type."""

    class Annotated(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.stmt:
            target = node.targets[0]
            if len(node.targets) > 1 or not isinstance(target, (ast.Name, ast.Attribute)):
                return node
            simple = isinstance(target, ast.Name)
            return ast.AnnAssign(target, ast.Name("object", ast.Load()), node.value, int(simple))

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
            if not _declared_globals(node):
                self.generic_visit(node)
            return node

        def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
            node.body = [self.visit(s) if isinstance(s, _FUNCTIONS) else s for s in node.body]
            return node

    return cast(ast.Module, Annotated().visit(tree))


def _declared_globals(node: ast.AST) -> bool:
    return any(isinstance(n, (ast.Global, ast.Nonlocal)) for n in ast.walk(node))


def imported_otherwise(tree: ast.Module) -> ast.Module:
    """Modules and what is imported from them have names of the program's own."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if "." not in alias.name or alias.asname:
                    bound = alias.asname or alias.name
                    names[bound] = alias.asname = f"{bound}_"
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__" and not node.level:
            for alias in node.names:
                if alias.name != "*":
                    bound = alias.asname or alias.name
                    names[bound] = alias.asname = f"{bound}_"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = names[node.id]
    return tree


def by_getattr(tree: ast.Module) -> ast.Module:
    """What is built is named by a string."""

    class ByName(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.Assign:
            call = node.value
            if (
                _builds(call)
                and isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
            ):
                call.func = _call("getattr", call.func.value, ast.Constant(call.func.attr))
            return node

    return cast(ast.Module, ByName().visit(tree))


def plain_names(tree: ast.Module) -> ast.Module | None:
    """Local variables have names that say nothing."""
    changed = False
    for owner in ast.walk(tree):
        if not isinstance(owner, _FUNCTIONS) or _declared_globals(owner):
            continue
        if any(isinstance(n, _SCOPES) for s in owner.body for n in ast.walk(s)):
            continue
        names = sorted(n for n in _stored(owner.body) - _declared(owner) if not n.startswith("_"))
        new = {name: f"a{number}" for number, name in enumerate(names)}
        for node in (n for s in owner.body for n in ast.walk(s)):
            if isinstance(node, ast.Name) and node.id in new:
                node.id, changed = new[node.id], True
    return tree if changed else None


def through_args(tree: ast.Module) -> ast.Module | None:
    """Functions of the module are called through others that pass all arguments on."""
    made: list[ast.stmt] = []
    for statement in tree.body:
        made.append(statement)
        if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
            if any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(statement)):
                continue
            name = statement.name
            statement.name = f"{name}_of"
            text = f"def {name}(*args, **kwargs):\n    return {name}_of(*args, **kwargs)"
            made += ast.parse(text).body
    return None if len(made) == len(tree.body) else _module(made)


def without_grad_otherwise(tree: ast.Module) -> ast.Module | None:
    """`with torch.no_grad():` is `with torch.set_grad_enabled(False):`."""
    changed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            for item in node.items:
                if re.fullmatch(
                    r"torch\.(?:no_grad|inference_mode)\(\)", ast.unparse(item.context_expr)
                ):
                    item.context_expr = ast.parse("torch.set_grad_enabled(False)", mode="eval").body
                    changed = True
    return tree if changed else None


def modes_otherwise(tree: ast.Module) -> ast.Module | None:
    """`m.eval()` is `m.train(False)`, and `m.train()` is `m.train(mode=True)`."""
    changed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not node.value.args:
            called = node.value.func
            if isinstance(called, ast.Attribute) and not node.value.keywords:
                if called.attr == "eval":
                    called.attr, node.value.args = "train", [ast.Constant(False)]
                    changed = True
                elif called.attr == "train":
                    node.value.keywords = [ast.keyword("mode", ast.Constant(True))]
                    changed = True
    return tree if changed else None


def in_a_condition(tree: ast.Module) -> ast.Module | None:
    """Bodies of functions stand behind a test that ends them early and is never true."""
    changed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not node.decorator_list and node.args.args:
            if any(
                isinstance(n, (ast.Yield, ast.YieldFrom, *_SCOPES))
                for s in node.body
                for n in ast.walk(s)
            ):
                continue
            name = node.args.args[0].arg
            check = ast.parse(f"if {name} is None:\n    raise ValueError('{name}')").body
            start = 1 if _is_text(node.body[0]) else 0
            node.body[start:start] = check
            changed = True
    return tree if changed else None


def _function(name: str, arguments: str, body: list[ast.stmt]) -> ast.FunctionDef:
    made = ast.parse(f"def {name}({arguments}):\n    pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.body = body
    return made


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _module(body: list[ast.stmt]) -> ast.Module:
    return ast.Module(body, [])


def _with_import(tree: ast.Module, text: str) -> ast.Module:
    return _with_definition(tree, text)


def _with_definition(tree: ast.Module, text: str) -> ast.Module:
    imports, _, _ = _parts(tree)
    futures = [s for s in imports if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    at = (
        tree.body.index(futures[-1]) + 1
        if futures
        else int(bool(tree.body) and _is_text(tree.body[0]))
    )
    return _module([*tree.body[:at], *ast.parse(text).body, *tree.body[at:]])


WAYS: dict[str, Way] = {
    way.__name__.replace("_", " "): way
    for way in (
        as_is,
        in_a_function,
        in_two_files,
        on_self,
        in_a_dict,
        in_a_namespace,
        through_a_function,
        by_a_factory,
        keywords_in_a_dict,
        by_partial,
        by_getattr,
        counted_loops,
        loops_with_progress,
        loops_by_hand,
        in_a_context,
        in_a_try,
        in_a_condition,
        annotated,
        imported_otherwise,
        plain_names,
        through_args,
        without_grad_otherwise,
        modes_otherwise,
    )
}


def written_otherwise(text: str, name: str, way: Way) -> dict[str, str] | None:
    """The files of a program in another way; None where it cannot be, or is not another."""
    made = way(ast.parse(text))
    if made is None:
        return None
    several = made if isinstance(made, dict) else {name: made}
    trees = {file or name: ast.fix_missing_locations(tree) for file, tree in several.items()}
    files = {file: ast.unparse(tree) + "\n" for file, tree in trees.items()}
    if way is not as_is and files == {name: ast.unparse(ast.parse(text)) + "\n"}:
        return None
    for file, made_text in files.items():
        compile(made_text, file, "exec", dont_inherit=True)
    return files


def found_in(files: dict[str, str], text: str) -> list[tuple[str, str, int, str]]:
    """The name, level, row and message of what is found, comments of a text configuring it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in files]
        for path in paths:
            path.write_text(files[path.name], encoding="utf-8")
        found = findings_of(paths, text)
    return [(f.name, f.level.value, f.start.row, f.message) for f in found]


def trials(path: Path, ways: Iterable[str]) -> Iterator[Trial]:
    """What comes and goes in each way in which a file can be written."""
    text = path.read_text(encoding="utf-8")
    plain = written_otherwise(text, path.name, as_is)
    assert plain is not None
    before = Counter(name for name, *_ in found_in(plain, text))
    for name in ways:
        files = written_otherwise(text, path.name, WAYS[name])
        if files is None:
            continue
        found = found_in(files, text)
        after = Counter(rule for rule, *_ in found)
        came = after - before
        told = [
            f"{level} {rule}, row {row}: {message}"
            for rule, level, row, message in found
            if rule in came
        ]
        yield Trial(name, told, list((before - after).elements()), files)


def _all_trials(task: tuple[Path, list[str]]) -> tuple[Path, list[Trial]]:
    return task[0], list(trials(*task))


def main() -> int:
    """Write programs otherwise, and print what comes and how much goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[FIXTURES])
    parser.add_argument("--most", type=int, default=10**6, help="files to draw")
    parser.add_argument("--ways", type=int, default=len(WAYS), help="ways to draw for each file")
    parser.add_argument("--way", action="append", help="one way only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes to use")
    parser.add_argument(
        "--keep", type=Path, help="where to write the programs in which something came"
    )
    options = parser.parse_args()
    generator = random.Random(options.seed)
    files = [c.path for f in options.folders for c in cases(f) if c.path.suffix == ".py"]
    files = generator.sample(files, min(options.most, len(files)))
    names = options.way or list(WAYS)
    tasks = [(f, generator.sample(names, min(options.ways, len(names)))) for f in files]
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for path, made in pool.imap_unordered(_all_trials, tasks):
            for trial in made:
                count = counts[trial.way]
                count["programs"] += 1
                count["findings come"] += len(trial.came)
                count["findings go"] += len(trial.gone)
                for line in trial.came:
                    print(f"{path.parent.name}/{path.name} ({trial.way}): {line}", flush=True)
                if trial.came and options.keep:
                    _keep(trial, options.keep / path.parent.name / path.stem)
    heads = ("programs", "findings come", "findings go")
    print(f"| way | {' | '.join(heads)} |\n|---|--:|--:|--:|")
    for name, count in counts.items():
        print(f"| {name} | {' | '.join(str(count[head]) for head in heads)} |")
    return int(any(count["findings come"] for count in counts.values()))


def _keep(trial: Trial, folder: Path) -> None:
    folder = folder.with_name(f"{folder.name}-{trial.way.replace(' ', '_')}")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in trial.files.items():
        (folder / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
