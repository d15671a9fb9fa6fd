"""Chains of hundreds of branches: they are passed over, and the rest of the program is not."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.questions.training.retaining import retained_graphs
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import Constant

ALTERNATIVES = "    {} word == '{}':\n        word = '{}'\n"
TRAINING = """
import torch


def corrected(word):
{chain}    return word


def train(model, loader, criterion, optimizer, words):
    model.vocabulary = [corrected(word) for word in words]
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
"""


def training(count: int) -> str:
    tests = ("elif" if number else "if" for number in range(count))
    return TRAINING.format(
        chain="".join(ALTERNATIVES.format(test, f"a{n}", f"b{n}") for n, test in enumerate(tests))
    )


def depth(block: Block) -> int:
    inner = [depth(child) for child in block.children if isinstance(child, Block)]
    return 1 + max(inner, default=0)


@pytest.mark.parametrize("count", [3, 100, 600])
def test_what_stands_behind_a_chain_is_looked_at(count: int) -> None:
    program = next(p for p in analysed(training(count)).programs if p.name == "train")
    assert depth(program.timeline) < 300
    assert len(list(retained_graphs(program))) == 1


def test_what_a_chain_sets_is_not_known_where_it_is_not_followed() -> None:
    chain = "".join(
        f"{'elif' if n else 'if'} name == 'n{n}':\n    width = {n}\n" for n in range(200)
    )
    head = "import sys\n\nfrom torch import nn\n\nname = sys.argv[1]\nwidth = 8\n"
    program = main_program(f"{head}{chain}layer = nn.Linear(width, 1)\n")
    assert not isinstance(program.builds[0].arguments["in_features"], Constant)
    assert program.events("given_up")
