"""Fixes hold, or are refused, however the program is laid out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.layouts import trials
from benchmarks.writing import LAYOUTS, SETTINGS, laid_out
from nnlint.config import Config
from nnlint.engine import lint

FIXTURES = Path(__file__).parent.parent / "fixtures"
SMALL = [
    "loop-order/bad_named_by_algorithm.py",
    "missing-no-grad/bad_plain_function.py",
    "kldiv-input/bad_logits.py",
    "direct-forward/bad_evaluation.py",
]
"""A move, a block around a loop, arguments, and what is matched as it is written."""


@pytest.mark.parametrize("name", SMALL)
def test_fixes_hold_in_every_layout(name: str) -> None:
    made = list(trials(FIXTURES / name, [*LAYOUTS, *SETTINGS]))
    assert [f"{t.layout}: {fault}" for t in made for fault in t.faults] == []
    assert len(made) > 30 and sum(not t.refused for t in made) > 30


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        # the last row of the last cell has no end
        ("missing-eval-mode/bad_chosen_layers.py", "notebook"),
        # nothing but the calls of a loop tells that it trains
        ("loop-order/bad_imports_nothing.py", "space before brackets"),
        # a place that is compared with another one is written on two rows
        ("best-state-alias/bad_early_stopping.py", "continued at dots"),
    ],
)
def test_fixes_hold_in_a_layout(name: str, layout: str) -> None:
    (made,) = trials(FIXTURES / name, [layout])
    assert not made.faults and not made.refused


def test_layouts_keep_the_program() -> None:
    text = "import torch\n\n\ndef f(x):\n    y = g(x, k=[1, 2])\n    return y + h(y)\n\n\nf(1)\n"
    for layout in LAYOUTS:
        raw = laid_out(text, layout)
        if raw is not None and not layout.startswith("notebook"):
            assert ast.dump(ast.parse(raw)) == ast.dump(ast.parse(text)), layout


def test_a_form_feed_moves_no_match(tmp_path: Path) -> None:
    text = (FIXTURES / "direct-forward/bad_evaluation.py").read_text(encoding="utf-8")
    for name, head in (("plain.py", ""), ("fed.py", "\x0c")):
        (tmp_path / name).write_text(head + text)
    found = lint([str(tmp_path)], Config(), use_cache=False).findings
    matched = [(Path(f.filename).name, f.code, f.start, f.end) for f in found]
    direct = {name: places for name, code, *places in matched if code in ("NN330", "NN007")}
    assert direct["fed.py"] == direct["plain.py"]
