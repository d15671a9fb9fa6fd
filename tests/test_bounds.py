"""Small files that ask for much: what a step makes is bounded, as well as the number of steps."""

from __future__ import annotations

import ast
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import hostile_programs as hostile
import pathspec
import pytest
from program_text import analysed

from nnlint.config import Config
from nnlint.engine import lint
from nnlint.semantics.axes.sizes import LARGEST, MOST_SYMBOLS, Size, Symbol, size
from nnlint.semantics.folding import LONGEST, NotFolded, fits, folded
from nnlint.semantics.values import (
    DEEPEST,
    LONGEST_SEQUENCE,
    Arithmetic,
    Constant,
    Items,
    Table,
    Unknown,
    Value,
    is_light,
)
from nnlint.source.file import SourceFile
from nnlint.source.globs import linear_pattern
from nnlint.source.suppression import _COMMENT
from nnlint.syntax.module import parse_module

MEBIBYTES = 400
SECONDS_OF_CPU = 300
_LINTS = f"""
import json, resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import hostile_programs as hostile
from nnlint.config import Config
from nnlint.engine import lint
resource.setrlimit(resource.RLIMIT_AS, ({MEBIBYTES} << 20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS_OF_CPU},) * 2)
for name in json.loads(sys.argv[2]):
    kind, *key = name
    make = {{"doubled": hostile.doubled, "used": hostile.used}}.get(kind)
    text = make(*key) if make else hostile.HEAD + hostile.OTHERS[key[0]]
    with open(sys.argv[1], "w") as file:
        file.write(text)
    found = lint([sys.argv[1]], Config(), jobs=1, use_cache=False).findings
    print(json.dumps([name, [f.explanation[-1000:] or f.message for f in found if f.code[:4] == "NN00"]]))
"""


def _complaints(tmp_path: Path, programs: list[list[str]]) -> dict[str, list[str]]:
    """What nnlint says about itself on each program, under a limit of memory and time."""
    given = [sys.executable, "-c", _LINTS, str(tmp_path / "train.py"), json.dumps(programs)]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(programs), (programs[len(told)], done.returncode, done.stderr[-1000:])
    return {" ".join(name): complaints for name, complaints in told if complaints}


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
@pytest.mark.parametrize("start", hostile.STARTS)
def test_what_doubles_forty_times_is_given_up(tmp_path: Path, start: str) -> None:
    assert not _complaints(tmp_path, [["doubled", start, step] for step in hostile.STEPS])


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_literals_of_all_kinds_as_everything(tmp_path: Path) -> None:
    assert not _complaints(tmp_path, [["used", literal] for literal in hostile.LITERALS])


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_programs_that_grow(tmp_path: Path) -> None:
    assert not _complaints(tmp_path, [["other", name] for name in hostile.OTHERS])


@pytest.mark.parametrize(
    ("function", "operands"),
    [
        (pow, (10, 10**10)),
        (pow, (2, 3, 5)),
        (round, (5, -(10**9))),
        (max, (range(10**9),)),
        (list, (range(10**9),)),
        (str.replace, ("a" * LONGEST, "a", "b" * 20)),
        (float, (10**400,)),
        (range, (10**20,)),
        (int, ("x",)),
        (divmod, (1, 0)),
    ],
)
def test_what_is_large_or_an_error_is_not_computed(function, operands) -> None:
    with pytest.raises(NotFolded):
        folded(function, *operands)


def test_ordinary_arithmetic_is_computed() -> None:
    assert folded(pow, 2, 10) == 1024
    assert folded(max, 1, 2.5) == 2.5
    assert folded(len, range(1000)) == 1000
    assert folded(list, range(3)) == [0, 1, 2]
    assert folded(round, 2.567, 1) == 2.6
    assert fits("a" * LONGEST) and not fits("a" * LONGEST + "a")


def _nested(depth: int) -> Value:
    value: Value = Unknown("x")
    for _ in range(depth):
        value = Items("list", {"items": (value, value)})
    return value


def test_a_value_has_no_more_parts_than_are_followed() -> None:
    assert is_light([_nested(5)])
    assert is_light([_nested(40)]), "what is too large has been forgotten on the way"
    value: Value = Unknown("x")
    for _ in range(10 * DEEPEST):
        value = Arithmetic("+", (value, Unknown("y")))
    assert is_light([value])
    many = tuple(Constant(i) for i in range(2 * LONGEST_SEQUENCE))
    kept = Items("list", {"items": many})
    assert kept.items == many[:LONGEST_SEQUENCE] and kept.open
    assert Table({i: Constant(i) for i in range(2 * LONGEST_SEQUENCE)}).state.keys() == set(
        range(2 * LONGEST_SEQUENCE)
    )


def test_a_list_does_not_hold_itself() -> None:
    names = analysed("import torch\na = [1]\na.append(a)\nb = {}\nb['b'] = b\ntorch.save(a, b)\n")
    (call,) = [e for p in names.programs for e in p.events() if len(e.operands) == 2]
    held, table = call.operands
    assert isinstance(held, Items) and isinstance(table, Table)
    assert isinstance(held.items[1], Unknown) and isinstance(table.state["b"], Unknown)


@pytest.mark.parametrize("rest", ["layer(x)", "print(layer)", "layer(layer(x))"])
@pytest.mark.parametrize(
    "step",
    [
        "nn.Sequential(layer, layer)",
        "nn.Sequential(*[layer, layer, layer])",
        "nn.Sequential(nn.Flatten(), nn.Sequential(layer, nn.ReLU(), layer))",
    ],
)
def test_no_more_layers_are_called_than_are_followed(step: str, rest: str) -> None:
    names = analysed(hostile.HEAD + f"layer = {step}\n" * 40 + rest + "\n")
    count = len(list(names.operations))
    assert count <= 4 * LONGEST_SEQUENCE


def test_a_deep_network_of_many_layers_is_called_whole() -> None:
    block = "nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU())"
    stage = f"nn.Sequential({', '.join([block] * 20)})"
    text = f"{hostile.HEAD}net = nn.Sequential({', '.join([stage] * 5)})\nnet(x)\n"
    (program,) = analysed(text).programs
    called = {id(o.layer) for o in program.operations if o.layer is not None}
    complete = program.complete
    assert complete and len(called) == 300


def test_stars_that_lead_to_the_same_modules_are_followed_once(tmp_path: Path) -> None:
    for i in range(60):
        stars = f"from m{i + 1} import *\nfrom m{i + 2} import *\n" if i < 58 else ""
        (tmp_path / f"m{i}.py").write_text(stars + "import torch\n")
    file = tmp_path / "train.py"
    file.write_text("from m0 import *\nimport torch\ntorch.relu(nowhere)\n")
    assert not lint([str(file)], Config(), jobs=1, use_cache=False).findings


def test_bases_come_in_the_order_of_python() -> None:
    names = analysed(
        "import torch\nclass A:\n    def f(self): return 1\nclass B(A): pass\n"
        "class C(A):\n    def f(self): return 2\nclass D(B, C): pass\ntorch.save(D().f(), 'd')\n"
    )
    (call,) = [e for p in names.programs for e in p.events() if len(e.operands) == 2]
    assert isinstance(call.operands[0], Constant) and call.operands[0].value == 2


def test_literals_that_python_does_not_print_can_be_unparsed() -> None:
    literal = "0x" + "f" * 4_500
    text = f"a = [{literal}, 0xff]\nb = -{literal}\n"
    source = SourceFile(Path("train.py"), "train.py", text, text.encode(), None)
    tree = parse_module(source, "train", False).tree
    assert ast.unparse(tree) == f"a = [{literal}, 255]\nb = -{literal}"


def test_sizes_that_no_tensor_has_are_unknown() -> None:
    whole = size(Symbol("b"))
    for _ in range(60):
        whole = whole * whole
        assert len(whole.symbols) <= MOST_SYMBOLS
    large = Size(LARGEST) * Size(2)
    assert large.integer is None and large.symbol is not None and large.symbol.vague
    assert (Size(2) * Size(3)).integer == 6


def test_patterns_of_files_match_as_those_of_git() -> None:
    chance = random.Random(7)
    pieces = ["a", "b", "*", "*", "/", "**", "/**/", "?", "[ab]", "!", "**/"]
    compared = 0
    for _ in range(1_500):
        pattern = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 9)))
        try:
            theirs = pathspec.PathSpec.from_lines("gitignore", [pattern])
        except ValueError:
            continue
        ours = pathspec.PathSpec.from_lines(linear_pattern, [pattern])
        for _ in range(8):
            letters = "".join(chance.choice("ab/abc") for _ in range(chance.randint(1, 9)))
            path = re.sub("/+", "/", letters).strip("/")
            assert ours.match_file(path) == theirs.match_file(path), (pattern, path)
            compared += 1
    assert compared > 5_000


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 60 + "*b", "a" * 255),
        ("**/a/" * 40 + "**/b", "a/" * 1_000 + "c"),
        ("a*/**/" * 40 + "b", "a/" * 1_000 + "c"),
        ("?*" * 100 + "b", "a" * 255),
        ("[ab]*" * 100 + "c", "a" * 255),
        ("**/a*" * 20 + "b", "/".join(["a" * 100] * 40)),
    ],
)
def test_no_pattern_of_files_takes_long(pattern: str, path: str) -> None:
    # the old expressions had taken longer than anybody waits
    spec = pathspec.PathSpec.from_lines(linear_pattern, [pattern])
    assert not spec.match_file(path)
    assert spec.match_file(path) is False


def test_a_class_of_a_pattern_matches_no_slash() -> None:
    spec = pathspec.PathSpec.from_lines(linear_pattern, ["/a*[!x]b*"])
    assert spec.match_file("a-b") and not spec.match_file("a/b")


def test_comments_that_open_many_brackets_are_read_once() -> None:
    text = "# nnlint: ignore[" * 20_000
    assert {m["kind"] for m in _COMMENT.finditer(text)} == {None}
    assert [m["rules"] for m in _COMMENT.finditer("# nnlint: ignore[NN301]  # why")] == ["NN301"]
