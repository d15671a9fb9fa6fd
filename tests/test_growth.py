"""Programs of many like parts: twice as many take twice the work, not four times."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from nnlint.config import Config
from nnlint.engine import lint
from nnlint.semantics import analysis

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader

torch.manual_seed(0)
loader = DataLoader(data, batch_size=8, shuffle=True)
"""


def pairs(count: int) -> str:
    """Pairs of functions that train and evaluate, each with its own model and scheduler."""
    functions = """
def train_{0}(net, optimizer, scheduler):
    net.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    return total / len(loader)


def evaluate_{0}(net):
    net.eval()
    with torch.no_grad():
        for x, y in loader:
            print((net(x).argmax(1) == y).sum().item())
"""
    main = """
    net_{0} = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.1), nn.Linear(8, 2))
    optimizer_{0} = optim.SGD(net_{0}.parameters(), lr=0.1)
    scheduler_{0} = optim.lr_scheduler.StepLR(optimizer_{0}, 10)
    for epoch in range(30):
        train_{0}(net_{0}, optimizer_{0}, scheduler_{0})
        evaluate_{0}(net_{0})
"""
    numbers = range(count)
    called = "".join(main.format(i) for i in numbers)
    return "".join(functions.format(i) for i in numbers) + f"\n\ndef main():\n{called}\n\nmain()\n"


def losses(count: int) -> str:
    """One loss of many terms, each of which is logged by itself."""
    numbers = range(count)
    heads = "".join(f"head_{i} = nn.Linear(8, 2)\nseen_{i} = 0\n" for i in numbers)
    held = ", ".join(f"*head_{i}.parameters()" for i in numbers)
    terms = "".join(
        f"    loss_{i} = F.cross_entropy(head_{i}(x), y)\n"
        f"    loss = loss + {i} * loss_{i}\n    seen_{i} += loss_{i}.item()\n"
        for i in numbers
    )
    return (
        f"{heads}optimizer = optim.Adam([{held}])\nfor x, y in loader:\n    loss = 0\n{terms}"
        "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
    )


def kept_states(count: int) -> str:
    """Phases of training, each of which keeps its best state and loads it."""
    phase = """
net_{0} = nn.Linear(8, 2)
optimizer_{0} = optim.SGD(net_{0}.parameters(), lr=0.1)


def fit_{0}():
    best = None
    for epoch in range(10):
        for x, y in loader:
            optimizer_{0}.zero_grad()
            loss = F.cross_entropy(net_{0}(x), y)
            loss.backward()
            optimizer_{0}.step()
        if better(net_{0}):
            best = copy.deepcopy(net_{0}.state_dict())
    net_{0}.load_state_dict(best)


fit_{0}()
"""
    return "import copy\n" + "".join(phase.format(i) for i in range(count))


@pytest.mark.skipif(
    not (analysis.__file__ or "").endswith(".py"), reason="calls of compiled code are not counted"
)
@pytest.mark.parametrize(("program", "most"), [(pairs, 2.2), (losses, 2.5), (kept_states, 3.0)])
def test_work_grows_with_the_number_of_parts(
    program: Callable[[int], str], most: float, tmp_path: Path
) -> None:
    few, many = (_work(HEAD + program(count), tmp_path) for count in (20, 40))
    assert many < most * few


def _work(text: str, folder: Path) -> int:
    """How often functions are called while a program is linted."""
    file = folder / "train.py"
    file.write_text(text)
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    def run() -> None:
        result = lint([str(file)], Config(), jobs=1, use_cache=False)
        assert not result.failed

    # what is loaded on first use counts for neither
    run()
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls
