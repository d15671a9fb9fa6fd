"""Mutation operators: seeds, and who draws from what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

_GLOBAL = re.compile(
    r"\b(?:np|numpy)\.random\.(?!seed|RandomState|default_rng|Generator|get_state|set_state)\w+\("
)
_OF_PYTHON = re.compile(
    r"(?<![\w.])random\.(?:random|randint|choice|choices|shuffle|sample|uniform|randrange|gauss)\("
)
_OF_ARRAYS = frozenset(
    "rand randn randint uniform normal choice permutation random shuffle".split()
)
_BOTH = {"rand": "random", "randn": "standard_normal", "randint": "integers"}
"""What generators call what the global state calls otherwise."""


def seed_torch_only(program: Program) -> Iterator[list[Replacement]]:
    """Take out what seeds NumPy, or Python's `random`, where the file draws from that."""
    if not program.calls("manual_seed"):
        return
    for statement in program.statements("seed"):
        text = program.source(statement)
        of_arrays = re.match(r"(?:np|numpy)\.random\.seed\(", text)
        drawn = _GLOBAL if of_arrays else _OF_PYTHON
        if (of_arrays or text.startswith("random.seed(")) and drawn.search(program.text):
            yield [(statement, "pass")]


def choose_by_speed(program: Program) -> Iterator[list[Replacement]]:
    """Let cuDNN choose its algorithms by speed beside the setting that makes them repeatable."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Assign) or program.source(node.value) != "True":
            continue
        name = program.source(node.targets[0])
        if name.endswith("cudnn.deterministic"):
            faster = name.replace("deterministic", "benchmark")
            off = [s for s in ast.walk(program.tree) if _switches(program, s, faster)]
            if off:
                yield [(s.value, "True") for s in off if isinstance(s, ast.Assign)]
            else:
                indent = "\n" + " " * node.col_offset
                yield [(node, f"{program.source(node)}{indent}{faster} = True")]


def _switches(program: Program, node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign) and program.source(node.targets[0]) == name


def seed_by_clock(program: Program) -> Iterator[list[Replacement]]:
    """Seed torch from the clock in the place of a number that is written down."""
    for statement in program.statements("manual_seed"):
        call = statement.value
        if isinstance(call, ast.Call) and len(call.args) == 1:
            if isinstance(call.args[0], ast.Constant):
                indent = "\n" + " " * statement.col_offset
                text = f"{program.source(call.func)}(int(time.time()))"
                yield [(statement, f"import time{indent}{text}")]


def seed_if_asked(program: Program) -> Iterator[list[Replacement]]:
    """The option of the seed has none as its default, and each seeding asks for it."""
    for option in program.calls("add_argument"):
        named = [a.value for a in option.args if isinstance(a, ast.Constant)]
        default = [k.value for k in option.keywords if k.arg == "default"]
        if "--seed" not in named or not default or program.source(default[0]) == "None":
            continue
        changed: list[Replacement] = [(default[0], "None")]
        for statement in program.statements("manual_seed", "manual_seed_all", "seed"):
            call = statement.value
            if not isinstance(call, ast.Call) or len(call.args) != 1:
                continue
            given = program.source(call.args[0])
            if re.fullmatch(r"\w+\.seed", given):
                inner = "\n" + " " * (statement.col_offset + 4)
                text = f"if {given} is not None:{inner}{program.source(statement)}"
                changed.append((statement, text))
        if any("manual_seed" in text for _, text in changed):
            yield changed


def keep_generator(program: Program) -> Iterator[list[Replacement]]:
    """A data set draws from a generator that it makes once, in the place of NumPy's state."""
    if not re.search(r"num_workers\s*=\s*(?:[1-9]|\w+\.)", program.text):
        return
    for cls in (n for n in ast.walk(program.tree) if isinstance(n, ast.ClassDef)):
        methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
        if not {"__init__", "__getitem__"} <= methods.keys():
            continue
        drawn = [
            n
            for n in ast.walk(methods["__getitem__"])
            if isinstance(n, ast.Call)
            and last_name(n.func) in _OF_ARRAYS
            and re.match(r"(?:np|numpy)\.random\.\w+$", program.source(n.func))
        ]
        if drawn:
            last = methods["__init__"].body[-1]
            indent = "\n" + " " * last.col_offset
            owner = program.source(drawn[0].func).partition(".")[0]
            made = f"self.drawing = {owner}.random.default_rng(0)"
            changed = [(last, program.source(last) + indent + made)]
            for call in drawn:
                name = last_name(call.func)
                changed.append((call.func, f"self.drawing.{_BOTH.get(name, name)}"))
            yield changed


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "partial-seed": (seed_torch_only,),
    "dataset-rng": (keep_generator,),
    "nondeterministic-cudnn": (choose_by_speed,),
    "clock-seed": (seed_by_clock,),
    "optional-seed": (seed_if_asked,),
}
